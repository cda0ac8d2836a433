"""Many at once over one memory, in threads, loops and processes: no error, no lost update, nothing half read."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from model_server import ModelServer
from torture import crowd, plan
from torture.index_check import check_indexes
from torture.ledger import Ledger
from torture.truth_check import check_truth

from jitmem import Memory

TESTS = Path(__file__).parent
THREADS = 64


@pytest.mark.parametrize("processes", [16, 1])
def test_sixty_four_threads_meet_no_error_lose_no_update_and_read_nothing_half(folder: Path, processes: int) -> None:
    with Memory.open(folder) as memory:
        counter = memory.items.insert(crowd.words(0)).item
    assert counter is not None
    told = run_module("torture.crowd", folder, counter.id, processes, THREADS // processes)
    assert [one["errors"] for one in told] == [[]] * processes
    assert sum(one["looks"] for one in told) >= THREADS / 4
    keepers = [thread for thread in range(THREADS) if thread % 4 in (0, 1)]
    counted = THREADS // 2 * crowd.COUNTS
    with Memory.open(folder) as memory, Memory.open(folder) as fresh:
        assert memory.items.get(counter.id).content == crowd.words(counted)
        assert [one.content for one in memory.items.history(counter.id)] == [crowd.words(n) for n in range(counted + 1)]
        contents = [item.content for item in memory.items.list()]
        seen = [content for content in contents if content.startswith("Witness")]
        assert sorted(seen) == sorted(crowd.witness(t, n) for t in keepers for n in range(crowd.WITNESSES - 1))
        notes = {note.key: note.value for note in memory.as_store().search(crowd.NOTES, limit=THREADS)}
        assert notes == {str(thread): {"by": thread} for thread in keepers}
        sessions = [n for thread in keepers for n in crowd.sessions_of(thread)]
        assert sorted({page.session_id for page in memory.pages()}) == sorted(map(plan.session_id, sessions))
        assert (memory.stats()["sessions"], memory.stats()["waiting"]) == (len(sessions), 0)
        assert check_indexes(memory, fresh) == []
    assert not check_truth(folder, Ledger(sessions_begun=sessions))


def run_module(*command_line: object) -> list[dict[str, Any]]:
    """What a module says, line by line."""
    command = [sys.executable, "-m", *map(str, command_line)]
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# Two processes over the vectors

RUNS = 10


def test_when_the_owner_of_the_vectors_is_killed_the_next_takes_over_and_every_vector_is_found(folder: Path) -> None:
    seed = int(os.environ.get("JITMEM_SEED") or random.SystemRandom().randrange(1 << 30))
    print(f"JITMEM_SEED={seed}")
    told = run_module("torture.owners", folder, seed, RUNS)
    assert [(one["before"], one["after"], one["lost"]) for one in told] == [(False, True, 0)] * RUNS
    assert all(one["vectors"] == one["passages"] for one in told)
    assert told[-1]["vectors"] > 10 * RUNS


# Notebooks and loops


@pytest.fixture
def thinking(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    """A memory whose model and embeddings are asked over HTTP."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with ModelServer() as server:
        named = {"model": "openai:chat", "embeddings": "openai:embed", "base_url": server.base_url}
        with Memory.open(folder, **named) as memory:  # type: ignore[arg-type]
            yield memory


def once(memory: Memory, name: str) -> None:
    """A sync verb of each kind."""
    filed = memory.memorize(f"Ana: {name} is where I live.")
    assert memory.page(filed.page_ids[0]).text == f"Ana: {name} is where I live."
    assert memory.recall(name)[0].text == f"Ana: {name} is where I live."
    assert name in memory.research(f"Where is {name}?").context
    assert memory.items.insert(f"{name} has a harbour.").ok
    memory.as_store().put(("towns",), name, {"name": name})


async def aonce(memory: Memory, name: str) -> None:
    """An async verb of each kind."""
    filed = await memory.amemorize(f"Ana: {name} is where I live.")
    assert (await memory.apage(filed.page_ids[0])).text == f"Ana: {name} is where I live."
    assert (await memory.arecall(name))[0].text == f"Ana: {name} is where I live."
    assert name in (await memory.aresearch(f"Where is {name}?")).context
    assert (await memory.items.ainsert(f"{name} has a harbour.")).ok
    await memory.as_store().aput(("towns",), name, {"name": name})


async def test_sync_verbs_work_in_a_running_loop_as_in_a_notebook_and_async_ones_beside_them(thinking: Memory) -> None:
    once(thinking, "Porto")
    await aonce(thinking, "Lisbon")
    once(thinking, "Braga")
    assert len(thinking.pages()) == 3


def test_async_verbs_work_from_one_loop_after_the_other_and_from_several_at_once(thinking: Memory) -> None:
    for name in ("Porto", "Lisbon"):
        asyncio.run(aonce(thinking, name))
    once(thinking, "Braga")
    failures: list[BaseException] = []

    def in_a_loop(name: str) -> None:
        try:
            asyncio.run(aonce(thinking, name))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=in_a_loop, args=(name,)) for name in ("Faro", "Tomar", "Beja", "Viseu")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(thinking.pages()) == 7
