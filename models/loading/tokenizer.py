"""A model's tokenizer, or one sentence that says what is missing."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from models.errors import HeadlightError, UnsupportedModel
from models.panics import panics_told


def load_tokenizer(
    name: str, folder: Path, config: PreTrainedConfig | None = None
) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`; UnsupportedModel where there is none, or it needs more than is installed.

    config: the model's, where transformers cannot read it from the folder itself.
    """
    given = {} if config is None else {"config": config}
    try:
        with panics_told(f"The tokenizer of “{name}”", UnsupportedModel):
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True, **given
            )
    except HeadlightError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise UnsupportedModel(
            f"The tokenizer of “{name}” cannot be loaded ({reason}): add its tokenizer.json to {folder}, or "
            "choose another model."
        ) from None
    # transformers makes an empty tokenizer of a config alone, without a word
    if len(tokenizer) <= len(tokenizer.all_special_tokens) + len(tokenizer.get_added_vocab()):
        raise UnsupportedModel(
            f"{folder} has no tokenizer: add the model's tokenizer.json, or choose another model."
        )
    return tokenizer
