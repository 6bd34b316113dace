"""Record what a model's heads do while it is being trained, and leave the model exactly as it was found."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.errors import BadSelection, BadText, TextTooLong, UnsupportedModel
from models.look.capturing import capture_inputs
from models.look.formation import Formation
from models.look.scores import Scores
from models.run.inputs import Encoded, check_text
from models.run.model import AttentionModel
from models.run.plan import find_plan
from models.run.tap import engine_name
from models.run.tokens import display_tokens
from models.shape.attention_geometry import geometry

Validate = Callable[[PreTrainedModel], float]
LEAST_TOKENS = 2


def record_steps(max_steps: int, records: int) -> tuple[int, ...]:
    """At most `records` optimizer steps out of 0..max_steps, evenly spaced in the logarithm: 0, 1, ..., max_steps.

    All are distinct; where whole steps are too coarse at the beginning, what is left is spaced anew from there. Raises
    BadSelection for fewer than two records or no step at all.
    """
    if records < 2 or max_steps < 1:
        raise BadSelection(
            f"{records} records of {max_steps} steps cannot be spaced; ask for 2 records or more of 1 step or more."
        )
    steps = [0]
    while steps[-1] < max_steps and len(steps) < records:
        last, left = max(steps[-1], 1), records - len(steps)
        even = 1 if steps[-1] == 0 and left > 1 else round(last * (max_steps / last) ** (1 / left))
        steps.append(min(max(even, steps[-1] + 1), max_steps))
    return tuple(steps)


class HeadRecorder:
    """A probe text and what a model's heads did with it, record by record.

    module: the transformers model that is trained, not wrapped. probe: a text (then a tokenizer is needed) or token
    ids. size: side of the tiles. validate: called with the model at each record, returns nats per token. Raises
    UnsupportedModel where the heads cannot be seen, BadText or BadSelection where the probe does not fit.
    """

    def __init__(
        self,
        module: PreTrainedModel,
        probe: str | Sequence[int],
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        size: int = 32,
        validate: Validate | None = None,
        name: str = "",
    ) -> None:
        shape = geometry(module.config)
        if shape.role == "encoder-decoder":
            raise UnsupportedModel(
                f"{type(module).__name__} is an encoder-decoder, whose heads are not recorded while it is trained; "
                "choose a decoder or an encoder."
            )
        ids = _ids(probe, tokenizer)
        _check_ids(ids, shape.context, module.config.get_text_config().vocab_size)
        with undisturbed(module):
            plan = find_plan(module, module.config)
        name = name or str(module.config.name_or_path) or type(module).__name__
        self._ids, self._validate, self._size = ids, validate, size
        # The tokenizer is used for nothing but strings, which are made here.
        self._strings = tuple(map(str, ids)) if tokenizer is None else display_tokens(tokenizer, ids)
        self._shape, self._plan, self._name = shape, plan, name
        heads = max(site.heads for site in plan.sites)
        stack = plan.stacks[0]
        self.formation = Formation.empty(plan.layers(stack), heads, self._strings, shape.kind, name, size)

    def record(
        self,
        module: PreTrainedModel,
        step: int,
        *,
        tokens_seen: int = -1,
        validation_loss: float = float("nan"),
    ) -> Scores:
        """Run the probe through the model as it is now, keep scores and tiles, and return the scores."""
        with undisturbed(module):
            model = AttentionModel(
                self._name, module, None, self._shape, self._plan, module.device, module.dtype
            )
            run = capture_inputs(model, self._encoded(module))
            tiles, scores = run.tiles(self._size), run.scores()
            if self._validate is not None:
                with torch.no_grad():
                    validation_loss = float(self._validate(module))
        self.formation = self.formation.with_record(
            step, scores, tiles.numpy(), tokens_seen=tokens_seen, validation_loss=validation_loss
        )
        return scores

    def resume(self, earlier: Formation, step: int) -> None:
        """Go on behind the records that an interrupted run had made up to this step. Raises BadSelection."""
        new = self.formation
        ours = (new.token_strings, new.tiles.shape[1:])
        if (earlier.token_strings, earlier.tiles.shape[1:]) != ours:
            raise BadSelection(
                "The records of the interrupted run are of another probe text or another model, so they cannot be "
                "continued; give the same probe and tile size, or train into another folder."
            )
        self.formation = earlier.upto(step)

    def _encoded(self, module: PreTrainedModel) -> Encoded:
        inputs = {"input_ids": torch.tensor([self._ids], device=module.device)}
        if "attention_mask" in inspect.signature(module.forward).parameters:
            inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        return Encoded(inputs, {"text": self._ids}, {"text": self._strings})


@contextmanager
def undisturbed(module: PreTrainedModel) -> Iterator[None]:
    """Inside, the model can be looked at: evaluation mode, the engine's attention, no autocast, no compiled code.

    Afterwards everything is as before, each part's mode and the state of all random numbers included.
    """
    training = [(part, part.training) for part in module.modules()]
    configs = [(part.config, part.config._attn_implementation_internal) for part in _models_in(module)]
    compiled = [(part, call) for part, _ in training if (call := part._compiled_call_impl) is not None]
    # accelerate puts its autocast around `forward` on the instance; the weights' own precision is what is recorded.
    wrapped = module.__dict__.pop("forward", None)
    devices = [module.device] if module.device.type == "cuda" else []
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices):
            module.eval()
            for part, _ in compiled:
                part._compiled_call_impl = None
            if module._can_set_attn_implementation():
                module.set_attn_implementation(engine_name(type(module)))
            else:
                module.set_attn_implementation("eager")
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if wrapped is not None:
            module.__dict__["forward"] = wrapped
        for part, call in compiled:
            part._compiled_call_impl = call
        for config, implementation in configs:
            config._attn_implementation_internal = implementation
        for part, mode in training:
            part.training = mode


def _models_in(module: nn.Module) -> list[PreTrainedModel]:
    return [part for part in module.modules() if isinstance(part, PreTrainedModel)]


def _ids(probe: str | Sequence[int], tokenizer: PreTrainedTokenizerBase | None) -> tuple[int, ...]:
    if not isinstance(probe, str):
        flat = probe.flatten().tolist() if isinstance(probe, torch.Tensor) else list(probe)
        return tuple(int(token) for token in flat)
    check_text(probe)
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise BadText(
            "A probe text needs a tokenizer: give Trainer(processing_class=...), or token ids as the probe."
        )
    return tuple(tokenizer(probe)["input_ids"])


def _check_ids(ids: tuple[int, ...], context: int | None, vocabulary: int) -> None:
    if len(ids) < LEAST_TOKENS:
        raise BadText(f"The probe has {len(ids)} tokens; {LEAST_TOKENS} or more are needed to see attention.")
    if context is not None and len(ids) > context:
        raise TextTooLong(
            f"The probe has {len(ids):,} tokens, but the model reads at most {context:,}; shorten it.",
            tokens=len(ids),
            limit=context,
        )
    outside = [token for token in ids if not 0 <= token < vocabulary]
    if outside:
        raise BadText(
            f"The probe holds token {outside[0]}, but the model's vocabulary has {vocabulary:,} (0 to {vocabulary - 1}); "
            "tokenize it with the model's own tokenizer."
        )
