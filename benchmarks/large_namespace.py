"""Vectors of one large namespace in PostgreSQL: its graph (HNSW) beside the comparison with all, with the default embeddings.

python benchmarks/large_namespace.py postgresql://owner@localhost/empty --passages 20000
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from jitmem import Memory
from jitmem.sample_history import sample_sessions
from jitmem.stores.postgres import hnsw_indexes
from jitmem.stores.truth.journal import PageDraft, PassageDraft

NEIGHBOURS, BEST, ON_A_PAGE = 200, 10, 500
Found = Sequence[tuple[int, float]]


def turns(count: int, chance: random.Random) -> list[str]:
    """Turns of the sample history with every sixth longer word exchanged for one of another."""
    known = [text for session in sample_sessions() for text in str(session.text or session.turns).split("\n") if text]
    words = [word for text in known for word in text.split() if len(word) > 4]

    def vary(text: str) -> str:
        return " ".join(
            chance.choice(words) if len(word) > 4 and not chance.randrange(6) else word for word in text.split()
        )[:300]

    return [vary(chance.choice(known)) for _ in range(count)]


def fill(memory: Memory, texts: Sequence[str]) -> None:
    """As pages of many passages, with their vectors."""
    runtime = memory._runtime
    for first in range(0, len(texts), ON_A_PAGE):
        part = [f"{text}\n" for text in texts[first : first + ON_A_PAGE]]
        ends = np.cumsum([len(text) for text in part]).tolist()
        spans = [PassageDraft(end - len(text), end, None, []) for text, end in zip(part, ends, strict=True)]
        accepted = runtime.archive.journal.accept(
            session_id=f"s{first}", text="".join(part), turns=[], time=None, metadata={}
        )
        runtime.archive.journal.file(accepted, [PageDraft("".join(part), "", "", "", spans)])
    memory.flush()


def time_searches(
    search: Callable[[NDArray[np.float32]], Found], queries: Sequence[NDArray[np.float32]]
) -> tuple[float, list[Found]]:
    """Milliseconds of the median search, the best of five runs of each, and what each found."""
    spent, found = [], []
    for query in queries:
        runs = []
        for _ in range(5):
            begun = time.perf_counter()
            result = search(query)
            runs.append(1000 * (time.perf_counter() - begun))
        spent.append(min(runs))
        found.append(result)
    return statistics.median(spent), found


def recall(found: Sequence[Found], right: Sequence[Found]) -> float:
    """The share of the best ten that are as near as the tenth is: which of equals is found does not matter."""
    shares = []
    for some, all_ in zip(found, right, strict=True):
        last = all_[:BEST][-1][1] - 1e-6
        shares.append(sum(cosine >= last for _, cosine in some[:BEST]) / len(all_[:BEST]))
    return statistics.fmean(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=60)
    given = parser.parse_args()
    chance = random.Random(20261130)
    with Memory.open(given.url, "large") as memory:
        fill(memory, turns(given.passages, chance))
        runtime = memory._runtime
        index, number = runtime.archive.vectors, runtime.archive.pages.extent().namespaces[0]
        queries = [np.array(runtime.embedder.embed_query(text), np.float32) for text in turns(given.queries, chance)]
        hnsw_indexes.MIN_VECTORS = 10 * given.passages
        hnsw_indexes.maintain_indexes(runtime.database)  # type: ignore[arg-type]  # drops one of a former run
        exact_ms, right = time_searches(lambda query: index.search(query, NEIGHBOURS, [number]), queries)
        hnsw_indexes.MIN_VECTORS = 1
        begun = time.perf_counter()
        hnsw_indexes.maintain_indexes(runtime.database)  # type: ignore[arg-type]
        built = time.perf_counter() - begun
        graph_ms, found = time_searches(lambda query: index.search(query, NEIGHBOURS, [number]), queries)
    print(f"passages {given.passages:,}, neighbours {NEIGHBOURS}, queries {given.queries}")
    print(f"all compared: {exact_ms:.1f} ms    graph: {graph_ms:.1f} ms, built in {built:.0f} s")
    print(f"of the best {BEST}, with ties: {100 * recall(found, right):.1f} %")


if __name__ == "__main__":
    main()
