"""Run systems over a data set: every question once, each answer on disk before the next, resumable after a stop."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..models import chat_model
from ..stores.errors import BadInput, JitmemError, MissingPackage, ModelUnavailable
from ..stores.records import Usage
from .datasets.records import DataSet, Question, Sample
from .lines import Lines, read
from .metrics.judge import Judge
from .prices import BudgetSpent, Prices
from .scores import scored
from .systems import Answer, Models, Opening, Setup, System, sharing
from .systems.counted import counted
from .systems.reader import Reader

ANSWERS, ERRORS, OFFLINE, WORK = "answers.jsonl", "errors.jsonl", "offline.jsonl", "work"
PATIENCE = 10
"""Questions that may fail one after the other, with no answer between them, before the run stops."""

Key = tuple[str, str, str]
"""Setup, sample and question."""
Tell = Callable[[int, int, Mapping[str, float]], None]
"""Told how many questions are answered, of how many, and the mean scores so far."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run. `concurrency` is of questions at once, where a model elsewhere is waited for."""

    data: DataSet
    setups: tuple[Setup, ...]
    folder: Path
    models: Models = field(default_factory=Models)
    concurrency: int = 8
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: questions answered by this call, before it, and left with an error."""

    answered: int
    known: int
    failed: int


def run(plan: Plan, tell: Tell = lambda done, total, means: None) -> Ran:
    """Ask what has no answer in the folder yet; errors of an earlier run are asked again.

    An error of one question is written down as an error, and the others go on. `BudgetSpent` and `ModelUnavailable`
    (many errors in a row) stop the run; the same call goes on from there. `BadInput` where another run has the folder.
    """
    keys = _keys(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with _alone(plan.folder), Lines(plan.folder / ANSWERS) as answers, Lines(plan.folder / ERRORS) as errors:
        known = {_key(line): line for line in read(plan.folder / ANSWERS)}
        wanted = set(keys)
        state = _State(plan, answers, errors, [line for key, line in known.items() if key in wanted], len(keys), tell)
        before = state.done
        for sample in plan.data.samples:
            for setups in _groups(plan.setups):
                _ask(plan, sample, setups, known, state)
        shutil.rmtree(plan.folder / WORK, ignore_errors=True) if state.done == len(keys) else None
        return Ran(state.done - before, before, len(keys) - state.done)


def _ask(plan: Plan, sample: Sample, setups: Sequence[Setup], known: Mapping[Key, Any], state: _State) -> None:
    left = [
        (at, question)
        for at, setup in enumerate(setups)
        for question in sample.questions
        if (setup.name, sample.name, question.id) not in known
    ]
    if not left:
        return
    folder = plan.folder / WORK / _short(f"{setups[0].taken_in}\n{sample.name}")
    resumed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    systems: list[System] = []
    try:
        try:
            systems = sharing(list(setups), Opening(folder, plan.models))
            _prepare(plan, sample, setups, systems, state, resumed=resumed)
        except (BadInput, MissingPackage, BudgetSpent):
            raise
        except Exception as error:
            for number, (at, question) in enumerate(left):
                state.fail((setups[at].name, sample.name, question.id), "prepare", error, counts=number == 0)
            return
        _each(plan, left, lambda at, question: _one(plan, sample, setups[at], systems[at], question, state))
    finally:
        for system in systems:
            system.close()
    if not state.failures_of(setups, sample):
        shutil.rmtree(folder)


def _prepare(
    plan: Plan, sample: Sample, setups: Sequence[Setup], systems: Sequence[System], state: _State, *, resumed: bool
) -> None:
    """Take the sample in, once for all setups that share it; its cost is written down the first time it is whole."""
    path = plan.folder / OFFLINE
    state.check_budget()
    costs = [system.prepare(sample) for system in systems]
    if any((line["taken_in"], line["sample"]) == (setups[0].taken_in, sample.name) for line in read(path)):
        return
    cost = {"dollars": plan.prices.of(costs[0].usage), **asdict(costs[0])}
    state.spend(cost["dollars"])
    with Lines(path) as lines:
        lines.append({"taken_in": setups[0].taken_in, "sample": sample.name, "resumed": resumed, **cost})


def _each(plan: Plan, left: Sequence[tuple[int, Question]], work: Callable[[int, Question], None]) -> None:
    """In this thread, or in several where a model is waited for; the first exception ends it."""
    if not plan.models.wait or plan.concurrency == 1:
        for at, question in left:
            work(at, question)
        return
    with ThreadPoolExecutor(plan.concurrency, thread_name_prefix="jitmem-eval") as pool:
        futures = [pool.submit(work, at, question) for at, question in left]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(plan: Plan, sample: Sample, setup: Setup, system: System, question: Question, state: _State) -> None:
    key = (setup.name, sample.name, question.id)
    state.check_budget()
    step = "answer"
    try:
        answer = system.answer(question)
        if plan.models.reader is not None:
            step = "read"
            answer = Reader(state.model(plan.models.reader), plan.models.timeout_s).read(question, answer)
        line = {**_judged(plan, question, answer, state)}
    except (BudgetSpent, BadInput, MissingPackage):
        raise
    except Exception as error:
        state.fail(key, step, error)
        return
    usages = (answer.usage, answer.reader_usage, Usage.of(line["judge_usage"]))
    line |= {
        "category": question.category,
        "scores": {**scored(plan.data.kind, question, answer), **line.pop("scores")},
        "dollars": plan.prices.of(*usages),
        "answer": answer.as_dict(),
    }
    state.add(key, line)


def _judged(plan: Plan, question: Question, answer: Answer, state: _State) -> dict[str, Any]:
    """What the judge says, where there is one: `judge` in the scores, or why there is no verdict."""
    if plan.models.judge is None or answer.text is None:
        return {"scores": {}, "judge_usage": []}
    model, count = counted(state.model(plan.models.judge))
    verdict = Judge(model).judged(question.text, question.answers, answer.text, all_needed=question.all_needed)
    said = {"reason": verdict.reason, "error": verdict.error}
    scores = {} if verdict.correct is None else {"judge": float(verdict.correct)}
    return {"scores": scores, "judge_usage": list(count.usage.steps), "judgement": said}


class _State:
    """What is done so far, shared by the threads of a run."""

    def __init__(
        self, plan: Plan, answers: Lines, errors: Lines, known: Sequence[Mapping[str, Any]], total: int, tell: Tell
    ) -> None:
        self._plan, self._answers, self._errors = plan, answers, errors
        self._total, self._tell = total, tell
        self._lock = threading.Lock()
        self._sums: dict[str, list[float]] = {}
        self._failed: set[tuple[str, str]] = set()
        self._in_a_row = 0
        self._spent = sum(line["dollars"] or 0.0 for line in read(plan.folder / OFFLINE))
        self.done = 0
        for line in known:
            self._count(line)

    def model(self, model: Any) -> Any:
        """A chat model by its name; made once by `chat_model`."""
        return chat_model(model, base_url=self._plan.models.base_url, timeout_s=self._plan.models.timeout_s)

    def add(self, key: Key, line: Mapping[str, Any]) -> None:
        """An answer: on disk, then counted."""
        setup, sample, question = key
        whole = {"setup": setup, "sample": sample, "question": question, **line}
        self._answers.append(whole)
        with self._lock:
            self._in_a_row = 0
            self._count(whole)

    def fail(self, key: Key, step: str, error: Exception, *, counts: bool = True) -> None:
        """An error, which is no answer and has no score. What fails for many questions at once `counts` once."""
        setup, sample, question = key
        told = {"setup": setup, "sample": sample, "question": question, "step": step, "error": type(error).__name__}
        trace = [] if isinstance(error, JitmemError) else traceback.format_exception(error)
        self._errors.append({**told, "message": str(error), "trace": "".join(trace), "at": time.time()})
        with self._lock:
            self._failed.add((setup, sample))
            self._in_a_row += counts
            if self._in_a_row >= PATIENCE:
                raise ModelUnavailable(
                    f"{PATIENCE} questions failed one after the other, the last with {type(error).__name__}: {error}"
                    " The same command goes on from here."
                ) from error

    def failures_of(self, setups: Sequence[Setup], sample: Sample) -> bool:
        """Whether a question of these has failed in this run."""
        return any((setup.name, sample.name) in self._failed for setup in setups)

    def spend(self, dollars: float | None) -> None:
        """What taking a sample in has cost."""
        with self._lock:
            self._spent += dollars or 0.0

    def check_budget(self) -> None:
        """`BudgetSpent` before a question that may no longer be asked."""
        limit = self._plan.prices.limit
        if limit is not None and self._spent >= limit:
            raise BudgetSpent(f"${self._spent:.2f} are spent of ${limit:.2f}; the same command with more goes on.")

    def _count(self, line: Mapping[str, Any]) -> None:
        self.done += 1
        self._spent += line["dollars"] or 0.0
        for name, value in line["scores"].items():
            sums = self._sums.setdefault(name, [0.0, 0.0])
            sums[0] += value
            sums[1] += 1
        self._tell(self.done, self._total, {name: total / n for name, (total, n) in self._sums.items()})


def _groups(setups: Sequence[Setup]) -> list[list[Setup]]:
    """Setups that take a sample in alike stand together, in their order."""
    groups: dict[str, list[Setup]] = {}
    for setup in setups:
        groups.setdefault(setup.taken_in, []).append(setup)
    return list(groups.values())


def _keys(plan: Plan) -> list[Key]:
    """Every question of every setup, in order; `BadInput` where two could not be told apart."""
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


def _key(line: Mapping[str, Any]) -> Key:
    return line["setup"], line["sample"], line["question"]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BadInput(f"{folder}: another run is at work here; wait for it, or choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
