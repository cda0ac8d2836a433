"""The weights of the rules' confidence: `python benchmarks/fit_confidence.py locomo10.json --only conv-26 --only conv-41`."""

from __future__ import annotations

import random
import re
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from jitmem import Memory
from jitmem.evals.datasets.benchmark_records import Sample
from jitmem.evals.datasets.locomo import load
from jitmem.evals.scores import ADVERSARIAL
from jitmem.nodes.rules.confidence import signs
from jitmem.nodes.rules.question_terms import question_terms, weigh

HITS = 12
NEAR_MISSES = 0.3  # of the questions with an answer, with their rarest word replaced
RIDGE = 2.0
STEPS = 50


def main(
    data: Path,
    only: Annotated[list[str] | None, typer.Option(help="A conversation to fit to; all by default.")] = None,
    seed: int = 0,
) -> None:
    """Fit a logistic regression to questions of LoCoMo with and without an answer, and to near misses; both sorts weigh alike."""
    samples = load(data).samples
    draw = random.Random(seed)
    rows: list[tuple[float, ...]] = []
    answered: list[bool] = []
    for sample in samples:
        if only and sample.name not in only:
            continue
        foreign = [word for other in samples if other is not sample for word in _words(other)]
        with tempfile.TemporaryDirectory() as folder, Memory.open(Path(folder) / "memory") as memory:
            memory.memorize_many(sample.sessions)
            for question in sample.questions:
                has_answer = question.category != ADVERSARIAL
                rows.append(_best_signs(memory, question.text))
                answered.append(has_answer)
                miss = _near_miss(memory, question.text, draw.choice(foreign))
                if has_answer and draw.random() < NEAR_MISSES and miss != question.text:
                    rows.append(_best_signs(memory, miss))
                    answered.append(False)
    weights = _fit(np.array(rows), np.array(answered, float))
    typer.echo(f"WEIGHTS = ({', '.join(f'{weight:.2f}' for weight in weights)})")


def _words(sample: Sample) -> list[str]:
    return [
        word
        for session in sample.sessions
        for _, text in session.turns or ()
        for word in re.findall(r"\b[a-z]{5,}\b", text)
    ]


def _near_miss(memory: Memory, question: str, word: str) -> str:
    snapshot = memory._runtime.archive.snapshot()
    terms = question_terms(snapshot, question)
    if not terms:
        return question
    rarest = max(terms, key=lambda term: weigh(snapshot, term))
    return re.sub(rf"\b{re.escape(rarest.text)}\b", word, question)


def _best_signs(memory: Memory, question: str) -> tuple[float, ...]:
    """Those of the hit that shares most of the question."""
    hits = memory.recall(question, HITS)
    return max(signs(memory._runtime.archive.snapshot(), question, hits), default=(0.0,) * 4)


def _fit(rows: NDArray[np.float64], answered: NDArray[np.float64]) -> NDArray[np.float64]:
    """The constant, then a weight for each sign: Newton's method with a ridge over standardised signs."""
    share = answered.mean()
    balance = np.where(answered == 1, 0.5 / share, 0.5 / (1 - share))
    mean, spread = rows.mean(0), rows.std(0) + 1e-9
    table = np.hstack([(rows - mean) / spread, np.ones((len(rows), 1))])
    penalty = np.append(np.full(rows.shape[1], RIDGE), 0.0)
    found = np.zeros(table.shape[1])
    for _ in range(STEPS):
        guess = 1 / (1 + np.exp(-table @ found))
        slope = table.T @ (balance * (guess - answered)) + penalty * found
        curvature = (table * (balance * guess * (1 - guess))[:, None]).T @ table + np.diag(penalty)
        found -= np.linalg.solve(curvature, slope)
    factors = found[:-1] / spread
    return np.append(found[-1] - factors @ mean, factors)


if __name__ == "__main__":
    typer.run(main)
