"""Run systems over a data set: every question once, each answer on disk before the next, resumable."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..stores.errors import BadInput, JitmemError, MissingPackage, ModelUnavailable
from ..stores.records import Usage
from .datasets.benchmark_records import Question, Sample
from .jsonl_log import JsonlLog, exclusive_run, read_log, run_all
from .metrics.answer_judge import AnswerJudge, rubric
from .metrics.model_requests import with_call_counter
from .run_plan import ANSWERS, ERRORS, OFFLINE, WORK, CostLimitReached, MeansProgress, QuestionKey, RunOutcome, RunPlan
from .scores import score_answer
from .systems import Setup, System, SystemAnswer, SystemContext, open_sharing
from .systems.context_reader import ContextReader

__all__ = ["MAX_FAILURES_IN_A_ROW", "MeansProgress", "RunOutcome", "RunPlan", "run_plan"]

MAX_FAILURES_IN_A_ROW = 10
"""Consecutive failures before the run stops."""
QUESTION_FIELDS = ("family", "tokens")
"""Metadata of the question that each line records, where the data set has it: RULER does."""
_ENDS_RUN = (BadInput, MissingPackage, CostLimitReached)


def run_plan(plan: RunPlan, progress: MeansProgress = lambda done, total, means: None) -> RunOutcome:
    """Ask the questions that have no answer in the folder; those that failed in an earlier run are asked again.

    A question that fails is logged as an error, and the others go on. `CostLimitReached` and `ModelUnavailable` (many
    errors in a row) stop the run; the same call resumes it. `BadInput` where another run uses the folder.
    """
    keys = _question_keys(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with (
        exclusive_run(plan.folder),
        JsonlLog(plan.folder / ANSWERS) as answers,
        JsonlLog(plan.folder / ERRORS) as errors,
    ):
        run = _EvalRun(plan, keys, answers, errors, progress)
        before = run.done
        groups: dict[str, list[Setup]] = {}
        for setup in plan.setups:
            groups.setdefault(setup.memory_key, []).append(setup)
        for sample in plan.data.samples:
            for setups in groups.values():
                run.run_sample(sample, setups)
        if run.done == len(keys):
            shutil.rmtree(plan.folder / WORK, ignore_errors=True)
        return RunOutcome(run.done - before, before, len(keys) - run.done)


class _EvalRun:
    """One run; its threads share the counts of answers, failures and cost."""

    def __init__(
        self,
        plan: RunPlan,
        keys: Sequence[QuestionKey],
        answers: JsonlLog,
        errors: JsonlLog,
        progress: MeansProgress,
    ) -> None:
        self._plan, self._answers, self._errors = plan, answers, errors
        self._total, self._progress = len(keys), progress
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[float, int]] = {}
        self._failed: set[tuple[str, str]] = set()
        self._failures_in_a_row = 0
        self._spent = sum(line["dollars"] or 0.0 for line in read_log(plan.folder / OFFLINE))
        self.done = 0
        lines = {(line["setup"], line["sample"], line["question"]): line for line in read_log(plan.folder / ANSWERS)}
        self._answered = set(lines)
        expected = set(keys)
        for line in (line for key, line in lines.items() if key in expected):
            self._count(line)

    def run_sample(self, sample: Sample, setups: Sequence[Setup]) -> None:
        """The open questions of a sample, by the setups that share a memory."""
        left = [
            (at, question)
            for at, setup in enumerate(setups)
            for question in sample.questions
            if (setup.name, sample.name, question.id) not in self._answered
        ]
        if not left:
            return
        memory_hash = hashlib.sha256(f"{setups[0].memory_key}\n{sample.name}".encode()).hexdigest()
        folder = self._plan.folder / WORK / memory_hash[:16]
        resumed = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        systems: list[System] = []
        try:
            try:
                systems = open_sharing(list(setups), SystemContext(folder, self._plan.models))
                self._prepare(sample, setups[0].memory_key, systems, resumed=resumed)
            except _ENDS_RUN:
                raise
            except Exception as error:  # of all these questions, so it counts once
                for number, (at, question) in enumerate(left):
                    key = (setups[at].name, sample.name, question.id)
                    self._add_failure(key, "prepare", error, counts=number == 0)
                return

            def answer(at: int, question: Question) -> None:
                self._answer(sample, setups[at], systems[at], question)

            run_all(answer, left, self._plan.concurrency if self._plan.models.calls_models else 1, "jitmem-eval")
        finally:
            for system in systems:
                system.close()
        if not any((setup.name, sample.name) in self._failed for setup in setups):
            shutil.rmtree(folder)

    def _prepare(self, sample: Sample, memory_key: str, systems: Sequence[System], *, resumed: bool) -> None:
        """File the sample once for all setups that share a memory; its cost is logged once."""
        self._check_budget()
        started = time.perf_counter()
        usage, failures = systems[0].prepare(sample)
        seconds = time.perf_counter() - started
        for system in systems[1:]:  # over the same memory, which is filled by now
            system.prepare(sample)
        path = self._plan.folder / OFFLINE
        if any((line["memory_key"], line["sample"]) == (memory_key, sample.name) for line in read_log(path)):
            return
        dollars = self._plan.prices.cost(usage)
        with self._lock:
            self._spent += dollars or 0.0
        cost = {"resumed": resumed, "dollars": dollars, "seconds": seconds, "usage": asdict(usage)}
        with JsonlLog(path) as lines:
            lines.append({"memory_key": memory_key, "sample": sample.name, **cost, "failures": list(failures)})

    def _answer(self, sample: Sample, setup: Setup, system: System, question: Question) -> None:
        plan, key = self._plan, (setup.name, sample.name, question.id)
        self._check_budget()
        step = "answer"
        try:
            started = time.perf_counter()
            answer = replace(system.answer(question), seconds=time.perf_counter() - started)
            if plan.models.has_reader:
                step = "read"
                answer = ContextReader(plan.models.chat_model(plan.models.reader), plan.models.timeout_s).read(
                    question, answer
                )
            judged = self._judge(question, answer)
        except _ENDS_RUN:
            raise
        except Exception as error:
            self._add_failure(key, step, error)
            return
        usages = (answer.usage, answer.reader_usage, Usage.of(judged["judge_usage"]))
        line = {
            **_key_fields(key),
            **judged,
            "category": question.category,
            "of": {name: question.metadata[name] for name in QUESTION_FIELDS if name in question.metadata},
            "scores": {**score_answer(plan.data.kind, question, answer), **judged["scores"]},
            "dollars": plan.prices.cost(*usages),
            "answer": asdict(answer),
        }
        self._answers.append(line)  # on disk before it is counted
        with self._lock:
            self._failures_in_a_row = 0
            self._count(line)

    def _judge(self, question: Question, answer: SystemAnswer) -> dict[str, Any]:
        """The judge's verdict, where there is a judge: `judge` in the scores, or why there is no verdict."""
        if self._plan.models.judge is None or answer.text is None:
            return {"scores": {}, "judge_usage": []}
        model, count = with_call_counter(self._plan.models.chat_model(self._plan.models.judge))
        note = rubric(self._plan.data.name, question.category, question.metadata.get("rubric", ()))
        verdict = AnswerJudge(model).judge(
            question.text, question.answers, answer.text, all_needed=question.all_needed, note=note
        )
        judgement = {"reason": verdict.reason, "error": verdict.error}
        scores = {} if verdict.correct is None else {"judge": float(verdict.correct)}
        return {"scores": scores, "judge_usage": list(count.usage.steps), "judgement": judgement}

    def _add_failure(self, key: QuestionKey, step: str, error: Exception, *, counts: bool = True) -> None:
        """An error is no answer and has no score."""
        trace = "" if isinstance(error, JitmemError) else "".join(traceback.format_exception(error))
        what = {"step": step, "error": type(error).__name__, "message": str(error), "trace": trace, "at": time.time()}
        self._errors.append({**_key_fields(key), **what})
        with self._lock:
            self._failed.add(key[:2])
            self._failures_in_a_row += counts
            if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
                raise ModelUnavailable(
                    f"{MAX_FAILURES_IN_A_ROW} questions failed one after the other, the last with {type(error).__name__}: {error}"
                    " The same command goes on from here."
                ) from error

    def _check_budget(self) -> None:
        """`CostLimitReached` before a question that would exceed it."""
        limit = self._plan.prices.limit
        if limit is not None and self._spent >= limit:
            raise CostLimitReached(f"${self._spent:.2f} are spent of ${limit:.2f}; the same command with more goes on.")

    def _count(self, line: Mapping[str, Any]) -> None:
        self.done += 1
        self._spent += line["dollars"] or 0.0
        for name, value in line["scores"].items():
            total, n = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, n + 1)
        self._progress(self.done, self._total, {name: total / n for name, (total, n) in self._sums.items()})


def _key_fields(key: QuestionKey) -> dict[str, str]:
    return dict(zip(("setup", "sample", "question"), key, strict=True))


def _question_keys(plan: RunPlan) -> list[QuestionKey]:
    """Every question of every setup, in order; `BadInput` for duplicates."""
    if not plan.setups:
        raise BadInput("There is no setup to run; name a system.")
    keys = [
        (setup.name, sample.name, question.id)
        for sample in plan.data.samples
        for setup in plan.setups
        for question in sample.questions
    ]
    if len(set(keys)) < len(keys):
        twice = next(key for at, key in enumerate(keys) if key in keys[:at])
        raise BadInput(f"Twice the same: setup {twice[0]!r}, sample {twice[1]!r}, question {twice[2]!r}.")
    return keys
