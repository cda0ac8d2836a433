"""The mixed load of `soak.py`: verbs with their weights, workers that call them, a memory that is reopened now and then."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from history import History

from jitmem import Memory, Session
from jitmem.integrations.background_filing import file_in_background

WORKERS, NAMESPACES = 4, ("ana", "ben")
FIRST = 10  # sessions of each namespace, filed before the work begins
OPTIONS = ("snippets", "pages", "integration")


Seen = TypeVar("Seen")


class ReopenedMemory:
    """A memory that many use at once, and that is closed and opened again while none does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reopened = 0
        self._memory = Memory.open(folder, namespace=NAMESPACES[0])
        self._users = 0
        self._changing = False
        self._turn = threading.Condition()

    @contextmanager
    def use(self, namespace: str) -> Iterator[Memory]:
        with self._turn:
            self._turn.wait_for(lambda: not self._changing)
            self._users += 1
        try:
            yield self._memory.for_namespace(namespace)
        finally:
            with self._turn:
                self._users -= 1
                self._turn.notify_all()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._turn:
            self._changing = True
            self._turn.wait_for(lambda: not self._users)
        try:
            yield
        finally:
            with self._turn:
                self._changing = False
                self._turn.notify_all()

    def reopen(self) -> None:
        """Waits for what was handed over, as `close` does."""
        with self._exclusive():
            self._memory.close()
            self._memory = Memory.open(self.folder, namespace=NAMESPACES[0])
            self.reopened += 1

    def at_rest(self, look: Callable[[], Seen]) -> Seen:
        """What is seen while no call is under way."""
        with self._exclusive():
            return look()

    def counts(self) -> dict[str, int]:
        """Of both namespaces together."""
        counts_by_namespace = []
        for namespace in NAMESPACES:
            with self.use(namespace) as memory:
                counts_by_namespace.append({**memory.stats(), "items": len(memory.items.list())})
        return {name: sum(counts[name] for counts in counts_by_namespace) for name in counts_by_namespace[0]}

    def flush(self) -> None:
        """Until what was handed over is filed, in both namespaces."""
        for namespace in NAMESPACES:
            with self.use(namespace) as memory:
                memory.flush()

    def close(self) -> None:
        with self._exclusive():
            self._memory.close()


class WorkContext:
    """What a verb is given: chances and a history of its own, and how many sessions there are to ask about."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._history = History()
        self._questions = self._history.questions(10 * FIRST, 60)
        self._next = 0
        self._lock = threading.Lock()

    def session(self) -> Session:
        with self._lock:
            self._next += 1
            return self._history.session(self._next)

    def question(self) -> str:
        return self.chance.choice(self._questions)


Verb = Callable[[Memory, WorkContext], object]


def _edits(memory: Memory, work: WorkContext) -> None:
    """A life of an item: kept, changed, taken back, deleted."""
    kept = memory.items.insert(f"Ana likes {work.question()}")
    if kept.item is None:
        return
    changed = memory.items.update(kept.item.id, f"Ana no longer likes {work.question()}")
    if changed.change:
        memory.items.undo(changed.change)
    memory.items.delete(kept.item.id)


def _background(memory: Memory, work: WorkContext) -> None:
    """As the middleware files a turn."""
    session = work.session()
    memory.accept(session)
    file_in_background(memory, session)


def _tools(memory: Memory, work: WorkContext) -> None:
    for tool in memory.tools(include=["memory_search"]):
        tool.invoke({"query": work.question()})


VERBS: dict[str, tuple[int, Verb]] = {
    "memorize": (2, lambda memory, work: memory.memorize(work.session())),
    "memorize, later": (1, _background),
    "recall": (40, lambda memory, work: memory.recall(work.question())),
    "research, recall": (10, lambda memory, work: memory.research(work.question(), effort="recall")),
    "research, fast": (10, lambda memory, work: memory.research(work.question(), effort="fast")),
    "research, deep": (10, lambda memory, work: memory.research(work.question(), output=work.chance.choice(OPTIONS))),
    "aresearch": (5, lambda memory, work: asyncio.run(memory.aresearch(work.question()))),
    "item edits": (6, _edits),
    "memory_search": (10, _tools),
    "pages": (6, lambda memory, work: memory.pages(limit=10)),
}
READING = ("recall", "research, recall", "research, fast", "research, deep", "aresearch", "memory_search", "pages")


class Workers:
    """Threads that call verbs by chance, together `rate` a second at most, until they are stopped."""

    def __init__(self, held: ReopenedMemory, verbs: Mapping[str, tuple[int, Verb]], *, rate: float, seed: int) -> None:
        self.errors: list[str] = []
        self._held, self._verbs, self._pause = held, verbs, WORKERS / rate
        self._times: list[tuple[str, float]] = []
        self._work = WorkContext(seed)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(seed + n,), daemon=True) for n in range(WORKERS)]

    def fill(self) -> None:
        """The first sessions, so that there is something to find from the beginning."""
        for namespace in NAMESPACES:
            with self._held.use(namespace) as memory:
                for _ in range(FIRST):
                    memory.memorize(self._work.session())

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def take_calls(self) -> list[tuple[str, float]]:
        """Verb and seconds of each call since the last time."""
        with self._lock:
            times, self._times = self._times, []
        return times

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        names = list(self._verbs)
        weights = [self._verbs[name][0] for name in names]
        due = time.monotonic()
        while not self._stop.is_set():
            (name,) = chance.choices(names, weights)
            try:
                with self._held.use(chance.choice(NAMESPACES)) as memory:
                    started = time.perf_counter()
                    self._verbs[name][1](memory, self._work)
                    took = time.perf_counter() - started
            except Exception as error:
                with self._lock:
                    self.errors.append(f"{name}: {type(error).__name__}: {error}")
                continue
            with self._lock:
                self._times.append((name, took))
            due = max(due + self._pause, time.monotonic() - self._pause)  # what was missed is not made up for
            self._stop.wait(max(0.0, due - time.monotonic()))
