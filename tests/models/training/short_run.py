"""A real Trainer on a tiny random Llama: a few steps on the CPU, the same every time."""

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

from tests import tiny_models

PROBE = "one two three four five one two three four five"
STEPS = 12
SEQUENCE, BATCH = 23, 3


def llama(**config: Any) -> LlamaForCausalLM:
    """2 layers of 6 heads; dropout, so that a random number too many would show."""
    torch.manual_seed(5)
    shape: dict[str, Any] = {
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "head_dim": 8,
        "hidden_size": 48,
        "intermediate_size": 37,
        "vocab_size": 311,
        "max_position_embeddings": 129,
        "attention_dropout": 0.1,
    }
    return LlamaForCausalLM(LlamaConfig(**shape | config))


def trainer(folder: Path, *callbacks: TrainerCallback, model: Any = None, **arguments: Any) -> Trainer:
    """A learning rate that moves the heads visibly within twelve steps."""
    texts = torch.randint(0, 311, (STEPS * BATCH, SEQUENCE), generator=torch.Generator().manual_seed(7))
    given: dict[str, Any] = {
        "max_steps": STEPS,
        "per_device_train_batch_size": BATCH,
        "learning_rate": 0.02,
        "lr_scheduler_type": "constant",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "logging_steps": 5,
        "save_steps": 4,
        "seed": 11,
    }
    return Trainer(
        model if model is not None else llama(),
        TrainingArguments(str(folder), **given | arguments),
        train_dataset=[{"input_ids": ids, "labels": ids} for ids in texts],  # pyright: ignore
        eval_dataset=[{"input_ids": ids, "labels": ids} for ids in texts[:4]],  # pyright: ignore
        processing_class=tiny_models.byte_level_tokenizer(),
        callbacks=list(callbacks),
    )
