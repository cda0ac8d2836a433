"""How far the rounds are and when they end, and each fault at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TextIO

from .kills import Tally

_EVERY_S = 10.0


def show_progress(tallies: Iterator[Tally], count: int, *, faults: bool = True, out: TextIO = sys.stdout) -> Tally:
    """The last tally; each fault is printed at once if `faults`."""
    began = printed_at = time.monotonic()
    tally, printed = Tally(), 0
    for tally in tallies:
        now = time.monotonic()
        for fault in tally.faults[printed:] if faults else ():
            print(fault, file=out)
        printed = len(tally.faults)
        if now - printed_at > _EVERY_S or tally.rounds == count:
            left_s = (now - began) / tally.rounds * (count - tally.rounds)
            print(f"  {tally} in {now - began:.0f} s, {left_s:.0f} s left", file=out, flush=True)
            printed_at = now
    return tally
