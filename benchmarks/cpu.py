"""What jitmem itself costs, without a model: `python benchmarks/cpu.py [--sessions 1000] [--vs CHECKOUT] [--json]`."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import indexes
import typer
from figures import Figure, percentile, report, timed
from history import TURNS, History
from rich.console import Console
from rich.progress import Progress
from side_by_side import beside

from jitmem import Memory

SESSION_MS = QUESTION_MS = 25.0
RECALL_MS = 5.0
FLAT = 1.5  # times what it cost at the first stop: the longest history may cost no more
STOPS = (100, 300, 1000)
PASSAGES = 10_000  # at which recall and the indexes are measured
QUESTIONS, RECALLS = 100, 200

errors = Console(stderr=True)


def main(
    sessions: Annotated[int, typer.Option(min=2, help="Sessions of the longest history.")] = 1000,
    vs: Annotated[
        Path | None, typer.Option(help="Another checkout: measure both, in turns, and give the shares alone.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure CPU a session and a question, recall, import, and the indexes beside what they replace."""
    if vs is not None:
        report(list(beside(vs, sessions, QUESTIONS)), as_json=as_json, sessions=sessions)
        return
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("filing sessions", total=sessions)
        figures = list(_measured(sessions, lambda done: progress.update(task, completed=done)))
    report(figures, as_json=as_json, sessions=sessions)


def _measured(sessions: int, done: Callable[[int], None]) -> Iterator[Figure]:
    history = History()
    stops = sorted({stop for stop in STOPS if stop < sessions} | {sessions})
    recall_at = min(PASSAGES // TURNS, sessions)
    costs: dict[str, list[float]] = {"session": [], "question, depth 1": [], "question, depth 3": []}
    at_recall: list[Figure] = []
    with _memory() as memory:
        memory.memorize(history.session(0))  # imports and the first look at Chroma are no session's cost
        for question in history.questions(1, 10):
            memory.research(question)
        filed = 1
        for stop in stops:
            spent, first = 0.0, filed
            for until in [recall_at, stop] if filed < recall_at < stop else [stop]:
                spent += _file(memory, history, filed, until, done)
                filed = until
                if filed == recall_at:
                    at_recall = _at_rest(memory, history, filed)
            costs["session"].append(spent / (stop - first))
            asked = history.questions(stops[0], QUESTIONS)  # the same at every stop: only the memory grows
            for depth in (1, 3):
                research = timed([lambda q=q, d=depth: memory.research(q, depth=d) for q in asked])  # type: ignore[misc]
                costs[f"question, depth {depth}"].append(research.cpu_mean)
    for name, values in costs.items():
        goal = SESSION_MS if name == "session" else QUESTION_MS
        for stop, value in zip(stops, values, strict=True):
            yield Figure(f"a {name}, at {stop:,} sessions", value, "ms CPU", goal)
        if len(stops) > 1:
            yield Figure(f"  {name}, {stops[-1]:,} beside {stops[0]:,}", values[-1] / values[0], "x", FLAT)
    yield from at_recall
    yield from indexes.measure_import()


def _file(memory: Memory, history: History, first: int, until: int, done: Callable[[int], None]) -> float:
    """CPU milliseconds of filing some sessions, embedded and in every index when the clock stops."""
    spent = 0.0
    for number in range(first, until):
        session = history.session(number)
        spent += timed([lambda session=session: memory.memorize(session)]).cpu[0]  # type: ignore[misc]
        done(number + 1)
    return spent + timed([memory.flush]).cpu[0]


def _at_rest(memory: Memory, history: History, sessions: int) -> list[Figure]:
    asked = history.questions(sessions, RECALLS)
    memory.recall(asked[0])
    recall = timed([lambda q=q: memory.recall(q) for q in asked])  # type: ignore[misc]
    texts = [page.text for page in memory.pages()]
    passages = [line for text in texts for line in text.split("\n")]
    at = f"at {memory.stats()['passages']:,} passages"
    return [
        Figure(f"recall, p50, {at}", statistics.median(recall.wall), "ms", RECALL_MS),
        Figure("  p95", percentile(recall.wall, 95), "ms"),
        Figure("  p50, CPU", statistics.median(recall.cpu), "ms CPU", RECALL_MS),
        Figure("  p95, CPU", percentile(recall.cpu, 95), "ms CPU"),
        *indexes.measure_keyword(passages, asked),
        *indexes.measure_vector(memory, asked),
    ]


@contextmanager
def _memory() -> Iterator[Memory]:
    with tempfile.TemporaryDirectory(prefix="jitmem-cpu-") as folder, Memory.open(Path(folder) / "memory") as memory:
        yield memory


if __name__ == "__main__":
    typer.run(main)
