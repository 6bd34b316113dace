"""What must be measured in a process of its own: peak memory, and the time of a start. Prints one line of JSON.

python -m tests.benchmarks.child memory SOURCE WAY TOKENS
python -m tests.benchmarks.child start NAME
"""

import ctypes
import gc
import json
import sys
import time
from pathlib import Path

from models.run.model import demand_tokenizer

_STARTED = time.perf_counter()
_WARM_UP_TOKENS = 8


def memory(source: str, way: str, tokens: int) -> dict[str, float]:
    """Highest resident memory of one run above that of the loaded model, in bytes.

    The kernel's own high-water mark is read; it is set back just before the run, once memory that is free has been
    handed back. Linux only.
    """
    import torch

    import models
    from tests.benchmarks.subjects import subject, text_of

    item = subject(source, source)
    text = text_of(demand_tokenizer(item.model), tokens)

    @torch.inference_mode()
    def run(count: int) -> object:
        if way == "capture":
            return models.capture(item.model, text, max_tokens=count)
        module = {"plain": item.plain, "eager": item.eager}[way]
        return module(**item.inputs(text, count), output_attentions=way == "eager")

    run(_WARM_UP_TOKENS)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the high-water mark
    before = _status("VmHWM")
    result = run(tokens)
    peak, held = _status("VmHWM"), _status("VmRSS")
    kept = result.nbytes if isinstance(result, models.Capture) else 0
    return {"extra_peak": peak - before, "extra_held": held - before, "kept": kept}


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def start(name: str) -> dict[str, float]:
    """Seconds to import the engine and to load a model of the catalogue."""
    import models

    imported = time.perf_counter()
    models.load(name, device="cpu", dtype="float32")
    return {"import_s": imported - _STARTED, "load_s": time.perf_counter() - imported}


def main() -> None:
    command, *rest = sys.argv[1:]
    result = memory(rest[0], rest[1], int(rest[2])) if command == "memory" else start(rest[0])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
