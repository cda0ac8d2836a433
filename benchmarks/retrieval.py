"""Evidence recall without a model: which share of the gold evidence reaches the context, or the first five pages.

`python benchmarks/retrieval.py --data locomo10.json [--data hotpotqa.json …] [--depth 1,3] [--limit N] [--json]`
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from jitmem import Memory
from jitmem.evals.datasets import DataSet, Question, Sample, load_data_set
from jitmem.evals.datasets.row_files import read_rows
from jitmem.evals.metrics.text_metrics import context_tokens
from jitmem.stores.errors import BadInput, JitmemError

BUDGETS = (1000, 2000, 4000)
_FIELDS = {"locomo": "conversation", "hotpotqa": "supporting_facts", "musique": "paragraphs"}
TOP_PAGES = 5

OnQuestion = Callable[[int, int], None]


@dataclass
class RecallTable:
    """Mean recall by rung and category (LoCoMo's as numbers), every question counting the same, with the number of questions."""

    rows: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    turns: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, rung: str, question: Question, found: Sequence[bool]) -> None:
        """One question's share."""
        category = str(question.metadata.get("number", question.category))
        self.rows[rung, category].append(sum(found) / len(found))
        if category != "5":
            self.turns[rung][0] += sum(found)
            self.turns[rung][1] += len(found)

    def as_rows(self) -> list[dict[str, Any]]:
        """A row a rung: `recall` over all but adversarial questions (LoCoMo's category 5), and by category."""
        rungs = list(dict.fromkeys(rung for rung, _ in self.rows))
        made = []
        for rung in rungs:
            by = {category: values for (name, category), values in sorted(self.rows.items()) if name == rung}
            counted = [value for category, values in by.items() if category != "5" for value in values]
            made.append(
                {
                    "rung": rung,
                    "recall": 100 * sum(counted) / len(counted),
                    "of_all_turns": 100 * self.turns[rung][0] / self.turns[rung][1],
                    "questions": len(counted),
                    "by_category": {c: 100 * sum(values) / len(values) for c, values in by.items()},
                }
            )
        return made


def load_by_layout(path: str | Path) -> DataSet:
    """A file of LoCoMo, HotpotQA or MuSiQue in its original layout, recognized by its first row; else `BadInput`."""
    path = Path(path)
    for row in read_rows(path):
        for name, mark in _FIELDS.items():
            if mark in row.values:
                return load_data_set(name, path)
        break
    raise BadInput(f"{path}: neither LoCoMo (conversation), HotpotQA (supporting_facts) nor MuSiQue (paragraphs).")


def measure_recall(
    data: DataSet,
    *,
    depths: Sequence[int] = (1,),
    limit: int | None = None,
    embeddings: Any = None,
    progress: OnQuestion = lambda done, total: None,
) -> dict[str, Any]:
    """Fill a memory for each sample and ask its questions; returns the table and seconds a question."""
    scores = RecallTable()
    seconds: dict[str, list[float]] = defaultdict(list)
    total = sum(len(_questions_with_gold(sample, limit)) for sample in data.samples)
    done = 0
    for sample in data.samples:
        with tempfile.TemporaryDirectory() as folder, Memory.open(f"{folder}/memory", embeddings=embeddings) as memory:
            ask = _question_runner(memory, data, sample, depths)
            for question in _questions_with_gold(sample, limit):
                for rung, found, took in ask(question):
                    scores.add(rung, question, found)
                    seconds[rung].append(took)
                done += 1
                progress(done, total)
    return {
        "data": data.name,
        "questions": total,
        "table": scores.as_rows(),
        "seconds_per_question": {rung: sum(values) / len(values) for rung, values in seconds.items()},
    }


def _questions_with_gold(sample: Sample, limit: int | None) -> list[Question]:
    """The questions whose gold evidence is known."""
    return [question for question in sample.questions if question.evidence][:limit]


def _question_runner(
    memory: Memory, data: DataSet, sample: Sample, depths: Sequence[int]
) -> Callable[[Question], Iterable[tuple[str, list[bool], float]]]:
    filed = memory.memorize_many(sample.sessions)
    if data.kind == "conversation":
        return lambda question: _score_contexts(memory, question, depths)
    page_of = {one.session_id: set(one.page_ids) for one in filed}
    return lambda question: _score_first_pages(memory, question, depths, page_of)


