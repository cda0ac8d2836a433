"""Ask a model for better words of a step, from cases; each answer is kept, so that a search can be taken up again."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ...evals.jsonl_log import JsonlLog, read_log
from ...nodes.ask import TIMEOUT_S, name_of
from ...nodes.patience import Failed, patiently
from ...nodes.step import Steps, Wait, finish
from ...stores.marks import defused
from .feedback import FeedbackCase

STEP_PURPOSES: Mapping[str, str] = {
    "memorize": "it writes the memo of a page, by which a reader decides whether to open it.",
    "curate": "it draws memory items from a page by calls of memory tools.",
    "plan": "it says what a question needs, and which searches may find it.",
    "integrate": "it keeps a list of what is known about a question, from the passages that were found.",
    "conclude": "it keeps that list and decides whether it answers the question, in one.",
    "reflect": "it decides whether what is known answers the question, and what to ask next.",
    "answer": "it answers the question from the context that was found.",
}
MAX_CHARS = 4000
"""Characters that words may have: half of what a file of prompts may hold for a step."""

_REPLIES = 2  # the first, and one repair
_FENCE = re.compile(r"^```[^\n]*\n(.*)^```", re.M | re.S)
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.I | re.S)
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_MARKS = ("words", "cases", "history", "question")
_HEADING = re.compile(r"^# ", re.M)


class Proposer:
    """Asks a chat model, once more where the words cannot be used. `asked` counts its requests."""

    def __init__(self, model: BaseChatModel, file: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name_of(model)
        self.asked = 0
        self._model = model
        self._file = file
        self._timeout_s = timeout_s
        self._kept: dict[tuple[str, int], str] = {(one["asked"], one["nth"]): one["reply"] for one in read_log(file)}
        self._times: Counter[str] = Counter()

    def propose(self, step: str, now: str, cases: Sequence[FeedbackCase]) -> str:
        """New words, or those of now where nothing usable came. A `ModelError` where the model could not be asked."""
        messages = render_messages(step, now, cases)
        for _ in range(_REPLIES):
            reply = self._reply(messages)
            found = _extract_prompt(reply)
            fault = _find_fault(found)
            if not fault:
                return defused(found, *_MARKS[2:])
            messages = [*messages, AIMessage(reply or "(nothing)"), HumanMessage(fault)]
        return now

    def _reply(self, messages: list[BaseMessage]) -> str:
        """The same question for the n-th time has the same reply in every start of a search."""
        key = hashlib.sha256("\0".join(str(message.text) for message in messages).encode()).hexdigest()[:16]
        nth = self._times[key]
        self._times[key] += 1
        self.asked += 1
        if (key, nth) not in self._kept:
            reply = finish(self._request(messages))
            with JsonlLog(self._file) as lines:
                lines.append({"asked": key, "nth": nth, "reply": reply})
            self._kept[key, nth] = reply
        return self._kept[key, nth]

    def _request(self, messages: list[BaseMessage]) -> Steps[str]:
        asking = Wait(lambda: self._model.invoke(messages), lambda: self._model.ainvoke(messages))
        try:
            reply: AIMessage = yield from patiently(asking, self.name, self._timeout_s, asked=self._model)
        except Failed as failure:
            raise failure.fault.error from failure.__cause__
        return str(reply.text)


def render_messages(step: str, now: str, cases: Sequence[FeedbackCase]) -> list[BaseMessage]:
    """The messages; what runs have shown stands between marks that it cannot close."""
    system, _, task = reflection_prompt().partition("# Task\n")
    told = [
        f"Case {at}\n\nShown:\n{case['shown']}\n\nReplied:\n{case['reply']}\n\nBecame of it:\n{case['became']}"
        for at, case in enumerate(cases, start=1)
    ]
    values = {
        "step": step,
        "does": STEP_PURPOSES.get(step, ""),
        "words": _fenced("words", now),
        "cases": _fenced("cases", "\n\n".join(told) or "(none)"),
    }
    human = _PLACE.sub(lambda place: values[place[1]], task.strip())
    head = system.removeprefix("# System").strip().replace("{{most}}", f"{MAX_CHARS:,}")
    return [SystemMessage(head), HumanMessage(human)]


@cache
def reflection_prompt() -> str:
    """What a model that reflects is told, as it stands in the package."""
    return resources.files(__package__).joinpath("reflection.md").read_text(encoding="utf-8")


def _extract_prompt(reply: str) -> str:
    bare = _THOUGHT.sub("", reply)
    fenced = _FENCE.search(bare)
    return fenced[1].strip() if fenced else ""


def _find_fault(words: str) -> str:
    if not words:
        return "Give the new words between two lines of three backticks."
    if len(words) > MAX_CHARS:
        return f"These words have {len(words):,} characters; {MAX_CHARS:,} are the most. Write them shorter."
    if _HEADING.search(words):
        return 'A line begins with "# ", which would end the words in a file. Write it without.'
    return ""


def _fenced(mark: str, text: str) -> str:
    return f"<{mark}>\n{defused(text, *_MARKS)}\n</{mark}>"
