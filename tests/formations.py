"""Records of trainings that never were, with numbers that are all different."""

import torch

from models.look.formation import Formation
from models.look.scores import NAMES, Scores

LAYERS, HEADS, SIZE = 3, 5, 7


def formation(kind: str = "gqa", records: int = 4, *, seed: int = 2, counted: bool = True) -> Formation:
    """Records at steps 1, 3, 9, ..., a hundred tokens a step where they are counted."""
    generator = torch.Generator().manual_seed(seed)
    made = Formation.empty(LAYERS, HEADS, ("a", " ü", "<F0>"), kind, "small", SIZE)
    for record in range(records):
        shape = (LAYERS, HEADS)
        scores = Scores(
            {name: torch.rand(shape, generator=generator) for name in NAMES},
            {name: torch.full(shape, 0.25) for name in NAMES},
            {name: 11 + index for index, name in enumerate(NAMES)},
        )
        tiles = torch.rand((*shape, SIZE, SIZE), generator=generator).numpy()
        seen = 100 * 3**record if counted else -1
        made = made.with_record(3**record, scores, tiles, tokens_seen=seen, validation_loss=8.0 - record)
    return made
