"""What a run teaches about the words of a step: what the model was shown, what it replied, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...nodes.llm.prompt import clip
from ..records import Answered, Call, Rollout, Step
from ..rewards.outcome import held, is_short, score_of, stands

CASES = 6
"""How many cases somebody who reflects is shown: those with the worst rewards."""

_SHOWN_TOKENS, _REPLY_TOKENS = 1200, 400
_MOST_LINES = 12
_WELL = "Nothing went wrong."

Case = Mapping[str, Any]
"""`shown`, `reply`, `became`: texts. `reward`: a number or None."""


def cases(step: str, rollouts: Sequence[Rollout], most: int = CASES) -> list[Case]:
    """Of the requests of this step the worst, by reward; of equal ones those in front. None where nothing went wrong."""
    found = [_case(rollout, one) for rollout in rollouts for one in rollout.steps if one.name == step]
    if all(case["became"] == _WELL for case in found):
        return []
    return sorted(found, key=lambda case: float("inf") if case["reward"] is None else case["reward"])[:most]


def _case(rollout: Rollout, step: Step) -> Case:
    told = _of_filing(rollout, step) if step.role == "memorizer" else _of_question(rollout, step)
    lines = [line for line in told if line]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"(and {len(lines) - _MOST_LINES} more)"]
    return {
        "shown": clip(_text(step.messages[-1]) if step.messages else "", _SHOWN_TOKENS),
        "reply": clip(_text(step.reply) if step.reply else f"(none: {step.error})", _REPLY_TOKENS),
        "became": "\n".join(lines) or _WELL,
        "reward": step.rewards.get("total"),
    }


def _of_filing(rollout: Rollout, step: Step) -> Iterator[str]:
    texts = [source.text for source in rollout.sources if source.id == step.about]
    near = [one for one in rollout.answers if stands(one, texts)]
    if step.name != "curate":
        yield from _wrong(near)
        return
    if step.calls is None and not step.error:
        yield "The reply could not be read."
    for one in near:
        if is_short(one):
            kept = held(one) or 0.0
            much = "no memory item tells it" if kept == 0 else "the memory items tell only a part of it"
            yield f"Later it was asked: {one.text} The right answer, {_or(one.gold)}, stood on this page, and {much}."
    yield from map(_fault, step.calls or ())


def _of_question(rollout: Rollout, step: Step) -> Iterator[str]:
    yield from _wrong([one for one in rollout.answers if one.id == step.about])


def _wrong(answers: Iterable[Answered]) -> Iterator[str]:
    for one in answers:
        score = score_of(one)
        if one.error:
            yield f"{one.text} No answer came of it: {one.error}"
        elif score is not None and score < 1:
            said = f"the answer was {one.answer!r}" if one.answer else "there was no answer"
            found = "held it" if stands(one, [one.context]) else "did not hold it"
            yield (
                f"{one.text} The right answer is {_or(one.gold)}; {said}, worth {score:.2f} of 1."
                f" The context that was found {found}."
            )


def _fault(call: Call) -> str:
    told = f"{call.name}({json.dumps(dict(call.args), ensure_ascii=False)})"
    if call.status not in ("applied", "proposed"):
        return f"{told} changed nothing: {call.status}. {call.reason}".strip()
    if call.valid is False:
        return f"{told} was judged wrong: {call.verdict}."
    return ""


def _text(message: Mapping[str, Any]) -> str:
    """A message in OpenAI's form: its words, and its calls."""
    content = message.get("content") or ""
    words = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    calls = [json.dumps(call.get("function", call), ensure_ascii=False) for call in message.get("tool_calls") or ()]
    return "\n".join([*([words] if words else []), *calls]) or "(nothing)"


def _or(gold: Sequence[str]) -> str:
    return " or ".join(repr(one) for one in gold)
