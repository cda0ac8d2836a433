"""Lists for people: what a part of a list of 50,000 pages costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jitmem import Memory
from jitmem.stores.truth.record_listing import PageFilter, daily_counts, page_summaries

PAGES = 50_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory.open(tmp_path_factory.mktemp("large") / "memory") as memory:
        fill_with_rows(memory)
        yield memory


def fill_with_rows(memory: Memory) -> None:
    """One page as it is filed, and 50,000 rows like it."""
    memory.memorize("Ana: I moved to Porto.")
    runtime = memory._runtime
    with runtime.database.write() as db:
        own = runtime.namespace.number(db)
        [like] = db.execute("SELECT text, sha256, header, memo, title, analyzer FROM page").fetchall()
        sessions = [(1000 + n, own, f"s{n}", f"c{n}", f"2026-{n % 12 + 1:02d}-01T00:00:00") for n in range(PAGES)]
        db.executemany(
            "INSERT INTO session (n, namespace, id, content, time, metadata, accepted_at, filed_at)"
            " VALUES (?, ?, ?, ?, '2024-05-08', '{}', ?, 'x')",
            sessions,
        )
        pages = [(1000 + n, f"p{n:011d}", own, 1000 + n, 1e9 + n * 60, *like) for n in range(PAGES)]
        db.executemany(
            "INSERT INTO page (seq, id, namespace, session, time_key, text, sha256, header, memo, title, analyzer,"
            " part, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1)",
            pages,
        )
        passages = [(1000 + n, "ana heron" if n == 7 else "ana stork") for n in range(PAGES)]
        db.executemany(
            "INSERT INTO passage (page, start, \"end\", speaker, stems) VALUES (?, 0, 9, 'Ana', ?)", passages
        )


def cpu_s(act: Callable[[], Any]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def test_the_first_and_the_last_part_of_50_000_pages_cost_little(large: Memory) -> None:
    namespace = large._runtime.namespace
    first, place = page_summaries(namespace, PageFilter(), None, 50)
    assert (first[0].id, len(first)) == (f"p{PAGES - 1:011d}", 50)
    assert place is not None
    assert cpu_s(lambda: page_summaries(namespace, PageFilter(), place, 50)) < 0.3
    assert cpu_s(lambda: page_summaries(namespace, PageFilter(), (1e9 + 600, 1010), 50)) < 0.5
    assert cpu_s(lambda: (large.stats(), daily_counts(namespace))) < 1.5


def test_a_rare_word_is_found_among_them(large: Memory) -> None:
    namespace = large._runtime.namespace
    found: list[Any] = []
    assert cpu_s(lambda: found.append(page_summaries(namespace, PageFilter(words="herons"), None, 50))) < 1
    [(pages, place)] = found
    assert ([page.id for page in pages], place) == (["p00000000007"], None)
