"""Ask a model for a better prompt of a step, from cases; each answer is kept, so that a search can be resumed."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ...evals.jsonl_log import JsonlLog, read_log
from ...evals.metrics.model_requests import MAX_REPLIES, ModelCaller, PromptFile
from ...nodes.llm.ask import TIMEOUT_S
from ...nodes.llm.thinking_marks import strip_thinking
from ...nodes.steps import STEPS
from ...stores.delimiters import escape_delimiters
from .feedback import FeedbackCase

MAX_CHARS = 4000
"""Of a step's prompt: half of what a file of prompts may hold for a step."""

REFLECTION_PROMPT = PromptFile(__package__, "reflection.md", tags=("words", "cases", "history", "question"))
_FENCE = re.compile(r"^```[^\n]*\n(.*)^```", re.M | re.S)
_HEADING = re.compile(r"^# ", re.M)


class Proposer(ModelCaller):
    """Asks a chat model, once more where its proposal cannot be used. `requests` counts what it was asked."""

    def __init__(self, model: BaseChatModel, file: Path, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(model, timeout_s)
        self.requests = 0
        self._file = file
        self._kept: dict[tuple[str, int], str] = {(one["asked"], one["nth"]): one["reply"] for one in read_log(file)}
        self._times: Counter[str] = Counter()

    def propose(self, step: str, now: str, cases: Sequence[FeedbackCase]) -> str:
        """A new prompt, or that of `now` where nothing usable came. A `ModelError` where the model cannot be asked."""
        messages = render_messages(step, now, cases)
        for _ in range(MAX_REPLIES):
            reply = self._reply(messages)
            found = _extract_prompt(reply)
            fault = _find_fault(found)
            if not fault:
                return escape_delimiters(found, "history", "question")
            messages = [*messages, AIMessage(reply or "(nothing)"), HumanMessage(fault)]
        return now

    def _reply(self, messages: list[BaseMessage]) -> str:
        """The same question for the n-th time has the same reply in every start of a search."""
        key = hashlib.sha256("\0".join(str(message.text) for message in messages).encode()).hexdigest()[:16]
        nth = self._times[key]
        self._times[key] += 1
        self.requests += 1
        if (key, nth) not in self._kept:
            reply = str(self._ask(messages).text)
            with JsonlLog(self._file) as lines:
                lines.append({"asked": key, "nth": nth, "reply": reply})
            self._kept[key, nth] = reply
        return self._kept[key, nth]


def render_messages(step: str, now: str, cases: Sequence[FeedbackCase]) -> list[BaseMessage]:
    """The messages; what runs have shown stands between tags that it cannot close."""
    parts = [
        f"Case {at}\n\nShown:\n{case['shown']}\n\nReplied:\n{case['reply']}\n\nBecame of it:\n{case['became']}"
        for at, case in enumerate(cases, start=1)
    ]
    values = {
        "step": step,
        "does": f"it {STEPS[step].purpose}",
        "words": REFLECTION_PROMPT.fence("words", now),
        "cases": REFLECTION_PROMPT.fence("cases", "\n\n".join(parts) or "(none)"),
        "most": f"{MAX_CHARS:,}",
    }
    return [*REFLECTION_PROMPT.messages(values)]


def _extract_prompt(reply: str) -> str:
    fenced = _FENCE.search(strip_thinking(reply))
    return fenced[1].strip() if fenced else ""


def _find_fault(words: str) -> str:
    if not words:
        return "Give the new words between two lines of three backticks."
    if len(words) > MAX_CHARS:
        return f"These words have {len(words):,} characters; {MAX_CHARS:,} are the most. Write them shorter."
    if _HEADING.search(words):
        return 'A line begins with "# ", which would end the words in a file. Write it without.'
    return ""
