"""Feedback on the prompt of a step: what the model was shown, its reply, and its effects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...nodes.llm.prompt import clip
from ..rewards.reward_input import answer_score, is_in_texts, is_incomplete, memory_share
from ..rollout_records import MemoryToolCall, RecordedStep, Rollout, ScoredAnswer

CASES = 6
"""The number of cases in a reflection: those with the worst rewards."""

_SHOWN_TOKENS, _REPLY_TOKENS = 1200, 400
_MOST_LINES = 12
_WELL = "Nothing went wrong."

FeedbackCase = Mapping[str, Any]
"""`shown`, `reply`, `became`: texts. `reward`: a number or None."""


def worst_cases(step: str, rollouts: Sequence[Rollout], most: int = CASES) -> list[FeedbackCase]:
    """The requests of this step with the lowest rewards; of equal ones the first. None where nothing went wrong."""
    found = [_make_case(rollout, one) for rollout in rollouts for one in rollout.steps if one.name == step]
    if all(case["became"] == _WELL for case in found):
        return []
    return sorted(found, key=lambda case: float("inf") if case["reward"] is None else case["reward"])[:most]


def _make_case(rollout: Rollout, step: RecordedStep) -> FeedbackCase:
    if step.role == "memorizer":
        feedback = _filing_feedback(rollout, step)
    else:
        feedback = _wrong_answers(one for one in rollout.answers if one.id == step.about)
    lines = [line for line in feedback if line]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"(and {len(lines) - _MOST_LINES} more)"]
    return {
        "shown": clip(_message_text(step.messages[-1]) if step.messages else "", _SHOWN_TOKENS),
        "reply": clip(_message_text(step.reply) if step.reply else f"(none: {step.error})", _REPLY_TOKENS),
        "became": "\n".join(lines) or _WELL,
        "reward": step.rewards.get("total"),
    }


def _filing_feedback(rollout: Rollout, step: RecordedStep) -> Iterator[str]:
    texts = [source.text for source in rollout.sources if source.id == step.about]
    near = [one for one in rollout.answers if is_in_texts(one, texts)]
    if step.name != "curate":
        yield from _wrong_answers(near)
        return
    if step.calls is None and not step.error:
        yield "The reply could not be read."
    for one in near:
        if is_incomplete(one):
            share = memory_share(one) or 0.0
            much = "no memory item tells it" if share == 0 else "the memory items tell only a part of it"
            yield f"Later it was asked: {one.text} The right answer, {_join_gold(one.gold)}, stood on this page, and {much}."
    yield from map(_call_fault, step.calls or ())


def _wrong_answers(answers: Iterable[ScoredAnswer]) -> Iterator[str]:
    for one in answers:
        score = answer_score(one)
        if one.error:
            yield f"{one.text} No answer came of it: {one.error}"
        elif score is not None and score < 1:
            reply = f"the answer was {one.answer!r}" if one.answer else "there was no answer"
            found = "held it" if is_in_texts(one, [one.context]) else "did not hold it"
            yield (
                f"{one.text} The right answer is {_join_gold(one.gold)}; {reply}, worth {score:.2f} of 1."
                f" The context that was found {found}."
            )


def _call_fault(call: MemoryToolCall) -> str:
    call_text = f"{call.name}({json.dumps(dict(call.args), ensure_ascii=False)})"
    if call.status not in ("applied", "proposed"):
        return f"{call_text} changed nothing: {call.status}. {call.reason}".strip()
    if call.valid is False:
        return f"{call_text} was judged wrong: {call.verdict}."
    return ""


def _message_text(message: Mapping[str, Any]) -> str:
    """A message in OpenAI's format: its text, and its calls."""
    content = message.get("content") or ""
    words = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    calls = [json.dumps(call.get("function", call), ensure_ascii=False) for call in message.get("tool_calls") or ()]
    return "\n".join([*([words] if words else []), *calls]) or "(nothing)"


def _join_gold(gold: Sequence[str]) -> str:
    return " or ".join(repr(one) for one in gold)
