"""Nothing is held that was let go; the soak runs, ends flat, and fails where something leaks."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory

SOAK = Path(__file__).parents[1] / "benchmarks" / "soak.py"
PLANTED = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import soak

held = []
LEAKS = {
    "memory": lambda memory, work: held.append(bytearray(b"x") * (6 << 20)),
    "handles": lambda memory, work: held.append(open(sys.argv[1] + "/soak.py")),
    "threads": lambda memory, work: threading.Thread(target=time.sleep, args=(99,), daemon=True).start(),
    "wrong": lambda memory, work: memory.page("nowhere"),
}
sys.exit(soak.main(sys.argv[2:], {name: (300, leak) for name, leak in LEAKS.items()}))
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what is held is read from /proc")


def test_a_memory_that_was_closed_is_let_go(folder: Path) -> None:
    def used() -> list[weakref.ref[Any]]:
        with Memory.open(folder) as memory:
            memory.memorize("Ana bought the mill in Porto.")
            memory.of("ben").memorize("Ben keeps bees.")
            memory.remember("Ana has a mill.")
            assert memory.recall("mill")
            assert memory.research("Where is the mill?").citations
            assert asyncio.run(memory.aresearch("Where is the mill?")).citations
            assert [*memory.stream("Where is the mill?")]
            assert memory.tools(include=["search_pages"])[0].invoke({"query": "mill"})
            assert memory.as_retriever().invoke("mill")
            memory.as_store().put(("notes",), "key", {"text": "bread"})
            memory.flush()
            return [weakref.ref(one) for one in (memory, memory._parts.archive, memory._parts.database)]

    left = used()
    gc.collect()
    assert [one() for one in left] == [None, None, None]


def test_a_short_soak_is_flat_and_says_so(tmp_path: Path) -> None:
    picture = tmp_path / "soak.png"
    ran = subprocess.run(
        [sys.executable, str(SOAK), "--minutes", "0.1", "--json", "--plot", str(picture)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["faults"] == []
    assert told["counts"]["waiting"] == 0
    assert told["reopened"] == 4
    assert {"recall", "research, deep"} <= told["ms"].keys()
    assert picture.stat().st_size > 10_000


def test_what_is_planted_to_leak_or_fail_is_found_and_named() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PLANTED, str(SOAK.parent), "--minutes", "0.07", "--rate", "100"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    _, found, faults = ran.stdout.partition("Not flat:")
    assert found, ran.stdout + ran.stderr
    for fault in ("memory, MB: ", "handles: ", "threads: ", "handles when closed: ", "threads when closed: "):
        assert fault in faults
    assert "calls failed, first wrong: UnknownRecord" in faults
