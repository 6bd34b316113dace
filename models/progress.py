"""How long work tells its caller where it stands, without knowing who listens."""

from collections.abc import Callable

Progress = Callable[[str, float], None]  # what is being done, and the fraction done (0 to 1)


def no_progress(message: str, fraction: float) -> None:
    """Listen to nothing."""


def part(progress: Progress, start: float, stop: float) -> Progress:
    """A progress whose 0..1 is the span start..stop of the given one."""

    def report(message: str, fraction: float) -> None:
        progress(message, start + (stop - start) * min(max(fraction, 0.0), 1.0))

    return report
