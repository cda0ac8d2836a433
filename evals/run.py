"""Run systems over a data set: every question once, each answer on disk before the next, resumable."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..stores.errors import BadInput, MissingPackage
from ..stores.records import Usage
from .datasets.benchmark_records import Question, Sample
from .jsonl_log import JsonlLog, exclusive_run, read_log, run_all
from .metrics.answer_judge import AnswerJudge, rubric
from .metrics.model_requests import with_call_counter
from .run_plan import ANSWERS, ERRORS, OFFLINE, WORK, CostLimitReached, MeansProgress, QuestionKey, RunOutcome, RunPlan
from .run_state import MAX_FAILURES_IN_A_ROW, RunState
from .scores import score_answer
from .systems import Setup, System, SystemAnswer, SystemContext, open_sharing
from .systems.context_reader import ContextReader

__all__ = ["ANSWERS", "MAX_FAILURES_IN_A_ROW", "MeansProgress", "RunOutcome", "RunPlan", "run_plan"]

QUESTION_FIELDS = ("family", "tokens")
"""Metadata of the question that each line records, where the data set has it: RULER does."""


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
        answered = {_line_key(line): line for line in read_log(plan.folder / ANSWERS)}
        wanted = set(keys)
        state = RunState(
            plan, answers, errors, [line for key, line in answered.items() if key in wanted], len(keys), progress
        )
        before = state.done
        for sample in plan.data.samples:
            for setups in _group_setups(plan.setups):
                _run_sample(plan, sample, setups, answered, state)
        shutil.rmtree(plan.folder / WORK, ignore_errors=True) if state.done == len(keys) else None
        return RunOutcome(state.done - before, before, len(keys) - state.done)


def _run_sample(
    plan: RunPlan, sample: Sample, setups: Sequence[Setup], answered: Mapping[QuestionKey, Any], state: RunState
) -> None:
    left = [
        (at, question)
        for at, setup in enumerate(setups)
        for question in sample.questions
        if (setup.name, sample.name, question.id) not in answered
    ]
    if not left:
        return
    folder = plan.folder / WORK / _folder_name(f"{setups[0].memory_key}\n{sample.name}")
    resumed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    systems: list[System] = []
    try:
        try:
            systems = open_sharing(list(setups), SystemContext(folder, plan.models))
            _prepare_sample(plan, sample, setups, systems, state, resumed=resumed)
        except (BadInput, MissingPackage, CostLimitReached):
            raise
        except Exception as error:
            for number, (at, question) in enumerate(left):
                state.add_failure((setups[at].name, sample.name, question.id), "prepare", error, counts=number == 0)
            return

        def answer(at: int, question: Question) -> None:
            _answer_question(plan, sample, setups[at], systems[at], question, state)

        run_all(answer, left, plan.concurrency if plan.models.calls_models else 1, "jitmem-eval")
    finally:
        for system in systems:
            system.close()
    if not state.has_failures(setups, sample):
        shutil.rmtree(folder)


def _prepare_sample(
    plan: RunPlan, sample: Sample, setups: Sequence[Setup], systems: Sequence[System], state: RunState, *, resumed: bool
) -> None:
    """File the sample once for all setups that share a memory; its cost is logged once."""
    path = plan.folder / OFFLINE
    state.check_budget()
    started = time.perf_counter()
    usage = systems[0].prepare(sample)
    seconds = time.perf_counter() - started
    for system in systems[1:]:  # over the same memory, which is filled by now
        system.prepare(sample)
    if any((line["memory_key"], line["sample"]) == (setups[0].memory_key, sample.name) for line in read_log(path)):
        return
    dollars = plan.prices.cost(usage)
    state.add_cost(dollars)
    cost = {"resumed": resumed, "dollars": dollars, "seconds": seconds, "usage": asdict(usage)}
    with JsonlLog(path) as lines:
        lines.append({"memory_key": setups[0].memory_key, "sample": sample.name, **cost})


def _answer_question(
    plan: RunPlan, sample: Sample, setup: Setup, system: System, question: Question, state: RunState
) -> None:
    key = (setup.name, sample.name, question.id)
    state.check_budget()
    step = "answer"
    try:
        started = time.perf_counter()
        answer = replace(system.answer(question), seconds=time.perf_counter() - started)
        if plan.models.has_reader:
            step = "read"
            answer = ContextReader(state.chat_model(plan.models.reader), plan.models.timeout_s).read(question, answer)
        line = _judge_answer(plan, question, answer, state)
    except (CostLimitReached, BadInput, MissingPackage):
        raise
    except Exception as error:
        state.add_failure(key, step, error)
        return
    usages = (answer.usage, answer.reader_usage, Usage.of(line["judge_usage"]))
    line |= {
        "category": question.category,
        "of": {name: question.metadata[name] for name in QUESTION_FIELDS if name in question.metadata},
        "scores": {**score_answer(plan.data.kind, question, answer), **line.pop("scores")},
        "dollars": plan.prices.cost(*usages),
        "answer": asdict(answer),
    }
    state.add_answer(key, line)


def _judge_answer(plan: RunPlan, question: Question, answer: SystemAnswer, state: RunState) -> dict[str, Any]:
    """The judge's verdict, where there is a judge: `judge` in the scores, or why there is no verdict."""
    if plan.models.judge is None or answer.text is None:
        return {"scores": {}, "judge_usage": []}
    model, count = with_call_counter(state.chat_model(plan.models.judge))
    note = rubric(plan.data.name, question.category, question.metadata.get("rubric", ()))
    verdict = AnswerJudge(model).judge(
        question.text, question.answers, answer.text, all_needed=question.all_needed, note=note
    )
    said = {"reason": verdict.reason, "error": verdict.error}
    scores = {} if verdict.correct is None else {"judge": float(verdict.correct)}
    return {"scores": scores, "judge_usage": list(count.usage.steps), "judgement": said}


def _group_setups(setups: Sequence[Setup]) -> list[list[Setup]]:
    """Setups that share a memory, in their order."""
    groups: dict[str, list[Setup]] = {}
    for setup in setups:
        groups.setdefault(setup.memory_key, []).append(setup)
    return list(groups.values())


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


def _line_key(line: Mapping[str, Any]) -> QuestionKey:
    return line["setup"], line["sample"], line["question"]


def _folder_name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
