"""The state of a run, shared by its threads: answers, errors and cost."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from ..models import chat_model
from ..stores.errors import JitmemError, ModelUnavailable
from .datasets.benchmark_records import Sample
from .jsonl_log import JsonlLog, read_log
from .run_plan import OFFLINE, CostLimitReached, MeansProgress, QuestionKey, RunPlan
from .systems import Setup

MAX_FAILURES_IN_A_ROW = 10
"""Consecutive failures before the run stops."""


class RunState:
    """Counts answers and failures, and stops a run that may not go on."""

    def __init__(
        self,
        plan: RunPlan,
        answers: JsonlLog,
        errors: JsonlLog,
        answered: Sequence[Mapping[str, Any]],
        total: int,
        progress: MeansProgress,
    ) -> None:
        self._plan, self._answers, self._errors = plan, answers, errors
        self._total, self._progress = total, progress
        self._lock = threading.Lock()
        self._sums: dict[str, list[float]] = {}
        self._failed: set[tuple[str, str]] = set()
        self._in_a_row = 0
        self._spent = sum(line["dollars"] or 0.0 for line in read_log(plan.folder / OFFLINE))
        self.done = 0
        for line in answered:
            self._count(line)

    def chat_model(self, model: Any) -> Any:
        return chat_model(model, base_url=self._plan.models.base_url, timeout_s=self._plan.models.timeout_s)

    def add_answer(self, key: QuestionKey, line: Mapping[str, Any]) -> None:
        """On disk before it is counted."""
        setup, sample, question = key
        whole = {"setup": setup, "sample": sample, "question": question, **line}
        self._answers.append(whole)
        with self._lock:
            self._in_a_row = 0
            self._count(whole)

    def add_failure(self, key: QuestionKey, step: str, error: Exception, *, counts: bool = True) -> None:
        """An error is no answer and has no score. One that concerns many questions at once `counts` once."""
        setup, sample, question = key
        entry = {"setup": setup, "sample": sample, "question": question, "step": step, "error": type(error).__name__}
        trace = [] if isinstance(error, JitmemError) else traceback.format_exception(error)
        self._errors.append({**entry, "message": str(error), "trace": "".join(trace), "at": time.time()})
        with self._lock:
            self._failed.add((setup, sample))
            self._in_a_row += counts
            if self._in_a_row >= MAX_FAILURES_IN_A_ROW:
                raise ModelUnavailable(
                    f"{MAX_FAILURES_IN_A_ROW} questions failed one after the other, the last with {type(error).__name__}: {error}"
                    " The same command goes on from here."
                ) from error

    def has_failures(self, setups: Sequence[Setup], sample: Sample) -> bool:
        """Whether a question of these setups has failed in this run."""
        return any((setup.name, sample.name) in self._failed for setup in setups)

    def add_cost(self, dollars: float | None) -> None:
        with self._lock:
            self._spent += dollars or 0.0

    def check_budget(self) -> None:
        """`CostLimitReached` before a question that would exceed it."""
        limit = self._plan.prices.limit
        if limit is not None and self._spent >= limit:
            raise CostLimitReached(f"${self._spent:.2f} are spent of ${limit:.2f}; the same command with more goes on.")

    def _count(self, line: Mapping[str, Any]) -> None:
        self.done += 1
        self._spent += line["dollars"] or 0.0
        for name, value in line["scores"].items():
            sums = self._sums.setdefault(name, [0.0, 0.0])
            sums[0] += value
            sums[1] += 1
        self._progress(self.done, self._total, {name: total / n for name, (total, n) in self._sums.items()})
