"""What is saved follows what is chosen, pairs can be filtered, long tokens and wide walls have room."""

import re
from base64 import b64encode
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import models as algorithms
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import models
from models.shape import family
from tests import tiny_models
from tests.app import visit
from viz import services
from viz.figures.ink_image import ink_png
from viz.figures.scales import SCALES, Scale
from viz.views.explore.wall import MOST_BESIDE, WALL_HEIGHT, WIDE_WALL_HEIGHT

TEXT = "The cat sat on the mat, and the dog sat on the cat."
LONG = "x" * 298 + "END" + "y" * 299
WORDS = ("<unk>", "the", "boat", LONG, "waves", "back")


@pytest.fixture(scope="module")
def word_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with more heads in a layer than stand beside a heatmap, which reads whole words, one of them long."""
    tokenizer = Tokenizer(
        algorithms.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # pyright: ignore
    torch.manual_seed(0)
    heads = MOST_BESIDE + 1
    config = LlamaConfig(
        num_hidden_layers=2, num_attention_heads=heads, num_key_value_heads=heads, head_dim=2, hidden_size=2 * heads,
        intermediate_size=7, vocab_size=len(WORDS), max_position_embeddings=23, bos_token_id=0, eos_token_id=0,
        pad_token_id=0,
    )  # fmt: skip
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<unk>")
    return tiny_models.save(LlamaForCausalLM(config), fast, tmp_path_factory.mktemp("models") / "words")


@pytest.mark.parametrize("scale", SCALES)
def test_the_saved_picture_is_coloured_as_the_page(scale: Scale):
    app = visit.visit(text=TEXT, view="Download", scale=scale)
    svg = visit.part(app, "picture")["svg"]
    assert f"weight, {scale} scale, on" in svg
    pictures = {other: saved_pixels(other) for other in SCALES}
    assert re.search(r"base64,([^\"]+)", svg)[1] == pictures[scale]  # pyright: ignore
    assert len(set(pictures.values())) == len(SCALES)


def saved_pixels(scale: Scale) -> str:
    """The same head drawn apart from the page."""
    app = visit.visit(text=TEXT)
    pattern = services.capture(services.Request("family-mha", "auto", TEXT)).pattern(*visit.chosen_head(app))
    return b64encode(ink_png(pattern.numpy(), float(pattern.max()), False, scale)).decode()


def test_the_saved_picture_leaves_out_what_the_page_leaves_out():
    app = visit.visit(text=TEXT, view="Download", first_out=1, value_weighted=1)
    svg = visit.part(app, "picture")["svg"]
    assert "norm of a·v·W_O, square root scale, first token left out" in svg
    assert visit.part(visit.visit(text=TEXT, view="Download"), "picture")["svg"] != svg


def test_a_sentence_pair_can_be_filtered_in_both_views_of_bertviz(tiny_bert: Path):
    app = visit.visit(model=tiny_bert, text="the cat sat", second="the dog", view="BertViz")
    for view, key in (("head view", "bertviz-head"), ("model view", "bertviz-model")):
        visit.rerun(app, **{"bertviz-view": view})
        assert "Sentence A -\\u003e Sentence B" in visit.part(app, key)["html"].replace(">", "\\u003e")


def test_a_long_token_is_short_in_the_strip_and_told_whole(word_model: Path):
    app = visit.visit(model=word_model, text=f"the boat {LONG} waves")
    token = visit.part(app, "tokens-decoder")["queries"][2]
    assert len(token["text"]) <= 40
    assert token["whole"] == LONG
    lines = visit.part(app, "lines-decoder")
    assert lines["whole"][0] == {"2": LONG}


def test_a_wide_wall_has_the_page_to_itself(word_model: Path):
    wide = visit.part(visit.visit(model=word_model, text="the boat waves back"), "wall-decoder")
    assert wide["maxHeight"] == WIDE_WALL_HEIGHT
    assert visit.part(visit.visit(text="the boat waves back"), "wall-decoder")["maxHeight"] == WALL_HEIGHT


@pytest.mark.parametrize("kind", family.KINDS)
def test_formation_says_why_its_loss_is_not_the_cards(kind: str):
    app = visit.opened("formation", kind=kind)
    card = models.card_of(f"family-{kind}")
    assert card is not None
    last = visit.part(app, "formation")["curves"][family.KINDS.index(kind)]["loss"][-1]  # pyright: ignore
    assert abs(last - card.validation_loss) > 0.005
    (note,) = [note for note in visit.notes(app) if f"{card.validation_loss:.2f}" in note]
    assert f"{last:.2f} here" in note
    assert "32 windows" in note
    assert "16,352 tokens" in note
    assert f"{card.validation_tokens:,} tokens" in note
