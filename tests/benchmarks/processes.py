"""Start a child process of the benchmarks and read its answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def child(*arguments: object, threads: int, **environment: str) -> dict[str, float]:
    """The JSON that the child printed last. Raises RuntimeError with the end of what it complained about."""
    command = [sys.executable, "-m", "tests.benchmarks.child", *map(str, arguments)]
    settings = {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **environment}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
