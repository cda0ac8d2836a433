"""A process that has imported everything once, and forks a fresh child for each writer and each check.

Neither Chroma nor any thread is started before a fork. Run it with `python -m torture.nursery`; a line of JSON on its
standard input is a task, and lines of JSON come back, the last of which is `["ended", exit code]`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import traceback
from dataclasses import asdict

import chromadb.api.rust
import chromadb.config

import jitmem.batch
import jitmem.graphs.memorizer
import jitmem.integrations.base_store
import jitmem.stores.index.chroma_index
from jitmem import Memory
from jitmem.stores.truth.database import SqliteDatabase

from .index_check import check_indexes
from .ledger import Ledger
from .places import Place, place_of
from .settle import finish_sessions, repeat_edits
from .truth_check import check_truth
from .writer import OPTIONS, Share, Tell, teller, write

IMPORTED = (chromadb, jitmem)


def check(place: Place, ledger: Ledger, repeated: str, tell: Tell) -> None:
    """What is lost or torn. With `repeated` "sessions" or "all" what was begun is done once more, and everything is
    compared again, and the indexes with it."""
    found = check_truth(place, ledger)
    if repeated and not found:
        with Memory.open(place, memorize_options=OPTIONS) as memory:
            memory.recall("harbour")  # the indexes are open before what died is finished
            finish_sessions(memory, ledger)
            if repeated == "all":
                repeat_edits(memory, ledger)
            found = check_truth(place, ledger)
            with Memory.open(place) as fresh:
                found.drift += check_indexes(memory, fresh)
    tell("result", asdict(found), ledger.as_json())


def _task(task: dict[str, str], tell: Tell) -> None:
    place, ledger = place_of(task["folder"]), Ledger.from_json(task["ledger"])
    if task["do"] == "check":
        check(place, ledger, task["repeated"], tell)
    else:
        if "synchronous" in task:
            _careless(task["synchronous"])
        share = Share(int(task.get("writer", "0")), int(task.get("writers", "1")))
        write(place, int(task["seed"]), ledger.first(), tell, share, survives="survives" in task)


def _careless(synchronous: str) -> None:
    """Commits as no memory of ours is committed, to show what is lost then."""
    connect = SqliteDatabase._connect

    def connected(database: SqliteDatabase) -> sqlite3.Connection:
        connection = connect(database)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        return connection

    SqliteDatabase._connect = connected  # type: ignore[method-assign]


def main() -> None:
    tell = teller(1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                tell("pid", os.getpid())
                _task(json.loads(line), tell)
                os._exit(0)
            except BaseException:
                tell("error", traceback.format_exc()[-3000:])
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        tell("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
