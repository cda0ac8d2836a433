"""Work a memory hard for a while, and see that memory, file handles and threads stay as they were.

    python benchmarks/soak.py [--minutes 60] [--rate 30] [--json] [--plot FILE]

Exit code 1 when they do not, or when a verb fails. What counts as flat:

memory   What is kept costs memory by right: every passage is in the keyword index. So when the work is done, a new
         process opens the same folder and asks the same questions; this one may hold a quarter and 32 MB more.
handles  At rest at the end as many as at rest in the middle, and 16: there are as many connections to SQLite as ever
         worked at once.
threads  At rest at the end as many as at rest in the middle, and 4.
closed   After `close`, as many handles and threads as before the memory was opened, and 8 and 16 (Chroma keeps its own).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from history import SEED
from soak_load import READING, VERBS, ReopenedMemory, Verb, Workers
from soak_report import as_dict, plot, print_report
from soak_run import Sample, Soak, read_gauge, release_free_memory

SAMPLES, TENTHS = 600, 10
REOPENED = 4  # times, a tenth apart; from then on one memory stays open, so that it has to keep flat itself


def soak(folder: Path, minutes: float, rate: float, more: Mapping[str, tuple[int, Verb]]) -> Soak:
    """Work for so long, with verbs beside the usual ones if there are `more`."""
    run, seconds = Soak(before=read_gauge(folder)), 60 * minutes
    held = ReopenedMemory(folder)
    workers = Workers(held, {**VERBS, **more}, rate=rate, seed=SEED)
    workers.fill()
    started = time.monotonic()
    workers.start()
    while (at := time.monotonic() - started) < seconds:
        time.sleep(max(0.1, seconds / SAMPLES))
        if len(run.rests) + 1 < TENTHS and at > (len(run.rests) + 1) * seconds / TENTHS:
            if held.reopened < REOPENED:
                held.reopen()
            run.rests.append(held.at_rest(partial(read_gauge, folder)))
        ms: dict[str, list[float]] = {}
        for name, took in workers.take_calls():
            ms.setdefault(name, []).append(1000 * took)
        run.samples.append(Sample(time.monotonic() - started, read_gauge(folder), held.counts()["passages"], ms))
        _print_progress(run, seconds, len(workers.errors))
    workers.stop()
    held.flush()
    run.counts, run.errors, run.reopened = held.counts(), workers.errors, held.reopened
    release_free_memory()
    run.after = read_gauge(folder)
    held.close()
    release_free_memory()
    run.closed = read_gauge(folder)
    command = [sys.executable, __file__, "--fresh", str(folder), "--minutes", str(min(0.5, minutes / 10))]
    run.fresh_mb = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return run


def fresh_process_mb(folder: Path, minutes: float, rate: float) -> float:
    """MB that this process, a new one, holds after it has asked for so long, without filing."""
    held = ReopenedMemory(folder)
    workers = Workers(held, {name: VERBS[name] for name in READING}, rate=rate, seed=SEED)
    workers.start()
    time.sleep(60 * minutes)
    workers.stop()
    release_free_memory()
    held_mb = read_gauge(folder).memory
    held.close()
    return held_mb


def _print_progress(run: Soak, seconds: float, errors: int) -> None:
    """One line that is written over, where somebody watches."""
    if not sys.stderr.isatty():
        return
    last, gauge = run.samples[-1], run.samples[-1].gauge
    calls = sum(len(ms) for sample in run.samples for ms in sample.ms.values())
    said = f"{last.at / 60:5.1f} of {seconds / 60:g} min   {calls:,} calls   {last.passages:,} passages"
    said += f"   {gauge.memory:.0f} MB   {gauge.handles} handles   {gauge.threads} threads"
    print(f"\r{said}" + (f"   {errors} ERRORS" if errors else ""), end="\x1b[K", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None, more: Mapping[str, tuple[int, Verb]] | None = None) -> int:
    """The exit code. `more` verbs are for a run that shall fail."""
    parser = argparse.ArgumentParser(description="Work a memory hard, and see that it stays as it was.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=30, help="calls a second, at most")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", metavar="FILE", help="a picture of the run; needs matplotlib")
    parser.add_argument("--fresh", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.fresh:
        print(fresh_process_mb(options.fresh, options.minutes, options.rate))
        return 0
    with TemporaryDirectory() as place:
        run = soak(Path(place, "memory"), options.minutes, options.rate, more or {})
    faults = run.faults()
    if options.plot:
        plot(run, options.plot)
    if options.json:
        print(json.dumps(as_dict(run, options.minutes, options.rate, faults), indent=2))
    else:
        print_report(run, faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
