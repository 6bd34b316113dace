"""Which heads of a model have a role, on a fixed text and on random tokens that repeat: what its card names."""

from __future__ import annotations

from typing import Any

import torch

from models.look.captured import Capture
from models.look.capturing import capture, capture_inputs
from models.look.scores import ROLES
from models.probe import PROBE
from models.run.inputs import Encoded
from models.run.model import AttentionModel, demand_tokenizer
from models.run.tokens import display_tokens

SPAN = 64  # random tokens, read twice
SEED = 0
ON_RANDOM, ON_TEXT = "repeated random tokens", "probe text"
PROBES = (
    f"{SPAN} random tokens of the vocabulary, all different, read twice (seed {SEED}), and a fixed passage "
    "in the manner of a novel."
)


def find_roles(model: AttentionModel) -> list[dict[str, Any]]:
    """The heads with a role, as a card lists them: {layer, head, role, score, chance, probe}, the strongest first.

    score: share of attention that the behaviour gets; chance: what even attention scores (see models.look.scores.Scores).
    probe: which of the two texts of `PROBES` it was found on. A head that has the role on both is listed with what it
    scores on the random tokens, which no meaning helps. Decoders; the same numbers at every call on one device.
    """
    runs = {
        ON_RANDOM: capture_inputs(model, repeated_random(model)),
        ON_TEXT: capture(model, PROBE, max_tokens=model.geometry.context),
    }
    found: dict[tuple[int, int, str], dict[str, Any]] = {}
    for probe, run in runs.items():
        for row in _roles_of(run):
            found.setdefault((row["layer"], row["head"], row["role"]), {**row, "probe": probe})
    order = [role for role, _, _ in ROLES]
    return sorted(found.values(), key=lambda row: (order.index(row["role"]), -row["score"]))


def repeated_random(model: AttentionModel, span: int = SPAN, seed: int = SEED) -> Encoded:
    """`span` different tokens drawn from the vocabulary without the special ones, and the same once more.

    On the second half every token has exactly one earlier copy, so induction cannot be mixed up with anything else
    (Olsson et al. 2022, arXiv 2209.11895).
    """
    special = set(demand_tokenizer(model).all_special_ids)
    known = min(len(demand_tokenizer(model)), model.geometry.vocab)
    plain = torch.tensor([token for token in range(known) if token not in special])
    drawn = plain[torch.randperm(len(plain), generator=torch.Generator().manual_seed(seed))[:span]]
    ids = torch.cat([drawn, drawn])
    inputs = {
        "input_ids": ids[None].to(model.device),
        "attention_mask": torch.ones_like(ids)[None].to(model.device),
    }
    listed = tuple(ids.tolist())
    return Encoded(inputs, {"text": listed}, {"text": display_tokens(demand_tokenizer(model), listed)})


def _roles_of(run: Capture) -> list[dict[str, Any]]:
    scores = run.scores()
    score_of = {role: name for role, name, _ in ROLES}
    rows = []
    for layer in range(run.layers()):
        for head in range(run.heads(layer)):
            if role := scores.role(layer, head):
                name = score_of[role]
                values = {"score": scores.values[name], "chance": scores.chance[name]}
                numbers = {key: round(table[layer, head].item(), 4) for key, table in values.items()}
                rows.append({"layer": layer, "head": head, "role": role, **numbers})
    return rows
