"""Many processes and threads over one memory at once, sync and async mixed. `python -m torture.crowd FOLDER COUNTER
PROCESSES THREADS`: each process says what it has done, and every error that it met, as a line of JSON.

A quarter of the threads keep sessions, a quarter does everything in an event loop, a quarter counts, a quarter reads.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jitmem.batch
import jitmem.graphs.memorizer
import jitmem.graphs.researcher
import jitmem.integrations.base_store
import jitmem.stores.index.chroma_index
from jitmem import Memory, Page

from . import plan
from .writer import OPTIONS

IMPORTED = jitmem
SESSIONS = 3
"""That a thread keeps."""
COUNTS = 4
"""How often a thread adds one to the counter."""
WITNESSES = 3
NOTES = ("crowd", "notes")


def words(count: int) -> str:
    """The content of the counter."""
    return f"The counter stands at {count} now."


def stands_at(content: str) -> int:
    """What `words` was told."""
    return int(content.split()[4])


def witness(thread: int, n: int) -> str:
    """An item that thread `thread` keeps, but for the last of `WITNESSES`, which it takes back."""
    return f"Witness {thread} saw star {thread * 100 + n}."


def sessions_of(thread: int) -> Sequence[int]:
    """The numbers of the sessions that a thread keeps."""
    return range(thread * SESSIONS, (thread + 1) * SESSIONS)


class Crowd:
    """The threads of one process."""

    def __init__(self, memory: Memory, counter: str) -> None:
        self._memory = memory
        self._counter = counter
        self._at_work = 0
        self.errors: list[str] = []
        self.looks = 0

    def run(self, numbers: Sequence[int]) -> None:
        """A thread for each number, in the order of the kinds; until all are done."""
        kinds: list[Callable[[int], None]] = [self._keep, self._await, self._count, self._read]
        threads = [threading.Thread(target=self._guarded, args=(kinds[n % 4], n)) for n in numbers]
        self._at_work = len([n for n in numbers if n % 4 != 3])
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guarded(self, kind: Callable[[int], None], n: int) -> None:
        try:
            kind(n)
        except BaseException:
            self.errors.append(f"thread {n}: {traceback.format_exc()[-1500:]}")
        if n % 4 != 3:
            self._at_work -= 1

    def _keep(self, thread: int) -> None:
        first, *rest = (plan.session(n) for n in sessions_of(thread))
        self._memory.memorize(first)
        self._memory.memorize_many(rest)
        for n in range(WITNESSES):
            outcome = self._memory.items.insert(witness(thread, n))
            assert outcome.status == "applied", outcome
        assert outcome.change is not None
        assert self._memory.items.undo(outcome.change).status == "applied"
        self._memory.as_store().put(NOTES, str(thread), {"by": thread})

    def _count(self, thread: int) -> None:
        for _ in range(COUNTS):
            while True:
                now = self._memory.items.get(self._counter)
                content = words(stands_at(now.content) + 1)
                outcome = self._memory.items.update(now.id, content, expected_version=now.version)
                if outcome.status == "applied":
                    break
                assert outcome.status == "rejected", outcome

    def _await(self, thread: int) -> None:
        asyncio.run(self._awaited(thread))

    async def _awaited(self, thread: int) -> None:
        memory = self._memory
        await asyncio.gather(
            *(memory.amemorize(plan.session(n)) for n in sessions_of(thread)),
            memory.as_store().aput(NOTES, str(thread), {"by": thread}),
            self._acount(),
            memory.aresearch("Which boat did Ben repair?"),
            memory.arecall("harbour almanac"),
        )
        told = await asyncio.gather(*(memory.items.ainsert(witness(thread, n)) for n in range(WITNESSES)))
        assert [outcome.status for outcome in told] == ["applied"] * WITNESSES, told
        assert told[-1].change is not None
        assert (await memory.items.aundo(told[-1].change)).status == "applied"

    async def _acount(self) -> None:
        for _ in range(COUNTS):
            status = ""
            while status != "applied":
                now = await self._memory.items.aget(self._counter)
                content = words(stands_at(now.content) + 1)
                status = (await self._memory.items.aupdate(now.id, content, expected_version=now.version)).status
                assert status in ("applied", "rejected"), status

    def _read(self, _: int) -> None:
        """Whatever is there is whole, while others write, and once more when they are done."""
        last = False
        while not last:
            last = not self._at_work
            pages = defaultdict(list)
            for page in self._memory.pages():
                pages[page.session_id].append(page)
            for session_id, parts in pages.items():
                self._whole(session_id, parts)
            for hit in self._memory.recall("boat number harbour"):
                if hit.page_id:  # else it is an item, or an entry of the store
                    assert self._memory.page(hit.page_id).text[hit.start : hit.end] == hit.text
            for item in self._memory.items.list():
                assert not item.deleted
            self._memory.research("Where does Ana live?", effort="recall")
            self.looks += 1

    @staticmethod
    def _whole(session_id: str, parts: list[Page]) -> None:
        text = plan.session(int(session_id.rpartition("-")[2])).text
        assert [page.part for page in parts] == list(range(1, parts[0].parts + 1)), session_id
        assert "".join(page.text for page in parts) == text, session_id


def main(folder: str, counter: str, processes: int, threads: int) -> None:
    starts, start = os.pipe()
    for process in range(processes):
        if not os.fork():
            os.close(start)
            _work(Path(folder), counter, range(process * threads, (process + 1) * threads), starts)
    os.close(start)  # now all of them begin
    for _ in range(processes):
        os.wait()


def _work(folder: Path, counter: str, numbers: Sequence[int], starts: int) -> None:
    told: dict[str, Any] = {"errors": ["it could not be opened"]}
    try:
        with Memory.open(folder, memorize_options=OPTIONS) as memory:
            crowd = Crowd(memory, counter)
            os.read(starts, 1)
            crowd.run(numbers)
            told = {"errors": crowd.errors, "looks": crowd.looks}
    except BaseException:
        told["errors"].append(traceback.format_exc())
    finally:
        os.write(1, (json.dumps(told) + "\n").encode())
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
