"""How the memory network was trained: one network for the four tasks, as the joint ones of the paper."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from models.classic.memory import MemoryConfig, MemoryNetwork, Stories
from models.classic.stories import TASKS, StoryExample, test_examples, training_examples
from models.classic.story_text import FULL_STOP, MEMORY_SIZE, QUESTION_MARK, SENTENCE_SIZE, story_tokenizer
from models.progress import Progress, no_progress


@dataclass(frozen=True, slots=True)
class Recipe:
    hidden_size: int = 50
    epochs: int = 60
    batch: int = 32
    rate: float = 0.005
    linear_epochs: int = 20
    linear_rate: float = 0.005
    noise: float = 0.1
    optimizer: str = "adam"
    clip: float = 40.0
    decay: str = "linear"
    weight_decay: float = 0.0
    drop: float = 0.0
