"""An end-to-end memory network: a question that reads a story in hops, and is answered by one word.

Source: Sukhbaatar et al. 2015 (arXiv 1503.08895). Every sentence of the story is a memory, held twice for each hop: as what a
state is compared with (input memory, their m_i) and as what is then read (output memory, their c_i). Nothing is recurrent but
the state itself: u -> u + sum_i softmax(u . m_i) c_i, and the last u says the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

from models.classic.story_text import demand_story, joined
from models.errors import BadText
from models.run.own_call import OwnCall


@strict
class MemoryConfig(PreTrainedConfig):
    """hops: how often the story is read. memory_size: how many of the last sentences are kept. sentence_size: words in one.

    full_stop_id, question_mark_id: of the tokens that end a sentence and a question. There is one head, since a hop compares
    and reads at full width; all hops are one call of attention.
    """

    model_type = "headlight-memory"
    attention_form = "memory"

    vocab_size: int = 64
    hidden_size: int = 50
    hops: int = 3
    memory_size: int = 50
    sentence_size: int = 8
    num_hidden_layers: int = 1
    num_attention_heads: int = 1
    pad_token_id: int | None = 0
    full_stop_id: int = 2
    question_mark_id: int = 3
    initializer_range: float = 0.1

    def validate_shape(self) -> None:
        """Part of `@strict`'s validation: what this class is, whatever a file says."""
        if (self.num_attention_heads, self.num_hidden_layers) != (1, 1) or min(
            self.hops, self.memory_size
        ) < 1:
            raise ValueError(
                "a memory network has one head in one layer, hops and memories, but the config says "
                f"{self.num_attention_heads}, {self.num_hidden_layers}, {self.hops} and {self.memory_size}"
            )


class Stories(NamedTuple):
    """A batch of stories, each different sentence of theirs once; 0 stands for no word.

    sentences: token ids; the first is the empty sentence. memories: for each story rows of `sentences`, the oldest first,
    0 where there is none. times: how long ago each was told, the last sentence 0. questions: token ids.
    """

    sentences: Int[Tensor, "sentence word"]
    memories: Int[Tensor, "batch memory"]
    times: Int[Tensor, "batch memory"]
    questions: Int[Tensor, "batch question_word"]


@dataclass(frozen=True, slots=True)
class MemoryPass:
    """All that one pass works out.

    scores: u . m, before the softmax; the lowest float where there is no sentence. weights: after it. read: what each hop read.
    states: the question, and what it has become after each hop.
    """

    scores: Float[Tensor, "batch hop memory"]
    weights: Float[Tensor, "batch hop memory"]
    read: Float[Tensor, "batch hop d_model"]
    states: Float[Tensor, "batch hops_and_one d_model"]


@dataclass
class MemoryOutput(ModelOutput):
    """logits: of the one word that answers, [batch, 1, vocab]."""

    logits: Float[Tensor, "batch 1 vocab"] | None = None


def position_encoding(words: Int[Tensor, "*batch word"], width: int) -> Float[Tensor, "*batch word {width}"]:
    """What each word of a sentence weighs in each of `width` places, so that their sum knows the order; 0 where there is none.

    Source: section 4.1, PE: l_kj = (1 - j / J) - (k / d)(1 - 2j / J), word j of J and place k of d counted from 1.
    """
    there = words != 0
    count = there.sum(-1, keepdim=True)[..., None].clamp(min=1)
    j = torch.arange(1, words.shape[-1] + 1, device=words.device, dtype=torch.float32)[:, None]
    k = torch.arange(1, width + 1, device=words.device, dtype=torch.float32)
    return ((1 - j / count) - (k / width) * (1 - 2 * j / count)) * there[..., None]


def _vectors(table: nn.Module) -> Tensor:
    """The rows of an embedding."""
    assert isinstance(table, nn.Embedding), "every table is one"
    return table.weight


def _summed(weights: Tensor, places: Tensor, rows: Tensor) -> Tensor:
    """The rows at these places, added up by their weights [batch, memory]: [batch, d_model]."""
    by_row = weights.new_zeros(len(weights), len(rows)).scatter_add(1, places, weights)
    return by_row @ rows


