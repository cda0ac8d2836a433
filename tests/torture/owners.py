"""Two processes over one vector index: the owner is killed in mid-feed, the other takes over, and a new one comes.
`python -m torture.owners FOLDER SEED RUNS` says a line of JSON for each run."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import threading
import time
import traceback
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import jitmem.batch
import jitmem.graphs.memorizer
import jitmem.stores.index.chroma_index
from jitmem import Memory
from jitmem.stores.truth.database import FILE_NAME

from . import plan
from .writer import OPTIONS

IMPORTED = jitmem
_FORK = multiprocessing.get_context("fork")
_LONGEST_S = 60.0
_STRIDE = 10_000
"""Session numbers of one process."""


class Other:
    """A process that keeps sessions and searches, and answers when it is asked."""

    def __init__(self, folder: Path, number: int) -> None:
        self._pipe, theirs = _FORK.Pipe()
        self._process = _FORK.Process(target=_serve, args=(folder, number, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, what: str) -> Any:
        """What it answers."""
        self._pipe.send(what)
        assert self._pipe.poll(_LONGEST_S), f"no answer to {what!r}"
        word, answer = self._pipe.recv()
        assert word == "fine", answer
        return answer

    def kill(self) -> None:
        """With SIGKILL."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()


def _serve(folder: Path, number: int, pipe: Connection) -> None:
    with Memory.open(folder, memorize_options=OPTIONS) as memory:
        stop = threading.Event()
        failures: list[str] = []
        worker = threading.Thread(target=_work, args=(memory, number, stop, failures), daemon=True)
        worker.start()
        while True:
            what = pipe.recv()
            try:
                if what == "owner":
                    memory.recall("harbour almanac")
                    answer: Any = memory._runtime.archive.vectors.owner
                else:
                    stop.set()
                    worker.join()
                    answer = _unfindable(folder, memory)
                    stop.clear()
                    worker = threading.Thread(target=_work, args=(memory, number + 1000, stop, failures), daemon=True)
                    worker.start()
                pipe.send(("failed", failures) if failures else ("fine", answer))
            except Exception:
                pipe.send(("failed", traceback.format_exc()))


def _work(memory: Memory, number: int, stop: threading.Event, failures: list[str]) -> None:
    try:
        n = number
        while not stop.is_set():
            memory.memorize(plan.session(n))
            memory.recall(f"boat number {n}")
            n += 1
    except Exception:
        failures.append(traceback.format_exc())


def _unfindable(folder: Path, memory: Memory) -> dict[str, int]:
    """Of all vectors of passages, those that a search for themselves does not find, by the memory; and by Chroma alone,
    which may have lost some that are compared one by one."""
    memory.flush()
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        rows = db.execute("SELECT passage, vector FROM embedding").fetchall()
        passages = db.execute("SELECT count(*) FROM passage").fetchone()[0]
    vectors = {n: np.frombuffer(blob, "<f4") for n, blob in rows}
    index: Any = memory._runtime.archive.vectors
    namespaces = memory._runtime.archive.pages.extent().namespaces
    collection = index._chroma.folder.vectors(index._embeddings)._collection
    lost = lost_by_chroma = 0
    for n, vector in vectors.items():
        lost += not _is_among(n, index.search(vector, 5, namespaces))
    for at in range(0, len(vectors), 100):
        numbers = list(vectors)[at : at + 100]
        got = collection.query(query_embeddings=np.array([vectors[n] for n in numbers]), n_results=min(5, len(vectors)))
        near = zip(numbers, got["ids"], got["distances"], strict=True)
        lost_by_chroma += sum(
            not _is_among(n, [(int(i), 1 - d) for i, d in zip(ids, apart, strict=True)]) for n, ids, apart in near
        )
    return {"vectors": len(vectors), "passages": passages, "lost": lost, "lost_by_chroma": lost_by_chroma}


def _is_among(n: int, found: list[tuple[int, float]]) -> bool:
    """It, or as many as were asked for that are the same."""
    return n in dict(found) or (len(found) == 5 and found[-1][1] > 1 - 1e-5)


def main(folder: Path, seed: int, runs: int) -> None:
    chance = random.Random(seed)
    owner = Other(folder, 0)
    assert owner.ask("owner"), "the first owns the index"
    for run in range(runs):
        second = Other(folder, (run + 1) * _STRIDE)
        before = second.ask("owner")
        time.sleep(chance.uniform(0.05, 0.5))
        owner.kill()
        after = second.ask("owner")
        told = {"before": before, "after": after, **second.ask("unfindable")}
        print(json.dumps(told), flush=True)
        owner = second
    owner.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
