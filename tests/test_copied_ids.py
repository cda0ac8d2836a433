"""Ids as tools print them are taken back, and unknown arguments of tools are refused."""

from __future__ import annotations

from pathlib import Path

from jitmem import Memory


def test_an_id_is_read_as_a_search_prints_it(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        [page_id] = memory.memorize("Ana: I moved to Porto.").page_ids
        read, search = (memory.tools([name])[0] for name in ("read_page", "search_page_id"))
        printed = memory.tools(["search_keyword"])[0].invoke({"query": "Porto"}).splitlines()
        line = next(one for one in printed if page_id in one)
        mark = line[line.index("[") : line.index("]") + 1]
        assert mark == f"[{page_id} 0-22]"
        assert "I moved to Porto." in read.invoke({"page_id": mark})
        assert "I moved to Porto." in search.invoke({"query": mark})


def test_a_page_that_is_asked_for_by_its_id_is_not_called_missing(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        [page_id] = memory.memorize("Ana: I moved to Porto.").page_ids
        found = memory.research(page_id)
    assert "I moved to Porto." in found.context
    assert "Not in memory" not in found.context
    assert found.unmet == ()


def test_an_argument_that_a_search_does_not_have_is_refused_by_name(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ana: I moved to Porto.")
        for tool in memory.tools(["search_pages", "search_keyword", "search_vector", "search_page_id", "read_page"]):
            given = {"page_id" if tool.name == "read_page" else "query": "Porto", "namespace": "bob"}
            answer = tool.invoke(given)
            assert "there is no argument 'namespace'" in answer
            assert "Porto." not in answer
