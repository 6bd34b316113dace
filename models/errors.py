"""What can go wrong at the boundary; every message is a whole sentence fit to show on the page."""


class HeadlightError(ValueError):
    """Something the person can mend: says what was expected, what came, and what to do."""


class UnknownModel(HeadlightError):
    """The name is neither in the catalogue, nor a Hub id that answers, nor a folder."""


class UnsupportedModel(HeadlightError):
    """The model exists but has no text attention to show, or cannot be loaded safely."""


class BrokenWeights(HeadlightError):
    """Weights are missing, damaged, or do not match their checksum."""


class BadText(HeadlightError):
    """The text cannot be read by this model."""


class TextTooLong(BadText):
    """The text has more tokens than the model, or the page, takes.

    tokens: how many the text has; limit: how many are taken.
    """

    def __init__(self, message: str, tokens: int, limit: int) -> None:
        super().__init__(message)
        self.tokens = tokens
        self.limit = limit


class BadSelection(HeadlightError):
    """A layer, head, device or other choice that does not exist here."""


class BadCard(HeadlightError):
    """A model's card is missing, cannot be read, or contradicts itself."""
