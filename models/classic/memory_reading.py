"""What a memory network's hops do with one story: what each compares, what it reads, and what changes without a sentence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from models.classic.memory import MemoryNetwork
from models.classic.story_text import joined
from models.errors import BadSelection
from models.run.default_dtype import default_dtype_kept
from models.run.inputs import encode
from models.run.model import AttentionModel, demand_tokenizer
from models.run.tokens import display_tokens


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """One story as the network reads it.

    scores: u . m, before the softmax; weights: after it, each hop's sum to 1. input_memories: what a hop compares its state
    with, the sentence by A and T_A of that hop; output_memories: what it reads, by C and T_C. states: the question, and what it
    has become after each hop. answers: probability of each word of `vocabulary` as the answer read off each state by W. Off the
    last state that is the network's own answer; off those before it is a reading in the manner of the logit lens, since W was
    trained for the last alone. read_out: the logits W c of each output memory.
    """

    sentences: tuple[str, ...]
    question: str
    scores: Float32[Tensor, "hop memory"]
    weights: Float32[Tensor, "hop memory"]
    input_memories: Float32[Tensor, "hop memory d_model"]
    output_memories: Float32[Tensor, "hop memory d_model"]
    states: Float32[Tensor, "hops_and_one d_model"]
    answers: Float32[Tensor, "hops_and_one vocab"]
    read_out: Float32[Tensor, "hop memory vocab"]
    vocabulary: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The word that the network answers with."""
        return self.vocabulary[int(self.answers[-1].argmax())]

    def adds(self, word: str) -> Float32[Tensor, "hop memory"]:
        """What each hop's reading of each sentence adds to a word's logit, less what it adds to the mean word's.

        The answer's logits are W (u + sum of all that was read), so with these weights the sum over hops and sentences, and
        what the question adds by itself, is the logit. Raises BadSelection for a word outside of the vocabulary.
        """
        if word not in self.vocabulary:
            raise BadSelection(
                f"“{word}” is not in the vocabulary: choose one of {', '.join(self.vocabulary)}."
            )
        centred = self.read_out - self.read_out.mean(-1, keepdim=True)
        return self.weights * centred[..., self.vocabulary.index(word)]

    def says(self, hop: int, sentence: int, words: int = 3) -> tuple[tuple[str, float], ...]:
        """The words whose logits the output memory of a sentence raises most, read alone and whole, and by how much."""
        best = self.read_out[hop, sentence].topk(words)
        named = (self.vocabulary[word] for word in best.indices.tolist())
        return tuple(zip(named, best.values.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class WithoutSentences:
    """What the network answers to a story when each of its sentences is taken out in turn.

    answer, probability: to the whole story. answers: the word, without each sentence; probabilities: of `answer`, without each.
    A story without a sentence is read as if it had never been told: the ones before it are a step nearer to the question.
    """

    sentences: tuple[str, ...]
    answer: str
    probability: float
    answers: tuple[str, ...]
    probabilities: Float32[Tensor, " memory"]


@torch.no_grad()
def read_memories(model: AttentionModel, text: str) -> MemoryReading:
    """All that the hops of a memory network do with one story. Raises BadText, and BadSelection for another kind of model."""
    network = _network(model)
    told, asked = _cut(model, network, text)
    with default_dtype_kept():
        stories = network.stories([_put_together(network, told, asked)])
        found, held = network.read(stories), network.memories(stories)[0].float().cpu()
        logits = found.states[0] @ network.answering.T
    return MemoryReading(
        sentences=_spelled(model, told),
        question=_spelled(model, [asked])[0],
        scores=found.scores[0].float().cpu(),
        weights=found.weights[0].float().cpu(),
        input_memories=held[:-1],
        output_memories=held[1:],
        states=found.states[0].float().cpu(),
        answers=logits.float().softmax(-1).cpu(),
        read_out=held[1:] @ network.answering.T.float().cpu(),
        vocabulary=_vocabulary(model, network),
    )


@torch.no_grad()
def without_each_sentence(model: AttentionModel, text: str) -> WithoutSentences:
    """Answer a story without each of its sentences in turn, in one pass. Raises as `read_memories`."""
    network = _network(model)
    told, asked = _cut(model, network, text)
    stories = [told, *(told[:place] + told[place + 1 :] for place in range(len(told)))]
    with default_dtype_kept():
        read = network.read(network.stories([_put_together(network, story, asked) for story in stories]))
        chances = network.answer(read).float().softmax(-1).cpu()
    vocabulary, best = _vocabulary(model, network), chances.argmax(-1).tolist()
    return WithoutSentences(
        sentences=_spelled(model, told),
        answer=vocabulary[best[0]],
        probability=chances[0, best[0]].item(),
        answers=tuple(vocabulary[word] for word in best[1:]),
        probabilities=chances[1:, best[0]],
    )


_Sentence = tuple[int, ...]


def _network(model: AttentionModel) -> MemoryNetwork:
    if not isinstance(model.module, MemoryNetwork):
        raise BadSelection(
            f"{model.name} is no memory network, so it has no memories; load “classic-memory”."
        )
    return model.module


def _cut(model: AttentionModel, network: MemoryNetwork, text: str) -> tuple[list[_Sentence], _Sentence]:
    """The sentences that are kept, and the question, as token ids."""
    told, asked = network.cut(list(encode(model, text).ids["text"]))
    return told[-network.config.memory_size :], asked


def _put_together(network: MemoryNetwork, told: list[_Sentence], asked: _Sentence) -> list[int]:
    return [token for sentence in told for token in (*sentence, network.config.full_stop_id)] + list(asked)


def _spelled(model: AttentionModel, sentences: list[_Sentence]) -> tuple[str, ...]:
    tokenizer = demand_tokenizer(model)
    return tuple(joined(display_tokens(tokenizer, sentence)) for sentence in sentences)


def _vocabulary(model: AttentionModel, network: MemoryNetwork) -> tuple[str, ...]:
    return display_tokens(demand_tokenizer(model), range(network.config.vocab_size))
