"""The reader: whoever answers the question from a context. The same for every system, so that contexts are compared."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from importlib import resources

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from ...nodes.ask import name_of
from ...nodes.meter import Meter, tokens
from ...nodes.patience import Failed, patiently
from ...nodes.prompt import fence, posed
from ...nodes.step import Wait, finish
from ...stores.records import Usage
from ..datasets.benchmark_records import Question
from .setups import SystemAnswer

NOT_FOUND = "Not mentioned"
_MARKS = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")
_PLACE = re.compile(r"\{\{(context|asked|question)\}\}")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.I | re.S)


class ContextReader:
    """Asks a chat model; `timeout_s` is for one answer, with retries."""

    def __init__(self, model: BaseChatModel, timeout_s: float = 120.0) -> None:
        self._model = model
        self._name = name_of(model)
        self._timeout_s = timeout_s

    def read(self, question: Question, answer: SystemAnswer) -> SystemAnswer:
        """The answer with its text and the numbers of the marks that it names. A `ModelError` where none came."""
        started = time.perf_counter()
        system, task = _parts()
        messages = [SystemMessage(system), HumanMessage(_filled(task, question, answer))]
        meter = Meter()
        waiting = Wait(lambda: self._model.invoke(messages), lambda: self._model.ainvoke(messages))
        try:
            reply: AIMessage = finish(patiently(waiting, self._name, self._timeout_s, asked=self._model))
        except Failed as failure:
            raise failure.fault.error from failure.__cause__
        took = time.perf_counter() - started
        meter.add("read", self._name, took, tokens(messages), reply)
        said = _THOUGHT.sub("", str(reply.text))
        cited = [int(number) for group in _MARKS.findall(said) for number in group.split(",")]
        return replace(
            answer,
            text=" ".join(_MARKS.sub("", said).split()),
            cited=tuple(number for number in dict.fromkeys(cited) if 1 <= number <= len(answer.marks)),
            reader_usage=Usage.of(meter.entries),
            reader_seconds=took,
        )


def reader_prompt() -> str:
    """The reader's prompt as it stands in the package, for the report."""
    return resources.files(__package__).joinpath("prompts", "reader.md").read_text(encoding="utf-8")


def _filled(task: str, question: Question, answer: SystemAnswer) -> str:
    """The places of the task, each filled once: what is filled in may look like a place."""
    when = question.metadata.get("time")
    values = {
        "context": fence(answer.context),
        "asked": f"The question was asked on {when}." if when else "The question:",
        "question": posed(question.text),
    }
    return _PLACE.sub(lambda place: values[place[1]], task)


def _parts() -> tuple[str, str]:
    _, system, task = re.split(r"^# (?:System|Task)\s*$", reader_prompt(), flags=re.M)
    return system.strip(), task.strip()
