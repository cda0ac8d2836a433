"""What a judge of content sees of a call: the session, the item's content before, and the other items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ..rollout_records import MemoryToolCall, RecordedStep, Rollout, SessionText

_CORE = "core"


@dataclass(frozen=True, slots=True)
class JudgeCase:
    """One call. `before` is the item's content until then, "" for none; `fresh` whether that was written in this same
    turn. `held` are the contents of the other items then, without those judged false."""

    call: MemoryToolCall
    source: SessionText
    before: str = ""
    fresh: bool = False
    held: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """The item's content after the call; an update of the time alone does not change it."""
        return self.call.content or (self.before if self.call.op == "update" else "")


class ContentJudge(Protocol):
    """Judges whether what a call writes or deletes is right."""

    name: str

    def verdict(self, case: JudgeCase) -> tuple[bool | None, str]:
        """With the reason. None where the judge failed, which counts neither way."""


@dataclass(frozen=True, slots=True)
class _LedgerEntry:
    content: str
    turn: str
    stands: bool


def judge_calls(rollout: Rollout, judge: ContentJudge) -> Rollout:
    """The run with `valid` and `verdict` in every call, in the order of the steps."""
    sources = {page_id: source for source in rollout.sources for page_id in source.page_ids}
    sources |= {source.id: source for source in rollout.sources}
    ledger: dict[str, _LedgerEntry] = {}
    steps = tuple(
        step if step.calls is None else replace(step, calls=tuple(_judge_turn(step, sources, ledger, judge)))
        for step in rollout.steps
    )
    return replace(rollout, steps=steps)


def _judge_turn(
    step: RecordedStep, sources: Mapping[str, SessionText], ledger: dict[str, _LedgerEntry], judge: ContentJudge
) -> Iterator[MemoryToolCall]:
    for call in step.calls or ():
        source = sources.get(call.page_id) or sources.get(step.about) or SessionText(step.about, "", ())
        name = _ledger_key(call)
        old = ledger.get(name)
        case = JudgeCase(
            call,
            source,
            before=old.content if old else "",
            fresh=old is not None and old.turn == step.key,
            held=tuple(one.content for other, one in ledger.items() if other != name and one.stands),
        )
        valid, verdict = judge.verdict(case)
        yield replace(call, valid=valid, verdict=verdict)
        if not call.has_effect:
            continue
        if call.op == "delete":
            ledger.pop(name, None)
        else:
            ledger[name] = _LedgerEntry(case.content, step.key, valid is not False)


def _ledger_key(call: MemoryToolCall) -> str:
    """There is one core paragraph, without an id."""
    return _CORE if call.kind == _CORE else call.item_id or str(call.args.get("id", ""))
