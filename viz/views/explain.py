"""What am I looking at? A few plain words for every view."""

from __future__ import annotations

import streamlit as st

TEXTS = {
    "heads": """
**The wall** shows every head of the model as a small picture of its pattern, layers from top to bottom. Inside a picture,
rows are the tokens that look (queries), from the first at the top to the last; columns are the tokens looked at (keys).
Darker means more attention (brighter in the dark theme); each picture is scaled by its own strongest weight.

**The heatmap** is the selected head, exact: each row sums to 1 and says how the token on the left spreads its attention over
the tokens on top. In a decoder the upper right is empty, for nobody may look ahead.

**The tokens** above are coloured by what the clicked token looks at, in the selected head.

**Badges** name what a head does *on this text*: at least 40% of the attention to the previous token (P) or to itself (S),
30% to what followed an earlier copy of the token (I, induction) or to that copy (D, duplicate), 60% to the first token (F),
each at least twice what even attention over all visible tokens would give, on three tokens or more.
""",
    "Family": """
Four models of one size read the same text: they were trained on the same tokens in the same order, and differ in how a layer's
eight heads get their keys and values. **MHA**: each head has its own. **MQA**: all eight share one. **GQA**: each four share
one. **MLA**: all are expanded from one small latent, the only thing that must be kept. Queries are eight everywhere, so each
wall has the same rows and columns; heads of one place still have nothing in common but their place.

**Loss per token** is minus the logarithm of the probability that a model gave to the token that came: low where it was
foreseen. Where lines part, one kind of attention knew something that another did not. Its mean's exponential is the perplexity.

**Bytes per token** is what one more token adds to the key/value cache, by formula: the memory that long texts cost.
""",
    "Evolution": """
**The text** stands on top, a row below it for every character that is written. A cell is the weight with which the model looked
at that character of the text when it wrote this one: darker is more (brighter in the dark theme).
Framed are the characters that say what is written. Play writes the answer again.

**Without attention** a model keeps of a whole text the one vector that its reader ends with. **Soft attention** looks at every
character before each step, at some more. **Hard attention** draws one place and reads it alone; dots are the places that it
might have drawn. **Local attention** says where to look and looks softly around there; its window is underlined. The
**Transformer** has no recurrence at all: several heads of several layers look at the same time.

The **memory network** reads a story in three hops. Each compares its state with the *input memory* of every sentence, reads
their *output memories* by the weights that come of it, and adds what it read to its state: so what one hop finds decides what
the next looks for. A sentence taken out shows whether the answer hung on it.

All that read dates were trained on the same ones and are *measured* on the same 2,000 others, of days that no model has
seen.
""",
    "What it fixed": """
Each kind of attention came to fix something. Here that is *measured* on your own date or story, and said in the numbers that
came out; where it does not show on this input, that is said too.

**None, soft**: the date is hidden in more and more words, 30 draws of each length. One vector has to hold all of them; soft
attention looks again at each step. **Memory**: how probable the right word is after each hop, and with a hop switched off.
**Hard**: one annotation is read where soft attention reads all; the clock is held to that step alone. **Local**: how many
places its window takes in, how much of the weight its Gaussian takes away, how far the foretold centre is from the character
that says the answer. **Self, cross, many heads**: how far, whereto and at how many places the Transformer's heads look in one
step, and how probable the right date is without each head, which then gives zeros. **MQA, GQA, MLA** and the module that is
latent in name only: what is kept of your text, counted in the tensors, beside the *formula* (a tick).
""",
    "Formation": """
An untrained model's heads all do the same: they spread their attention evenly, so each token gets its share by chance (the
dashed line). In training some take on a task. A **previous-token head** looks one token back. An **induction head** looks for
an earlier copy of the present token and at *what came after it*: after the second “Clara” it looks at “Whitfield”. With it a
model repeats what the text itself has taught it a moment ago, the simplest way to learn from context, and it needs a
previous-token head in a layer below. That is why its score stays flat for long and then jumps, in large models too, together
with a drop of the loss (published: Olsson et al. 2022, arXiv 2209.11895). These four jump when they are made to: from 5.05 to
6.5 million tokens most of what they read is its own beginning over and over. The loss on novels rises for that while. From
7.5 million on one sequence in seven repeats itself or random tokens, so that what they have learnt holds for any word.

**Play** runs through the training. A picture is what a head did with the probe text at that step, rows the tokens that look,
columns those looked at, scaled by its own strongest weight; badges name what it does, by the convention of the page Explore.
**Scores** are shares of attention, 0 to 1. *Strongest* is the highest of all 32 heads at that step, so it is above chance from
the start. Everything here was *measured* while the model was trained, at steps evenly spaced in the logarithm.
""",
    "Scores": """
In latent attention a head's score of one token for another, before the softmax, is a sum of two. The **content part** compares
the query with a key that the head builds from the other token's latent: it knows what the token is, not where it stands. The
**rotary part** compares it with the small rotated key that all heads of the layer share: it changes with the distance, too.
The three pictures stand on one scale, orange below zero, indigo above; the framed row is the chosen token.

The softmax does not notice a number that is added to *all* scores of a query. **Centred per query** takes each query's mean
over the keys it sees away, so what is left is what the attention comes from; **as they are** shows the scores untouched.

A **content head** (C) tells keys apart by content: at least two thirds of the variance over the keys that a query may see is
the content part's. A **position head** (P) has at most one third from it, a **mixed head** (M) lies between. **Coupling** above
0 means that the parts push the same keys, below 0 that they cancel. A convention of ours, *measured* on this text; the rotary
part, too, depends on the tokens, not on their distance alone.
""",
    "Latents": """
In **latent attention** (MLA) a layer keeps one short vector of each token, the *latent*, and every head builds its own key and
value from it: k = W_UK c, v = W_UV c (DeepSeek-V2, arXiv 2405.04434). The latents are what the cache holds, beside one small
**rotary key** that all heads share and that says where the token stands.

**The map** shows the latents of one layer as the cache holds them: a row a token, a column a dimension, indigo above zero and
orange below. Its colours end where all but half a percent of the numbers are smaller; hovering tells the number. The text on
top is shaded by the chosen dimension. Arrow keys move, Home and End go to the first and the last token.

**Position**: how long a key and a value each head builds from the chosen token's one latent. A head with a tall key bar can be
sharp about this token; one with a short value bar takes little from it, however much it looks.

**Dimension**: which heads use it, from the weights alone, and where in the text it is strongest. Dimensions have no meaning of
their own by design: a rotation of the latent that W_UK and W_UV undo would change the map and nothing else.
""",
    "Spectrum": """
A latent of 128 numbers need not use 128 directions. The **singular values** of a layer's latents on this text say how much of
each direction it uses, the **effective rank** how many directions that amounts to: the exponential of the entropy of the
singular values' shares (Roy & Vetterli 2007). It is 1 where all tokens cache the same vector up to its length, and as large as
the latent is wide where every direction is used alike. The latents are taken as they are, not less their mean, for heads read
them so. A text of few tokens cannot show many directions: the dotted line.
""",
    "Overlap": """
A head reads the latent through its own W_UK (for its keys) and W_UV (for its values), narrower than the latent: it sees a part
of it, a subspace. The **overlap** of two heads is the mean squared cosine of the principal angles between their parts (Björck &
Golub 1973): 1 where one part holds the other, 0 where they share nothing. Two random parts overlap by *chance*, the more the
wider they are. Indigo pairs read more alike than chance, orange pairs keep out of each other's way.

**Principal angles**: 0° is a direction that both read, 90° one that the other cannot see at all. All of it is from the weights.
""",
    "Other kinds": """
MHA, GQA and MQA cache a key and a value for each key/value head. Side by side with the latents: the same text, the cached
vectors of one layer (keys after rotary embedding, then values), how many directions they really use, and what a token costs.
A cache whose effective rank is far below its width keeps more numbers than it needs; the latent's promise is to keep fewer.
Layers are compared by depth, because models differ in how many they have; a text of few tokens bounds both (dotted).
""",
    "Convert": """
A model with multi-head, grouped-query or multi-query attention caches a key and a value per token, layer and key/value head.
Here they are replaced by **one latent** per token and layer: a shorter vector from which keys (before the rotary embedding)
and values are expanded again, as in multi-head latent attention (MLA). What the latent keeps is chosen on a calibration text:
the directions that the queries and the output projection make most use of (activation-aware low-rank factors), with keys and
values balanced. Nothing else of the model is changed, and nothing is trained.

**Perplexity** is the exponential of the mean loss per token: among how many equally likely tokens the model seems to waver.
The line goes through latents of 100% to 25% of the full rank; at full rank a conversion is exact. Where d_model is less than
all keys and values together, as in MHA, full rank is less than the whole cache.

**Change of a head** is the mean total variation distance between its rows before and after, on the text in the sidebar: 0%
where all attention lies where it was, 100% where none does. Heads of later layers change most, for they also see what went
wrong before them.

**Healing** trains the factors of the latents, and nothing else, until the converted model predicts what its original predicts.
""",
    "Switch off": """
A head gate takes one reader away; a **cut** takes away what all heads of a layer read. The model runs the text again with the
chosen part of its latents set to zero; its weights stay as they are, and nobody but you sees it. **Whole latent**: the layer's
heads have nothing to write, and their patterns come from positions alone. **Rotary key**: scores are content alone, so no head
of the layer knows where a token stands. **Dimensions** are single numbers of the latent. **Directions** are the axes along
which this text's latents are longest (singular directions, not centred): “all but the strongest” asks how few are enough.
Several cuts add up.

**Change** is the loss with the cut less the loss without, in nats: indigo where a token became harder to foresee, orange where
it became easier. **Changed** says how much of a head's attention went elsewhere: the total variation distance between its rows
before and with the cut, mean over the tokens, 0 to 1. Heads in layers below the cut do not change; those above read what is
left. All of it is *measured* on this text; on another text another layer may matter.
""",
    "Importance": """
A head matters if the model gets worse without it. **Leave-one-out** importance switches each head off alone and asks how far
the loss rises on a text that is not yours: indigo where the head is missed, orange where the model does better without it.
Heads that were chosen on a text look better on it than elsewhere, so they are ranked on the first half of it, and curves and
sets of heads are measured on the second.
**Gradient** importance guesses the same for all heads from one backward pass (Michel et al. 2019, arXiv 1905.10650). Where the
two disagree, the guess is wrong, or heads stand in for one another: of two that do the same, neither is missed alone.

**The curves** switch off more and more heads: the least important first, by one measure or the other; in *random* order, with a
band from the lowest to the highest draw; and *greedy*, where importance is measured again after every step. Only a distance
from the random band says that an order knows something. The star is what you have switched off, on the same text.

What stands for a head that is off is chosen above; the gradient's guess is about zeros, whatever is chosen. Encoders predict
no next token, so KL tells how far their predictions move; models without a language head show how far their output moves. Few
tokens are noisy: small differences mean nothing.
""",
    "Doubts": """
Things that people say about pruning, each with an experiment on the model in view and with what came of it. The sentence below
a figure is put together from the numbers that were *measured*: on another model, another text or another machine it may say
the opposite. Where a limit decides (5% of the loss, 90% of the attention), it is named. Importance is leave-one-out, on the
first half of the text that is set in the view Importance, and what is chosen by it is measured on the second. Nothing is
trained after heads are taken away, so a model that was trained with fewer heads may do better than what is left here.
""",
    "Measure": """
Each contender reads a prompt of random tokens and writes some more, one by one. Contenders take turns, A B C A B C, after a
run each that warms up, so what disturbs the machine disturbs all alike; charts show the **median** of the repeats, bars go from
the lower to the upper quartile. Random tokens do, because time does not depend on which tokens are read.

**Cache**: bytes counted in the tensors of the live cache (*measured*) on the line that the config foretells (*formula*: keys
and values of every key/value head, or for MLA latent and rotary key; DeepSeek-V2, arXiv 2405.04434, Table 1). **Time of one
step**: one new token for every text of the batch; **throughput** is new tokens of all texts a second.

**Latent attention has three ways to keep its past**, with the same output: *expanded* keeps every head's keys and values;
*latent* keeps the latents and expands the whole past at each step; *absorbed* keeps the latents and reads them as they are.
Small models on a CPU wait for the program more than for memory, so a smaller cache shows in bytes before it shows in time.
""",
    "Planner": """
A decoder keeps keys and values, or for MLA latents, of every token that it has read: the **cache**. It grows with each token of
each user, while the weights are there once. So the cache decides how many users a device serves. All of it here is *formula*
(DeepSeek-V2, arXiv 2405.04434, Table 1), from the model's config alone; each number stands above the formula that gives it.

**As another kind**: the same layers and heads with other attention, in the sizes that papers give such models. GQA has 8
key/value heads (fewer where heads are few), MQA one, MLA a latent of 4 x d_head and a rotary key of half a d_head. No such
model need exist, and one that did would read text otherwise: what a smaller cache costs in quality is in Measure.

90% of a device's memory counts as usable. Activations, fragmentation, prefix sharing and a quantized cache are not counted.
A saving is one **against something**: the table below says against what the famous ones are.
""",
    "Roofline": """
A processor can be short of two things: arithmetic, or bytes from memory. **Arithmetic intensity** is operations for each byte
that must be moved (*formula*: weights and cache, without activations). Left of the ridge a pass waits for memory, and the most
it can reach is intensity x bytes a second; right of it arithmetic is the limit (Williams, Waterman & Patterson 2009). Both
peaks were *measured* here, by a product of two large matrices, and by a copy and a sum of a large buffer.

**Prefill** reads a whole prompt at once: each weight is used for every token of it. **Decode** reads all weights and the whole
cache for one token of each text. More texts at once share the weights, never the cache: that is why decoding moves right with
the batch, and why it stops moving where the cache outweighs the weights. A smaller cache moves further. Absorbed latent
attention does more arithmetic for each byte of cache, which costs nothing as long as memory is what one waits for.

Crosses are what Measure has *measured* on this server at the same context and batch. Small models stay far below the roof:
the program takes longer to ask for their operations than the processor to do them.
""",
    "Self-check": """
Calculators of caches disagree: some count a latent twice, some count query heads where keys are shared. Here every *published*
number that a formula gives stands beside ours, worked out when this view is opened. A number agrees where it lies within the
rounding of what is printed; where our reading needs a remark, it is there. What others have measured and no formula gives is
listed below it as *published* only.

**Live caches**: the family's models read a few tokens, the bytes in their cache's tensors are counted (*measured*), and must be
what the formula says to the byte, in each of MLA's three ways to keep its past.
""",
    "Lines": """
The same weights as lines: on the left the token that looks, on the right what it looks at; a stronger line is more attention.
Hover over a token to see its lines alone.
""",
    "Compare": """
Two patterns side by side, and what is left when one is subtracted from the other: indigo where the first looks more, orange
where the second does. The total variation distance is half the sum of all differences in a row: 0% for equal rows, 100% for
rows that share nothing.
""",
    "BertViz": """
**head view** and **model view** are BertViz's own drawings of the same weights (Vig 2019, arXiv 1906.05714), served from this
machine. **query and key** shows where a weight comes from: the query of one token, the key of every token it may see, their
product dimension by dimension, the sum (scaled), and the softmax of the sums, which is the weight.
""",
    "Rollout": """
Attention rollout (Abnar & Zuidema 2020, arXiv 2005.00928) follows attention through all layers: each layer's heads are
averaged, half of every token is taken to pass straight on (the residual stream), and the layers are multiplied. A row says
which tokens of the text a token's last layer is made of, if attention were all that moves information. It ignores what the
values and the feed-forward layers do, so read it as a sketch.
""",
    "All heads": """
Every head and what it scores on this text. Click a column's name to sort, a row to select the head. The CSV holds the chance
level of every score too: what a head would score that spreads its attention evenly over all it may see.
""",
    "Remove for real": """
A head that is switched off is computed all the same, and its output then set to zero: a mask makes no model faster.
**Removing** takes its rows and columns out of the query, key, value and output matrices. The result is a smaller model that
computes what the gated one does; all other weights are shared with the original, which stays as it is.

**The cache** shrinks only where keys and values go. In MHA each head has its own. In GQA several heads read one key/value head,
and it must stay until the whole group is gone. In MQA all heads of a layer share one, and in latent attention (MLA) all read
one latent, so there only a layer without any heads frees something.

**Faster?** Heads are a part of a layer's work; the feed-forward part stays as it is. What operations foretell is a bound: at
batch 1 a step of writing mostly waits for weights to come from memory, and many small operations take as long with fewer heads.
So the three are timed *in turn* (A B C A B C), and something counts as faster only where it was so in every repeat.
""",
    "Prune": """
A head that is **off** writes nothing of its own: what it puts out is replaced before the output projection mixes the heads of
its layer, for this run and for you alone. No weight is changed, and the model does not get faster by it. By **zeros** nothing
is left. By **its mean** a head says the same at every token, what it says on average over the evaluation text that comes with
Headlight. By **another text** it says what it said there, position by position.

**Loss** is minus the logarithm of the probability that the model gave to the token that came, mean over the text; its
exponential is the **perplexity**. **KL** says how far the predictions are from those with all heads, whatever came.
**Attention moved** is the share of a head's attention that went elsewhere: the total variation distance between its rows
before and after, mean over the tokens, 0 to 100%. A teal frame on the wall is a head that moved, the stronger the more. Heads
of the same layer and of those below cannot move, for what is off comes after them.

**Random heads** are what a choice must be held against: as many heads of the same layers, drawn five times. A head matters
where it costs more than they do. And one head may stand in for another: that nothing breaks does not say that it did nothing.
""",
    "Continue": """
On the left what the model holds likeliest to come next, with its probability after the softmax over the whole vocabulary. On
the right it goes on writing; then look at the heads over the longer text, for instance to see where a copied name came from.

**Tokens per second** is *measured* while it writes, the median of the last 16 tokens. The **cache** is what must be kept of
every token read: the thick line is *counted* in its tensors step by step. The thin lines are *formula*: what the same layers
and heads would keep as another kind of attention, in the sizes that papers give such models (MHA: keys and values for each
head; GQA-4: for four groups of heads; MQA: for all heads one; MLA-128: a latent of 128 and a rotary key).
""",
    "Download": """
PNG and SVG are the picture of the selected head; CSV its weights with all digits; HTML a page of it that works without a
network; NPZ everything that all heads did, to reopen in a notebook with `models.Capture.load`.
""",
}


def explain(view: str) -> None:
    """The view's explanation, folded."""
    with st.expander("What am I looking at?"):
        st.markdown(TEXTS[view])
