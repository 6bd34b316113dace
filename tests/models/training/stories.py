"""Text to learn from, made in place."""

import random


def story(sentences: int, seed: int = 0) -> str:
    """Sentences of a few words, a paragraph a line."""
    draw = random.Random(seed)
    names, verbs = ("Clara", "Marlow", "Harlow", "the captain"), ("saw", "met", "wrote to", "waited for")
    lines = [f"{draw.choice(names)} {draw.choice(verbs)} {draw.choice(names)}." for _ in range(sentences)]
    return "\n".join(lines)
