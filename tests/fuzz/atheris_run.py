"""Fuzz one target by coverage, in a process of its own: python -m fuzz.atheris_run TARGET [options of libFuzzer]."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

os.environ.setdefault("JITMEM_CHROMA_MIN_VECTORS", "0")  # a small folder has its graph

with atheris.instrument_imports(include=["jitmem", "dateutil"]):
    from fuzz.seeds import SEEDS
    from fuzz.targets import STORELESS, memory, run


def main() -> None:
    """Begins with the target's seeds; every option after the target's name is libFuzzer's."""
    name, options = sys.argv[1], sys.argv[2:]
    if name == "storeless":
        seeds = [chr(at) + seed for at, one in enumerate(STORELESS) for seed in SEEDS[one]]
    else:
        memory()
        seeds = SEEDS[name]
    with tempfile.TemporaryDirectory(prefix="jitmem-fuzz-") as corpus:
        for number, seed in enumerate(seeds):
            Path(corpus, str(number)).write_bytes(seed.encode("utf-8", "surrogatepass"))
        atheris.Setup([sys.argv[0], *options, corpus], lambda data: run(name, data))
        atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
