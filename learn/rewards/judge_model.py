"""A chat model as judge of content: it sees the session, the items and the edit, and what it cannot judge is None."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Literal

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from ...evals.metrics.model_requests import ModelCaller, PromptFile
from ...stores.analyzer import stems
from ...stores.token_size import CHARS_PER_TOKEN
from .judge_cases import JudgeCase

SOURCE_TOKENS, HELD_TOKENS = 4000, 1000
CONTENT_PROMPT = PromptFile(__package__, "prompts/content.md", tags=("session", "items", "before", "edit"))
_EDITS = {"insert": "keeps a new", "update": "changes", "delete": "takes away"}


class ContentVerdict(BaseModel):
    """The form of the judge's reply."""

    reason: str = Field(description="One sentence: what the session says of it, or that it does not.")
    verdict: Literal["valid", "invalid"]


class ModelContentJudge(ModelCaller):
    """Asks a chat model, one repair. A `ModelError` is no verdict: None, and the error."""

    def verdict(self, case: JudgeCase) -> tuple[bool | None, str]:
        """One request, or two. None, without a request, for a call that changed nothing."""
        if not case.call.has_effect:
            return None, "it changed nothing"
        verdict = self._ask_verdict(render_content_messages(case), ContentVerdict)
        return (None, verdict) if isinstance(verdict, str) else (verdict.verdict == "valid", verdict.reason)


def render_content_messages(case: JudgeCase) -> tuple[SystemMessage, HumanMessage]:
    """The messages for the judge; session, items and edit stand between tags that they cannot close."""
    op, kind, args = case.call.op, case.call.kind, case.call.args
    edit = "\n".join(f"{name}: {args[name]}" for name in ("content", "time") if args.get(name))
    fence = CONTENT_PROMPT.fence
    values = {
        "when": case.source.time or "of unknown time",
        "source": fence("session", nearest_lines(case.source.text, f"{case.content} {case.before}", SOURCE_TOKENS)),
        "held": fence("items", _list_items(case.held)),
        "before": fence("before", case.before or "(nothing)"),
        "op": _EDITS.get(op, "asks for"),
        "kind": f"{'this ' if op != 'insert' else ''}{kind if kind in ('core', 'semantic', 'episodic') else 'unknown'}",
        "edit": fence("edit", edit or "(it takes the item away)"),
    }
    return CONTENT_PROMPT.messages(values, ContentVerdict)


def nearest_lines(text: str, to: str, budget: int) -> str:
    """The text, or of a longer one the lines that share most stems with `to`, in their order, within `budget` tokens."""
    room = budget * CHARS_PER_TOKEN
    if len(text) <= room:
        return text
    wanted = set(stems(to))
    lines = text.splitlines()
    best = sorted(range(len(lines)), key=lambda at: (-len(wanted & set(stems(lines[at]))), at))
    chosen: set[int] = set()
    for at in best:
        if len(lines[at]) + 3 <= room:
            chosen.add(at)
            room -= len(lines[at]) + 3
    runs = groupby(enumerate(sorted(chosen)), key=lambda pair: pair[1] - pair[0])  # consecutive lines
    return "\n[…]\n".join("\n".join(lines[at] for _, at in run) for _, run in runs)


def _list_items(held: Iterable[str]) -> str:
    """The newest that fit: they are most likely what the edit is about."""
    chosen: list[str] = []
    room = HELD_TOKENS * CHARS_PER_TOKEN
    for one in reversed(list(held)):
        line = f"- {' '.join(one.split())}"
        room -= len(line)
        if room < 0:
            break
        chosen.append(line)
    return "\n".join(reversed(chosen)) or "(there are none)"