class MemoryNetwork(PreTrainedModel):
    """The network of section 2.2 with adjacent weight tying: A^(k+1) = C^k, B = A^1, W^T = C^K, and so for the times.

    words: A^1, then C^1 = A^2, ... and C^K, one more than there are hops; times: the same for T_A and T_C.
    """

    config_class = MemoryConfig
    config: MemoryConfig
    base_model_prefix = "memory"
    headlight_role = "answerer"
    tells_its_attention = True
    stack = "memory"

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__(config)
        matrices, width = config.hops + 1, config.hidden_size
        self.words = nn.ModuleList(nn.Embedding(config.vocab_size, width) for _ in range(matrices))
        self.times = nn.ModuleList(nn.Embedding(config.memory_size, width) for _ in range(matrices))
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """A^1, which is B."""
        return self.words[0]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> MemoryOutput:
        """Stories and their questions as token ids [batch, pos], padded anywhere."""
        there = input_ids != 0 if attention_mask is None else attention_mask != 0
        rows = [ids[kept].tolist() for ids, kept in zip(input_ids, there, strict=True)]
        return MemoryOutput(logits=self.answer(self.read(self.stories(rows)))[:, None])

    def read(self, stories: Stories, *, linear: bool = False) -> MemoryPass:
        """Read each story in all hops. linear: with the scores themselves as weights, as training starts (section 4.2, LS)."""
        # Sentences recur from story to story, so a memory is held as two rows, m = its sentence's + its time's.
        sentences = self._encoded(stories.sentences, *self.words)
        states = self._encoded(stories.questions, self.words[0])
        there, call = stories.memories != 0, OwnCall()
        scores: list[Tensor] = []
        weights: list[Tensor] = []
        read: list[Tensor] = []
        for hop in range(self.config.hops):
            product = (states[-1] @ sentences[hop].T).gather(1, stories.memories)
            product = product + (states[-1] @ _vectors(self.times[hop]).T).gather(1, stories.times)
            scores.append(product.masked_fill(~there, torch.finfo(product.dtype).min))
            weights.append((product if linear else scores[-1].softmax(-1)) * there)
            read.append(
                _summed(weights[-1], stories.memories, sentences[hop + 1])
                + _summed(weights[-1], stories.times, _vectors(self.times[hop + 1]))
            )
            goes_on = call.gated(read[-1][:, None, None], first=hop)[:, 0, 0]
            states.append(states[-1] + goes_on)
        found = MemoryPass(*(torch.stack(part, 1) for part in (scores, weights, read, states)))
        call.tell(self, found.weights[:, None], found.read[:, :, None])
        return found

    def _encoded(self, ids: Tensor, *matrices: nn.Module) -> list[Tensor]:
        """Sentences [row, word] as vectors [row, d_model], by each of these matrices."""
        weighed = position_encoding(ids, self.config.hidden_size).to(self.dtype)
        return [(words(ids) * weighed).sum(-2) for words in matrices]

    def memories(self, stories: Stories) -> Float[Tensor, "batch hops_and_one memory d_model"]:
        """What each sentence is by each pair of matrices: hop k compares with the k-th and reads the one behind it."""
        held = [
            sentences[stories.memories] + times(stories.times)
            for sentences, times in zip(
                self._encoded(stories.sentences, *self.words), self.times, strict=True
            )
        ]
        return torch.stack(held, 1)

    @property
    def answering(self) -> Tensor:
        """W, [vocab, d_model]: what gives each word its logit from a state."""
        return _vectors(self.words[-1])

    def answer(self, found: MemoryPass) -> Float[Tensor, "batch vocab"]:
        """Logits of each word as the answer, W u."""
        return found.states[:, -1] @ self.answering.T

    def stories(self, rows: list[list[int]]) -> Stories:
        """Texts of token ids, cut where their sentences end; of each the most recent sentences that there is memory for."""
        cut = [self.cut(ids) for ids in rows]
        told = [sentences[-self.config.memory_size :] for sentences, _ in cut]
        place = {sentence: row for row, sentence in enumerate(dict.fromkeys(chain(*told)), start=1)}
        most = max(map(len, told))
        return Stories(
            self._padded([(), *place]),
            self._padded([[place[sentence] for sentence in story] for story in told], most),
            self._padded([range(len(story) - 1, -1, -1) for story in told], most),
            self._padded([question for _, question in cut]),
        )

    def cut(self, ids: list[int]) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """Sentences and question; words behind the last full stop are the question, whether or not they end with its mark."""
        pieces: list[list[int]] = [[]]
        for token in ids:
            if token == self.config.full_stop_id:
                pieces.append([])
            elif token != self.config.question_mark_id:
                pieces[-1].append(token)
        return [tuple(piece) for piece in pieces[:-1] if piece], tuple(pieces[-1])

    def _padded(self, rows: list, width: int | None = None) -> Tensor:
        width = max(map(len, rows)) if width is None else width
        filled = [[*row, *[0] * (width - len(row))] for row in rows]
        return torch.tensor(filled, device=self.device, dtype=torch.long).reshape(len(rows), width)

    def attention_axes(self, ids: tuple[int, ...], tokens: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Labels of what looks and of what is looked at. Raises BadText where the text was cut within its first sentence."""
        spelled = dict(zip(ids, tokens, strict=True))
        told, _ = self.cut(list(ids))
        if not told:
            raise BadText(
                f"The first {len(ids)} tokens hold no whole sentence of the story; read more of it (max_tokens)."
            )
        sentences = [joined(spelled[word] for word in sentence) for sentence in told]
        return {
            "hop": tuple(f"hop {hop + 1}" for hop in range(self.config.hops)),
            "memory": tuple(sentences[-self.config.memory_size :]),
        }

    def demand_readable(self, text: str) -> None:
        """Raise BadText for what is no story with a question that these words can tell."""
        demand_story(text, self.config.memory_size, self.config.sentence_size)


AutoConfig.register(MemoryConfig.model_type, MemoryConfig, exist_ok=True)
AutoModel.register(MemoryConfig, MemoryNetwork, exist_ok=True)
