"""Run systems over a data set: every question once, each answer on disk before the next, resumable after a stop."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from ..stores.errors import BadInput, MissingPackage
from ..stores.records import Usage
from .datasets.records import Question, Sample
from .lines import Lines, alone, read
from .metrics.judge import Judge, rubric
from .plan import ANSWERS, ERRORS, OFFLINE, WORK, Key, Plan, Ran, Tell
from .prices import BudgetSpent
from .scores import scored
from .state import PATIENCE, State
from .systems import Answer, Opening, Setup, System, sharing
from .systems.counted import counted
from .systems.reader import Reader

__all__ = ["ANSWERS", "PATIENCE", "Plan", "Ran", "Tell", "run"]

OF = ("family", "tokens")
"""What a line tells of its question beside the category, where the data set knows it: RULER does."""


def run(plan: Plan, tell: Tell = lambda done, total, means: None) -> Ran:
    """Ask what has no answer in the folder yet; errors of an earlier run are asked again.

    An error of one question is written down as an error, and the others go on. `BudgetSpent` and `ModelUnavailable`
    (many errors in a row) stop the run; the same call goes on from there. `BadInput` where another run has the folder.
    """
    keys = _keys(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with alone(plan.folder), Lines(plan.folder / ANSWERS) as answers, Lines(plan.folder / ERRORS) as errors:
        known = {_key(line): line for line in read(plan.folder / ANSWERS)}
        wanted = set(keys)
        state = State(plan, answers, errors, [line for key, line in known.items() if key in wanted], len(keys), tell)
        before = state.done
        for sample in plan.data.samples:
            for setups in _groups(plan.setups):
                _ask(plan, sample, setups, known, state)
        shutil.rmtree(plan.folder / WORK, ignore_errors=True) if state.done == len(keys) else None
        return Ran(state.done - before, before, len(keys) - state.done)


def _ask(plan: Plan, sample: Sample, setups: Sequence[Setup], known: Mapping[Key, Any], state: State) -> None:
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
    plan: Plan, sample: Sample, setups: Sequence[Setup], systems: Sequence[System], state: State, *, resumed: bool
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


def _one(plan: Plan, sample: Sample, setup: Setup, system: System, question: Question, state: State) -> None:
    key = (setup.name, sample.name, question.id)
    state.check_budget()
    step = "answer"
    try:
        answer = system.answer(question)
        if plan.models.reads:
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
        "of": {name: question.metadata[name] for name in OF if name in question.metadata},
        "scores": {**scored(plan.data.kind, question, answer), **line.pop("scores")},
        "dollars": plan.prices.of(*usages),
        "answer": answer.as_dict(),
    }
    state.add(key, line)


def _judged(plan: Plan, question: Question, answer: Answer, state: State) -> dict[str, Any]:
    """What the judge says, where there is one: `judge` in the scores, or why there is no verdict."""
    if plan.models.judge is None or answer.text is None:
        return {"scores": {}, "judge_usage": []}
    model, count = counted(state.model(plan.models.judge))
    note = rubric(plan.data.name, question.category, question.metadata.get("rubric", ()))
    verdict = Judge(model).judged(
        question.text, question.answers, answer.text, all_needed=question.all_needed, note=note
    )
    said = {"reason": verdict.reason, "error": verdict.error}
    scores = {} if verdict.correct is None else {"judge": float(verdict.correct)}
    return {"scores": scores, "judge_usage": list(count.usage.steps), "judgement": said}


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


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
