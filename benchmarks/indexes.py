"""The parts by themselves: an import, the keyword index beside rank_bm25, the vector index beside an exact scan."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from figures import Figure, timed
from rank_bm25 import BM25Plus

from jitmem import Memory
from jitmem.stores.analyzer import stems
from jitmem.stores.index.keyword_index import IncrementalBM25
from jitmem.stores.index.vector_index import ExactVectors

IMPORT_GOAL_S = 1.0
_NEIGHBOURS = 200  # as the Researcher asks for


def measure_import(repeats: int = 5) -> list[Figure]:
    """CPU seconds of a fresh interpreter, its own start included; the best of five."""
    return [
        Figure("import jitmem", min(_cpu_of("import jitmem") for _ in range(repeats)), "s CPU", IMPORT_GOAL_S),
        Figure("  of which Python's own start", min(_cpu_of("pass") for _ in range(repeats)), "s CPU"),
    ]


def measure_keyword(texts: Sequence[str], questions: Sequence[str]) -> list[Figure]:
    """The growing index beside `rank_bm25.BM25Plus` over the same documents: the ratios, and how far scores differ."""
    documents = [stems(text) for text in texts]
    growing = IncrementalBM25()
    spent = time.process_time()
    for document in documents:
        growing.append(document)
    added = 1000 * (time.process_time() - spent) / len(documents)
    spent = time.process_time()
    rebuilt = BM25Plus(documents, k1=growing.k1, b=growing.b, delta=0)
    rebuild = 1000 * (time.process_time() - spent)
    queries = [stems(question) for question in questions]
    own = timed([lambda query=query: growing.get_scores(query) for query in queries]).cpu_mean  # type: ignore[misc]
    theirs = timed([lambda query=query: rebuilt.get_scores(query) for query in queries]).cpu_mean  # type: ignore[misc]
    apart = max(float(np.abs(growing.get_scores(q) - rebuilt.get_scores(q)).max()) for q in queries)
    at = f"at {len(documents):,}"
    return [
        Figure(f"BM25, one passage more, {at}", 1000 * added, "µs CPU"),
        Figure("  rank_bm25, rebuilt for it", rebuild, "ms CPU"),
        Figure("  times cheaper", rebuild / added, "x", 1, least=True),
        Figure(f"BM25, a question's scores, {at}", own, "ms CPU"),
        Figure("  rank_bm25", theirs, "ms CPU"),
        Figure("  times cheaper", theirs / own, "x", 1, least=True),
        Figure("  largest difference of a score", apart, "", 1e-9),
    ]


def measure_vector(memory: Memory, questions: Sequence[str]) -> list[Figure]:
    """Chroma beside the exact scan of the same vectors, 200 neighbours a question; embedding not counted."""
    parts = memory._runtime
    chroma: Any = parts.archive.vectors
    exact = ExactVectors(parts.archive.embeddings)
    chroma._many = True  # used at any size
    chroma.catch_up()
    namespaces = [parts.archive.pages.extent().namespaces[0]]
    asked = [np.array(parts.embedder.embed_query(question), np.float32) for question in questions]
    found = [{seq for seq, _ in chroma.search(one, _NEIGHBOURS, namespaces)} for one in asked]
    right = [{seq for seq, _ in exact.search(one, _NEIGHBOURS, namespaces)} for one in asked]
    shares = [len(some & all_) / len(all_) for some, all_ in zip(found, right, strict=True) if all_]
    of_chroma = timed([lambda one=one: chroma.search(one, _NEIGHBOURS, namespaces) for one in asked])  # type: ignore[misc]
    of_exact = timed([lambda one=one: exact.search(one, _NEIGHBOURS, namespaces) for one in asked])  # type: ignore[misc]
    at = f"at {memory.stats()['passages']:,}"
    return [
        Figure(f"vectors, Chroma, p50, {at}", statistics.median(of_chroma.wall), "ms"),
        Figure("  CPU", of_chroma.cpu_mean, "ms CPU"),
        Figure(f"vectors, exact scan, p50, {at}", statistics.median(of_exact.wall), "ms"),
        Figure("  CPU", of_exact.cpu_mean, "ms CPU"),
        Figure("  of the exact neighbours Chroma finds", 100 * statistics.fmean(shares), "%"),
    ]


def _cpu_of(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
