"""Ask a task's questions, and score what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...evals.datasets.records import Question
from ...evals.metrics import Judge
from ...evals.scores import scored
from ...evals.systems.answer import Answer as Read
from ...memory import Memory
from ...nodes.llm.step import Steps, finish
from ...stores.errors import ModelError
from ..records import Answered, Item, Source
from ..rewards.outcome import OWN_FAULTS
from ..sizes import items_of
from .coverage import covered
from .making import Making
from .reading import Reads, reads


def read_items(
    memory: Memory, questions: Sequence[Question], sources: Sequence[Source] = (), *, making: Making | None = None
) -> tuple[Answered, ...]:
    """Questions answered from the memory's items alone, whatever `making.reading` says; by rules without a `making`.

    Nothing is filed and nothing recorded. `ModelUnavailable` when the reader cannot be reached.
    """
    by = replace(making or Making(), reading="memory")
    items = items_of(memory)
    read = reads(memory, items, by)
    return tuple(finish(answered(question, items, read, by, {})) for question in questions)


def answered(
    question: Question, items: Sequence[Item], read: Reads, making: Making, config: Mapping[str, Any]
) -> Steps[Answered]:
    """One question, read with LangChain's config. A reply that could not be read, or a judge who gave no verdict, is
    its `error`, and it has no scores; a model that cannot be reached raises."""
    held = covered(question, items)
    made = Answered(question.id, question.text, question.answers, question.category, "", None, {}, held)
    try:
        context, text = yield from read(question, config)
    except ModelError as failure:
        if type(failure).__name__ not in OWN_FAULTS:
            raise
        return replace(made, error=f"{type(failure).__name__}: {failure}")
    made = replace(made, context=context, answer=text)
    scores = scored("conversation", question, Read(context, text=text))
    if making.judge is not None:
        judge = Judge(making.chat(making.judge), making.timeout_s)
        verdict = judge.judged(question.text, question.answers, text, all_needed=question.all_needed)
        if verdict.correct is None:
            return replace(made, error=f"judge: {verdict.error}")
        scores["judge"] = float(verdict.correct)
    return replace(made, scores={name: scores[name] for name in making.metrics if name in scores})
