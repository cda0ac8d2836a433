"""`make torture`: kill writers and cut their power many times, and say what was lost. Exits with 1 if anything was."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import power
from .kills import Tally, rounds
from .progress import show_progress


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="writers to kill")
    parser.add_argument("--cuts", type=int, default=60, help="power cuts, where root allows them")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="to play a run again"
    )
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="jitmem-torture-"))
    try:
        print(f"kill -9, seed {asked.seed}, in {folder}")
        tallies = [show_progress(rounds(folder / "memory", asked.rounds, asked.seed), asked.rounds)]
        print(f"killed in: {', '.join(f'{words or chr(45)} {n}' for words, n in tallies[0].moments.most_common())}")
        tallies += _cut(folder, asked.cuts, asked.seed)
    finally:
        shutil.rmtree(folder)
    return int(any(tally.faults for tally in tallies))


def _cut(folder: Path, count: int, seed: int) -> Iterator[Tally]:
    """With every commit synchronised, as a memory is; then without, where something must be lost: else this is no test."""
    reason = power.missing() if count else "none were asked for"
    if reason:
        print(f"no power cuts: {reason}")
        return
    memory = Path("/dev/shm")
    where = Path(tempfile.mkdtemp(prefix="jitmem-torture-", dir=memory if os.access(memory, os.W_OK) else folder))
    try:
        print(f"power cuts, seed {seed}, in {where}")
        yield show_progress(power.cuts(where, count, seed), count)
        print("power cuts with synchronous=OFF, which no memory has")
        careless = show_progress(power.cuts(where, min(count, 12), seed, "OFF"), min(count, 12), faults=False)
        print(f"something was lost in {len(careless.faults)} of {careless.rounds}, as it has to be")
        assert careless.faults, "power cuts lose nothing at all here: they prove nothing"
    finally:
        shutil.rmtree(where)


if __name__ == "__main__":
    sys.exit(main())
