"""The face is small: few verbs, few arguments, and every verb that waits has an async twin of the same signature."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitmem import (
    BadInput,
    ItemOptions,
    MemorizeOptions,
    Memory,
    MemoryAdmin,
    MemoryItems,
    MemoryTransfer,
    ModelOptions,
    ModelUnavailable,
)

ROOT = Path(__file__).parents[1]
KINDS = (Memory, MemoryItems, MemoryAdmin, MemoryTransfer)
IN_PLACE = {  # without a twin: they wait for nothing, or make something that has both forms
    *("open", "for_namespace", "tools", "middleware", "as_retriever", "as_store"),
}


def verbs(kind: type) -> dict[str, Any]:
    found = {name: getattr(kind, name) for name, _ in inspect.getmembers(kind, callable) if not name.startswith("_")}
    return {name: verb for name, verb in found.items() if not (name[0] == "a" and name[1:] in found)}


def test_a_memory_has_at_most_twenty_verbs() -> None:
    assert len(verbs(Memory)) <= 20, sorted(verbs(Memory))
    assert {"memorize", "research", "recall", "forget", "for_namespace"} <= set(verbs(Memory))


def test_open_takes_at_most_ten_arguments() -> None:
    assert len(inspect.signature(Memory.open).parameters) <= 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_that_waits_has_an_async_twin_of_the_same_signature(kind: type) -> None:
    for name, verb in verbs(kind).items():
        if name in IN_PLACE:
            continue
        twin = getattr(kind, f"a{name}")
        assert inspect.signature(twin).parameters == inspect.signature(verb).parameters, name
        assert twin.__name__ == f"a{name}"
        assert inspect.getdoc(twin) == f"`{name}`, awaited."


async def test_a_twin_runs_in_another_thread_and_gives_the_same(memory: Memory) -> None:
    await memory.amemorize("Ana: I live in Porto.")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    item = (await memory.items.ainsert("Ana bakes bread.")).item
    assert item is not None
    assert await memory.items.aget(item.id) == memory.items.get(item.id) == item
    assert await memory.apages() == memory.pages()
    assert await memory.astats() == memory.stats()
    assert await memory.admin.anamespaces() == memory.admin.namespaces() == [memory.namespace]
    ticking.cancel()
    assert ticks > 10, "the loop went on meanwhile"


async def test_items_are_searched_by_words_and_by_likeness(memory: Memory) -> None:
    memory.items.insert("Ana bakes bread.")
    memory.items.insert("Ben repairs boats.", "episodic", "2024-05-08")
    for method in ("hybrid", "keyword", "vector"):
        hits = memory.items.search("bread", method=method, k=1)  # type: ignore[arg-type]
        assert [hit.item.content for hit in hits] == ["Ana bakes bread."]
        assert await memory.items.asearch("bread", method=method, k=1) == hits  # type: ignore[arg-type]
    assert [hit.item.kind for hit in memory.items.search("boats bread", kind="episodic")] == ["episodic"]
    with pytest.raises(BadInput, match="no method"):
        memory.items.search("bread", method="magic")  # type: ignore[arg-type]


def test_the_doctor_of_an_open_memory_reports_on_its_folder(memory: Memory) -> None:
    memory.memorize("Ana: I live in Porto.")
    report = memory.admin.doctor()
    assert (report.healthy, report.counts["pages"], report.done) == (True, 1, ())


def test_options_reach_what_they_are_for(folder: Path) -> None:
    items = ItemOptions(mode="propose", kinds=["semantic"], core_tokens=64)
    with Memory.open(folder, item_options=items, memorize_options=MemorizeOptions(page_tokens=64)) as memory:
        assert memory.items.insert("Ana bakes bread.").status == "proposed"
        assert memory.items.insert("Ana is a baker.", "core").status == "rejected"
        assert len(memory.memorize("Ana: bread and salt. " * 40).page_ids) > 1
    with Memory.open(
        folder, model="openai:none", base_url="http://127.0.0.1:9/v1", model_options=ModelOptions(timeout_s=0.5)
    ) as memory:
        with pytest.raises(ModelUnavailable):
            memory.research("Where?")
        assert memory.research("Where?", on_model_failure="rules").failures
    rules = ModelOptions(timeout_s=0.5, on_model_failure="rules")
    with Memory.open(folder, model="openai:none", base_url="http://127.0.0.1:9/v1", model_options=rules) as memory:
        assert memory.research("Where?").failures


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_a_timeout_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(BadInput, match="timeout_s must be more than 0"):
        ModelOptions(timeout_s=seconds)


def test_nothing_private_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert [word for word in ("fork", "MemoryRuntime", "Parts", "#### Memory._") if word in text] == []


def modules(folder: str) -> Iterator[Path]:
    yield from (ROOT / "src" / "jitmem" / folder).glob("*.py")


def test_the_face_never_imports_the_command_line() -> None:
    for file in modules(""):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert "cli" not in (node.module or "").split("."), file.name
