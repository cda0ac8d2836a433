"""Rounds: a writer is started, killed at a random moment, and what it left is compared with what it had acknowledged."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .ledger import Ledger, WriterFailed
from .places import Place, exists
from .truth_check import Findings

_ERA = 10
"""Rounds in one folder, before the next begins in a new one."""
LONGEST_S = 120.0
_TESTS = Path(__file__).parent.parent


@dataclass
class Tally:
    """What came of all rounds."""

    rounds: int = 0
    acknowledged: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    """In what a writer was killed, by the last words of it."""
    counts: Counter[str] = field(default_factory=Counter)
    """By what `Findings` tells apart."""
    faults: list[str] = field(default_factory=list)

    def add(self, acknowledged: int, moment: str, found: Findings, what: str) -> None:
        """One round; `what` it was, so that it can be played again."""
        self.rounds += 1
        self.acknowledged += acknowledged
        self.moments[moment] += 1
        self.counts.update({kind: len(told) for kind, told in asdict(found).items()})
        if found:
            self.faults.append(f"{what}, {moment}: {found}")

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "rounds": self.rounds,
            "acknowledged": self.acknowledged,
            **{kind: self.counts[kind] for kind in asdict(Findings())},
            "killed": dict(self.moments.most_common()),
            "faults": self.faults,
        }

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {self.counts[kind]}" for kind in asdict(Findings()))
        return f"{self.rounds} rounds, {self.acknowledged} writes acknowledged, {kinds}"


class Nursery:
    """Speaks with `torture.nursery`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torture.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *filter(None, sys.path)])},
            start_new_session=True,
        )
        self._rest = b""

    def close(self) -> None:
        """Ends it and all its children."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def begin(self, **task: str) -> int:
        """Start a child; gives its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(task) + "\n").encode())
        self._process.stdin.flush()
        line = self.line(LONGEST_S)
        assert line is not None, "the nursery does not answer"
        word, pid = json.loads(line)
        assert word == "pid", line
        return int(pid)

    def line(self, timeout_s: float) -> str | None:
        """The next line of a child; None when there is none in time."""
        assert self._process.stdout is not None
        ends_at = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            left = max(0.0, ends_at - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                return None
            read = os.read(self._process.stdout.fileno(), 1 << 16)
            assert read, "the nursery has died"
            self._rest += read
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def lines_to_the_end(self) -> Iterator[str]:
        """Whatever a child still says; a child that hangs fails."""
        while (line := self.line(LONGEST_S)) is not None:
            if line.startswith('["ended"'):
                return
            yield line
        raise AssertionError(f"a child said nothing for {LONGEST_S:.0f} s")


@contextmanager
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    try:
        yield opened
    finally:
        opened.close()


def rounds(folder: Path, count: int, seed: int) -> Iterator[Tally]:
    """So many; the tally after each. The same seed gives the same writes, and kills after as many acknowledgements."""
    tally, chance, ledger = Tally(), random.Random(seed), Ledger()
    with nursery() as children:
        for n in range(count):
            if n % _ERA == 0:
                ledger = Ledger()
                shutil.rmtree(folder, ignore_errors=True)
            repeated = "all" if n % _ERA == _ERA - 1 or chance.random() < 0.3 else ""
            before, moment, found = ledger.acknowledged, "", Findings()
            try:
                moment = kill(children, folder, ledger, chance)
                found, ledger = compare(children, folder, ledger, repeated)
            except WriterFailed as error:
                found.errors.append(str(error))
            tally.add(ledger.acknowledged - before, moment, found, f"seed {seed}, round {n}")
            yield tally


def kill(children: Nursery, folder: Path, ledger: Ledger, chance: random.Random) -> str:
    """Start a writer and kill it: while it opens the memory, or within 30 ms after some acknowledgements, of sessions
    or of anything. Gives the last words of it, which say in what it died."""
    wanted = chance.choice(["opening", "done session", "done", "done"])
    left = {"opening": 0, "done session": chance.randrange(1, 5), "done": chance.randrange(25)}[wanted]
    pause_s = chance.uniform(0, 0.2 if wanted == "opening" else 0.03)
    writer = children.begin(
        do="write", folder=str(folder), seed=str(chance.randrange(1 << 30)), ledger=ledger.as_json()
    )
    words = ""
    try:
        while left:
            line = children.line(LONGEST_S)
            assert line is not None, "a writer hangs"
            words = ledger.note(line)
            left -= words.startswith(wanted)
        ends_at = time.monotonic() + pause_s
        while (line := children.line(ends_at - time.monotonic())) is not None:
            words = ledger.note(line)
    finally:
        os.kill(writer, signal.SIGKILL)
        rest = list(children.lines_to_the_end())
    for line in rest:
        words = ledger.note(line)
    return words


def compare(children: Nursery, place: Place, ledger: Ledger, repeated: str) -> tuple[Findings, Ledger]:
    """In a fresh process: what is wrong, and the ledger, which knows more if something was `repeated` there."""
    if not exists(place):
        return Findings(lost=["the whole truth"] if ledger.acknowledged else []), ledger
    children.begin(do="check", folder=str(place), ledger=ledger.as_json(), repeated=repeated)
    told = ["error", "it said nothing"]
    for line in children.lines_to_the_end():
        told = json.loads(line)
    if told[0] == "error":
        return Findings(errors=[told[1]]), ledger
    return Findings(**told[1]), Ledger.from_json(told[2])
