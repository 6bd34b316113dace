"""What each block of a model wrote into its residual stream, told apart by measuring: attention, and what else it wrote.

A block is what a model's list of layers holds. What it added to the stream must be a multiple of what came out of its attention
(behind a norm, where one stands there) plus a multiple of what one other module of it made: the MLP, or a norm behind it. So
parallel blocks, norms on either side and scaled residuals need no rule of their own, and a block of another build does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from models.errors import UnsupportedModel
from models.run.model import AttentionModel
from models.run.plan import Site
from models.run.records import output_weight
from models.why.agreement import agrees
from models.why.fixed_norm import FixedNorm, measured_norm
from models.why.watching import Heard, same


@dataclass(frozen=True, slots=True)
class BlockWrites:
    """One block in one pass; all vectors [pos, d_model].

    site: its attention call, None where it has none. before, after: the residual stream on either side. attention, mlp: what
    these wrote, biases among it. outputs: of its heads, before the output projection. norms: through which the projection's
    output went on its way into the stream. factor: what it was multiplied with there. reads: the norm through which attention
    reads the stream, none where it reads it as it is. called: its module's call, None where it reads something else.
    """

    before: Float[Tensor, "pos d_model"]
    after: Float[Tensor, "pos d_model"]
    mlp: Float[Tensor, "pos d_model"]
    site: Site | None = None
    outputs: Float[Tensor, "pos head_d_value"] | None = None
    attention: Float[Tensor, "pos d_model"] | None = None
    norms: tuple[FixedNorm, ...] = field(default=())
    factor: float = 1.0
    reads: tuple[FixedNorm, ...] = field(default=())
    called: Heard | None = None

    def pulled_back(
        self, direction: Float[Tensor, "*row d_model"], positions: int | slice = slice(None)
    ) -> Float32[Tensor, "*row d_model"]:
        """The direction on the output projection's output that says what `direction` says of what was written."""
        found = direction.float() * self.factor
        for norm in reversed(self.norms):
            found = norm.pulled_back(found, positions)
        return found

    def passed_on(
        self, vectors: Float[Tensor, "*row d_model"], positions: int | slice = slice(None)
    ) -> Float32[Tensor, "*row d_model"]:
        """What a part of the output projection's output is once it is written, the norms' biases left out."""
        for norm in self.norms:
            vectors = norm.linear(vectors, positions)
        return vectors.float() * self.factor

    def bias_written(
        self, bias: Float[Tensor, " d_model"] | None, positions: int | slice = slice(None)
    ) -> Float32[Tensor, "*row d_model"]:
        """What biases behind the heads wrote: the output projection's, and the norms' own."""
        written = torch.zeros_like(self.before[positions], dtype=torch.float32)
        written = written if bias is None else written + bias.float()
        for norm in self.norms:
            written = norm.linear(written, positions) + norm.bias
        return written * self.factor


def block_path(module: str) -> str | None:
    """Path of the block that a module lies in: up to the first number; None where it lies in none."""
    found = re.match(r"(.*?\.)?\d+(?=\.|$)", module)
    return None if found is None else found.group(0)


def demand_blocks(model: AttentionModel) -> str:
    """Path of the list of blocks. Raises UnsupportedModel where heads do not write through matrices of blocks of one list."""
    for site in model.plan.sites:
        if site.companion or site.output_projection is None:
            raise _refused(model, "its heads are mixed or gated before an output projection reads them")
    paths = {block_path(site.module) for site in model.plan.sites}
    lists = {None if path is None else path.rpartition(".")[0] for path in paths}
    (found,) = lists if len(lists) == 1 else (None,)
    if found is None:
        raise _refused(model, "its layers do not stand in one list")
    return found


def block_writes(model: AttentionModel, calls: Sequence[Heard]) -> tuple[BlockWrites, ...]:
    """Every block of a pass, in the order in which they ran. Raises UnsupportedModel for a block that does not add up."""
    left = list(model.plan.sites)
    found: list[BlockWrites] = []
    for block, inside in _blocks(demand_blocks(model), calls):
        own = [site for site in left if site.module.startswith(f"{block.path}.")]
        reads = [call for call in inside if own and call.path == own[0].output_projection]
        if len(reads) > 1 or (own and not reads):
            raise _refused(model, f"more than one attention call stands in a block ({block.path})")
        if found and not same(found[-1].after, block.given):
            raise _refused(model, f"its residual stream is changed between blocks, in front of {block.path}")
        if reads:
            left.remove(own[0])
            found.append(_with_attention(model, block, inside, own[0], reads[0]))
        else:
            found.append(_without_attention(block))
    if left or not found:
        raise _refused(model, "its attention calls do not lie in its blocks")
    return tuple(found)


