"""The timeline of attention: what came when, its formula, what it mended, what it costs and who uses it."""

from __future__ import annotations

from models.classic.milestones import Milestone, MilestoneCost
from models.classic.nominal_latent import NominalLatentConfig
from models.classic.papers import ALIGN, GQA, LOCAL, MEMORY, MLA, MQA, PHRASES, SEQ2SEQ, SHOW, TRANSFORMER
from models.shape.attention_geometry import Geometry, Kind, geometry
from models.shape.family import family_config, family_name

_TEXTS = "$T_x$ is the length of the source, $T_y$ of what is written"
_ONE_TEXT = "$n$ is the length of the text"
_HEADS = "$n_h$ heads are $d_h$ wide each"


def _family(kind: Kind) -> Geometry:
    return geometry(family_config(kind))


def _one_layer(heads: int) -> Geometry:
    """As wide as the family."""
    return NominalLatentConfig(_family("mha").d_model, heads).geometry


TIMELINE: tuple[Milestone, ...] = (
    Milestone(
        key="none",
        title="No attention",
        papers=(SEQ2SEQ, PHRASES),
        formula=(
            r"\begin{aligned} v &= h_{T_x} \\ "
            r"p(y \mid x) &= \prod_{t=1}^{T_y} p(y_t \mid v, y_1, \dots, y_{t-1}) \end{aligned}"
        ),
        mended="Translation was put together from parts that were built apart; here one network learns all of it, end to end.",
        cost=MilestoneCost(
            r"O(T_x + T_y)", r"O(1)", "", f"{_TEXTS}; the whole source is held in one vector of fixed width."
        ),
        used_by="The split into encoder and decoder lives on in T5, BART and Whisper, with attention between them.",
        model="classic-none",
    ),
    Milestone(
        key="soft",
        title="Soft (additive) attention",
        papers=(ALIGN,),
        formula=(
            r"\begin{aligned} e_{ij} &= v_a^\top \tanh(W_a s_{i-1} + U_a h_j) \\ "
            r"\alpha_{ij} &= \frac{\exp(e_{ij})}{\sum_k \exp(e_{ik})}, \quad c_i = \sum_j \alpha_{ij} h_j \end{aligned}"
        ),
        mended=(
            "One vector had to hold the whole source, so long texts were forgotten. Now every step looks at all annotations "
            "of the source again, with weights that say where."
        ),
        cost=MilestoneCost(
            r"O(T_x T_y)", r"O(T_x)", "", f"{_TEXTS}; one annotation of each source token is held."
        ),
        used_by="Tacotron 2 has a form of it that also sees where it looked before; as pooling it weighs parts of a whole.",
        model="classic-soft",
    ),
    Milestone(
        key="hard",
        title="Hard (stochastic) attention",
        papers=(SHOW,),
        formula=(
            r"\begin{aligned} \tilde{s}_t &\sim \mathrm{Multinoulli}(\{\alpha_{t,i}\}) \\ "
            r"\hat{z}_t &= \sum_i \tilde{s}_{t,i} a_i \\ "
            r"\nabla &\approx \nabla \log p(y \mid \tilde{s}, a) + \lambda_e \nabla H[\tilde{s}] \\ "
            r"&\quad + \lambda_r [\log p(y \mid \tilde{s}, a) - b] \\ "
            r"&\quad \quad \cdot \nabla \log p(\tilde{s} \mid a) \end{aligned}"
        ),
        mended=(
            "Soft attention mixes all places into one context. Here one place is drawn and read alone, so what was looked at "
            "is beyond doubt; since a draw has no gradient, it is trained by REINFORCE with a baseline."
        ),
        cost=MilestoneCost(
            r"O(T_x T_y)",
            r"O(T_x)",
            "",
            f"{_TEXTS}; all $T_x$ places are scored at each step, but only one is read.",
        ),
        used_by="Rare in attention itself; choosing a few of many lives on where a mixture of experts routes its tokens.",
        model="classic-hard",
    ),
    Milestone(
        key="memory",
        title="Memory network",
        papers=(MEMORY,),
        formula=(
            r"\begin{aligned} p_i &= \mathrm{Softmax}(u^\top m_i), \quad o = \sum_i p_i c_i \\ "
            r"u^{k+1} &= u^k + o^k \\ \hat{a} &= \mathrm{Softmax}(W u^{K+1}) \end{aligned}"
        ),
        mended=(
            "Soft attention looks once for each word. Several hops over the same memory let what one finds decide what the "
            "next looks for; what is matched and what is read out are two embeddings."
        ),
        cost=MilestoneCost(
            r"O(K\,N)",
            r"O(N)",
            "",
            "$K$ hops go over $N$ sentences, each held as an input and an output memory.",
        ),
        used_by="Hardly any model by this name; matching keys and reading values, layer after layer, is what Transformers do.",
        model="classic-memory",
    ),
    Milestone(
        key="local",
        title="Local attention (local-p)",
        papers=(LOCAL,),
        formula=(
            r"\begin{aligned} p_t &= S \cdot \mathrm{sigmoid}(v_p^\top \tanh(W_p h_t)) \\ "
            r"a_t(s) &= \mathrm{align}(h_t, \bar{h}_s) \exp\left(-\frac{(s - p_t)^2}{2\sigma^2}\right) \\ "
            r"\sigma &= D / 2 \end{aligned}"
        ),
        mended=(
            "Hard attention has no gradient through its choice, soft attention reads every place. A window around a predicted "
            "centre reads few places, and its bell curve lets the gradient through."
        ),
        cost=MilestoneCost(
            r"O(D\,T_y)",
            r"O(T_x)",
            "",
            f"{_TEXTS}, $S = T_x$; each step reads the $2D + 1$ places around its centre.",
        ),
        used_by="Windows that lie fixed around each token, not predicted ones: Longformer, Mistral 7B v0.1, Gemma 2.",
        model="classic-local",
    ),
    Milestone(
        key="self",
        title="Self-attention, one head",
        papers=(TRANSFORMER,),
        formula=r"\mathrm{softmax}\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V",
        mended=(
            "Recurrence reads one token after the other. Where a text attends to itself, all tokens are read at once and any "
            "two are one step apart."
        ),
        cost=MilestoneCost(
            r"O(n^2 d)",
            r"O(n^2)",
            r"2\,d",
            f"{_ONE_TEXT}, $d$ the model's width, which one head has to itself; a fused kernel holds no whole pattern.",
        ),
        used_by="BERT, GPT-2, Llama and vision transformers, all of them with several heads.",
        model="classic-cross",
        layer=_one_layer(1),
    ),
    Milestone(
        key="cross",
        title="Cross-attention",
        papers=(TRANSFORMER,),
        formula=(
            r"\begin{aligned} Q &= X_{\mathrm{target}} W^Q \\ "
            r"K &= X_{\mathrm{source}} W^K, \quad V = X_{\mathrm{source}} W^V \\ "
            r"&\mathrm{softmax}\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V \end{aligned}"
        ),
        mended=(
            "Additive attention runs a small network for each pair of places, step by step. A dot product is one matrix "
            "product for all steps of training, and every layer of the decoder looks at the source anew."
        ),
        cost=MilestoneCost(
            r"O(T_x T_y d)",
            r"O(T_x T_y)",
            r"2\,n_h d_h",
            f"{_TEXTS}, $d$ the width; {_HEADS}, kept of the source's tokens once.",
        ),
        used_by="T5, BART and Whisper; Stable Diffusion's image network looks at its prompt in this way.",
        model="classic-cross",
        layer=_family("mha"),
    ),
    Milestone(
        key="multi-head",
        title="Multi-head attention (MHA)",
        papers=(TRANSFORMER,),
        formula=(
            r"\begin{aligned} &\mathrm{Concat}(\mathrm{head}_1, \dots, \mathrm{head}_h)\, W^O \\ "
            r"&\mathrm{head}_i = \\ &\quad \mathrm{Attention}(Q W_i^Q, K W_i^K, V W_i^V) \end{aligned}"
        ),
        mended=(
            "One head averages over all that it looks at. Several narrow heads look at several places at once, for no more "
            "arithmetic than one wide head."
        ),
        cost=MilestoneCost(
            r"O(n^2 d)", r"O(n^2)", r"2\,n_h d_h", f"{_ONE_TEXT}, $d$ the model's width; {_HEADS}."
        ),
        used_by="BERT, GPT-2, GPT-3 and Llama 2 7B.",
        model=family_name("mha"),
        layer=_family("mha"),
    ),
    Milestone(
        key="mqa",
        title="Multi-query attention (MQA)",
        papers=(MQA,),
        formula=(
            r"\begin{aligned} &\mathrm{head}_i = \\ "
            r"&\quad \mathrm{Attention}(Q W_i^Q, K W^K, V W^V) \end{aligned}"
        ),
        mended=(
            "Each step of writing reads the keys and values of every head, and memory is slower than arithmetic. All heads "
            "share one key and one value, so there is less to read by as many times as there are heads."
        ),
        cost=MilestoneCost(
            r"O(n^2 d)",
            r"O(n^2)",
            r"2\,d_h",
            f"{_ONE_TEXT}, $d$ the model's width; {_HEADS}, over one key head.",
        ),
        used_by="PaLM, Falcon-7B, StarCoder and Gemma 2B.",
        model=family_name("mqa"),
        layer=_family("mqa"),
    ),
    Milestone(
        key="gqa",
        title="Grouped-query attention (GQA)",
        papers=(GQA,),
        formula=(
            r"\begin{aligned} &\mathrm{head}_i = \\ "
            r"&\quad \mathrm{Attention}(Q W_i^Q, K W_{g(i)}^K, V W_{g(i)}^V) \\ "
            r"&g(i) = \lceil i \, n_g / n_h \rceil \end{aligned}"
        ),
        mended=(
            "One shared key and value costs quality. Groups of heads share one each: nearly as good as many, nearly as quick "
            "as one, and a trained multi-head model can be turned into it."
        ),
        cost=MilestoneCost(
            r"O(n^2 d)",
            r"O(n^2)",
            r"2\,n_g d_h",
            f"{_ONE_TEXT}, $d$ the model's width; {_HEADS}, over $n_g$ key heads.",
        ),
        used_by="Llama 3, Mistral 7B and SmolLM2-135M.",
        model=family_name("gqa"),
        layer=_family("gqa"),
    ),
    Milestone(
        key="mla",
        title="Multi-head latent attention (MLA)",
        papers=(MLA,),
        formula=(
            r"\begin{aligned} \mathbf{c}_t^{KV} &= W^{DKV} \mathbf{h}_t \\ "
            r"\mathbf{k}_t^C &= W^{UK} \mathbf{c}_t^{KV}, \quad \mathbf{v}_t^C = W^{UV} \mathbf{c}_t^{KV} \\ "
            r"\mathbf{k}_t^R &= \mathrm{RoPE}(W^{KR} \mathbf{h}_t) \end{aligned}"
        ),
        mended=(
            "Fewer keys and values cost quality. One narrow latent is kept of each token instead, and every head expands keys "
            "and values of its own from it; a small rotary key beside it holds the position."
        ),
        cost=MilestoneCost(
            r"O(n^2 d)",
            r"O(n^2)",
            r"d_c + d_h^R",
            f"{_ONE_TEXT}, $d$ the model's width; the latent is $d_c$ wide, the rotary key $d_h^R$.",
        ),
        used_by="DeepSeek-V2, DeepSeek-V3 and R1, Kimi K2.",
        model=family_name("mla"),
        layer=_family("mla"),
    ),
    Milestone(
        key="nominal-latent",
        title="Latent in name only",
        papers=(),
        formula=(
            r"\begin{aligned} \mathbf{q}_t &= W^Q \mathbf{h}_t, \quad \mathbf{k}_t = W^K \mathbf{h}_t \\ "
            r"\mathbf{v}_t &= W^V \mathbf{h}_t, \quad W^Q, W^K, W^V \in \mathbb{R}^{d \times d} \end{aligned}"
        ),
        mended=(
            "Nothing: articles show it as latent attention, but it makes nothing narrower than keys and values, so it keeps "
            "all that multi-head attention keeps."
        ),
        cost=MilestoneCost(
            r"O(n^2 d)",
            r"O(n^2)",
            r"2\,n_h d_h",
            f"{_ONE_TEXT}, $d$ the model's width; {_HEADS}: those of MHA.",
        ),
        used_by="No model needs it: it is multi-head attention under another name, and the family's MHA opens.",
        model=family_name("mha"),
        warning=True,
        layer=_one_layer(_family("mha").heads),
    ),
)
