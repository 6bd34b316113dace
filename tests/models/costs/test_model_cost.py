"""Costs by formula: beside published numbers, beside live caches and modules of transformers, beside torch's own counter."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BartConfig,
    BertConfig,
    DeepseekV2Config,
    DeepseekV3Config,
    EncoderDecoderCache,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    PreTrainedConfig,
)

from models.costs.kinds import as_kind
from models.costs.model_cost import cost
from models.costs.peaks import Peaks
from models.costs.planner import plan_serving
from models.costs.published import FIGURES, GOLDENS, SHAPES, Golden
from models.costs.sources import anatomy
from models.errors import BadSelection, HeadlightError
from models.loading.loader import wrap
from models.measuring.measurement import measure
from models.measuring.timed_run import empty_cache
from models.run.cache_modes import cache_bytes, cache_mode
from models.run.model import AttentionModel
from models.shape.attention_geometry import geometry
from tests.models.engine_models import ROWS
from tests.models.zoo import build, inputs
from tests.models.zoo_encoders import PAIRS
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

LLAMA3 = LlamaConfig(
    vocab_size=128256,
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
)
V2 = DeepseekV2Config(
    vocab_size=102400,
    hidden_size=5120,
    intermediate_size=12288,
    moe_intermediate_size=1536,
    num_hidden_layers=60,
    num_attention_heads=128,
    num_key_value_heads=128,
    n_routed_experts=160,
    n_shared_experts=2,
    num_experts_per_tok=6,
    first_k_dense_replace=1,
    kv_lora_rank=512,
    q_lora_rank=1536,
    qk_rope_head_dim=64,
    qk_nope_head_dim=128,
    v_head_dim=128,
)
# Plain, windowed, sharing, sized by layer, sparse, latent, hybrid, and attention of their own.
LIVE = (
    *(
        "gpt2",
        "llama mha",
        "llama gqa",
        "llama mqa",
        "mistral",
        "ministral",
        "qwen2",
        "mixtral",
        "gemma3n_text",
    ),
    *("gemma4_text", "llama4_text", "gpt_oss", "inkling_text", "modernbert-decoder", "minimax_m3_vl_text"),
    *(
        "deepseek_v3",
        "deepseek_v32",
        "longcat_flash",
        "kimi_linear",
        "jamba",
        "nemotron_h",
        "falcon_h1",
        "qwen3_next",
    ),
    *("falcon", "gpt_neo", "bloom"),
)


@cache
def zoo(name: str) -> AttentionModel:
    """The zoo's model with its own vocabulary; nothing here needs a tokenizer."""
    return wrap(build(ROWS[name]))


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.what)
def test_published_numbers(golden: Golden):
    assert golden.agrees, (golden.published, golden.ours)
    assert golden.tolerance <= 0.01
    assert golden.source
    if golden.over is None:
        ours = cost(golden.shape, golden.tokens, 1, torch.bfloat16, golden.mode).cache_bytes
        assert ours == golden.ours * 2 / golden.bytes_each


def test_a_latent_that_is_counted_twice_is_no_golden():
    doubled = replace(SHAPES["DeepSeek-V2"], kv_lora_rank=1024)
    wrong = [golden for golden in GOLDENS if golden.shape == SHAPES["DeepSeek-V2"]]
    assert wrong
    assert not any(replace(golden, shape=doubled).agrees for golden in wrong)
    assert all(figure.source and figure.published for figure in FIGURES)


@pytest.mark.parametrize("name", LIVE)
def test_a_live_cache_holds_what_the_formula_says(name: str):
    found = measure(zoo(name), prompt_tokens=12, new_tokens=3, batch=2, repeats=1)
    worked = cost(zoo(name), 15, 2, torch.float32, found.cache)
    assert found.cache_bytes == worked.cache_bytes == found.formula_bytes
    assert worked.weight_bytes == found.weights_bytes


