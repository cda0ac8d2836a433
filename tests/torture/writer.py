"""A process that writes to a memory in several threads, and tells what it begins and what it has done."""

from __future__ import annotations

import json
import logging
import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from typing import NamedTuple

from jitmem import Memory
from jitmem.nodes.options import MemorizeOptions
from jitmem.stores.errors import StoreUnreachable

from . import plan
from .calls import decide, item_step, propose, put_batch
from .places import Place

OPTIONS = MemorizeOptions(page_tokens=plan.PAGE_TOKENS)
Tell = Callable[..., None]
_PAUSE_S = 0.03


class Share(NamedTuple):
    """Which numbers a writer takes of those from the first one on: every `writers`th. The first writer puts the batches of
    entries, which follow one another."""

    writer: int = 0
    writers: int = 1

    def numbers(self, first: int) -> Iterator[int]:
        return count(first + self.writer, self.writers)


def teller(file: int) -> Tell:
    """Writes one line of JSON at once, whole even when several threads speak: it is shorter than a pipe's buffer."""
    return lambda *words: _whole(file, (json.dumps(words) + "\n").encode())


def _whole(file: int, line: bytes) -> None:
    try:
        os.write(file, line)
    except BrokenPipeError:  # whoever would have killed this writer has died before it
        os._exit(1)


def write(
    place: Place, seed: int, first: Mapping[str, int], tell: Tell, share: Share, *, survives: bool = False
) -> None:
    """Until it is killed. `first` is the number from which each kind goes on; numbers before it were begun by others.

    What is done is told after the verb has returned, and not before. With `survives` a thread that finds the server
    dead ends, and says so; otherwise that is an error.
    """
    tell("opening")
    if survives:
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it says of each try that the server is dead
    try:
        memory = Memory.open(place, memorize_options=OPTIONS)
    except StoreUnreachable:
        if not survives:
            raise
        tell("unreachable")
        threading.Event().wait()
    tell("opened")
    tasks: list[Callable[[], None]] = [
        lambda: _sessions(memory, tell, random.Random(f"{seed} sessions"), share.numbers(first["session"])),
        lambda: _items(memory, tell, _paced(share.numbers(first["item"]))),
        lambda: _proposals(memory, tell, _paced(share.numbers(first["proposal"]))),
        lambda: _searches(memory, random.Random(f"{seed} searches")),
    ]
    if share.writer == 0:
        tasks.append(lambda: _entries(memory, tell, _paced(count(first["entry"]))))
    for task in tasks:
        threading.Thread(target=_guarded, args=(task, tell, survives), daemon=True).start()
    threading.Event().wait()


def _paced(numbers: Iterator[int]) -> Iterator[int]:
    """Numbers with pauses: sessions take longer than all else, and are to have their share."""
    for n in numbers:
        yield n
        time.sleep(_PAUSE_S)


def _guarded(task: Callable[[], None], tell: Tell, survives: bool) -> None:
    try:
        task()
    except BaseException as error:
        if survives and isinstance(error, StoreUnreachable):
            tell("unreachable")
            return
        tell("error", traceback.format_exc()[-3000:])


def _sessions(memory: Memory, tell: Tell, chance: random.Random, own: Iterator[int]) -> None:
    """One by one, several at once, or accepted, and filed by a later `resume`."""
    memory.resume()
    while True:
        how = chance.choice(["memorize", "memorize", "many", "accept"])
        numbers = list(islice(own, 3 if how == "many" else 1))
        for number in numbers:
            tell("begin", "session", number)
        if how == "accept":
            memory.accept(plan.session(numbers[0]))
            tell("done", "session", numbers[0], None)
            if chance.random() < 0.5:
                memory.resume()
        elif how == "many":
            for number, one in zip(numbers, memory.memorize_many(map(plan.session, numbers)), strict=True):
                tell("done", "session", number, one.page_ids)
        else:
            tell("done", "session", numbers[0], memory.memorize(plan.session(numbers[0])).page_ids)


def _items(memory: Memory, tell: Tell, numbers: Iterator[int]) -> None:
    for n in numbers:
        item_id, change = "", 0
        for at in range(1 + n % len(plan.STEPS)):
            tell("begin", "item", n, at)
            outcome = item_step(memory, n, at, item_id, change)
            assert outcome.status == "applied", outcome
            assert outcome.item is not None
            assert outcome.change is not None
            item_id, change = outcome.item.id, outcome.change
            tell("done", "item", n, at, item_id, change)


def _proposals(memory: Memory, tell: Tell, numbers: Iterator[int]) -> None:
    for n in numbers:
        tell("begin", "proposal", n, 0)
        number = propose(memory, n).proposal
        assert number is not None
        tell("done", "proposal", n, 0, number)
        tell("begin", "proposal", n, 1)
        decide(memory, n, number)
        tell("done", "proposal", n, 1, number)


def _entries(memory: Memory, tell: Tell, numbers: Iterator[int]) -> None:
    for n in numbers:
        tell("begin", "entry", n)
        put_batch(memory, n)
        tell("done", "entry", n)


def _searches(memory: Memory, chance: random.Random) -> None:
    """Feed the indexes, and ask them."""
    for _ in _paced(count()):
        memory.recall(f"boat number {chance.randrange(100)}")
        if chance.random() < 0.3:
            memory.flush()
