"""Fetch models from the command line, with a progress bar: `python -m models.fetch smollm2-135m`."""

import argparse
import sys

from tqdm import tqdm

from models.errors import HeadlightError
from models.loading import store
from models.loading.catalog import CATALOG, DEFAULT, Shipped, entry


def fetch(name: str) -> None:
    """Bring one model of the catalogue into the cache, with a bar while there is something to wait for."""
    row = entry(name)
    if isinstance(row.source, Shipped):
        print(f"{name} comes with Headlight and needs no fetching: it is in {store.folder(row)}")
        return
    with tqdm(
        total=100, desc=name, bar_format="{desc:<58.58} {bar:24} {n:3.0f}% {elapsed}", delay=0.5
    ) as bar:

        def progress(message: str, fraction: float) -> None:
            bar.set_description_str(message, refresh=False)
            bar.update(100 * fraction - bar.n)

        place = store.folder(row, progress)
    print(f"{name} is in {place}")


def main() -> int:
    """The exit code: 0 where all models are there, 1 where one could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[DEFAULT], metavar="NAME", help=", ".join(CATALOG))
    parser.add_argument("--all", action="store_true", help="every model of the catalogue")
    arguments = parser.parse_args()
    try:
        for name in CATALOG if arguments.all else arguments.names:
            fetch(name)
    except HeadlightError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
