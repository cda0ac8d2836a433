"""Concurrent writes through `as_store()` against LangGraph's SQLite store, in one process: the ratio of their times.

python benchmarks/store_writes.py --writes 300 --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from langgraph.store.base import BaseStore
from langgraph.store.sqlite import AsyncSqliteStore

from jitmem import Memory


async def time_writes(store: BaseStore, writes: int, name: str) -> float:
    """Seconds until so many puts that are awaited at once are made."""
    started = time.perf_counter()
    await asyncio.gather(*(store.aput((name,), f"k{n}", {"text": f"Value {n} of the run."}) for n in range(writes)))
    return time.perf_counter() - started


async def compare(writes: int, rounds: int) -> dict[str, float]:
    """The medians of both, and their ratio; each round writes to both, one after the other."""
    ours, theirs = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder, Memory.open(Path(folder) / "memory") as memory:
        async with AsyncSqliteStore.from_conn_string(str(Path(folder) / "store.sqlite3")) as sqlite:
            await sqlite.setup()
            store = memory.as_store()
            for number in range(rounds + 1):  # the first opens connections and is not counted
                spent = [await time_writes(one, writes, f"run{number}") for one in (store, sqlite)]
                if number:
                    ours.append(spent[0])
                    theirs.append(spent[1])
    mine, other = statistics.median(ours), statistics.median(theirs)
    return {"jitmem_s": round(mine, 4), "sqlite_store_s": round(other, 4), "ratio": round(mine / other, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(compare(args.writes, args.rounds))))


if __name__ == "__main__":
    main()