@pytest.mark.parametrize("name", ["bart", "t5"])
def test_caches_for_cross_attention(name: str):
    row = next(row for row in PAIRS if row.name == name)
    module = build(row)
    given = inputs(row, batch=2)
    live = module(**given, use_cache=True).past_key_values
    assert isinstance(live, EncoderDecoderCache)
    held = cache_bytes(live.self_attention_cache).used + cache_bytes(live.cross_attention_cache).used
    tokens, source = given["decoder_input_ids"].shape[1], given["input_ids"].shape[1]
    worked = cost(module.config, tokens, 2, torch.float32, source_tokens=source)
    assert worked.cache_bytes == held
    assert any("cross-attention" in line.what for line in worked.lines)
    assert worked.prefill is None
    assert worked.notes


@pytest.mark.parametrize(
    ("config", "total", "active"),
    [
        (LlamaConfig(), 6_738_415_616, None),  # Llama 2 7B
        (LLAMA3, 8_030_261_248, None),
        (GPT2Config(), 124_439_808, None),
        (MixtralConfig(), 46.7e9, 12.9e9),  # arXiv 2401.04088: 47B and 13B
        (V2, 236e9, 21e9),  # arXiv 2405.04434
        (DeepseekV3Config(), 671e9, 37e9),  # arXiv 2412.19437
    ],
)
def test_parameters_of_models_that_others_have_counted(
    config: PreTrainedConfig, total: float, active: float | None
):
    weights = anatomy(config).weights
    assert weights is not None
    assert weights.total == pytest.approx(total, rel=0 if isinstance(total, int) else 0.002)
    if active is not None:
        assert weights.read == pytest.approx(active, rel=0.03)  # whether embedding and head count differs
    assert sum(part.parameters for part in weights.parts) == weights.total


@pytest.mark.parametrize(
    "name", ["gpt2", "llama gqa", "mixtral", "deepseek_v3 whole queries", "gemma2", "glm"]
)
def test_a_skeleton_has_the_parameters_of_the_module(name: str):
    counted = anatomy(zoo(name).module.config).weights
    assert counted is not None
    assert counted == anatomy(zoo(name)).weights
    assert counted.total == sum(weight.numel() for weight in zoo(name).module.parameters())


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("gpt2", "auto"),
        ("llama mha", "auto"),
        ("llama gqa", "auto"),
        ("llama mqa", "auto"),
        *(("minicpm3", mode) for mode in ("expanded", "latent", "absorbed")),
    ],
)
def test_operations_beside_torchs_own_counter(name: str, mode: str):
    """Of a prompt torch counts all pairs of query and key, we those that a causal mask leaves. It knows the operations of
    attention only where that is written out as products of matrices."""
    model, tokens = zoo(name), 24
    ids = torch.randint(model.geometry.vocab, (2, tokens), generator=torch.Generator().manual_seed(0))
    live = empty_cache(model, mode)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as prompt:
        model.module(input_ids=ids[:, :-1], past_key_values=live, use_cache=True, logits_to_keep=1)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as step:
        model.module(input_ids=ids[:, -1:], past_key_values=live, use_cache=True)
    worked, before = (
        cost(model, tokens, 2, torch.float32, mode),
        cost(model, tokens - 1, 2, torch.float32, mode),
    )
    assert worked.decode is not None
    assert before.prefill is not None
    assert worked.decode.flops == step.get_total_flops()
    shape, past = model.geometry, tokens - 1
    upper = 2 * 2 * shape.layers * shape.heads * (shape.d_head + shape.v_head_dim) * past * (past - 1) // 2
    assert before.prefill.flops + upper == prompt.get_total_flops()


def test_lines_as_people_read_them():
    texts = [line.text for line in cost(LLAMA3, 8192, 4).lines]
    assert "2 x 8 kv_heads x 128 d_head x 32 layers x 2 bytes = 131,072 bytes per token" in texts
    assert "131,072 bytes x 8,192 tokens x 4 texts = 4,294,967,296 bytes" in texts
    assert "32 x (1,024 x 4,096) = 134,217,728 parameters" in texts
    latent = [line.text for line in cost(V2, 100).lines]
    assert "(512 kv_lora_rank + 64 qk_rope_head_dim) x 60 layers x 2 bytes = 69,120 bytes per token" in latent


