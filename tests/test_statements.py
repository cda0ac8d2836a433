"""How many SQL statements a verb sends, whatever the number of words: BEGIN, COMMIT and PRAGMA count too."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory, Session, search_runner
from jitmem.nodes import run_step, search
from jitmem.sample_history import sample_sessions
from jitmem.stores.truth import database

RECALL, ROUND, SESSION = 4, 10, 12  # a round sends 6, and more where two searches read the same at once


MESSAGES, RECALL_MESSAGES = 8, 9  # to PostgreSQL; a recall right after a session copies its vectors


class Counter:
    """Every statement that any connection of this process runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements: list[str] = []
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect

        def traced(*args: Any, **more: Any) -> sqlite3.Connection:
            made = connect(*args, **more)
            made.set_trace_callback(self.statements.append)
            return made

        monkeypatch.setattr(database.sqlite3, "connect", traced)

    @contextmanager
    def at_most(self, most: int) -> Iterator[None]:
        self.statements.clear()
        yield
        assert 0 < len(self.statements) <= most, "\n".join(self.statements)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


@pytest.fixture
def mill(counter: Counter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    """A few sessions and items, and everything that was filed is in the indexes. No step is slow here: on a busy machine
    one may find that its snapshot has become too old, and look again."""
    for module in (run_step, search, search_runner):
        monkeypatch.setattr(module, "SNAPSHOT_AGE_S", 60.0)
    with Memory.open(folder) as memory:
        memory.memorize_many(sample_sessions()[:12])
        memory.items.insert("The oven weighs 1,150 kilos.")
        memory.flush()
        for question in ("How much does the oven weigh?", "Who is Salgueiro?"):
            memory.recall(question)
            memory.research(question)
        with ExitStack() as connections:  # as many as the searches of a round may take at once
            for _ in range(6):
                connections.enter_context(memory._runtime.database.read())
        yield memory


def talk(name: str, words: int) -> Session:
    """25 turns of so many words, none of which is worth an item."""
    turns = [
        (("Ana", "Ben")[turn % 2], " ".join(f"w{name}x{turn}y{word}" for word in range(words))) for turn in range(25)
    ]
    return Session(id=name, time="2024-05-01 09:00", turns=turns)


@pytest.mark.parametrize(
    "query", ["oven", "How much does the oven weigh that came in August, and who brought it to us?"]
)
def test_a_recall(mill: Memory, counter: Counter, query: str) -> None:
    with counter.at_most(RECALL):
        assert mill.recall(query, k=10)


@pytest.mark.parametrize("question", ["How much does the oven weigh?", "What happened on 8 April 2025, and who paid?"])
def test_a_round_of_research(mill: Memory, counter: Counter, question: str) -> None:
    with counter.at_most(ROUND):
        assert mill.research(question, depth=1).citations


def test_three_rounds_of_research(mill: Memory, counter: Counter) -> None:
    with counter.at_most(3 * ROUND):
        mill.research("Which illness does the officer who handles our permit have?", depth=3)


@pytest.mark.parametrize(("words", "pages"), [(5, 1), (60, 3)])
def test_a_session(mill: Memory, counter: Counter, words: int, pages: int) -> None:
    mill.memorize(talk("before", words))
    with counter.at_most(SESSION):
        assert len(mill.memorize(talk("after", words)).page_ids) == pages


def test_many_sessions_mark_now_and_then_how_far_the_vectors_go(mill: Memory, counter: Counter) -> None:
    counter.statements.clear()
    for n in range(40):
        mill.memorize(talk(f"n{n}", 1))
    marks = [one for one in counter.statements if one.startswith("INSERT INTO mark") and "'embedded:" in one]
    assert 1 <= len(marks) <= 2
    assert mill.recall("wn39x0y0", k=1)


@pytest.fixture
def messages(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Memory, Callable[[], int]]]:
    """A memory in PostgreSQL, and how many messages its connections have sent, as libpq writes them down: several
    statements in one message wait for the server once."""
    from psycopg_pool import ConnectionPool

    with (tmp_path / "sent").open("w+b") as sent:

        def count() -> int:
            text = (tmp_path / "sent").read_text(errors="replace")
            return len(re.findall(r"^\d{4}-\d\d-\d\d \S+\tF\t\d+\t(?:Query|Parse|Sync)\t?", text, re.M))

        def trace(connection: Any) -> None:
            connection.pgconn.trace(sent.fileno())

        with (
            ConnectionPool(postgres_url, min_size=1, max_size=8, configure=trace, open=True) as pool,
            Memory.open(pool) as memory,
        ):
            memory.memorize_many(sample_sessions()[:12])
            memory.flush()
            memory.recall("How much does the oven weigh?")
            yield memory, count


@pytest.mark.parametrize(("words", "most_pages"), [(5, 1), (60, 3)])
def test_a_session_in_postgresql(messages: tuple[Memory, Callable[[], int]], words: int, most_pages: int) -> None:
    memory, count = messages
    memory.memorize(talk("before", words))
    before = count()
    assert 0 < len(memory.memorize(talk("after", words)).page_ids) <= most_pages
    assert 0 < count() - before <= MESSAGES


def test_a_recall_after_a_session_in_postgresql(messages: tuple[Memory, Callable[[], int]]) -> None:
    memory, count = messages
    memory.memorize(talk("after", 5))
    before = count()
    assert memory.recall("How much does the oven weigh?", k=10)
    assert 0 < count() - before <= RECALL_MESSAGES


def test_a_snapshot_of_what_has_not_changed_and_a_look_at_words(mill: Memory, counter: Counter) -> None:
    archive = mill._runtime.archive
    archive.snapshot()
    with counter.at_most(1):
        snapshot = archive.snapshot()
    with counter.at_most(1):
        assert snapshot.keyword("oven weighs kilos Salgueiro", 9)
        assert snapshot.keyword_places("oven Salgueiro", 9)
        assert snapshot.unknown_share("oven weighs kilos Salgueiro") < 1
    with counter.at_most(1):
        assert snapshot.frequencies(["mill", "baker", "august"])["mill"][0] > 0


def test_pages_of_a_batch(mill: Memory, counter: Counter) -> None:
    ids = [page.id for page in mill.pages()]
    with Memory.open(mill._runtime.database.path.parent) as cold:
        snapshot = cold._runtime.archive.snapshot()
        with counter.at_most(1):
            assert list(snapshot.pages(ids)) == ids
