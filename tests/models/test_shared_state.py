"""What a call switches for a moment on something that all threads share: no other thread sees it, and it is switched back."""

from __future__ import annotations

import logging as levels
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import MarianTokenizer, PreTrainedTokenizerBase
from transformers.models.llama.modeling_llama import LlamaForCausalLM
from transformers.utils import logging

import models
from models.quiet_transformers import quiet_transformers
from models.run.inputs import encode, encode_pair
from tests.models import translators

MOMENT_S = 0.3  # that a thread stays where another would meet it; nobody has to be in time


class Meeting:
    """Holds who comes first until another has come too, or a moment is over."""

    def __init__(self) -> None:
        self.inside, self.met = threading.Event(), threading.Event()

    def stay(self) -> None:
        self.inside.set()
        self.met.wait(MOMENT_S)


def test_a_source_is_never_read_by_the_targets_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    which = translators.marian(tmp_path)
    model = models.wrap(translators.translator(which), which)
    alone = encode(model, "the cat sat"), encode_pair(model, "the cat sat", "der Hund")
    assert models.count_tokens(model, "the cat sat") == len(alone[0].ids["text"])
    meeting, switch = Meeting(), MarianTokenizer._switch_to_target_mode

    def switched(self: Any) -> None:
        switch(self)
        meeting.stay()

    def other() -> tuple[Any, int]:
        assert meeting.inside.wait(30)
        found = encode(model, "the cat sat").ids, models.count_tokens(model, "the cat sat")
        meeting.met.set()
        return found

    monkeypatch.setattr(MarianTokenizer, "_switch_to_target_mode", switched)
    with ThreadPoolExecutor(2) as threads:
        translated = threads.submit(encode_pair, model, "the cat sat", "der Hund")
        read = threads.submit(other)
    assert read.result() == (alone[0].ids, len(alone[0].ids["text"]))
    assert translated.result().ids == alone[1].ids


@pytest.mark.parametrize("act", ["read", "count", "label", "cut", "write", "calibrate"])
def test_a_tokenizer_is_used_by_one_thread_at_a_time(
    act: str, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
):
    model = models.load(tiny_llama, device="cpu")
    text = "the cat sat on the mat. " * 30
    acts: dict[str, Any] = {
        "read": lambda: models.token_loss(model, "the cat sat"),
        "count": lambda: models.count_tokens(model, text),
        "label": lambda: models.capture(model, "the cat sat").top_next(3),
        "cut": lambda: models.cut_into_texts(model, text),
        "write": lambda: list(models.stream(model, "the cat sat", 3)),
        "calibrate": lambda: models.latent_spectra(model, text),
    }
    kind: Any = type(model.tokenizer)
    busy, met = threading.Lock(), []

    def watched(name: str) -> Any:
        plain = getattr(kind, name)

        def call(self: PreTrainedTokenizerBase, *given: Any, **named: Any) -> Any:
            owner = threading.get_ident()
            if not busy.acquire(blocking=False):
                met.append(name)
                return plain(self, *given, **named)
            try:
                threading.Event().wait(0.002)  # let others in, if they may
                assert owner == threading.get_ident()
                return plain(self, *given, **named)
            finally:
                busy.release()

        return call

    for name in ("_encode_plus", "_decode"):
        monkeypatch.setattr(kind, name, watched(name))
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: acts[act](), range(3)))
    assert met == []


def test_what_transformers_says_is_restored_by_who_leaves_last():
    before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.enable_progress_bar()
    logging.set_verbosity_warning()
    try:
        first, second = quiet_transformers(), quiet_transformers()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert not logging.is_progress_bar_enabled()
        assert logging.get_verbosity() == levels.ERROR
        second.__exit__(None, None, None)
        assert logging.is_progress_bar_enabled()
        assert logging.get_verbosity() == levels.WARNING
    finally:
        (logging.enable_progress_bar if before[0] else logging.disable_progress_bar)()
        logging.set_verbosity(before[1])


def test_random_weights_are_drawn_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch):
    shape = models.RandomShape("mha", 1, 8, 2, 4, vocab=16)
    alone = models.random_shape(shape, device="cpu", seed=1).module.state_dict()
    state, meeting, made = torch.get_rng_state(), Meeting(), LlamaForCausalLM._from_config

    def slowly(*given: Any, **named: Any) -> Any:
        if torch.empty(0).is_meta:  # the skeleton whose weights are counted
            return made(*given, **named)
        if not meeting.inside.is_set():
            meeting.stay()
        else:
            torch.rand(3)
            meeting.met.set()
        return made(*given, **named)

    monkeypatch.setattr(LlamaForCausalLM, "_from_config", slowly)

    def one(seed: int) -> dict[str, Any]:
        if seed == 2:
            assert meeting.inside.wait(30)
        return models.random_shape(shape, device="cpu", seed=seed).module.state_dict()

    with ThreadPoolExecutor(2) as threads:
        first, _ = threads.map(one, (1, 2))
    assert all(torch.equal(first[name], alone[name]) for name in alone)
    assert torch.equal(torch.get_rng_state(), state)
