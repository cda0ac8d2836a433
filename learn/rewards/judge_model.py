"""A chat model as judge of content: it sees the session, the items and the edit, and what it cannot judge is None."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from ...nodes.ask import TIMEOUT_S, name_of
from ...nodes.patience import Failed, patiently
from ...nodes.reply import Unreadable, parse
from ...nodes.secrets import covered
from ...nodes.step import Steps, Wait, finish
from ...stores.analyzer import stems
from ...stores.errors import ModelError, ModelReplyError
from ...stores.marks import defused
from .calls import has_effect
from .judge_cases import JudgeCase

SOURCE_TOKENS, HELD_TOKENS = 4000, 1000
_CHARS_PER_TOKEN = 4
_REPLIES = 2  # the first, and one repair
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_MARKS = ("session", "items", "before", "edit")
_DOES = {"insert": "keeps a new", "update": "changes", "delete": "takes away"}


class Verdict(BaseModel):
    """What the judge says."""

    reason: str = Field(description="One sentence: what the session says of it, or that it does not.")
    verdict: Literal["valid", "invalid"]


class ModelContentJudge:
    """Asks a chat model, one repair. A `ModelError` is no verdict: None, and what went wrong."""

    def __init__(self, model: BaseChatModel, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name_of(model)
        self._model = model
        self._timeout_s = timeout_s

    def verdict(self, case: JudgeCase) -> tuple[bool | None, str]:
        """See `Case`; one request, or two. None for a call that changed nothing, which nobody need read."""
        if not has_effect(case.call):
            return None, "it changed nothing"
        try:
            said = finish(self._asked(case))
        except ModelError as error:
            return None, f"{type(error).__name__}: {error}"
        return said.verdict == "valid", said.reason

    def _asked(self, case: JudgeCase) -> Steps[Verdict]:
        messages: list[BaseMessage] = list(render_content_messages(case))
        problem = ""
        for _ in range(_REPLIES):
            sent = messages
            asking = Wait(lambda: self._model.invoke(sent), lambda: self._model.ainvoke(sent))  # noqa: B023 (waited for at once)
            try:
                reply: AIMessage = yield from patiently(asking, self.name, self._timeout_s, asked=self._model)
            except Failed as failure:
                raise failure.fault.error from failure.__cause__
            try:
                return parse(reply, Verdict)
            except Unreadable as unreadable:
                problem = covered(str(unreadable), self._model)
                mend = f"{problem}\nAnswer again with one JSON object of the form above."
                messages = [*messages, AIMessage(str(reply.text) or "(nothing)"), HumanMessage(mend)]
        raise ModelReplyError(f"{self.name} gave no verdict that could be read, in {_REPLIES} replies: {problem}")


def render_content_messages(case: JudgeCase) -> tuple[SystemMessage, HumanMessage]:
    """The messages that the judge is sent; session, items and edit stand between marks that they cannot close."""
    system, _, task = content_prompt().partition("# Task\n")
    op, kind = case.call.op, case.call.kind
    told = {name: value for name, value in case.call.args.items() if name in ("content", "time")}
    values = {
        "when": case.source.time or "of unknown time",
        "source": _fenced("session", nearest_lines(case.source.text, f"{case.content} {case.before}", SOURCE_TOKENS)),
        "held": _fenced("items", _list_items(case.held)),
        "before": _fenced("before", case.before or "(nothing)"),
        "op": _DOES.get(op, "asks for"),
        "kind": f"{'this ' if op != 'insert' else ''}{kind if kind in ('core', 'semantic', 'episodic') else 'unknown'}",
        "edit": _fenced("edit", _render_edit(told) or "(it takes the item away)"),
    }
    human = _PLACE.sub(lambda place: values[place[1]], task.strip())
    head = system.removeprefix("# System").strip()
    return SystemMessage(f"{head}\n\nAnswer with one JSON object of this form:\n{_form()}"), HumanMessage(human)


def nearest_lines(text: str, to: str, budget: int) -> str:
    """The text, or of a longer one the lines that share most stems with `to`, in their order, within `budget` tokens."""
    room = budget * _CHARS_PER_TOKEN
    if len(text) <= room:
        return text
    wanted = set(stems(to))
    lines = text.splitlines()
    best = sorted(range(len(lines)), key=lambda at: (-len(wanted & set(stems(lines[at]))), at))
    kept: set[int] = set()
    for at in best:
        if len(lines[at]) + 3 <= room:
            kept.add(at)
            room -= len(lines[at]) + 3
    return "\n[…]\n".join("\n".join(lines[at] for at in run) for run in _consecutive_runs(sorted(kept)))


@cache
def content_prompt() -> str:
    """The judge's prompt as it stands in the package."""
    return resources.files(__package__).joinpath("prompts", "content.md").read_text(encoding="utf-8")


def _consecutive_runs(places: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _list_items(held: Iterable[str]) -> str:
    kept: list[str] = []
    room = HELD_TOKENS * _CHARS_PER_TOKEN
    for one in reversed(list(held)):  # the newest are most likely what it is about
        line = f"- {' '.join(one.split())}"
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept)) or "(there are none)"


def _render_edit(told: Mapping[str, object]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in told.items() if value)


def _fenced(mark: str, text: str) -> str:
    return f"<{mark}>\n{defused(text, *_MARKS)}\n</{mark}>"


@cache
def _form() -> str:
    fields = Verdict.model_json_schema()["properties"]
    bare = {name: {key: value for key, value in field.items() if key != "title"} for name, field in fields.items()}
    return json.dumps({"type": "object", "properties": bare, "required": list(bare)}, ensure_ascii=False)
