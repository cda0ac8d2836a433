"""Nothing is held that was let go; the soak runs, ends flat, and fails where something leaks."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory, Session, UnknownRecord
from jitmem.integrations.background_filing import file_in_background
from jitmem.testing import ScriptedModel

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


def use(memory: Memory) -> list[Any]:
    """In every way that a memory is used; what it handed out."""
    memory.memorize(f"Ana: I bought the mill in Porto, lot {os.urandom(4).hex()}.")
    other = memory.for_namespace("ben")
    other.memorize("Ben keeps bees.")
    memory.items.insert("Ana has a mill.")
    assert memory.items.list()
    assert memory.recall("mill")
    assert asyncio.run(memory.arecall("mill"))
    assert memory.research("Where is the mill?").citations
    assert asyncio.run(memory.aresearch("Where is the mill?")).citations
    assert [*memory.stream("Where is the mill?")]
    assert memory.estimate("Where is the mill?")
    tools = memory.tools()
    for tool in tools:
        if tool.name in ("search_pages", "search_keyword", "search_vector", "memory_search"):
            assert tool.invoke({"query": "mill"})
    retriever, store = memory.as_retriever(), memory.as_store()
    assert retriever.invoke("mill")
    store.put(("notes",), "key", {"text": "bread"})
    assert store.search(("notes",), query="bread")
    session = Session(text="Ana: I sold the mill.")
    memory.accept(session)
    file_in_background(memory, session)
    with pytest.raises(UnknownRecord):
        memory.page("nowhere")
    memory.flush()
    parts = memory._runtime
    whole = [parts.database, parts.archive, parts.embedder, parts.item_index, parts.archive.vectors]
    return [memory, other, *tools, retriever, store, memory.researcher, memory.memorizer, *whole]


def use_in_an_agent(memory: Memory) -> list[Any]:
    agents = pytest.importorskip("langchain.agents", reason="the middleware needs langchain")
    middleware = memory.middleware(single_user=True)
    agent = agents.create_agent(ScriptedModel(lines=["In Porto."] * 2), [], middleware=[middleware])
    asked = {"messages": [("user", "Where is the mill?")]}
    assert agent.invoke(asked)["messages"][-1].text == "In Porto."
    assert asyncio.run(agent.ainvoke(asked))["messages"][-1].text == "In Porto."
    memory.flush()
    return [middleware, agent]


def ours() -> Counter[str]:
    """The objects of jitmem's classes that are there, by class."""
    gc.collect()
    return Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in map(type, gc.get_objects())
        if str(kind.__module__).startswith("jitmem.")
    )


@pytest.mark.parametrize("using", [use, use_in_an_agent])
def test_of_a_memory_that_was_closed_nothing_is_held(using: Callable[[Memory], list[Any]], folder: Path) -> None:
    def used() -> list[weakref.ref[Any]]:
        with Memory.open(folder) as memory:
            return [weakref.ref(one) for one in using(memory)]

    first = used()
    before = ours()
    assert [held for one in first if (held := one()) is not None] == []
    used()
    assert ours() - before == Counter()


FORKS = """
import os, sys, warnings
from jitmem import Memory
warnings.simplefilter("ignore", DeprecationWarning)

def use(text):
    with Memory.open(sys.argv[1]) as memory:
        memory.memorize(text)
        assert text in [hit.text for hit in memory.recall(text)]

use("Of the parent.")
child = os.fork()
if not child:
    use("Of the child.")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
use("Of the parent, later.")
"""


def test_a_process_that_has_closed_its_memory_forks_and_both_open_it_again(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKS, str(folder)], check=True, timeout=300)
    with Memory.open(folder, create=False) as memory:
        assert {page.text for page in memory.pages()} == {"Of the parent.", "Of the child.", "Of the parent, later."}


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