@pytest.mark.parametrize(
    "worked",
    [
        lambda: cost(LLAMA3, 8192, 4),
        lambda: cost(V2, 100, 2, cache="latent"),
        lambda: cost(V2, 100, 2, cache="expanded"),
        lambda: cost(zoo("gemma4_text"), 40, 3),
        lambda: cost(zoo("mixtral"), 40),
        lambda: cost(BartConfig(), 40, 2, source_tokens=70),
    ],
    ids=["gqa", "latent", "expanded", "windows", "experts", "cross"],
)
def test_every_formula_in_words_gives_its_number(worked):
    found = worked()
    assert found.cache_bytes in {line.value for line in found.lines}
    for line in found.lines:
        formula, _, result = line.text.rpartition(" = ")
        bare = re.sub(r"\([^()]*without[^()]*\)", "", formula)
        bare = re.sub(r"(?<=[ ,(])x(?= )", "*", bare.replace("min(", "MIN(").replace(" texts", ""))
        bare = re.sub(r"(?<=\d),(?=\d{3})", "", bare)
        bare = re.sub(r"\b(?!MIN\b)[a-z_]+\b|of [a-z ]+", "", bare).replace("MIN", "min")
        assert eval(bare) == line.value, line.text
        assert result == f"{line.value:,} {line.unit}"


def test_a_window_caps_the_cache_and_the_keys_that_are_read():
    mistral = MistralConfig(sliding_window=4096, num_hidden_layers=3)
    short, long, longer = (cost(mistral, tokens) for tokens in (4000, 8000, 16000))
    each = 2 * 8 * 128 * 3 * 2
    assert short.bytes_per_token == long.bytes_per_token == each
    assert short.cache_bytes == 4000 * each
    assert long.cache_bytes == longer.cache_bytes == 4095 * each
    assert long.decode == longer.decode
    assert any("window 4,096 - 1" in line.text for line in long.lines)


def test_hybrids_say_what_is_not_counted():
    found = cost(zoo("jamba"), 40)
    assert any(note.startswith("2 of 4 layers keep a state") for note in found.notes)
    looped = cost(zoo("hrm_text"), 40)
    assert looped.cache_bytes is None
    assert "is not known" in " ".join(looped.notes)


def test_experts_are_all_stored_and_few_are_read():
    one, many = cost(MixtralConfig(), 100, 1), cost(MixtralConfig(), 100, 64)
    assert one.weight_bytes is not None
    assert one.active_weight_bytes is not None
    assert one.active_weight_bytes < 0.3 * one.weight_bytes
    assert one.decode is not None
    assert many.decode is not None
    # a step of 64 texts sends tokens to every expert, so all weights but the embedding's other rows are read
    assert many.decode.bytes - (many.cache_bytes or 0) > 0.98 * one.weight_bytes
    assert one.decode.bytes < 0.3 * many.decode.bytes


def test_the_roofline_by_hand():
    work = cost(LLAMA3, 1000).decode
    assert work is not None
    slow = Peaks(flops_per_s=1e12, bytes_per_s=1e9, device="cpu", dtype="float32")
    assert work.seconds(slow) == work.bytes / 1e9  # a step is bound by memory
    assert work.seconds(replace(slow, bytes_per_s=1e15)) == work.flops / 1e12
    assert work.intensity == work.flops / work.bytes < 2
    assert slow.ridge == 1000


def test_other_kinds_of_the_same_shape():
    v2 = geometry(V2)
    kept = {kind: cost(as_kind(v2, kind), 1).bytes_per_token for kind in ("mha", "gqa", "mqa", "mla")}
    assert kept == {
        "mha": 2 * 2 * 128 * 128 * 60,
        "gqa": 2 * 2 * 8 * 128 * 60,
        "mqa": 2 * 2 * 128 * 60,
        "mla": 2 * (512 + 64) * 60,
    }
    llama = geometry(LLAMA3)
    assert as_kind(llama, "gqa") is llama
    # Table 1: a latent of 4 d_h and a rotary key of d_h / 2 equal GQA with 2.25 groups
    assert cost(as_kind(llama, "mla"), 1).bytes_per_token == 2.25 * 2 * 2 * 128 * 32
    assert as_kind(geometry(GPT2Config()), "gqa").kv_heads == 6  # of 12 heads
    for wrong in ({"kv_heads": 5}, {"kv_heads": 0}):
        with pytest.raises(BadSelection) as refused:
            as_kind(llama, "gqa", **wrong)
        assert_sentence(refused.value)


