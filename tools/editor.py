"""Who may edit which memory items, and what an edit must be like: the one door that every edit goes through."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..stores.errors import BadInput
from ..stores.items import Items
from ..stores.proposals import Proposals
from ..stores.records import KINDS, Edit, Kind, Outcome
from ..stores.times import parse_time

CORE_TOKENS = 512
CONTENT_TOKENS = 1024  # of a semantic or episodic item
_CHARS_PER_TOKEN = 4

Mode = Literal["write", "propose", "read_only"]
Verdict = Literal["allow", "reject", "quarantine"] | tuple[Literal["reject", "quarantine"], str]
Guard = Callable[[Edit], Verdict]


_ARGUMENTS = {
    "insert": ("kind", "content", "time"),
    "update": ("kind", "content", "id", "time"),
    "delete": ("kind", "id"),
}
DESCRIPTIONS = {
    "insert": "Keep a new memory. core: the one paragraph that is always shown; semantic: knowledge that lasts; "
    "episodic: an event, with its time.",
    "update": "Change a memory: what it says now takes the place of what it said, which stays in its history.",
    "delete": "Take away a memory that is false or of no use.",
}
_FIELDS = {
    "kind": "Which kind of memory.",
    "content": "One sentence that can be understood by itself, with names, numbers and dates; for core a paragraph.",
    "time": "When the event was, or from when the knowledge holds, such as 2024-05-08 or 8 May 2024 13:56.",
    "id": "The memory's id; not for core, of which there is one.",
}
TOOL_NAMES = tuple(f"memory_{op}" for op in _ARGUMENTS)


@dataclass(frozen=True, slots=True)
class _Ruling:
    """An edit that was refused, one that waits for a yes (and why), or one to be applied."""

    edit: Edit
    refused: Outcome | None = None
    waits: str = ""


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
        self.items = items
        self.kinds = checked_kinds(kinds)
        self.mode = mode
        self._proposals = proposals
        self._guard = guard
        self._core_tokens = core_tokens

    @property
    def schemas(self) -> tuple[dict[str, Any], ...]:
        """The tools in OpenAI's form, for a model; the kinds are those that may be edited."""
        return schemas(self.kinds)

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

    def call(self, name: str, arguments: Any, *, page_ids: tuple[str, ...] = (), cause: str = "tool") -> Outcome:
        """An edit as a model asks for it: `memory_insert`, `memory_update` or `memory_delete`, with its arguments."""
        return self.call_all([(name, arguments)], page_ids=page_ids, cause=cause)[0]

    def undo(self, change: int, *, cause: str = "person") -> Outcome:
        """As `Items.undo`; not where the memory is read-only."""
        if self.mode == "read_only":
            return Outcome("rejected", Edit(op="undo", kind="", cause=cause), "This memory is read-only here.")
        return self.items.undo(change, cause=cause)

    def edit(self, edit: Edit) -> Outcome:
        """Checked, guarded, and applied or proposed."""
        return self._carried_out([self._ruled(edit)])[0]

    def call_all(
        self,
        calls: Iterable[tuple[str, Any]],
        *,
        page_ids: tuple[str, ...] = (),
        cause: str = "tool",
        then: Callable[[sqlite3.Connection], object] | None = None,
    ) -> list[Outcome]:
        """Many calls, in their order and in one transaction, in which `then` comes last. What cannot be done is
        answered, and the others are applied."""
        understood = [self._understood(name, arguments, page_ids, cause) for name, arguments in calls]
        return self._carried_out([self._ruled(one) for one in understood], then)

    def _understood(self, name: str, arguments: Any, page_ids: tuple[str, ...], cause: str) -> Edit | Outcome:
        op: Any = name.removeprefix("memory_")
        given = {key: value for key, value in arguments.items() if value is not None} if _is_named(arguments) else {}
        kind, content = str(given.get("kind", "")), given.get("content")
        told = Edit(op=op, kind=kind, id=str(given.get("id", "")) or None, page_ids=page_ids, cause=cause)
        if op not in _ARGUMENTS:
            return Outcome("rejected", told, f"There is no tool {name!r}; use {', '.join(TOOL_NAMES)}.")
        names = ", ".join(_ARGUMENTS[op])
        if not _is_named(arguments):
            return Outcome("rejected", told, f"{name} takes arguments by name: {names}.")
        if unknown := sorted(given.keys() - set(_ARGUMENTS[op])):
            return Outcome("rejected", told, f"{name} has no argument {unknown[0]!r}; it has {names}.")
        if not kind:
            return Outcome("rejected", told, f"{name} needs a kind: {', '.join(self.kinds)}.")
        return self._at(replace(told, content=content), given.get("time"))

    def _timed(self, edit: Edit, time: Any) -> Outcome:
        return self._carried_out([self._ruled(self._at(edit, time))])[0]

    def _at(self, edit: Edit, time: Any) -> Edit | Outcome:
        try:
            return replace(edit, time=parse_time(time or None))
        except (BadInput, TypeError) as error:
            return Outcome("rejected", edit, str(error))

    def _ruled(self, edit: Edit | Outcome) -> _Ruling:
        """What is to become of an edit, before any transaction: a guard may take its time."""
        if isinstance(edit, Outcome):
            return _Ruling(edit.edit, refused=edit)
        if not isinstance(edit.content, str | None):
            told = f"The content must be a text, not a {type(edit.content).__name__}."
            return _Ruling(edit, refused=Outcome("rejected", edit, told))
        clean = replace(edit, content=_clean(edit.content), id=(_clean(str(edit.id or "")) or None))
        fault = self._fault(clean)
        if fault:
            return _Ruling(clean, refused=Outcome("rejected", clean, fault, self._standing(clean)))
        verdict = self._guard(clean) if self._guard else "allow"
        word, reason = (verdict, "") if isinstance(verdict, str) else verdict
        if word == "reject":
            told = reason or "The guard of this memory does not allow it."
            return _Ruling(clean, refused=Outcome("rejected", clean, told))
        if word == "quarantine":
            return _Ruling(clean, waits=reason or "The guard of this memory wants a person to see it.")
        if word != "allow":
            raise BadInput(f"before_write gave {verdict!r}; it gives 'allow', 'reject' or 'quarantine'.")
        return _Ruling(clean, waits="Edits of this memory wait for a yes." if self.mode == "propose" else "")

    def _carried_out(
        self, rulings: Sequence[_Ruling], then: Callable[[sqlite3.Connection], object] | None = None
    ) -> list[Outcome]:
        if then is None and all(ruling.refused for ruling in rulings):
            return [ruling.refused for ruling in rulings if ruling.refused]
        outcomes = []
        with self.items.namespace.database.write() as db:
            for ruling in rulings:
                if ruling.refused:
                    outcomes.append(ruling.refused)
                elif forgotten := self._forgotten_in(db, ruling.edit):
                    told = f"Page {forgotten} was forgotten; what comes from it is not kept."
                    outcomes.append(Outcome("rejected", ruling.edit, told))
                elif ruling.waits:
                    outcomes.append(self._proposals.propose_in(db, ruling.edit, ruling.waits))
                else:
                    outcomes.append(self.items.apply_in(db, ruling.edit))
            if then is not None:
                then(db)
        return outcomes

    def _forgotten_in(self, db: sqlite3.Connection, edit: Edit) -> str | None:
        """The page that the Memorizer has drawn this from, if it was forgotten while it did."""
        return self.items.forgotten_in(db, edit.page_ids) if edit.cause == "memorizer" else None

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


