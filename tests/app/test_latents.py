"""The page Latents: what it draws of a model is what transformers itself caches, and what follows from the weights."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

import models
from models.loading.catalog import WEIGHTS
from tests.app import visit
from tests.app.latent_view import settle
from tests.sentences import assert_sentence
from viz.services import latent_readings

TEXT = "one two three four one two three four one two three"
LAYER, HEAD, TOKEN, DIMENSION = 2, 3, 7, 41
RANK, ROTARY, HEADS, WIDTH = 128, 16, 8, 32  # of family-mla: see its config.json
VIEWS = ("Scores", "Spectrum", "Overlap", "Switch off", "Other kinds")


def open_latents(**address: object) -> visit.AppTest:
    """The page opened at an address with these parameters."""
    return settle(visit.opened("latents", **address))


def opened(**address: object) -> visit.AppTest:
    chosen = {"text": TEXT, "layer": LAYER, "head": HEAD, "token": TOKEN, "dimension": DIMENSION}
    return open_latents(**{"model": "family-mla", **chosen, **address})


@pytest.fixture(scope="module")
def app() -> visit.AppTest:
    """A visitor whom no test may lead elsewhere."""
    return opened()


def stock(kind: str) -> tuple[Any, list[tuple[torch.Tensor, torch.Tensor]]]:
    """A model of the family as transformers alone loads it, and what its cache holds of TEXT: (keys, values) a layer."""
    module = AutoModelForCausalLM.from_pretrained(WEIGHTS / f"family-{kind}", dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(WEIGHTS / "tokenizer")(TEXT, return_tensors="pt").input_ids
    cache = DynamicCache(config=module.config)
    with torch.no_grad():
        module(ids, past_key_values=cache, use_cache=True)
    layers: Any = cache.layers
    return module, [(layer.keys[0], layer.values[0]) for layer in layers]


@pytest.fixture(scope="module")
def mla() -> tuple[Any, list[tuple[torch.Tensor, torch.Tensor]]]:
    return stock("mla")


def drawn(app: visit.AppTest, key: str = "latent-map") -> np.ndarray:
    """The numbers that the browser is given for a map, [pos, column as stored]."""
    sent = visit.part(app, key)
    values = sent["values"]
    whole = visit.decoded({"bdata": values["data"], "dtype": f"<i{values['bits'] // 8}"})
    return whole.reshape(len(sent["tokens"]), -1) * values["step"]


def numbers(sent: Any) -> np.ndarray:
    return visit.decoded(sent) if isinstance(sent, dict) else np.array(sent, dtype=float)


def bars(app: visit.AppTest, key: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of the key and of the value: a bar and a mark a head."""
    traces = visit.figure(app, key)["data"]
    return {
        name: (numbers(traces[at]["y"]), numbers(traces[at + 1]["y"]))
        for name, at in (("key", 0), ("value", 2))
    }


def told(app: visit.AppTest) -> str:
    return " ".join(element.value for element in (*app.markdown, *app.caption))


