"""A model that follows rules: it reads the toy tasks' facts, keeps each as an item, and answers from what it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from model_server import CHAT, ModelRequest, StepAnswers
from model_server.step_replies import history_after

from jitmem.testing import ScriptedModel

CURATING = "The core paragraph, which is read before every answer:"
"""By this the prompt of curate is known."""
_ROLES = {"human": "user", "ai": "assistant"}
_TURN = re.compile(r"^(?:- )?(?:\([^)]*\) )?(\w+): (.*)$", re.M)
_FACTS = {
    "city": re.compile(r"I've moved to (\w+)\.|I live in (\w+) now\."),
    "work": re.compile(r"I work at the (\w+) now\.|I'm working at the (\w+) now\."),
    "pet": re.compile(r"My dog is called (\w+)\.|My dog's name is (\w+)\."),
    "event": re.compile(r"On (\d+ \w+ \d{4}) I ([^.]+)\."),
}
_ASKED = {
    "city": re.compile(r"Where does (\w+) live now\?"),
    "work": re.compile(r"Where does (\w+) work now\?"),
    "pet": re.compile(r"What is (\w+)'s dog called\?"),
    "event": re.compile(r"When did (\w+) ([^?]+)\?"),
}
_ITEM = re.compile(r"^- \[(\w{12})\] (\w+)[^:]*: (\w+): (.*)$", re.M)


def following() -> ScriptedModel:
    """One that can be asked by many at once: it remembers nothing."""
    return ScriptedModel(lines=says, model="following")


def says(messages: Sequence[BaseMessage]) -> Any:
    """The reply to any step of ours; it depends on nothing but the messages."""
    asked = ModelRequest(
        CHAT, {"messages": [{"role": _ROLES.get(m.type, m.type), "content": m.text} for m in messages]}
    )
    prompt = asked.said_by("user")
    if CURATING in prompt:
        return AIMessage("", tool_calls=[{**call, "id": f"c{at}"} for at, call in enumerate(edits(prompt))])
    thought = StepAnswers().think(asked, 1, heard=True) or {}
    if asked.step == "answer":
        thought |= {"answer": answer(prompt) or ""}
    return json.dumps(thought)  # as text: a call would have an id, which is another one each time


def edits(prompt: str) -> Iterator[dict[str, Any]]:
    """An item for each fact of the page; what the same person said of it before is updated."""
    page = history_after("Page:", prompt)
    known = {(who, _slot(text)): id for id, _, who, text in _ITEM.findall(prompt)}
    for who, said in _TURN.findall(page):
        slot = _slot(said)
        if slot == "event" and (fact := _FACTS["event"].search(said)):
            args = {"kind": "episodic", "content": f"{who}: {fact[0]}", "time": fact[1]}
            yield {"name": "memory_insert", "args": args}
        elif slot and (id := known.get((who, slot))):
            yield {"name": "memory_update", "args": {"kind": "semantic", "id": id, "content": f"{who}: {said}"}}
        elif slot:
            yield {"name": "memory_insert", "args": {"kind": "semantic", "content": f"{who}: {said}"}}


def answer(prompt: str) -> str | None:
    """The last that the context says of it."""
    context, question = prompt.partition("Context:")[2].rpartition("Question:")[::2]
    for slot, pattern in _ASKED.items():
        if asked := pattern.search(question):
            told = [said for who, said in _TURN.findall(context) if who == asked[1] and _slot(said) == slot]
            if slot == "event":
                told = [said for said in told if asked[2].split()[-1] in said]
            found = _FACTS[slot].search(told[-1]) if told else None
            return next((group for group in found.groups() if group), None) if found else None
    return None


def _slot(said: str) -> str | None:
    return next((slot for slot, pattern in _FACTS.items() if pattern.search(said)), None)
