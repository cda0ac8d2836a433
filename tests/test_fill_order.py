"""A context has room for so many words: a passage is worth its rank, and costs what it takes."""

from __future__ import annotations

from pathlib import Path

from jitmem import Memory, Session
from jitmem.nodes.fill_order import fill_order
from jitmem.stores.records import Hit


def hits(*sizes: int, pages: str = "") -> list[Hit]:
    """Hits of so many characters, best first, each of a page of its own or of the page of its letter."""
    names = pages or "abcdefghijklmnopqrstuvwxyz"
    return [Hit(names[at], at, at + 1, "x" * size, 1.0, {}) for at, size in enumerate(sizes)]


def sizes(order: list[Hit]) -> list[int]:
    return [len(hit.text) for hit in order]


BEST = [100] * 6


def test_the_best_six_come_first_however_long_they_are() -> None:
    assert sizes(fill_order(hits(900, 10, 300, 10, 500, 10, 10), 4000))[:6] == [900, 10, 300, 10, 500, 10]


def test_passages_of_one_size_keep_their_order() -> None:
    given = hits(100, 100, 100, 100)
    assert fill_order(given, 2000) == given


def test_of_near_equals_the_short_one_comes_first_and_of_distant_ones_the_better() -> None:
    assert sizes(fill_order(hits(*BEST, 400, 100), 4000)) == [*BEST, 100, 400]
    assert sizes(fill_order(hits(*BEST, *[200] * 19, 120), 9000))[6:12] == [200] * 6


def test_a_passage_of_a_page_that_speaks_already_comes_before_its_equal() -> None:
    assert [hit.start for hit in fill_order(hits(*BEST, 100, 100, pages="aaaaaaba"), 4000)] == [*range(6), 7, 6]


def test_no_more_are_compared_than_fill_the_room_and_half_of_it_again() -> None:
    assert len(fill_order(hits(*[100] * 26), 1000)) == 16
    assert fill_order([], 1000) == []


def test_a_long_weak_passage_does_not_keep_two_short_ones_out(folder: Path) -> None:
    long = "The mill needs a new roof, " + "and the wind blew around the old walls, " * 9 + "said the baker."
    with Memory.open(folder) as memory:
        memory.memorize(Session(turns=[("Ana", long), ("Ana", "The roof of the mill leaks."), ("Ben", "It rained.")]))
        memory.memorize(Session(turns=[("Ben", "The roof costs 900 euros."), ("Ben", "Nobody was there.")]))
        context = memory.research("What of the roof of the mill?", context_tokens=90).context
    assert "The roof of the mill leaks." in context
    assert "900 euros" in context
