"""Texts on which heads show what they do."""

from dataclasses import dataclass

from models.loading.catalog import Task


@dataclass(frozen=True, slots=True)
class Sample:
    """A text to try; note: what to look for. second: the other sentence of a pair, read by encoders only."""

    title: str
    text: str
    note: str
    second: str = ""


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "Who gave the drink?",
        "When Mary and John went to the store, John gave a drink to Mary. When Mary and John went to the park, John gave "
        "a flower to",
        "Names return, so heads that look for what followed last time (induction) stand out.",
    ),
    Sample(
        "Coreference",
        "The trophy did not fit into the brown suitcase because it was too small, so Anna took the suitcase back to the "
        "shop where she had bought it.",
        "Where do “it” and “she” look?",
    ),
    Sample(
        "Repeated words",
        "one two three four five one two three four five one two three four five",
        "The clearest text for induction: after “two” they look at what followed “two” before.",
    ),
    Sample(
        "A made-up name, twice",
        "Mrs Quillfeather-Ombrey opened the door. Nobody had seen Mrs Quillfeather-Ombrey for years, and Mrs "
        "Quillfeather-Ombrey",
        "A name no model knows can only be copied: watch who copies it.",
    ),
    Sample(
        "Python",
        "def mean(values):\n    total = 0\n    for value in values:\n        total += value\n    return total / len(values)"
        "\n\nprint(mean([1, 2, 3]))\n",
        "Indentation, closing brackets and the names of variables each have heads of their own.",
    ),
    Sample(
        "Brackets",
        "f(a, g(b, h(c, d), e), [i, {j: (k, l)}, m])",
        "Does a closing bracket look at the one it closes?",
    ),
    Sample(
        "A list",
        "Shopping list:\n- apples\n- pears\n- plums\n- cherries\n\nWhat I already have:\n- pears\n- plums\n\nStill to buy:\n-",
        "The dash at the end looks at earlier dashes and at what followed them.",
    ),
    Sample(
        "Arithmetic",
        "12 + 30 = 42\n15 + 21 = 36\n40 + 17 = 57\n23 + 14 =",
        "Digits look at the digits of the same place, and signs at signs.",
    ),
    Sample(
        "Quotation",
        "“I shall never,” said the captain, “leave this ship,” and the mate answered: “Then neither shall I.”",
        "Closing quotation marks look at opening ones.",
    ),
    Sample(
        "German, verb at the end",
        "Die Frau, die gestern mit ihrem kleinen Hund durch den verregneten Park gegangen ist, hat ihren Schirm verloren.",
        "“ist” and “hat” stand far from their subject “Frau”.",
    ),
    Sample(
        "Japanese",
        "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。",
        "One character is several tokens to most models: heads glue the pieces together.",
    ),
    Sample(
        "Arabic, right to left",
        "كان هناك رجل عجوز يعيش في بيت صغير على شاطئ البحر، وكان البيت قديما جدا.",
        "The order of tokens is the order of reading, whichever way the line runs.",
    ),
    Sample(
        "A pair of sentences",
        "A man is playing a guitar on the stage.",
        "For encoders: which words of one sentence find their partner in the other?",
        second="Someone performs music in front of an audience.",
    ),
    Sample(
        "Fill the mask",
        "The capital of France is [MASK].",
        "For masked models: what do heads at the mask look at?",
    ),
)

DEFAULT = SAMPLES[0]

# Dates as people spell them, for the models that read nothing else.
DATES = (
    "Wednesday, the 9th of May 2018",
    "Feb 3rd, '98",
    "5/9/2018",
    "31.12.1999",
    "twenty-first of June 1969",
    "born on 14-Oct-66 in Paris",
)

# Short stories with a question, for the memory network.
STORIES = (
    "Mary went to the kitchen. John went to the garden. Mary got the milk. Mary went to the bathroom. John went to the "
    "hallway. Where is the milk?",
    "Sandra journeyed to the office. Daniel moved to the bedroom. Sandra travelled to the garden. Where is Sandra?",
)


def samples_of(task: Task) -> tuple[Sample, ...]:
    """For models that read any text, or that were trained for one task alone."""
    texts = {"dates": DATES, "stories": STORIES}.get(task)
    return (
        SAMPLES
        if texts is None
        else tuple(Sample(text, text, "One that the model was trained to read.") for text in texts)
    )