def up_weights(module: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """W_UK and W_UV of LAYER, [head, width, rank], as DeepSeek's class lays them out."""
    weight = module.model.layers[LAYER].self_attn.kv_b_proj.weight.detach().view(HEADS, 2 * WIDTH, RANK)
    return weight[:, :WIDTH], weight[:, WIDTH:]


def test_the_map_is_what_transformers_caches(app: visit.AppTest, mla: Any):
    _, layers = mla
    latent, rotary = (part[0].numpy() for part in layers[LAYER])
    shown = drawn(app)
    assert shown.shape == (len(latent), RANK + ROTARY)
    for part, wanted in ((shown[:, :RANK], latent), (shown[:, RANK:], rotary)):
        np.testing.assert_allclose(part, wanted, atol=1e-4 * np.abs(shown).max())
        assert np.abs(wanted).max() > 1e-2 * np.abs(shown).max()  # so that a picture of nothing would be seen
    sent = visit.part(app, "latent-map")
    assert [group["name"] for group in sent["groups"]] == ["latent, 128 dimensions", "rotary key"]
    assert sent["columns"] == list(range(RANK + ROTARY))
    assert sent["selection"]["value"] == [TOKEN, DIMENSION]


def test_the_latent_and_the_rotary_key_have_colours_of_their_own(app: visit.AppTest, mla: Any):
    _, layers = mla
    ends = {scale["name"]: scale["reach"] for scale in visit.part(app, "latent-map")["scales"]}
    for name, part in zip(("latent", "rotary key"), layers[LAYER], strict=True):
        sizes = part[0].abs().flatten()
        beyond = (sizes > ends[name] * 1.0001).float().mean().item()
        assert 0 <= beyond <= 0.011
        assert (sizes > ends[name] * 0.9).any()


def test_by_variance(mla: Any):
    _, layers = mla
    app = opened(latent_order="by variance")
    columns = visit.part(app, "latent-map")["columns"]
    variance = layers[LAYER][0][0].numpy().var(axis=0)[columns[:RANK]]
    assert (np.diff(variance) <= 1e-4 * variance[0]).all()
    assert variance[0] > 2 * variance[-1]
    assert sorted(columns[:RANK]) == list(range(RANK))
    assert columns[RANK:] == list(range(RANK, RANK + ROTARY))  # the rotary key stays where it is


def test_what_heads_read_from_the_position(app: visit.AppTest, mla: Any):
    module, layers = mla
    latent = layers[LAYER][0][0]
    for name, weight in zip(("key", "value"), up_weights(module), strict=True):
        norms = torch.einsum("hwr,pr->hpw", weight, latent).norm(dim=-1)
        shown, marks = bars(app, "latents-position")[name]
        np.testing.assert_allclose(shown, norms[:, TOKEN], rtol=1e-4)
        np.testing.assert_allclose(marks, norms.mean(1), rtol=1e-4)
    assert f"#### Position {TOKEN}, ·four" in told(app).replace("\\", "")
    length = visit.number_in(told(app), r"Norm of the latent itself ([\d.]*\d)")
    assert length == pytest.approx(latent[TOKEN].norm().item(), rel=visit.THREE_DIGITS)


def test_who_uses_the_dimension_and_which_tokens_excite_it(app: visit.AppTest, mla: Any):
    module, layers = mla
    for name, weight in zip(("key", "value"), up_weights(module), strict=True):
        norms = weight.norm(dim=1)
        shown, marks = bars(app, "latents-dimension")[name]
        np.testing.assert_allclose(shown, norms[:, DIMENSION], rtol=1e-5)
        np.testing.assert_allclose(marks, norms.mean(1), rtol=1e-5)
    values = layers[LAYER][0][0][:, DIMENSION]
    best, worst = int(values.argmax()), int(values.argmin())
    (note,) = [note for note in visit.notes(app) if "highest at" in note]
    for name, at, there in (("highest", best, values[best] > 0), ("lowest", worst, values[worst] < 0)):
        place = rf"{name} at \*\*[^ ]+\*\* ([+−][\d.e−]+) \({at}\)"
        assert bool(re.search(place, note)) == bool(there), f"{name}: only what has that sign is named"
        if there:
            value = values[at].item()
            assert visit.number_in(note, place) == pytest.approx(value, rel=visit.THREE_DIGITS)


def test_the_chosen_head_stands_out(app: visit.AppTest):
    for key in ("latents-position", "latents-dimension"):
        colours = visit.figure(app, key)["data"][0]["marker"]["color"]
        assert colours.count(colours[HEAD]) == 1
        assert len(set(colours)) == 2


def test_spectra(mla: Any):
    _, layers = mla
    app = opened(latent_view="Spectrum")
    ranks = []
    for keys, _ in layers:
        values = np.linalg.svd(keys[0].numpy().astype(float), compute_uv=False)
        share = values / values.sum()
        ranks.append(np.exp(-(share * np.log(share)).sum()))
    bar, width, positions = visit.figure(app, "latents-ranks")["data"]
    np.testing.assert_allclose(numbers(bar["y"]), ranks, rtol=1e-4)
    assert set(numbers(width["y"])) == {RANK}
    assert set(numbers(positions["y"])) == {len(layers[0][0][0])}
    rank = visit.number_in(told(app), r"\*\*Effective rank ([\d.]+)\*\* of 128 dimensions in L2")
    assert rank == pytest.approx(ranks[LAYER], rel=visit.THREE_DIGITS)
    assert f"cannot show more than {len(layers[0][0][0])} directions" in told(app)
    lines = {line["name"]: line for line in visit.figure(app, "latents-singular-values")["data"]}
    values = np.linalg.svd(layers[LAYER][0][0].numpy(), compute_uv=False)
    np.testing.assert_allclose(numbers(lines[f"L{LAYER}"]["customdata"])[:5], values[:5], rtol=1e-3)
    assert lines[f"L{LAYER}"]["line"]["width"] > lines["L0"]["line"]["width"]


@pytest.mark.parametrize(("part", "at"), [("keys", 0), ("values", 1)])
def test_overlap_of_what_heads_read(mla: Any, part: str, at: int):
    module, _ = mla
    weight = up_weights(module)[at].double().numpy()
    projections = [np.linalg.pinv(one) @ one for one in weight]
    wanted = np.array([[np.trace(a @ b) / WIDTH for b in projections] for a in projections])
    app = opened(latent_view="Overlap")
    if part == "values":
        app.button_group(key="latents-overlap-reads").set_value(part)
        settle(visit.rerun(app))
    cells, marks = visit.figure(app, "latents-overlap")["data"]
    told_numbers = numbers(marks["customdata"])
    off = ~np.eye(HEADS, dtype=bool)
    np.testing.assert_array_equal(np.stack([numbers(marks["y"]), numbers(marks["x"])], -1), np.argwhere(off))
    np.testing.assert_allclose(told_numbers[:, 0], wanted[off], rtol=1e-4)
    assert set(told_numbers[:, 1]) == {WIDTH / RANK}
    assert "by chance 0.25" in told(app)
    np.testing.assert_allclose(numbers(cells["z"])[off], wanted[off] - WIDTH / RANK, atol=1e-6)
    angles = numbers(visit.figure(app, "latents-angles")["data"][0]["y"])
    assert np.square(np.cos(np.deg2rad(angles))).mean() == pytest.approx(wanted[HEAD, HEAD + 1], rel=1e-4)


def test_beside_it_what_another_kind_caches():
    module, layers = stock("gqa")
    app = opened(latent_view="Other kinds")
    assert "**family\\-gqa**" in told(app)
    keys, values = layers[LAYER]
    heads, tokens, width = keys.shape
    shown = drawn(app, "other-map")
    wanted = torch.cat([*keys, *values], dim=1).numpy()
    np.testing.assert_allclose(shown, wanted, atol=1e-4 * np.abs(wanted).max())
    names = [(group["name"], group["size"]) for group in visit.part(app, "other-map")["groups"]]
    assert names == [(f"{part} {head}", width) for part in ("key", "value") for head in range(heads)]
    singular = np.linalg.svd(wanted.astype(float), compute_uv=False)
    share = singular / singular.sum()
    rank = np.exp(-(share * np.log(share)).sum())
    lines = {line["name"]: line for line in visit.figure(app, "latents-rank-shares")["data"]}
    assert numbers(lines["family-gqa"]["y"])[LAYER] == pytest.approx(rank / wanted.shape[1], rel=1e-3)
    (table,) = [item.value for item in app.dataframe if "bytes in bf16" in item.value]
    # DeepSeek-V2 (arXiv 2405.04434), table 1
    assert list(table["numbers per layer"]) == [
        str(RANK + ROTARY),
        str(2 * module.config.num_key_value_heads * width),
    ]
    assert list(table["bytes in bf16"]) == [2 * 4 * (RANK + ROTARY), 2 * 4 * 2 * 2 * width]
    assert tokens == len(shown)


def test_a_model_of_another_kind_stands_beside_the_family_s():
    app = opened(model="family-mha", latent_view="Other kinds")
    assert visit.complaints(app) == []
    (note,) = [note for note in visit.notes(app) if "Other kinds" in note]
    assert "family-mha keeps keys and values, not latents, so this page shows family-mla" in note
    assert app.selectbox(key="latents-other-model").value == "family-mha"
    assert drawn(app, "other-map").shape[1] == 2 * HEADS * WIDTH
    assert drawn(app).shape[1] == RANK + ROTARY


def test_an_encoder_has_no_cache_and_the_page_says_so(tiny_bert: Path):
    app = opened(model=tiny_bert, latent_view="Other kinds")
    (sentence,) = visit.infos(app)
    assert_sentence(sentence)
    assert "encoder" in sentence


def test_a_converted_model_has_no_rotary_key(
    tiny_llama: Path, tmp_path: Path, load_once: Callable[[str], models.AttentionModel]
):
    folder = tmp_path / "converted"
    made = models.convert_to_mla(load_once(str(tiny_llama)), kv_rank=20)
    models.save(made, folder)
    for view in VIEWS:
        app = opened(model=folder, latent_view=view)
        assert visit.complaints(app) == []
        sent = visit.part(app, "latent-map")
        assert [group["size"] for group in sent["groups"]] == [20]
        assert sent["selection"]["value"] == [TOKEN, 19]  # moved inside
        assert len(bars(app, "latents-dimension")["key"][0]) == 6


def test_weights_that_cannot_be_read_leave_the_rest(monkeypatch: pytest.MonkeyPatch):
    def packed(*_: Any) -> None:
        raise models.BadSelection("The weights of ![x](a.invalid) are packed; load them in float32.")

    monkeypatch.setattr(latent_readings, "use_of_dimensions", packed)
    monkeypatch.setattr(latent_readings, "overlap_of_heads", packed)
    app = opened(latent_view="Overlap")
    assert [info for info in visit.infos(app) if "are packed" in info] == visit.infos(app)
    assert len(visit.infos(app)) == 2
    assert all("](" not in info.value for info in app.info)
    assert drawn(app).shape[1] == RANK + ROTARY
    assert bars(app, "latents-position")


@pytest.mark.parametrize(
    ("view", "work", "name"),
    [
        ("Spectrum", "viz.services.latent_readings.cache_spectra", "spectra"),
        ("Overlap", "viz.services.latent_readings.overlap_of_heads", "overlap"),
        ("Switch off", "viz.services.cut_effects.layer_worth", "latent-worth"),
    ],
)
def test_long_work_can_be_cancelled_and_begun_again(
    view: str, work: str, name: str, monkeypatch: pytest.MonkeyPatch
):
    go_on, reached_the_end = threading.Event(), threading.Event()

    def slow(*given: Any) -> None:
        given[-1]("Working on it", 0.3)
        assert go_on.wait(visit.TIMEOUT_S)
        given[-1]("Working on it", 0.6)  # a cancelled work is ended here
        reached_the_end.set()

    latent_readings._readings.clear()  # what depends on no text may have been worked out before
    with monkeypatch.context() as patched:
        patched.setattr(work, slow)
        app = visit.AppTest.from_file(str(visit.APP), default_timeout=visit.TIMEOUT_S)
        visit.turn_to(app, "latents")
        address = {"model": "family-mla", "text": f"never seen before under {view}", "latent_view": view}
        for key, value in address.items():
            app.query_params[key] = value
        visit.rerun(app)
        assert not visit.complaints(app)
        visit.click(app, f"cancel-{name}")
        visit.rerun(app)
        assert any("Cancelled" in info for info in visit.infos(app))
        go_on.set()
        app.session_state[f"_job-{name}"][1].wait(visit.TIMEOUT_S)
        assert not reached_the_end.is_set()
        assert drawn(app).shape[1] == RANK + ROTARY  # the rest of the page stands
    settle(visit.click(app, f"again-{name}"))
    assert visit.complaints(app) == []
    assert len(app.get("plotly_chart")) >= 2


def test_it_opens_on_a_text_worth_looking_at():
    app = open_latents()
    assert visit.complaints(app) == []
    assert app.query_params == {}
    run = models.capture(models.load("family-mla"), app.text_area(key="text").value)
    assert drawn(app).shape == (len(run.tokens), RANK + ROTARY)
    pos, dimension = visit.part(app, "latent-map")["selection"]["value"]
    assert pos == len(run.tokens) - 1
    (layer,) = [
        layer for layer in range(4) if np.allclose(drawn(app)[:, :RANK], run.kv_latent(layer), atol=1e-2)
    ]
    assert dimension == int(run.kv_latent(layer).numpy().var(axis=0).argmax())


def test_the_layer_is_the_one_of_all_pages():
    app = opened()
    app.button_group(key="latents-layer").set_value(0)
    settle(visit.rerun(app))
    assert (app.query_params["layer"], app.query_params["head"]) == ("0", str(HEAD))
    visit.turn_to(app, "explore")
    settle(visit.rerun(app))
    assert visit.chosen_head(app) == (0, HEAD)


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_of_nothing_or_of_one_token(text: str):
    app = opened()
    settle(visit.rerun(app, text=text))
    if not text:
        (sentence,) = visit.complaints(app)
        assert "The text is empty" in sentence
        assert visit.part(app, "latent-map")["selection"]["value"] == [TOKEN, DIMENSION]
        return
    for view in VIEWS:
        settle(visit.rerun(app, latent_view=view))
        assert visit.complaints(app) == []
        assert visit.part(app, "latent-map")["selection"]["value"] == [0, DIMENSION]


def test_what_looks_like_markdown_is_shown_as_text():
    text = "![x](http://example.invalid/x.png) <script>alert(1)</script> $x^2$"
    for view in VIEWS:
        app = opened(text=text, latent_view=view, token=1)
        for element in (*app.markdown, *app.caption):
            assert "![x]" not in element.value
            assert "<script" not in element.value