def _blocks(listed_in: str, calls: Sequence[Heard]) -> Iterator[tuple[Heard, list[Heard]]]:
    """Each call of a block with the calls inside of it."""
    pattern = re.compile(re.escape(listed_in + "." if listed_in else "") + r"\d+")
    inside: list[Heard] = []
    for call in calls:
        if pattern.fullmatch(call.path):
            yield call, [one for one in inside if one.path.startswith(f"{call.path}.")]
            inside = []
        else:
            inside.append(call)


def _without_attention(block: Heard) -> BlockWrites:
    return BlockWrites(block.given, block.made, block.made - block.given)


def _with_attention(
    model: AttentionModel, block: Heard, inside: list[Heard], site: Site, projected: Heard
) -> BlockWrites:
    _demand_projection(model, projected)
    norms, end, way = _behind(model, inside, projected)
    others = [
        call.made
        for call in reversed(inside)
        if call.path not in way
        and not call.path.startswith(f"{site.module}.")
        and call.path != site.module
        and call.made.shape == block.made.shape
    ]
    added = (block.made - block.given).float()
    scale = torch.stack([block.given.float().abs().amax(-1), block.made.float().abs().amax(-1)]).amax(0)
    for other in (*others, torch.zeros_like(end)):
        factor, beside = _factors(added, end.float(), other.float())
        attention, mlp = factor * end.float(), beside * other.float()
        if agrees(attention + mlp, added, model.dtype, scale):
            reads, called = _reading(model, block, inside, site)
            return BlockWrites(
                before=block.given,
                after=block.made,
                mlp=mlp,
                site=site,
                outputs=projected.given,
                attention=attention,
                norms=norms,
                factor=factor,
                reads=reads,
                called=called,
            )
    raise _refused(
        model, f"what its block {block.path} adds to the residual stream is no sum of attention and MLP"
    )


def _demand_projection(model: AttentionModel, projected: Heard) -> None:
    """Hold the output projection against its own matrix."""
    weight, bias = projection(model, projected.path)
    found = projected.given.float() @ weight
    if bias is not None:
        found = found + bias
    if not agrees(found, projected.made, model.dtype):
        raise _refused(model, f"{projected.path} is no plain output projection")


def projection(model: AttentionModel, path: str) -> tuple[Tensor, Tensor | None]:
    """W_O, float32 [head * d_value, d_model], and its bias [d_model]. Raises UnsupportedModel."""
    part = model.module.get_submodule(path)
    weight = output_weight(part)
    if weight is None:
        raise _refused(model, f"{path} holds no plain matrix")
    bias = getattr(part, "bias", None)
    return weight.float(), None if bias is None else bias.float()


def _behind(
    model: AttentionModel, inside: list[Heard], projected: Heard
) -> tuple[tuple[FixedNorm, ...], Tensor, set[str]]:
    """The norms that what was projected went through, what came out of the last, and whose calls these are."""
    norms: list[FixedNorm] = []
    end, way = projected.made, {projected.path}
    for call in inside[inside.index(projected) + 1 :]:
        if not same(call.given, end):
            continue
        way.add(call.path)
        if same(call.made, end):  # dropout, which does nothing here
            continue
        norm = measured_norm(model.module.get_submodule(call.path), call.given, call.made)
        if norm is None:
            raise _refused(model, f"{call.path} reads what its attention puts out and is no norm")
        norms.append(norm)
        end = call.made
    return tuple(norms), end, way


def _reading(
    model: AttentionModel, block: Heard, inside: list[Heard], site: Site
) -> tuple[tuple[FixedNorm, ...], Heard | None]:
    """The norm between the stream and what attention reads, and the call of its module, if that is all there is between."""
    called = next((call for call in inside if call.path == site.module), None)
    if called is None or same(called.given, block.given):
        return (), called
    for call in inside:
        if same(call.given, block.given) and same(call.made, called.given):
            norm = measured_norm(model.module.get_submodule(call.path), call.given, call.made)
            return ((), None) if norm is None else ((norm,), called)
    return (), None


def _factors(added: Tensor, attention: Tensor, other: Tensor) -> tuple[float, float]:
    """How often each of two is in a sum, by least squares."""
    columns = torch.stack([attention.flatten(), other.flatten()]).double()
    gram = columns @ columns.T
    found: list[float] = (
        torch.linalg.pinv(gram, hermitian=True) @ (columns @ added.flatten().double())
    ).tolist()
    return _whole(found[0]), _whole(found[1])


def _whole(factor: float) -> float:
    """1 where it is 1 but for rounding: nearly all models add what their parts write as it is."""
    return 1.0 if abs(factor - 1) < 1e-4 else factor


def _refused(model: AttentionModel, why: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"{model.name} ({type(model.module).__name__}) cannot be split into what its parts write, because {why}; choose "
        "another model."
    )
