"""A language model as judge: is an answer right, and why. What it could not judge is counted, never scored."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from ...nodes.llm.ask import TIMEOUT_S, name_of
from ...nodes.llm.provider_errors import ProviderFailure
from ...nodes.llm.redaction import redact
from ...nodes.llm.reply_parsing import UnreadableReply, parse_reply
from ...nodes.llm.retry import with_retries
from ...nodes.llm.step import Steps, Wait, afinish, finish
from ...stores.errors import ModelError, ModelReplyError
from ...stores.marks import defused

_REPLIES = 2  # the first, and one repair
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_MARKS = ("question", "answers", "points", "prediction")
_HEADING = re.compile(r"^# (\S+)\n+", re.M)


class Verdict(BaseModel):
    """What the judge says."""

    reason: str = Field(description="One sentence: where the answer agrees or disagrees with the right answers.")
    verdict: Literal["correct", "wrong"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer's verdict. `correct` is None where the judge failed, and `error` says how."""

    correct: bool | None
    reason: str = ""
    error: str = ""


class Judge:
    """Asks a chat model. `name` is what its provider calls it."""

    def __init__(self, model: BaseChatModel, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name_of(model)
        self._model = model
        self._timeout_s = timeout_s

    def judged(
        self, question: str, answers: Sequence[str], prediction: str, *, all_needed: bool = False, note: str = ""
    ) -> Judged:
        """One question to the model, one repair. A `ModelError` becomes `Judged(None, error=…)`. `note` is a `rubric`."""
        try:
            return finish(self._asked(question, answers, prediction, all_needed, note))
        except ModelError as error:
            return Judged(None, error=f"{type(error).__name__}: {error}")

    async def ajudged(
        self, question: str, answers: Sequence[str], prediction: str, *, all_needed: bool = False, note: str = ""
    ) -> Judged:
        """`judged`, awaited."""
        try:
            return await afinish(self._asked(question, answers, prediction, all_needed, note))
        except ModelError as error:
            return Judged(None, error=f"{type(error).__name__}: {error}")

    def _asked(
        self, question: str, answers: Sequence[str], prediction: str, all_needed: bool, note: str
    ) -> Steps[Judged]:
        messages: list[BaseMessage] = list(rendered(question, answers, prediction, all_needed=all_needed, note=note))
        problem = ""
        for _ in range(_REPLIES):
            sent = messages
            asking = Wait(lambda: self._model.invoke(sent), lambda: self._model.ainvoke(sent))  # noqa: B023 (waited for at once)
            try:
                reply: AIMessage = yield from with_retries(asking, self.name, self._timeout_s, secrets_of=self._model)
            except ProviderFailure as failure:
                raise failure.error from failure.__cause__
            try:
                said = parse_reply(reply, Verdict)
            except UnreadableReply as unreadable:
                problem = redact(str(unreadable), self._model)
                mend = f"{problem}\nAnswer again with one JSON object of the form above."
                messages = [*messages, AIMessage(str(reply.text) or "(nothing)"), HumanMessage(mend)]
            else:
                return Judged(said.verdict == "correct", said.reason)
        raise ModelReplyError(f"{self.name} gave no verdict that could be read, in {_REPLIES} replies: {problem}")


def rendered(
    question: str, answers: Sequence[str], prediction: str, *, all_needed: bool = False, note: str = ""
) -> tuple[SystemMessage, HumanMessage]:
    """The messages that the judge is sent; what was asked and said stands between marks that it cannot close."""
    system, _, task = prompt().partition("# Task\n")
    form = json.dumps(_form(), ensure_ascii=False)
    values = {
        "question": _fenced("question", question),
        "needed": "each of them is asked for" if all_needed else "any one of them is right",
        "answers": _fenced("answers", "\n".join(f"- {answer}" for answer in answers)),
        "note": f"A note on questions of this kind:\n{note}\n\n" if note else "",
        "prediction": _fenced("prediction", prediction or "(no answer)"),
    }
    human = _PLACE.sub(lambda place: values[place[1]], task.strip())
    head = system.removeprefix("# System").strip()
    return SystemMessage(f"{head}\n\nAnswer with one JSON object of this form:\n{form}"), HumanMessage(human)


def accuracy(verdicts: Sequence[Judged]) -> tuple[float | None, int]:
    """The share of correct among those that were judged (None where none was), and how many were not."""
    known = [one.correct for one in verdicts if one.correct is not None]
    return (sum(known) / len(known) if known else None), len(verdicts) - len(known)


@cache
def prompt() -> str:
    """The judge's prompt as it stands in the package, for the report."""
    return resources.files(__package__).joinpath("prompts", "judge.md").read_text(encoding="utf-8")


def rubric(data: str, category: str, points: Sequence[str] = ()) -> str:
    """What is right for questions of this kind, in our words; "" where nothing is said of them.

    After the prompts of LongMemEval's `evaluate_qa.py` by type, and BEAM's rubrics, whose lines are the `points`.
    """
    told = _rubrics().get(f"{data}/{category}") or _rubrics().get(data, "")
    listed = _fenced("points", "\n".join(f"- {point}" for point in points)) if points else ""
    return "\n".join(part for part in (told, listed) if part)


@cache
def rubrics() -> str:
    """All of them as they stand in the package, for the report."""
    return resources.files(__package__).joinpath("prompts", "rubrics.md").read_text(encoding="utf-8")


@cache
def _rubrics() -> Mapping[str, str]:
    _, *parts = _HEADING.split(rubrics())
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _form() -> object:
    fields = Verdict.model_json_schema()["properties"]
    bare = {name: {key: value for key, value in field.items() if key != "title"} for name, field in fields.items()}
    return {"type": "object", "properties": bare, "required": list(bare)}


def _fenced(mark: str, text: str) -> str:
    return f"<{mark}>\n{defused(text, *_MARKS)}\n</{mark}>"