def checked_kinds(kinds: Collection[str]) -> tuple[Kind, ...]:
    """The kinds in their order; `BadInput` for one that there is not."""
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise BadInput(f"There is no kind {unknown[0]!r}; there are {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in kinds)


def schemas(kinds: Sequence[str] = KINDS) -> tuple[dict[str, Any], ...]:
    """memory_insert, memory_update and memory_delete in OpenAI's form, where only these kinds may be edited."""
    return tuple(_schema(op, kinds) for op in _ARGUMENTS)


def _schema(op: str, kinds: Sequence[str]) -> dict[str, Any]:
    fields = {"kind": {"type": "string", "enum": list(kinds), "description": _FIELDS["kind"]}}
    fields |= {name: {"type": "string", "description": _FIELDS[name]} for name in _ARGUMENTS[op][1:]}
    required = ["kind", "content"] if op == "insert" else ["kind"]
    parameters = {"type": "object", "properties": fields, "required": required}
    function = {"name": f"memory_{op}", "description": DESCRIPTIONS[op], "parameters": parameters}
    return {"type": "function", "function": function}


def _is_named(arguments: Any) -> bool:
    return isinstance(arguments, Mapping) and all(isinstance(key, str) for key in arguments)


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _clean(content: str | None) -> str | None:
    """As every text that is stored: NUL and lone surrogates become U+FFFD."""
    if content is None:
        return None
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in content).strip()
