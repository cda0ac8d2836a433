"""The generated history comes in as `memorize` would file it: what `benchmarks/sizes.py` measures is a real memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from jitmem import MemorizeOptions, Memory

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from bulk_history import write_bulk_export
from history import TURNS, History

SESSIONS = 6
ROWS = {  # but for what an import says of itself: the memo, ids of pages and times of filing
    "session": "SELECT n, namespace, id, content, time, metadata, payload, filed_at IS NULL FROM session",
    "page": "SELECT seq, namespace, session, part, parts, text, sha256, header, title, time_key, analyzer FROM page",
    "passage": 'SELECT seq, page, start, "end", speaker, stems FROM passage',
    "posting": "SELECT namespace, term, page, passages, context, positions FROM posting ORDER BY 1, 2, 3",
    "indexed_page": "SELECT page, title, speakers, context, lengths, analyzer FROM indexed_page ORDER BY page",
    "embedding": "SELECT model, passage, vector FROM embedding ORDER BY model, passage",
    "change": "SELECT namespace, kind, ref, op, number FROM change ORDER BY n",
    "namespace": "SELECT id, name, head, erased FROM namespace",
    "uncurated": "SELECT page FROM uncurated",
}


def rows(memory: Memory) -> dict[str, list[Any]]:
    return {table: memory._runtime.database.fetch(query) for table, query in ROWS.items()}


@pytest.mark.parametrize("engine", ["folder", "postgres_url"])
def test_the_imported_history_has_the_rows_of_one_that_was_memorized(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert write_bulk_export(tmp_path / "history.jsonl", SESSIONS * TURNS) == SESSIONS
    with Memory.open(tmp_path / "memorized", memorize_options=MemorizeOptions(curate=False)) as memory:
        memory.memorize_many([History().session(number) for number in range(SESSIONS)])
        memory.flush()
        right = rows(memory)
    with Memory.open(request.getfixturevalue(engine)) as memory:
        with (tmp_path / "history.jsonl").open("rb") as lines:
            memory.transfer.import_(lines)
        memory.flush()
        found = rows(memory)
    for table, expected in right.items():
        assert found[table] == expected, table
