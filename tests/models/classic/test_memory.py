"""The memory network, against numbers worked out by hand and against loops over plain numbers that share nothing with it."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel

import models
from models.classic.memory import MemoryConfig, MemoryNetwork, position_encoding
from models.classic.memory_reading import read_memories, without_each_sentence
from models.classic.stories import training_examples
from models.classic.story_text import story_tokenizer
from models.errors import BadSelection, BadText, HeadlightError
from models.loading.loader import wrap
from models.run.model import AttentionModel, demand_tokenizer
from tests.models.engine_models import TEXT, engine
from tests.sentences import assert_sentence

STORY = (
    "Mary moved to the bathroom. John went back to the hallway. Mary got the milk there. Where is the milk?"
)


def network(hops: int = 3, width: int = 7, memory_size: int = 11, seed: int = 0) -> AttentionModel:
    """One with random weights, large enough that hops differ from one another."""
    tokenizer = story_tokenizer()
    torch.manual_seed(seed)
    config = MemoryConfig(vocab_size=len(tokenizer), hidden_size=width, hops=hops, memory_size=memory_size)
    module = MemoryNetwork(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(8.0)
    return wrap(module, tokenizer, "Memory")


def inside(model: AttentionModel) -> Any:
    """The network; without types, since PyTorch has none for what a module list holds."""
    return model.module


# --- by hand -----------------------------------------------------------------------------------------------------------

QUESTION, ONE, OTHER = 4, 5, 6


def by_hand(hops: int) -> MemoryNetwork:
    """Sentences and question of one word and two places, which position encoding weighs with 1/2 and 1."""
    module: Any = MemoryNetwork(
        MemoryConfig(vocab_size=7, hidden_size=2, hops=hops, memory_size=2, sentence_size=1)
    )
    tables = [
        {
            QUESTION: (2.0, 0.0),
            ONE: (2 * math.log(3), 0.0),
        },  # A^1 and B: u = (1, 0), m = (ln 3, 0) and (0, 0)
        {ONE: (4.0, 0.0), OTHER: (0.0, 2.0)},  # C^1 and A^2: (2, 0) and (0, 2)
        {ONE: (0.0, 1.0), OTHER: (2.0, 0.0)},  # C^2: (0, 1) and (1, 0)
    ]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        for words, table in zip(module.words, tables, strict=False):
            for word, vector in table.items():
                words.weight[word] = torch.tensor(vector, dtype=torch.float32)
    return module.eval()


def asked(module: MemoryNetwork):
    stop, mark = module.config.full_stop_id, module.config.question_mark_id
    return module.stories([[ONE, stop, OTHER, stop, QUESTION, mark]])


def test_one_hop_by_hand():
    module = by_hand(1)
    found = module.read(asked(module))
    torch.testing.assert_close(found.weights, torch.tensor([[[3 / 4, 1 / 4]]]))
    torch.testing.assert_close(found.read, torch.tensor([[[1.5, 0.5]]]))
    torch.testing.assert_close(found.states, torch.tensor([[[1.0, 0.0], [2.5, 0.5]]]))
    logits = module.answer(found)[0]
    torch.testing.assert_close(logits, torch.tensor([0, 0, 0, 0, 0, 10.0, 1.0]))  # W is C^1


def test_two_hops_by_hand():
    """The second compares (2.5, 0.5) with (2, 0) and (0, 2): scores 5 and 1."""
    module = by_hand(2)
    found = module.read(asked(module))
    share = 1 / (1 + math.exp(-4))
    torch.testing.assert_close(found.scores, torch.tensor([[[math.log(3), 0.0], [5.0, 1.0]]]))
    torch.testing.assert_close(found.weights, torch.tensor([[[3 / 4, 1 / 4], [share, 1 - share]]]))
    torch.testing.assert_close(found.states[0, 2], torch.tensor([2.5 + (1 - share), 0.5 + share]))


def test_without_the_softmax_weights_are_the_scores():
    module = by_hand(1)
    found = module.read(asked(module), linear=True)
    torch.testing.assert_close(found.weights, torch.tensor([[[math.log(3), 0.0]]]))
    torch.testing.assert_close(found.states[0, 1], torch.tensor([1 + 2 * math.log(3), 0.0]))


def test_times_count_from_the_question():
    module: Any = by_hand(1)
    with torch.no_grad():  # the last sentence, as near to the question as the first word is
        module.times[0].weight[0, 0] = math.log(3)
    torch.testing.assert_close(module.read(asked(module)).weights, torch.tensor([[[1 / 2, 1 / 2]]]))


# --- against loops -----------------------------------------------------------------------------------------------------


def encoded(table, words: list[int]) -> list[float]:
    """Section 4.1: m = sum over j of l_j * A x_j, l_kj = (1 - j/J) - (k/d)(1 - 2j/J)."""
    width, count = table.shape[1], len(words)
    total = [0.0] * width
    for j, word in enumerate(words, start=1):
        for k in range(1, width + 1):
            weight = (1 - j / count) - (k / width) * (1 - 2 * j / count)
            total[k - 1] += weight * table[word, k - 1].item()
    return total


def by_loops(module: Any, sentences: list[list[int]], question: list[int]):
    """Weights [hop, memory] and logits, one number after the other."""
    state = encoded(module.words[0].weight, question)
    weights = []
    for hop in range(module.config.hops):
        held = []
        for matrix in (hop, hop + 1):
            times = module.times[matrix].weight
            rows = []
            for place, sentence in enumerate(sentences):
                ago = len(sentences) - 1 - place
                vector = encoded(module.words[matrix].weight, sentence)
                rows.append([one + times[ago, k].item() for k, one in enumerate(vector)])
            held.append(rows)
        scores = [math.fsum(u * m for u, m in zip(state, row, strict=True)) for row in held[0]]
        largest = max(scores)
        shares = [math.exp(score - largest) for score in scores]
        weights.append([share / math.fsum(shares) for share in shares])
        for k in range(len(state)):
            state[k] += math.fsum(p * row[k] for p, row in zip(weights[-1], held[1], strict=True))
    logits = [
        math.fsum(u * w for u, w in zip(state, row, strict=True)) for row in module.words[-1].weight.tolist()
    ]
    return torch.tensor(weights, dtype=torch.float32), torch.tensor(logits, dtype=torch.float32)


def parts(model: AttentionModel, text: str) -> tuple[list[list[int]], list[int]]:
    """Cut by the text's own marks, with no help of the network's."""
    *told, question = text.removesuffix("?").split(".")
    return [demand_tokenizer(model)(one)["input_ids"] for one in told], demand_tokenizer(model)(question)[
        "input_ids"
    ]


def near(one: torch.Tensor, other: torch.Tensor) -> None:
    assert one.shape == other.shape
    assert (one - other).abs().max() <= 1e-5 * other.abs().max()


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_weights_and_answer_are_those_of_loops(hops):
    model = network(hops)
    weights, logits = by_loops(inside(model), *parts(model, STORY))
    run = models.capture(model, STORY)
    near(run.pattern(0, 0), weights)
    near(run.predictions[0], logits.softmax(-1))
    assert (weights.max(-1).values < 0.999).any()  # so that the comparison is of more than ones and zeros


@pytest.mark.parametrize("count", [1, 2, 6])
def test_position_encoding_is_the_papers(count):
    words = torch.tensor([[5] * count + [0] * (6 - count)], dtype=torch.long)
    ours = position_encoding(words, 7)[0]
    for j in range(1, 7):
        for k in range(1, 8):
            want = (1 - j / count) - (k / 7) * (1 - 2 * j / count) if j <= count else 0.0
            assert ours[j - 1, k - 1].item() == pytest.approx(want, abs=1e-6)


def test_a_batch_answers_as_each_story_alone_and_nothing_looks_at_padding():
    model = network()
    texts = [STORY, "Mary moved to the garden. Where is Mary?"]
    batch = demand_tokenizer(model)(texts, padding=True, return_tensors="pt")
    together = inside(model)(batch["input_ids"], batch["attention_mask"]).logits
    for text, logits in zip(texts, together, strict=True):
        near(logits[0].detach(), by_loops(inside(model), *parts(model, text))[1])
    found = inside(model).read(inside(model).stories([row.tolist() for row in batch["input_ids"]]))
    assert found.weights.shape == (2, 3, 3)
    assert bool((found.weights[1, :, 1:] == 0).all())
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(2, 3))


def test_only_the_last_sentences_are_kept():
    model = network(memory_size=2)
    run = models.capture(model, STORY)
    assert run.key_tokens() == ("John went back to the hallway", "Mary got the milk there")
    sentences, question = parts(model, STORY)
    near(run.pattern(0, 0), by_loops(inside(model), sentences[-2:], question)[0])


# --- through the engine ------------------------------------------------------------------------------------------------


def test_a_capture_names_hops_and_sentences():
    run = models.capture(network(), STORY)
    assert run.stacks == ("memory",)
    assert run.query_tokens() == ("hop 1", "hop 2", "hop 3")
    assert run.key_tokens() == (
        "Mary moved to the bathroom",
        "John went back to the hallway",
        "Mary got the milk there",
    )
    assert run.geometry.form == "memory"
    assert run.geometry.role == "answerer"
    assert [candidate.probability for candidate in run.top_next(3)] == sorted(run.predictions[0].tolist())[
        :-4:-1
    ]


def test_attention_off_leaves_the_question_alone():
    model = network()
    run = models.capture(model, STORY, heads_off=[(0, 0)])
    _, question = parts(model, STORY)
    state = torch.tensor(encoded(inside(model).words[0].weight, question), dtype=torch.float32)
    near(run.predictions[0], (inside(model).words[-1].weight.detach() @ state).softmax(-1))
    assert run.heads_off == ((0, 0),)


@pytest.mark.parametrize("off", [[0], [1], [2], [0, 2], [0, 1, 2]])
def test_a_hop_that_is_off_reads_nothing(off):
    """What it would have read is what is left out: its weights are still told, and later hops compare another state."""
    model = network()
    run, whole = models.capture(model, STORY, hops_off=off), models.capture(model, STORY)
    reading = read_memories(model, STORY)
    state = reading.states[0].clone()
    for hop in range(3):
        weights = (reading.input_memories[hop] @ state).softmax(-1)
        near(run.pattern(0, 0)[hop], weights)
        state += 0 if hop in off else weights @ reading.output_memories[hop]
    near(run.predictions[0], (inside(model).words[-1].weight.detach() @ state).softmax(-1))
    assert run.hops_off == tuple(off)
    assert run.heads_off == ()
    assert not torch.allclose(run.predictions, whole.predictions)


def test_all_hops_off_is_the_attention_off():
    model = network()
    hops, heads = (
        models.capture(model, STORY, hops_off=range(3)),
        models.capture(model, STORY, heads_off=[(0, 0)]),
    )
    torch.testing.assert_close(hops.predictions, heads.predictions)


@pytest.mark.parametrize(
    ("hops", "says"),
    [([3], "Hop 3 cannot be switched off"), ([-1], "Hop -1 cannot"), (["a"], "whole number"), (5, "a list")],
)
def test_hops_that_are_none(hops, says):
    with pytest.raises(BadSelection, match=says) as caught:
        models.capture(network(), STORY, hops_off=hops)
    assert_sentence(caught.value)


def test_other_models_have_no_hops():
    with pytest.raises(BadSelection, match="no memory network"):
        models.capture(engine("gpt2"), TEXT, hops_off=[0])
    assert models.capture(engine("gpt2"), TEXT).hops_off == ()


def test_a_saved_model_is_the_same(tmp_path: Path):
    model = network()
    models.save(model, tmp_path / "saved")
    again = models.load(tmp_path / "saved", device="cpu")
    assert again.note == ""
    assert again.geometry == model.geometry
    one, other = models.capture(model, STORY), models.capture(again, STORY)
    near(one.pattern(0, 0), other.pattern(0, 0))
    near(one.predictions, other.predictions)
    assert isinstance(AutoConfig.from_pretrained(tmp_path / "saved"), MemoryConfig)
    assert isinstance(AutoModel.from_pretrained(tmp_path / "saved"), MemoryNetwork)


def test_a_saved_capture_is_the_same_and_says_which_hops_were_off(tmp_path: Path):
    run = models.capture(network(), STORY, hops_off=[2, 0])
    run.save(tmp_path / "run.npz")
    again = models.Capture.load(tmp_path / "run.npz")
    assert torch.equal(again.pattern(0, 0), run.pattern(0, 0))
    assert again.hops_off == (0, 2)
    assert again.switched_off == run.switched_off
    assert (again.query_tokens(), again.key_tokens()) == (run.query_tokens(), run.key_tokens())
    assert again.top_next(5) == run.top_next(5)


@pytest.mark.parametrize("hops", [(3,), (-1,), ("a",), (0.5,)])
def test_a_capture_file_with_hops_that_are_none_is_refused(hops, tmp_path: Path):
    run = models.capture(network(), STORY)
    object.__setattr__(run.switched_off, "hops", hops)
    run.save(tmp_path / "run.npz")
    with pytest.raises(HeadlightError, match="hops that were off"):
        models.Capture.load(tmp_path / "run.npz")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mary went to the garden.",
        "Where is Mary?",
        "Mary flew. Where is Mary?",
        "John left. Where is Mary?",
    ],
)
def test_what_is_no_story_is_refused(text):
    with pytest.raises(BadText) as caught:
        models.capture(network(), text)
    assert_sentence(caught.value)


def test_a_text_that_is_cut_before_its_first_sentence_ends():
    with pytest.raises(BadText, match="no whole sentence") as caught:
        models.capture(network(), STORY, max_tokens=4)
    assert_sentence(caught.value)


# --- what the hops hold ------------------------------------------------------------------------------------------------


def test_a_reading_holds_what_each_hop_compares_and_reads():
    model = network()
    reading, run = read_memories(model, STORY), models.capture(model, STORY)
    assert reading.sentences == run.key_tokens()
    assert reading.question == "Where is the milk"
    near(reading.weights, run.pattern(0, 0))
    near(reading.scores, torch.einsum("hmd,hd->hm", reading.input_memories, reading.states[:-1]))
    near(reading.scores.softmax(-1), reading.weights)
    near(
        reading.states[1:] - reading.states[:-1],
        torch.einsum("hm,hmd->hd", reading.weights, reading.output_memories),
    )
    near(reading.answers[-1:], run.predictions)
    assert reading.answer == run.top_next(1)[0].token
    torch.testing.assert_close(reading.answers.sum(-1), torch.ones(4))
    sentence = parts(model, STORY)[0][1]
    want = torch.tensor(encoded(inside(model).words[1].weight, sentence)) + inside(model).times[1].weight[1]
    near(reading.output_memories[0, 1], want.detach())
    near(reading.input_memories[1, 1], want.detach())  # tied: A^2 is C^1


def test_without_a_sentence_as_if_it_had_never_been_told():
    model = network()
    found = without_each_sentence(model, STORY)
    sentences = STORY.removesuffix(" Where is the milk?").split(". ")
    word = demand_tokenizer(model).convert_tokens_to_ids(found.answer)
    assert found.sentences == models.capture(model, STORY).key_tokens()
    assert found.probability == pytest.approx(
        models.capture(model, STORY).predictions[0, word].item(), rel=1e-5
    )
    for place, probability in enumerate(
        found.probabilities.tolist()[:2]
    ):  # without the third nothing tells of the milk
        told = [one.removesuffix(".") for at, one in enumerate(sentences) if at != place]
        run = models.capture(model, ". ".join(told) + ". Where is the milk?")
        assert probability == pytest.approx(run.predictions[0, word].item(), rel=1e-5)
        assert found.answers[place] == run.top_next(1)[0].token


def test_the_only_sentence_can_be_taken_out():
    found = without_each_sentence(network(), "Mary went to the garden. Where is Mary?")
    assert len(found.answers) == 1
    assert torch.isfinite(found.probabilities).all()


@pytest.mark.parametrize("look", [read_memories, without_each_sentence])
def test_other_models_have_no_memories(look):
    with pytest.raises(BadSelection, match="no memory network") as caught:
        look(engine("gpt2"), TEXT)
    assert_sentence(caught.value)


def test_long_stories_are_read_as_the_page_shows_them():
    model = network(memory_size=50)
    example = next(one for one in training_examples(3, 0) if len(one.sentences) > 60)
    if len(example.sentences) - min(example.supporting) <= 50:
        reading = read_memories(model, example.text)
        assert reading.sentences == example.sentences[-50:]
        assert len(without_each_sentence(model, example.text).answers) == 50