def _score_contexts(
    memory: Memory, question: Question, depths: Sequence[int]
) -> Iterable[tuple[str, list[bool], float]]:
    """A gold turn counts when its text stands word for word in the context."""
    started = time.perf_counter()
    hits = memory.recall(question.text, k=500)
    took = time.perf_counter() - started
    for budget in BUDGETS:
        text = _fill_budget([hit.text for hit in hits], budget)
        yield f"recall, {budget} tokens", [gold in text for gold in question.evidence], took
    for depth in depths:
        for budget in BUDGETS:
            started = time.perf_counter()
            result = memory.research(question.text, depth=depth, output="snippets", context_tokens=budget)
            took = time.perf_counter() - started
            if context_tokens(result.context) > budget:
                raise AssertionError(
                    f"{context_tokens(result.context)} tokens where {budget} were allowed: {question.text}"
                )
            found = [gold in result.context for gold in question.evidence]
            yield f"research depth {depth}, {budget} tokens", found, took


def _score_first_pages(
    memory: Memory, question: Question, depths: Sequence[int], page_of: dict[str, set[str]]
) -> Iterable[tuple[str, list[bool], float]]:
    """A gold paragraph counts when its page is among the first five."""
    for depth in depths:
        started = time.perf_counter()
        first = set(memory.research(question.text, depth=depth).page_ids[:TOP_PAGES])
        took = time.perf_counter() - started
        yield (
            f"research depth {depth}, {TOP_PAGES} pages",
            [bool(page_of[key] & first) for key in question.evidence],
            took,
        )


def _fill_budget(texts: Iterable[str], budget: int) -> str:
    """Walk the ranking, adding a text where it fits."""
    kept: list[str] = []
    used = 0
    for text in texts:
        if 4 * (budget - 3) - 4 >= used + len(text) + 1:
            kept.append(text)
            used += len(text) + 1
    return "\n".join(kept)


def main(
    data: Annotated[list[Path], typer.Option(help="A file of LoCoMo, HotpotQA or MuSiQue; may be given again.")],
    depth: Annotated[str, typer.Option(help="Depths to measure, separated by commas.")] = "",
    limit: Annotated[int | None, typer.Option(help="Questions of each conversation, at most.")] = None,
    embeddings: Annotated[
        str | None, typer.Option(help="An embedding model, such as openai:NAME, or huggingface:NAME or a folder of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Which share of the gold evidence reaches the context (LoCoMo) or the first five pages (HotpotQA, MuSiQue)."""
    results = []
    try:
        for path in data:
            loaded = load_by_layout(path)
            depths = _parse_depths(depth) or _default_depths(loaded)
            with _progress_bar() as bar:
                task = bar.add_task(loaded.name, total=None)
                results.append(
                    measure_recall(
                        loaded,
                        depths=depths,
                        limit=limit,
                        embeddings=embeddings,
                        progress=lambda done, total, bar=bar, task=task: bar.update(task, completed=done, total=total),  # type: ignore[misc]
                    )
                )
    except JitmemError as error:
        print(f"retrieval: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            Console().print(_table(result))


def _parse_depths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise BadInput(f"--depth takes numbers separated by commas, such as 1,3; got {text!r}.") from error


def _default_depths(data: DataSet) -> list[int]:
    return [1] if data.kind == "conversation" else [1, 2]


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _table(result: dict[str, object]) -> Table:
    rows: list[dict[str, object]] = result["table"]  # type: ignore[assignment]
    table = Table(title=f"{result['data']}: recall of gold evidence in %, {result['questions']} questions")
    table.add_column("rung")
    table.add_column("recall", justify="right")
    categories = list(rows[0]["by_category"])  # type: ignore[call-overload]
    for category in categories:
        table.add_column(f"[{category}]" if category.isdigit() else category, justify="right")
    table.add_column("ms a question", justify="right")
    seconds: dict[str, float] = result["seconds_per_question"]  # type: ignore[assignment]
    for row in rows:
        by: dict[str, float] = row["by_category"]  # type: ignore[assignment]
        cells = [f"{by[category]:.1f}" for category in categories]
        table.add_row(str(row["rung"]), f"{row['recall']:.1f}", *cells, f"{1000 * seconds[str(row['rung'])]:.1f}")
    return table


if __name__ == "__main__":
    typer.run(main)
