"""Several namespaces of one open memory: files, indexes and models are shared, and nothing that is said."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from jitmem import Memory, StoreClosed, UnknownRecord
from jitmem.testing import ScriptedModel


def test_another_namespace_is_made_once_and_shares_the_models(folder: Path) -> None:
    model = ScriptedModel(lines={"memorize": [{"memo": "One."}, {"memo": "Two."}]})
    with Memory.open(folder, namespace="ana", memorizer_model=model, curate=False) as ana:
        ben = ana.of("ben")
        assert ana.of("ben") is ben
        assert ben.of("ana") is ana
        assert (ana.namespace, ben.namespace) == ("ana", "ben")
        ana.memorize("Ana: I live in Porto.")
        ben.memorize("Ben: I live in Lisbon.")
    assert model.left() == {}


def test_they_never_see_each_other(memory: Memory) -> None:
    other = memory.of("ben")
    page_id = memory.memorize("Ana: I live in Porto.").page_ids[0]
    item = memory.remember("Ana bakes bread.").item
    other.memorize("Ben: I live in Lisbon, where the trams are.")
    assert [hit.text for hit in other.recall("live Porto Lisbon")] == ["Ben: I live in Lisbon, where the trams are."]
    assert "I live in Porto" not in other.research("Who lives in Porto?").context
    assert all("Ana" not in one.content for one in other.items())
    assert item is not None
    for look in (lambda: other.page(page_id), lambda: other.item(item.id), lambda: other.history(item.id)):
        with pytest.raises(UnknownRecord):
            look()


def test_one_that_came_from_another_is_closed_with_it(folder: Path) -> None:
    with Memory.open(folder) as memory:
        with memory.of("ben") as other:
            other.memorize("Ben: I live in Lisbon.")
        assert other.stats()["pages"] == 1
    with pytest.raises(StoreClosed):
        other.stats()


def test_many_threads_get_the_same_one(memory: Memory) -> None:
    found: list[Memory] = []
    threads = [threading.Thread(target=lambda: found.append(memory.of("ben"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1


def test_a_session_can_be_accepted_now_and_filed_later(folder: Path) -> None:
    with Memory.open(folder) as memory:
        session_id = memory.accept("Ana: I live in Porto.")
        assert (memory.stats()["waiting"], memory.pages()) == (1, [])
    with Memory.open(folder) as memory:
        assert [filed.session_id for filed in memory.resume()] == [session_id]
        assert memory.accept("Ana: I live in Porto.") == session_id
        assert memory.stats() | {"waiting": 0, "pages": 1} == memory.stats()