def test_users_that_one_device_serves():
    plan = plan_serving(LLAMA3, context=8192, users=100, device_bytes=80 * 10**9)
    each = 131_072 * 8192
    assert plan.own.cache_per_user == each
    assert plan.weight_bytes == 2 * 8_030_261_248
    assert plan.own.users_per_device == (72 * 10**9 - plan.weight_bytes) // each
    assert plan.own.total_bytes == plan.weight_bytes + 100 * each
    assert plan.own.devices == -(-plan.own.total_bytes // (72 * 10**9)) == 2
    others = {serving.kind: serving for serving in plan.kinds}
    assert others.keys() == {"mha", "gqa", "mqa", "mla"}
    assert others["mha"].cache_per_user == 4 * each == 32 * others["mqa"].cache_per_user
    assert [kind for kind, serving in others.items() if serving.own] == ["gqa"]
    assert plan_serving(V2, 4096, 1, 80 * 10**9).own.users_per_device == 0  # 472 GB of weights


def test_names_folders_json_and_models_are_read_alike(tmp_path: Path):
    expected = cost(zoo("llama gqa"), 30, 2).cache_bytes
    given = zoo("llama gqa").module.config.to_dict() | {"auto_map": {"AutoConfig": "evil.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(given))
    for source in (given, json.dumps(given), str(tmp_path)):
        assert cost(source, 30, 2).cache_bytes == expected
    assert cost("family-mla", 10).bytes_per_token == 2 * 4 * (128 + 16)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cost(LLAMA3, 0),
        lambda: cost(LLAMA3, 10**18),
        lambda: cost(LLAMA3, 5, -1),
        lambda: cost(LLAMA3, 5, 1, cache="absorbed"),
        lambda: cost(LLAMA3, 5, 1, cache="folded"),
        lambda: cost(BertConfig(), 5),
        lambda: cost(MambaConfig(), 5),
        lambda: cost(
            {"model_type": "llama", "num_attention_heads": 7, "num_key_value_heads": 3, "head_dim": 8}, 5
        ),
        lambda: cost({"model_type": "llama", "num_hidden_layers": 10**9}, 5),
        lambda: cost({"model_type": "llama", "hidden_size": 10**30}, 5),
        lambda: cost({"model_type": "llama", "hidden_size": -8}, 5),
        lambda: cost({"model_type": "nothing-of-the-kind"}, 5),
        lambda: cost({"hidden_size": 8}, 5),
        lambda: cost("{ broken", 5),
        lambda: cost("[1, 2]", 5),
        lambda: cost("no such thing", 5),
        lambda: cost("/nowhere/at/all", 5),
        lambda: plan_serving(LLAMA3, 5, 0, 10**9),
        lambda: plan_serving(LLAMA3, 5, 1, -1),
        lambda: plan_serving(zoo("hrm_text"), 5, 1, 10**9),
    ],
)
def test_refusals(call):
    with pytest.raises(HeadlightError) as refused:
        call()
    assert_sentence(refused.value)


def test_modes_of_latents_differ_as_measured():
    model = zoo("deepseek_v3")
    assert cache_mode(model, "auto") == "absorbed"
    assert cost(model, 9).cache_bytes == cost(model, 9, cache="absorbed").cache_bytes
    costs = {mode: cost(model, 4000, 1, cache=mode).decode for mode in ("expanded", "latent", "absorbed")}
    expanded, latent, absorbed = (work for work in costs.values() if work is not None)
    assert absorbed.bytes < expanded.bytes < latent.bytes
    assert latent.flops > 2 * expanded.flops
