"""The timeline's facts, held against one another, against the caches of real models and against the catalogue."""

import re
from typing import get_args

import pytest

from models.classic.milestones import Milestone
from models.classic.timeline import TIMELINE
from models.loading.catalog import CATALOG
from models.shape.attention_geometry import Geometry, Kind, geometry
from models.shape.cache_size import cache_elements_per_token_and_layer
from models.shape.family import family_config

BY_KEY = {milestone.key: milestone for milestone in TIMELINE}
KINDS: tuple[Kind, ...] = get_args(Kind)
# What Streamlit's KaTeX is known to render.
COMMANDS = (
    r"\mathrm \mathbf \mathbb \frac \sqrt \tanh \exp \log \sum \prod \alpha \lambda \sigma \nabla \tilde \bar \hat \top \mid "
    r"\dots \quad \begin \end \left \right \sim \approx \cdot \in \lceil \rceil \times \\ \, \{ \}"
)
each = pytest.mark.parametrize("milestone", TIMELINE, ids=lambda milestone: milestone.key)


def latex(milestone: Milestone) -> list[str]:
    """Everything that is to be set as a formula."""
    cost = milestone.cost
    return [milestone.formula, cost.time, cost.memory, cost.cache, *re.findall(r"\$(.+?)\$", cost.symbols)]


def test_all_kinds_in_order():
    assert list(BY_KEY) == [
        *("none", "soft", "hard", "memory", "local", "self", "cross", "multi-head"),
        *("mqa", "gqa", "mla", "nominal-latent"),
    ]
    years = [milestone.year for milestone in TIMELINE if milestone.year is not None]
    assert years == sorted(years)


@each
def test_papers_are_of_their_year(milestone: Milestone):
    expected = {
        "none": 2014, "soft": 2014, "memory": 2015, "hard": 2015, "local": 2015, "self": 2017, "cross": 2017,
        "multi-head": 2017, "mqa": 2019, "gqa": 2023, "mla": 2024, "nominal-latent": None,
    }  # fmt: skip
    assert milestone.year == expected[milestone.key]
    assert bool(milestone.papers) != milestone.warning
    for paper in milestone.papers:
        month = re.fullmatch(r"\d\d(\d\d)\.(\d{4}|\d{5})", paper.arxiv)
        assert month is not None
        assert 1 <= int(month[1]) <= 12
        assert len(month[2]) == (4 if paper.year < 2015 else 5)  # arXiv's numbers have five digits since 2015


@each
def test_formulas_are_whole(milestone: Milestone):
    for formula in latex(milestone):
        bare = formula.replace(r"\{", "").replace(r"\}", "")
        depth = 0
        for sign in bare:
            depth += (sign == "{") - (sign == "}")
            assert depth >= 0
        assert depth == 0
        assert formula.count(r"\left") == formula.count(r"\right")
        assert re.findall(r"\\begin\{(\w+)\}", formula) == re.findall(r"\\end\{(\w+)\}", formula)
        assert set(re.findall(r"\\(?:[A-Za-z]+|.)", formula)) <= set(COMMANDS.split())
        assert not re.search(r"[^\x20-\x7e]", formula)
    assert milestone.cost.symbols.count("$") % 2 == 0


@each
def test_every_letter_of_the_costs_is_explained(milestone: Milestone):
    cost = milestone.cost
    told = " ".join(re.findall(r"\$(.+?)\$", cost.symbols))
    letters = re.findall(r"[A-Za-z](?:_[a-z])?(?:\^[A-Z])?", f"{cost.time} {cost.memory} {cost.cache}")
    for letter in set(letters) - {"O"}:
        assert letter in told


@each
def test_plain_sentences(milestone: Milestone):
    for text in (milestone.mended, milestone.used_by, milestone.cost.symbols):
        assert text.endswith(".")
        assert "\n" not in text
        assert "  " not in text
    assert milestone.mended.count(". ") <= 1  # two sentences at most


def worked_out(formula: str, layer: Geometry) -> int:
    """What a formula of the cache gives at the sizes of a layer."""
    rope = layer.qk_rope_head_dim or 0
    sizes = {"d_h^R": rope, "d_c": layer.kv_lora_rank or 0, "n_h": layer.heads, "n_g": layer.kv_heads}
    sizes |= {"d_h": layer.d_head, "d": layer.d_model}
    total = 0
    for term in formula.split(" + "):
        product = 1
        for factor in re.findall(r"\d+|[a-z](?:_[a-z])?(?:\^R)?", term.replace(r"\,", " ")):
            product *= int(factor) if factor.isdigit() else sizes[factor]
        total += product
    return total


@each
def test_the_caches_formula_is_what_the_engine_works_out(milestone: Milestone):
    assert (milestone.layer is None) == (milestone.cost.cache == "") == (milestone.cached_numbers is None)
    if milestone.layer is not None:
        assert worked_out(milestone.cost.cache, milestone.layer) == milestone.cached_numbers


@pytest.mark.parametrize("kind", KINDS)
def test_the_family_is_in_it(kind: Kind):
    milestone = BY_KEY["multi-head" if kind == "mha" else kind]
    assert milestone.model == f"family-{kind}"
    assert milestone.cached_numbers == cache_elements_per_token_and_layer(geometry(family_config(kind)))


def test_later_kinds_keep_less_and_the_one_in_name_only_does_not():
    kept = {milestone.key: milestone.cached_numbers for milestone in TIMELINE}
    assert kept["multi-head"] == kept["self"] == kept["cross"] == kept["nominal-latent"] == 512
    assert (kept["mqa"], kept["gqa"], kept["mla"]) == (64, 128, 144)
    assert [milestone.key for milestone in TIMELINE if milestone.warning] == ["nominal-latent"]


@each
def test_what_opens_is_in_the_catalogue(milestone: Milestone):
    assert milestone.model in CATALOG
