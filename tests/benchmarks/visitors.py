"""Many people on one server at once: `python -m tests.benchmarks.visitors 24`.

Everybody opens a page with a text of their own and clicks six times about a second apart. Nobody may end on a white page, see
an error of the front end or another's text; on Prune everybody must get the numbers of just their heads. Then as many visitors
without a browser click heads on Explore every two to three seconds, and the time of a click is told beside that of one alone.
"""

import argparse
import asyncio
import json
import random
import re
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, Locator, Page, Position, async_playwright

from tests.benchmarks.light_visitor import LightVisitor
from tests.e2e.server import ROOT, serving

NAMES = (
    "river",
    "stone",
    "lamp",
    "mill",
    "kite",
    "boat",
    "copper",
    "violin",
    "harbour",
    "lantern",
    "meadow",
    "thistle",
)
PROSE = (
    "the",
    "old",
    "man",
    "saw",
    "a",
    "dog",
    "and",
    "then",
    "he",
    "ran",
    "to",
    "his",
    "house",
    "when",
    "it",
    "was",
    "late",
)
PATIENCE_MS = 180_000
HEADER, GUTTER = 18, 30  # of the wall, in CSS pixels; see layout.js
LAYERS, HEADS = 4, 8  # of the family
CLICKS = 6
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-gpu"]


@dataclass
class Ended:
    """How one visit ended. right: what was asked for last is what the page shows."""

    page: str
    right: bool = False
    white: bool = False
    crossed: bool = False
    errors: list[str] = field(default_factory=list)


def name(who: int) -> str:
    return f"{NAMES[who % len(NAMES)]}{who}"


def text(who: int) -> str:
    draw = random.Random(who)
    return f"Visitor {name(who)} {' '.join(draw.choices(PROSE, k=14))} and visitor {name(who)} said it again"


async def tile(wall: Locator, layer: int, head: int) -> Position:
    box = await wall.bounding_box()
    assert box
    return {
        "x": GUTTER + (head + 0.45) * (box["width"] - GUTTER) / HEADS,
        "y": HEADER + (layer + 0.45) * (box["height"] - HEADER) / LAYERS,
    }


async def until(ready: Callable[[], Awaitable[bool]], seconds: float = 90) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await ready():
            return True
        await asyncio.sleep(0.4)
    return False


async def prune(page: Page, draw: random.Random) -> bool:
    wall, off = page.get_by_role("grid").first, set[tuple[int, int]]()
    await wall.wait_for()
    for _ in range(CLICKS):
        head = draw.randrange(LAYERS), draw.randrange(HEADS)
        await wall.click(position=await tile(wall, *head))
        off ^= {head}
        await asyncio.sleep(draw.uniform(0.5, 1.5))
    want = sorted(f"L{layer} H{head}" for layer, head in off)

    async def shown() -> bool:
        body = await page.inner_text("body")
        found = re.search(r"Measured on this text, (.*?) off;", body)
        return (
            "All heads are on" in body
            if not off
            else bool(found) and sorted(re.findall(r"L\d+ H\d+", found[1])) == want
        )

    if await until(shown):
        return True
    found = re.search(r"Measured on this text, .*? off;", await page.inner_text("body"))
    raise AssertionError(
        f"{', '.join(want) or 'none'} asked for, shown: {found[0] if found else 'no numbers'}"
    )


async def pressed(page: Page, draw: random.Random, names: tuple[str, ...]) -> bool:
    """Views in any order, the first of which the page opens with; in the end the last one asked for stands in the address."""

    def view(name: str) -> Locator:
        radio, button = (page.get_by_role(role, name=name, exact=True) for role in ("radio", "button"))
        return radio.or_(button).first

    last = names[0]
    await view(last).wait_for()
    for _ in range(CLICKS):
        last = draw.choice(names)
        await view(last).click()
        await asyncio.sleep(draw.uniform(0.5, 1.5))

    async def shown() -> bool:
        return last.lower().replace(" ", "+") in page.url.lower() or last == names[0]

    return await until(shown)


