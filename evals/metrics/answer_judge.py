"""A language model as judge: is an answer right, and why. What it could not judge is counted, never scored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from .model_requests import ModelCaller, PromptFile

JUDGE_PROMPT = PromptFile(__package__, "prompts/judge.md", tags=("question", "answers", "points", "prediction"))
RUBRICS = PromptFile(__package__, "prompts/rubrics.md")
_HEADING = re.compile(r"^# (\S+)\n+", re.M)


class AnswerVerdict(BaseModel):
    """The form of the judge's reply."""

    reason: str = Field(description="One sentence: where the answer agrees or disagrees with the right answers.")
    verdict: Literal["correct", "wrong"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer's verdict. `correct` is None where the judge failed, and `error` says how."""

    correct: bool | None
    reason: str = ""
    error: str = ""


class AnswerJudge(ModelCaller):
    """Asks a chat model whether an answer is right."""

    def judge(
        self, question: str, answers: Sequence[str], prediction: str, *, all_needed: bool = False, note: str = ""
    ) -> Judgement:
        """One request, one repair. A `ModelError` becomes `Judgement(None, error=…)`. `note` is a `rubric`."""
        prompt = render_judge_prompt(question, answers, prediction, all_needed=all_needed, note=note)
        verdict = self._ask_verdict(prompt, AnswerVerdict)
        if isinstance(verdict, str):
            return Judgement(None, error=verdict)
        return Judgement(verdict.verdict == "correct", verdict.reason)


def render_judge_prompt(
    question: str, answers: Sequence[str], prediction: str, *, all_needed: bool = False, note: str = ""
) -> tuple[SystemMessage, HumanMessage]:
    """The messages for the judge; question, answers and prediction stand between tags that they cannot close."""
    fence = JUDGE_PROMPT.fence
    values = {
        "question": fence("question", question),
        "needed": "each of them is asked for" if all_needed else "any one of them is right",
        "answers": fence("answers", "\n".join(f"- {answer}" for answer in answers)),
        "note": f"A note on questions of this kind:\n{note}\n\n" if note else "",
        "prediction": fence("prediction", prediction or "(no answer)"),
    }
    return JUDGE_PROMPT.messages(values, AnswerVerdict)


def rubric(data: str, category: str, points: Sequence[str] = ()) -> str:
    """What is right for questions of this kind, in our words; "" where there is no rule for them.

    After the prompts of LongMemEval's `evaluate_qa.py` by type, and BEAM's rubrics, whose lines are the `points`.
    """
    rule = _rubrics().get(f"{data}/{category}") or _rubrics().get(data, "")
    listed = JUDGE_PROMPT.fence("points", "\n".join(f"- {point}" for point in points)) if points else ""
    return "\n".join(part for part in (rule, listed) if part)


@cache
def _rubrics() -> Mapping[str, str]:
    _, *parts = _HEADING.split(RUBRICS.text)
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
