"""Who may edit which memory items, and what an edit must be like: the one door that every edit goes through."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from ..stores.errors import BadInput
from ..stores.items import Items
from ..stores.proposals import Proposals
from ..stores.records import KINDS, Edit, Outcome
from ..stores.times import parse_time

CORE_TOKENS = 512
CONTENT_TOKENS = 1024  # of a semantic or episodic item
_CHARS_PER_TOKEN = 4

Mode = Literal["write", "propose", "read_only"]
Verdict = Literal["allow", "reject", "quarantine"] | tuple[Literal["reject", "quarantine"], str]
Guard = Callable[[Edit], Verdict]


class Editor:
    """Checks an edit, asks the guard, and applies it, or files it as a proposal.

    A fault of the edit never raises: it comes back as an outcome that says what would be right, since a model asked
    for it. `kinds` are those that may be edited; `guard` is asked before anything is written.
    """

    def __init__(
        self,
        items: Items,
        proposals: Proposals,
        *,
        kinds: Collection[str] = KINDS,
        mode: Mode = "write",
        guard: Guard | None = None,
        core_tokens: int = CORE_TOKENS,
    ) -> None:
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise BadInput(f"There is no kind {unknown[0]!r}; there are {', '.join(KINDS)}.")
        self.items = items
        self.kinds = tuple(kind for kind in KINDS if kind in kinds)
        self.mode = mode
        self._proposals = proposals
        self._guard = guard
        self._core_tokens = core_tokens

    def insert(
        self, kind: str, content: str, time: Any = None, *, page_ids: tuple[str, ...] = (), cause: str = "tool"
    ) -> Outcome:
        """A new item. `time` in any form that `parse_time` reads; an event must have one."""
        edit = Edit(op="insert", kind=kind, content=content, page_ids=page_ids, cause=cause)
        return self._timed(edit, time)

    def update(
        self,
        kind: str,
        content: str | None = None,
        id: str | None = None,
        time: Any = None,
        *,
        page_ids: tuple[str, ...] = (),
        cause: str = "tool",
        expected_version: int | None = None,
    ) -> Outcome:
        """A new version of an item; the core paragraph needs no id. The earlier version stays in the history."""
        edit = Edit(
            op="update",
            kind=kind,
            content=content,
            id=id,
            page_ids=page_ids,
            cause=cause,
            expected_version=expected_version,
        )
        return self._timed(edit, time)

    def delete(self, kind: str, id: str | None = None, *, cause: str = "tool") -> Outcome:
        """Take an item away; its history stays, and `undo` brings it back."""
        return self.edit(Edit(op="delete", kind=kind, id=id, cause=cause))

    def edit(self, edit: Edit) -> Outcome:
        """Checked, guarded, and applied or proposed."""
        clean = replace(edit, content=_clean(edit.content), id=(edit.id or "").strip() or None)
        fault = self._fault(clean)
        if fault:
            return Outcome("rejected", clean, fault, self._standing(clean))
        verdict = self._guard(clean) if self._guard else "allow"
        word, reason = (verdict, "") if isinstance(verdict, str) else verdict
        if word == "reject":
            return Outcome("rejected", clean, reason or "The guard of this memory does not allow it.")
        if word == "quarantine":
            return self._proposals.propose(clean, reason or "The guard of this memory wants a person to see it.")
        if self.mode == "propose":
            return self._proposals.propose(clean, "Edits of this memory wait for a yes.")
        return self.items.apply(clean)

    def _timed(self, edit: Edit, time: Any) -> Outcome:
        try:
            when: datetime | None = parse_time(time or None)
        except BadInput as error:
            return Outcome("rejected", edit, str(error))
        return self.edit(replace(edit, time=when))

    def _fault(self, edit: Edit) -> str:
        """What is wrong with an edit, and what would be right; empty for nothing."""
        if self.mode == "read_only":
            return "This memory is read-only here."
        if edit.kind not in KINDS:
            return f"There is no kind {edit.kind!r}; use {', '.join(self.kinds)}."
        if edit.kind not in self.kinds:
            return f"{edit.kind.capitalize()} memories cannot be edited here; use {', '.join(self.kinds)}."
        if edit.op != "insert" and edit.kind != "core" and edit.id is None:
            return f"To {edit.op} {_a(edit.kind)} memory, give its id; memory_search finds it."
        if edit.op == "delete":
            return ""
        if edit.op == "insert" or edit.content is not None:
            content = edit.content or ""
            if not any(character.isalnum() for character in content):
                return "The content is empty; write what is to be remembered."
            size = -(-len(content) // _CHARS_PER_TOKEN)
            limit = self._core_tokens if edit.kind == "core" else CONTENT_TOKENS
            if size > limit:
                return f"The content has {size} tokens, and {_a(edit.kind)} memory holds {limit}; write it shorter."
        elif edit.time is None:
            return "Nothing is to be changed: give a content, or a time."
        if edit.op == "insert" and edit.kind == "episodic" and edit.time is None:
            return "An episodic memory needs the time of the event, such as 2024-05-08 or 8 May 2024 13:56."
        return ""

    def _standing(self, edit: Edit) -> Any:
        """The item that a rejected edit meant, so that the next attempt can be right."""
        if edit.kind == "core":
            return self.items.core()
        return self.items.found(edit.id) if edit.id else None


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _clean(content: str | None) -> str | None:
    """As every text that is stored: NUL and lone surrogates become U+FFFD."""
    if content is None:
        return None
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in content).strip()
