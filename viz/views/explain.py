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
    "Formation": """
An untrained model's heads all do the same: they spread their attention evenly, so each token gets its share by chance (the
dashed line). In training some take on a task. A **previous-token head** looks one token back. An **induction head** looks for
an earlier copy of the present token and at *what came after it*: after the second “Clara” it looks at “Whitfield”. With it a
model repeats what the text itself has taught it a moment ago, the simplest way to learn from context, and it needs a
previous-token head in a layer below. That is why its score stays flat for long and then jumps, in large models too, together
with a drop of the loss (published: Olsson et al. 2022, arXiv 2209.11895).

**Play** runs through the training. A picture is what a head did with the probe text at that step, rows the tokens that look,
columns those looked at, scaled by its own strongest weight; badges name what it does, by the convention of the page Explore.
**Scores** are shares of attention, 0 to 1. *Strongest* is the highest of all 32 heads at that step, so it is above chance from
the start. Everything here was *measured* while the model was trained, at steps evenly spaced in the logarithm.
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
    "Continue": """
On the left what the model holds likeliest to come next, with its probability after the softmax over the whole vocabulary. On
the right it goes on writing; then look at the heads over the longer text, for instance to see where a copied name came from.
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
