"""The right calls for a page of a toy task, by the rule that made the page, and calls with random slips."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from ...testing import ScriptedModel

_TURN = re.compile(r"^(\w+): (.*)$", re.M)
_PAGE = re.compile(r"^Page:\n<history-\w+>\n(.*?)\n</history-\w+>", re.S)
_EVENT = re.compile(r"On (\d{1,2} \w+ \d{4}) I ")
_FACT = re.compile(r"I've moved to|I live in|I work at the|I'm working at the|My dog is called|My dog's name is")


def correct_calls(request: str) -> list[dict[str, Any]]:
    """For the page in a curate request."""
    found = _PAGE.search(request)
    return correct_calls_for_page(found[1]) if found else []


def correct_calls_for_page(page: str) -> list[dict[str, Any]]:
    """One insert for each fact and event, in order: the sentence with its speaker, and for an event the date as its
    time. Chatter is skipped."""
    inserts: list[dict[str, str]] = []
    for who, text in _TURN.findall(page):
        if event := _EVENT.match(text):
            inserts.append({"kind": "episodic", "content": f"{text} ({who})", "time": event[1]})
        elif _FACT.match(text):
            inserts.append({"kind": "semantic", "content": f"{text} ({who})"})
    return [{"name": "memory_insert", "args": args} for args in inserts]


def careless_calls(request: str, chance: random.Random, slips: float) -> list[dict[str, Any]]:
    """The same with slips: with this probability each, an event's date is left out, and a fact taken for an event
    without a date. The memory rejects both."""
    calls = []
    for call in correct_calls(request):
        args = dict(call["args"])
        if args["kind"] == "episodic" and chance.random() < slips:
            args.pop("time")
        elif args["kind"] == "semantic" and chance.random() < slips:
            args["kind"] = "episodic"
        calls.append({**call, "args": args})
    return calls


def teacher_model(slips: float = 0.0, seed: int = 0) -> ScriptedModel:
    """As a chat model for the Memorizer's curate step; slips are the same for the same page."""

    def reply(messages: list[BaseMessage]) -> AIMessage:
        request = str(messages[-1].content)
        calls = careless_calls(request, random.Random(f"{seed}/{request}"), slips) if slips else correct_calls(request)
        return AIMessage("", tool_calls=[{**call, "id": f"call_{at}"} for at, call in enumerate(calls)])

    return ScriptedModel(lines=reply, model="teacher")


def as_message(calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Calls as a message of a chat template."""
    tool_calls = [{"type": "function", "function": {"name": one["name"], "arguments": one["args"]}} for one in calls]
    return {"role": "assistant", "content": "", **({"tool_calls": tool_calls} if tool_calls else {})}
