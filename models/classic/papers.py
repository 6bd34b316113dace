"""The papers in which the kinds of attention first stood."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paper:
    """authors: in short. arxiv: the number behind arxiv.org/abs/, whose first two digits are the year."""

    title: str
    authors: str
    arxiv: str

    @property
    def year(self) -> int:
        """Of its first version."""
        return 2000 + int(self.arxiv[:2])


SEQ2SEQ = Paper("Sequence to Sequence Learning with Neural Networks", "Sutskever, Vinyals, Le", "1409.3215")
PHRASES = Paper(
    "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
    "Cho et al.",
    "1406.1078",
)
ALIGN = Paper(
    "Neural Machine Translation by Jointly Learning to Align and Translate",
    "Bahdanau, Cho, Bengio",
    "1409.0473",
)
MEMORY = Paper("End-To-End Memory Networks", "Sukhbaatar, Szlam, Weston, Fergus", "1503.08895")
SHOW = Paper(
    "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention",
    "Xu et al.",
    "1502.03044",
)
LOCAL = Paper(
    "Effective Approaches to Attention-based Neural Machine Translation",
    "Luong, Pham, Manning",
    "1508.04025",
)
TRANSFORMER = Paper("Attention Is All You Need", "Vaswani et al.", "1706.03762")
MQA = Paper("Fast Transformer Decoding: One Write-Head is All You Need", "Shazeer", "1911.02150")
GQA = Paper(
    "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints",
    "Ainslie et al.",
    "2305.13245",
)
MLA = Paper(
    "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model",
    "DeepSeek-AI",
    "2405.04434",
)

# Test error in percent of the joint network with 3 hops, PE, LS and RN, on bAbI with 1,000 training questions of each of all 20
# tasks: MEMORY, Table 1. As others quote it; the stories are bAbI's own.
MEMORY_TEST_ERROR = {1: 0.0, 2: 11.4, 3: 21.9, 15: 0.0}
