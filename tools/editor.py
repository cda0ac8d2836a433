"""Who may edit which memory items, and what an edit must be like: the one door that every edit goes through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal

from ..stores.errors import BadInput
from ..stores.records import KINDS, Edit, Kind, Outcome
from ..stores.times import parse_time
from ..stores.truth.database import Connection
from ..stores.truth.items import Items
from .expose import ToolSpec
from .memory_specs import ARGUMENTS, CHARS_PER_TOKEN, CONTENT_TOKENS, CORE_TOKENS, memory_specs

Mode = Literal["write", "propose", "read_only"]
Verdict = Literal["allow", "reject", "quarantine"] | tuple[Literal["reject", "quarantine"], str]
Guard = Callable[[Edit], Verdict]


@dataclass(frozen=True, slots=True)
class _Ruling:
    """An edit that was rejected, one that waits for a yes (and why), or one to be applied."""

    edit: Edit
    rejected: Outcome | None = None
    waits: str = ""


class Editor:
    """Checks an edit, asks the guard, and applies it, or files it as a proposal.

    A fault of the edit never raises: it comes back as an outcome that says what would be right, since a model asked
    for it. `kinds` are those that may be edited; `guard` is asked before anything is written.
    """

    def __init__(
        self,
        items: Items,
        *,
        kinds: Collection[str] = KINDS,
        mode: Mode = "write",
        guard: Guard | None = None,
        core_tokens: int = CORE_TOKENS,
    ) -> None:
        self.items = items
        self.kinds = validate_kinds(kinds)
        self.mode = mode
        self._guard = guard
        self._core_tokens = core_tokens

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools for the kinds that may be edited."""
        return memory_specs(self.kinds, self._core_tokens)

    @property
    def schemas(self) -> tuple[dict[str, Any], ...]:
        """The same in OpenAI's form."""
        return tuple(spec.as_openai() for spec in self.specs)

    def insert(
        self, kind: str, content: str, time: Any = None, *, page_ids: tuple[str, ...] = (), cause: str = "tool"
    ) -> Outcome:
        """A new item. `time` in any form that `parse_time` reads; an event must have one."""
        edit = Edit(op="insert", kind=kind, content=content, page_ids=page_ids, cause=cause)
        return self._edit_at(edit, time)

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
        return self._edit_at(edit, time)

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
        from ..stores.truth.item_history import undo

        return undo(self.items, change, cause=cause)

    def edit(self, edit: Edit) -> Outcome:
        """Checked, guarded, and applied or proposed."""
        return self._apply_rulings([self._rule_on(edit)])[0]

    def call_all(
        self,
        calls: Iterable[tuple[str, Any]],
        *,
        page_ids: tuple[str, ...] = (),
        cause: str = "tool",
        then: Callable[[Connection], object] | None = None,
        versions: Mapping[str, int] | None = None,
    ) -> list[Outcome]:
        """Many calls, in their order and in one transaction, in which `then` comes last. What cannot be done is
        answered, and the others are applied. `versions` are those of the items that the caller has seen, by id or
        "core": of an item that somebody else has changed since nothing is changed."""
        parsed = [self._parse_call(name, arguments, page_ids, cause) for name, arguments in calls]
        return self._apply_rulings([self._rule_on(one) for one in parsed], then, dict(versions or {}))

    def _parse_call(self, name: str, arguments: Any, page_ids: tuple[str, ...], cause: str) -> Edit | Outcome:
        op: Any = name.removeprefix("memory_")
        given = {key: value for key, value in arguments.items() if value is not None} if _is_named(arguments) else {}
        kind, content = str(given.get("kind", "")), given.get("content")
        edit = Edit(op=op, kind=kind, id=str(given.get("id", "")) or None, page_ids=page_ids, cause=cause)
        if name not in ARGUMENTS:
            return Outcome("rejected", edit, f"There is no tool {name!r}; use {', '.join(ARGUMENTS)}.")
        names = ", ".join(ARGUMENTS[name])
        if not _is_named(arguments):
            return Outcome("rejected", edit, f"{name} takes arguments by name: {names}.")
        if unknown := sorted(given.keys() - set(ARGUMENTS[name])):
            return Outcome("rejected", edit, f"{name} has no argument {unknown[0]!r}; it has {names}.")
        if not kind:
            return Outcome("rejected", edit, f"{name} needs a kind: {', '.join(self.kinds)}.")
        return self._with_time(replace(edit, content=content), given.get("time"))

    def _edit_at(self, edit: Edit, time: Any) -> Outcome:
        return self._apply_rulings([self._rule_on(self._with_time(edit, time))])[0]

    def _with_time(self, edit: Edit, time: Any) -> Edit | Outcome:
        try:
            return replace(edit, time=parse_time(time or None))
        except (BadInput, TypeError) as error:
            return Outcome("rejected", edit, str(error))

    def _rule_on(self, edit: Edit | Outcome) -> _Ruling:
        """What is to become of an edit, before any transaction: a guard may take its time."""
        if isinstance(edit, Outcome):
            return _Ruling(edit.edit, rejected=edit)
        if not isinstance(edit.content, str | None):
            reason = f"The content must be a text, not a {type(edit.content).__name__}."
            return _Ruling(edit, rejected=Outcome("rejected", edit, reason))
        clean = replace(edit, content=_clean(edit.content), id=(_clean(str(edit.id or "")) or None))
        problem = self._problem(clean)
        if problem:
            return _Ruling(clean, rejected=Outcome("rejected", clean, problem, self._current_item(clean)))
        verdict = self._guard(clean) if self._guard else "allow"
        word, reason = (verdict, "") if isinstance(verdict, str) else verdict
        if word == "reject":
            reason = reason or "The guard of this memory does not allow it."
            return _Ruling(clean, rejected=Outcome("rejected", clean, reason))
        if word == "quarantine":
            return _Ruling(clean, waits=reason or "The guard of this memory wants a person to see it.")
        if word != "allow":
            raise BadInput(f"before_write gave {verdict!r}; it gives 'allow', 'reject' or 'quarantine'.")
        return _Ruling(clean, waits="Edits of this memory wait for a yes." if self.mode == "propose" else "")

    def _apply_rulings(
        self,
        rulings: Sequence[_Ruling],
        then: Callable[[Connection], object] | None = None,
        versions: dict[str, int] | None = None,
    ) -> list[Outcome]:
        if then is None and all(ruling.rejected for ruling in rulings):
            return [ruling.rejected for ruling in rulings if ruling.rejected]
        outcomes = []
        with self.items.namespace.database.write() as db:
            find_forgotten = lru_cache(partial(self.items.forgotten_in, db))
            for ruling in rulings:
                key = ruling.edit.id or ruling.edit.kind
                if versions and key in versions:
                    ruling = replace(ruling, edit=replace(ruling.edit, expected_version=versions[key]))
                if ruling.rejected:
                    outcomes.append(ruling.rejected)
                elif ruling.edit.cause == "memorizer" and (page_id := find_forgotten(ruling.edit.page_ids)):
                    reason = f"Page {page_id} was forgotten; what comes from it is not kept."
                    outcomes.append(Outcome("rejected", ruling.edit, reason))
                elif ruling.waits:
                    from ..stores.truth.proposals import Proposals

                    outcomes.append(Proposals(self.items).propose_in(db, ruling.edit, ruling.waits))
                else:
                    outcomes.append(self.items.apply_in(db, ruling.edit))
                    if versions and outcomes[-1].change and outcomes[-1].item:
                        versions[key] = outcomes[-1].item.version  # its own change is none of somebody else's
            if then is not None:
                then(db)
        return outcomes

    def _problem(self, edit: Edit) -> str:
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
            size = -(-len(content) // CHARS_PER_TOKEN)
            limit = self._core_tokens if edit.kind == "core" else CONTENT_TOKENS
            if size > limit:
                return f"The content has {size} tokens, and {_a(edit.kind)} memory holds {limit}; write it shorter."
        elif edit.time is None:
            return "Nothing is to be changed: give a content, or a time."
        if edit.op == "insert" and edit.kind == "episodic" and edit.time is None:
            return "An episodic memory needs the time of the event, such as 2024-05-08 or 8 May 2024."
        return ""

    def _current_item(self, edit: Edit) -> Any:
        """The item that a rejected edit meant, so that the next attempt can be right."""
        if edit.kind == "core":
            return self.items.core()
        return self.items.find(edit.id) if edit.id else None


def validate_kinds(kinds: Collection[str]) -> tuple[Kind, ...]:
    """The kinds in their order; `BadInput` for one that there is not."""
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise BadInput(f"There is no kind {unknown[0]!r}; there are {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in kinds)


def _is_named(arguments: Any) -> bool:
    return isinstance(arguments, Mapping) and all(isinstance(key, str) for key in arguments)


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _clean(content: str | None) -> str | None:
    """As every text that is stored: NUL and lone surrogates become U+FFFD."""
    if content is None:
        return None
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in content).strip()
