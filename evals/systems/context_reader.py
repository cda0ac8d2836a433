"""Answer a question from a context with one prompt for every system, so that the contexts are what is compared."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from langchain_core.language_models import BaseChatModel

from ...nodes.llm.ask import UsageTracker, name_of
from ...nodes.llm.prompt import count_tokens, fence, fence_question
from ...nodes.llm.sync_async import run_sync
from ...stores.records import Usage
from ..datasets.benchmark_records import Question
from ..metrics.model_requests import PromptFile, request_reply
from .setups import SystemAnswer

READER_PROMPT = PromptFile(__package__, "prompts/reader.md")
NOT_FOUND = "Not mentioned"
_MARKERS = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.I | re.S)


class ContextReader:
    """Asks a chat model; `timeout_s` is for one answer, with retries."""

    def __init__(self, model: BaseChatModel, timeout_s: float = 120.0) -> None:
        self._model = model
        self._timeout_s = timeout_s

    def read(self, question: Question, answer: SystemAnswer) -> SystemAnswer:
        """The answer with its text and the numbers of the citation markers in it. `ModelError` where none came."""
        started = time.perf_counter()
        asked_at = question.metadata.get("time")
        values = {
            "context": fence(answer.context),
            "asked": f"The question was asked on {asked_at}." if asked_at else "The question:",
            "question": fence_question(question.text),
        }
        messages = list(READER_PROMPT.messages(values))
        meter = UsageTracker()
        reply = run_sync(request_reply(self._model, [*messages], self._timeout_s))
        seconds = time.perf_counter() - started
        meter.add("read", name_of(self._model), seconds, count_tokens(messages), reply)
        text = _THOUGHT.sub("", str(reply.text))
        numbers = [int(number) for group in _MARKERS.findall(text) for number in group.split(",")]
        return replace(
            answer,
            text=" ".join(_MARKERS.sub("", text).split()),
            cited=tuple(number for number in dict.fromkeys(numbers) if 1 <= number <= len(answer.marks)),
            reader_usage=Usage.of(meter.entries),
            reader_seconds=seconds,
        )
