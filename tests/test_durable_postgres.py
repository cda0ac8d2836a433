"""What was acknowledged in PostgreSQL is there after kill -9 of writers and of the server; and the comparison that says so
would notice."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
from postgres_server import PostgresServer, why_not
from test_durable import SABOTAGE, check_whole, fill
from torture.index_check import check_indexes
from torture.ledger import Ledger
from torture.server_kills import server_rounds
from torture.truth_check import check_truth
from torture.writer import OPTIONS

from jitmem import Memory

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)

ROUNDS = 6


def test_kills_of_writers_and_of_the_server_lose_tear_and_double_nothing() -> None:
    seed = int(os.environ.get("JITMEM_SEED") or random.SystemRandom().randrange(1 << 30))
    print(f"JITMEM_SEED={seed}")
    server = PostgresServer(durable=True)
    try:
        *_, tally = server_rounds(server, ROUNDS, 2, seed)
    finally:
        server.close()
    print(tally, dict(tally.moments))
    assert tally.faults == []
    assert (tally.rounds, tally.acknowledged > 5 * ROUNDS) == (ROUNDS, True)
    assert {moment.split()[0] for moment in tally.moments} == {"writer", "server"}


@pytest.fixture
def written(postgres: PostgresServer, postgres_url: str) -> Iterator[tuple[Memory, Ledger]]:
    postgres.execute("CREATE EXTENSION amcheck", postgres_url)
    with Memory.open(postgres_url, memorize_options=OPTIONS) as memory:
        yield memory, fill(memory)


def test_a_whole_memory_has_no_faults_and_repeating_every_call_changes_nothing(
    written: tuple[Memory, Ledger], postgres_url: str
) -> None:
    check_whole(*written, postgres_url)


SABOTAGE_OF_ROWS = {
    **SABOTAGE,
    "a posting is gone": ("DELETE FROM posting WHERE page = 2 AND term = 'book'", "torn"),
    "a posting is of no page": ("UPDATE posting SET page = 9999 WHERE page = 2", "torn"),
    "a head is behind": ("UPDATE namespace SET head = head - 1", "torn"),
    "a change is gone": ("DELETE FROM change WHERE kind = 'session' OR number = 1", "torn"),
}


@pytest.mark.parametrize("what", SABOTAGE_OF_ROWS)
def test_the_comparison_notices_that(
    what: str, written: tuple[Memory, Ledger], postgres: PostgresServer, postgres_url: str
) -> None:
    _, ledger = written
    statement, kind = SABOTAGE_OF_ROWS[what]
    postgres.execute(f"SET search_path TO jitmem; SET session_replication_role = replica; {statement}", postgres_url)
    assert getattr(check_truth(postgres_url, ledger), kind)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM passage_vector WHERE number = 3", "passages: pgvector does not hold [3]"),
        (
            "UPDATE passage_vector SET near = (SELECT near FROM passage_vector WHERE number = 1) WHERE number = 3",
            "passages: pgvector holds another vector for 3",
        ),
        (
            "UPDATE embedding SET vector = (SELECT vector FROM embedding WHERE passage = 1) WHERE passage = 3",
            "passages: [3] has a vector that is not its text's",
        ),
    ],
)
def test_the_comparison_notices_a_wrong_vector(
    statement: str, told: str, written: tuple[Memory, Ledger], postgres: PostgresServer, postgres_url: str
) -> None:
    memory, _ = written
    with Memory.open(postgres_url) as fresh:
        assert check_indexes(memory, fresh) == []
        postgres.execute(f"SET search_path TO jitmem, public; {statement}", postgres_url)
        assert told in check_indexes(memory, fresh)