async def compare(page: Page, draw: random.Random) -> bool:
    return await pressed(page, draw, ("Measure", "Planner", "Roofline", "Self-check"))


async def convert(page: Page, draw: random.Random) -> bool:
    return await pressed(page, draw, ("Both write on", "Use it", "Heal"))


async def latents(page: Page, draw: random.Random) -> bool:
    return await pressed(page, draw, ("Scores", "Spectrum", "Overlap", "Switch off", "Other kinds"))


VISITS = {"prune": prune, "compare": compare, "convert": convert, "latents": latents}
MODELS = {"prune": "family-mha", "compare": "family-mha", "convert": "family-gqa", "latents": "family-mla"}


async def visit(browser: Browser, address: str, kind: str, who: int, many: int) -> Ended:
    ended = Ended(kind)
    context = await browser.new_context(viewport={"width": 1440, "height": 1400})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    page.on("pageerror", lambda error: ended.errors.append(str(error)[:120]))
    try:
        await page.goto(
            f"{address}/{kind}?{urlencode({'model': MODELS[kind], 'text': text(who), 'off': 'none'})}"
        )
        ended.right = await VISITS[kind](page, random.Random(who))
    except Exception as error:
        ended.errors.append(repr(error)[:200])
    body = await page.inner_text("body")
    ended.white = not body.strip()
    ended.crossed = any(f"{name(other)} " in body for other in range(many) if other != who)
    await context.close()
    return ended


async def clicking(address: str, who: int) -> tuple[float, list[float]]:
    """Seconds until the wall has come, and of each click until the head's title has come: the server's part, for the screens of
    a dozen visitors stand on a dozen machines."""
    draw = random.Random(who)
    await asyncio.sleep(draw.uniform(0, 2))
    visitor = await LightVisitor.arriving(address, {"text": text(who)})
    opened, took, head = await visitor.open(), list[float](), None
    for _ in range(2 * CLICKS):
        await asyncio.sleep(draw.uniform(2, 3))
        head = draw.choice(
            [(layer, one) for layer in range(LAYERS) for one in range(HEADS) if (layer, one) != head]
        )
        took.append(await visitor.click(*head))
    await visitor.leave()
    return opened, took


async def everybody(address: str, many: int, kinds: list[str]) -> list[Ended]:
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed, args=ARGUMENTS)
        visits = [visit(browser, address, kinds[who % len(kinds)], who, many) for who in range(many)]
        ended = await asyncio.gather(*visits)
        await browser.close()
    return ended


async def measure(address: str, many: int, kinds: list[str]) -> dict[str, Any]:
    ended = await everybody(address, many, kinds) if kinds else []
    await clicking(address, 997)  # the first of all
    _, alone = await clicking(address, 998)
    clicks = await asyncio.gather(*(clicking(address, 1000 + who) for who in range(many)))
    together = sorted(second for _, took in clicks for second in took)
    return {
        "visitors": many,
        "ended": [asdict(one) for one in ended],
        "right": sum(one.right for one in ended),
        "white": sum(one.white for one in ended),
        "crossed": sum(one.crossed for one in ended),
        "errors": sorted({error for one in ended for error in one.errors}),
        "click_alone_s": statistics.median(alone),
        "click_median_s": statistics.median(together),
        "click_95_percent_s": together[int(0.95 * len(together))],
        "opened_median_s": statistics.median(opened for opened, _ in clicks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("visitors", type=int, nargs="?", default=12)
    parser.add_argument("--pages", nargs="*", choices=VISITS, default=list(VISITS))
    options = parser.parse_args()
    with serving(ROOT / "app.py") as address:
        found = asyncio.run(measure(address, options.visitors, options.pages))
    wrong = [
        one
        for one in found.pop("ended")
        if not one["right"] or one["white"] or one["crossed"] or one["errors"]
    ]
    for one in wrong:
        print(one)
    ratio = found["click_median_s"] / found["click_alone_s"]
    print(f"{ratio:.1f} times one visitor's click")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
