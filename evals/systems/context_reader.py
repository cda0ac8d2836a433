"""Answer a question from a context with one prompt for every system, so that the contexts are what is compared."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from ...nodes.llm.prompt import count_tokens, fence, fence_question
from ...nodes.llm.thinking_marks import strip_thinking
from ...nodes.llm.usage import UsageTracker
from ...stores.records import Usage
from ..datasets.benchmark_records import Question
from ..metrics.model_requests import ModelCaller, PromptFile
from .setups import SystemAnswer

READER_PROMPT = PromptFile(__package__, "prompts/reader.md")
NOT_FOUND = "Not mentioned"
_MARKERS = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")


class ContextReader(ModelCaller):
    """Asks a chat model."""

    def read(self, question: Question, answer: SystemAnswer) -> SystemAnswer:
        """The answer with its text and the numbers of the citation markers in it. `ModelError` where none came."""
        started = time.perf_counter()
        asked_at = question.metadata.get("time")
        values = {
            "context": fence(answer.context),
            "asked": f"The question was asked on {asked_at}." if asked_at else "The question:",
            "question": fence_question(question.text),
        }
        messages = READER_PROMPT.messages(values)
        meter = UsageTracker()
        reply = self._ask(messages)
        seconds = time.perf_counter() - started
        meter.add("read", self.name, seconds, count_tokens([*messages]), reply)
        text = strip_thinking(str(reply.text))
        numbers = [int(number) for group in _MARKERS.findall(text) for number in group.split(",")]
        return replace(
            answer,
            text=" ".join(_MARKERS.sub("", text).split()),
            cited=tuple(number for number in dict.fromkeys(numbers) if 1 <= number <= len(answer.marks)),
            reader_usage=Usage.of(meter.entries),
            reader_seconds=seconds,
        )
