"""What must be said of a model beside what is shown of it: no language head, or a tokenizer that is larger than its table."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.shape.architecture import Role


def about_head(module: PreTrainedModel, role: Role) -> str:
    """That a model which could predict words has no head for it; "" otherwise."""
    if role in ("encoder", "answerer") or module.can_generate():
        return ""
    source = (
        " Where no target is given, its decoder reads the text again." if role == "encoder-decoder" else ""
    )
    return f"Its weights have no language head ({type(module).__name__}), so no words are predicted.{source}"


def embedding_rows(module: PreTrainedModel) -> int | None:
    """How many token ids a model has rows for; None where it looks them up otherwise (CANINE hashes its characters)."""
    try:
        table = module.get_input_embeddings()
    except NotImplementedError:
        return None
    return table.num_embeddings if isinstance(table, nn.Embedding) else None


def about_tokens(tokenizer: PreTrainedTokenizerBase, module: PreTrainedModel) -> str:
    """That the tokenizer has tokens for which the model has no rows; "" otherwise."""
    rows = embedding_rows(module)
    if rows is None:
        return ""
    beyond = sorted((place, token) for token, place in tokenizer.get_vocab().items() if place >= rows)
    if not beyond:
        return ""
    named = ", ".join(f"“{token}”" for _, token in beyond[:3])
    more = f" and {len(beyond) - 3:,} more" if len(beyond) > 3 else ""
    return f"Its tokenizer has tokens for which the model has no embedding ({named}{more}): texts that use them cannot be read."
