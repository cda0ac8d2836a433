"""Write the memory of the newest schema, by the code that is here: `python tests/released/make.py`.

Those of earlier schemas were written by the code of their time (commits 96458e4 and 2f53d10), and stay as they are. Once
a schema is released, its memory stays, too; before a newer one is begun, its `schema.sql` is kept as `schema_N.sql`.
"""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from jitmem import ItemOptions, Memory, Session
from jitmem.stores.truth.database import FILE_NAME, SCHEMA_VERSION

TURNS = [
    ("Ana", "I bought the mill in Viana for 84,000 euros."),
    ("Rui", "And the river was high again."),
    ("Ana", "The roof must be new before the winter."),
]
DIARY = "Ana works as a miller now. She left the bank in June 2023.\n" * 3
OVEN = [("Ana", "The oven arrives on Monday.")]


def fill(folder: Path) -> None:
    """Two namespaces with everything that a memory of this schema may hold."""
    with Memory.open(folder, namespace="alice") as memory:
        memory.memorize(Session(id="walk", time="8 May 2023 13:56", metadata={"place": "Viana"}, turns=TURNS))
        memory.memorize(Session(id="diary", text=DIARY, time="2023-06-19"))
        memory.for_namespace("bob").memorize("Bob keeps bees above the village.")
        one = memory.items.insert("Ana drinks her coffee black.").item
        memory.items.insert("Ana moved to Viana.", "episodic", "2023-05-08")
        gone = memory.items.insert("Ana has a dog.").item
        assert one is not None
        assert gone is not None
        memory.items.update(one.id, "Ana drinks her coffee with milk.")
        memory.items.delete(gone.id)
        memory.items.update("core", "Ana, a miller in Viana.")
        memory.as_store().put(("prefs", "ui"), "theme", {"text": "dark", "size": 2})
        memory.as_store().put(("prefs",), "old", {"text": "x"}, ttl=600000.0)
        with Memory.open(folder, namespace="alice", item_options=ItemOptions(mode="propose")) as careful:
            careful.items.insert("Ana is allergic to nuts.")
        memory.accept(Session(id="waits", turns=OVEN, time="2023-07-01"))
        memory.recall("mill")
        memory.flush()


def main() -> None:
    """As small as it gets, without its write-ahead log."""
    with tempfile.TemporaryDirectory() as place:
        fill(Path(place))
        with closing(sqlite3.connect(Path(place) / FILE_NAME)) as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        packed = gzip.compress((Path(place) / FILE_NAME).read_bytes(), 9, mtime=0)
    (Path(__file__).parent / f"schema-{SCHEMA_VERSION}.sqlite3.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
