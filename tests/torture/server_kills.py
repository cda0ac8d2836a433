"""Rounds on PostgreSQL: several writer processes at once, and a kill -9 of one of them or of the whole server."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from postgres_server import PostgresServer

from .kills import LONGEST_S, Nursery, Tally, compare, nursery
from .ledger import Ledger, WriterFailed
from .truth_check import Findings

_ERA = 10
"""Rounds in one database, before the next begins in a new one."""
_LOOK_S = 0.005


class Writers:
    """Processes that write to one database, and what they have said."""

    def __init__(self, children: Sequence[Nursery], url: str, ledger: Ledger, seed: int, *, survives: bool) -> None:
        self._children = children
        self._ledger = ledger
        task = {"folder": url, "ledger": ledger.as_json(), "writers": str(len(children))}
        task |= {"survives": "yes"} if survives else {}
        self._pids = [
            child.begin(do="write", seed=f"{seed}{at}", writer=str(at), **task) for at, child in enumerate(children)
        ]
        self._dead: set[int] = set()
        self.last_words = ""

    def read_until(self, count: int, wanted: str) -> None:
        """Until so many lines that begin with this were read, of whichever writers are alive."""
        last = time.monotonic() + LONGEST_S
        while count:
            heard = False
            for at in set(range(len(self._children))) - self._dead:
                if count and (line := self._children[at].line(0)) is not None:
                    heard = True
                    count -= self._note(line).startswith(wanted)
            if not heard:
                assert time.monotonic() < last, "the writers hang"
                time.sleep(_LOOK_S)

    def read_for(self, seconds: float) -> None:
        last = time.monotonic() + seconds
        while (left := last - time.monotonic()) > 0:
            for at in set(range(len(self._children))) - self._dead:
                if (line := self._children[at].line(min(left, _LOOK_S))) is not None:
                    self._note(line)

    def kill(self, which: Sequence[int]) -> None:
        """With SIGKILL; what they had still said is read to the end."""
        which = [at for at in which if at not in self._dead]
        for at in which:
            os.kill(self._pids[at], signal.SIGKILL)
        self._dead.update(which)
        rest = [line for at in which for line in self._children[at].lines_to_the_end()]
        for line in rest:
            self._note(line)

    def kill_all(self) -> None:
        self.kill(range(len(self._children)))

    def _note(self, line: str) -> str:
        self.last_words = self._ledger.note(line)
        return self.last_words


def server_rounds(server: PostgresServer, count: int, writers: int, seed: int) -> Iterator[Tally]:
    """So many, the server killed in every second one; the tally after each. The same seed gives the same writes."""
    tally, chance, ledger, url = Tally(), random.Random(seed), Ledger(), ""
    with ExitStack() as stack:
        children = [stack.enter_context(nursery()) for _ in range(writers)]
        for n in range(count):
            if n % _ERA == 0:
                if url:
                    server.drop(url)
                ledger, url = Ledger(), server.database()
                server.execute("CREATE EXTENSION IF NOT EXISTS amcheck", url)
            repeated = "all" if n % _ERA == _ERA - 1 or chance.random() < 0.3 else ""
            before, moment, found = ledger.acknowledged, "", Findings()
            try:
                kill = kill_server if n % 2 else kill_writer
                moment = kill(server, children, url, ledger, chance)
                found, ledger = compare(children[0], url, ledger, repeated)
            except WriterFailed as error:
                found.errors.append(str(error))
            tally.add(ledger.acknowledged - before, moment, found, f"seed {seed}, round {n}")
            yield tally


def kill_writer(_: PostgresServer, children: Sequence[Nursery], url: str, ledger: Ledger, chance: random.Random) -> str:
    """One of them; the others must go on. Then these are killed as well. Gives the last words before the first kill."""
    writers = Writers(children, url, ledger, chance.randrange(1 << 30), survives=False)
    try:
        _wait(writers, chance)
        words = writers.last_words
        writers.kill([chance.randrange(len(children))])
        if len(children) > 1:
            writers.read_until(chance.randrange(1, 10), "done")
    finally:
        writers.kill_all()
    return f"writer in {words}"


def kill_server(
    server: PostgresServer, children: Sequence[Nursery], url: str, ledger: Ledger, chance: random.Random
) -> str:
    """The postmaster and all its children; writers find it dead, and it recovers while they may still try."""
    writers = Writers(children, url, ledger, chance.randrange(1 << 30), survives=True)
    try:
        _wait(writers, chance)
        words = writers.last_words
        server.kill()
        server.start()
    finally:
        writers.kill_all()
    return f"server in {words}"


def _wait(writers: Writers, chance: random.Random) -> None:
    """While they open the memory, or within 30 ms after some acknowledgements, of sessions or of anything."""
    wanted = chance.choice(["opening", "done session", "done", "done"])
    count = {"opening": 1, "done session": chance.randrange(1, 12), "done": chance.randrange(5, 60)}[wanted]
    writers.read_until(count, wanted)
    writers.read_for(chance.uniform(0, 0.2 if wanted == "opening" else 0.03))
