"""The start of a training step: a memory in a given state, and the page to curate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from pydantic import TypeAdapter

from ...evals.datasets.benchmark_records import Question, Sample
from ...evals.metrics.text_metrics import substring_exact_match
from ...memory import Memory
from ...stores.errors import BadInput
from ...stores.times import parse_time
from ...transfer.export_schema import FORMAT, VERSION
from ..rollout_records import Item, MemoryToolCall, RecordedStep, Rollout, SessionText

CURATE = "curate"


@dataclass(frozen=True, slots=True)
class TurnStart:
    """The input of one curate step, verbatim, and the state it was given in.

    `system` and `request` are the prompt: the second has the core paragraph, the related items, and the page. `items`
    are the memory before the turn, `origins` maps each to the session that wrote it last. `sources` are the sessions so
    far, the last the one of the page. `questions` are those that can be answered from them.
    """

    task: str
    system: str
    request: str
    items: tuple[Item, ...]
    origins: Mapping[str, str]
    sources: tuple[SessionText, ...]
    questions: tuple[Question, ...]

    def to_json(self) -> str:
        """One line, for a row of a data set."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> TurnStart:
        return _TURN_START.validate_json(text)

    def row(self) -> dict[str, Any]:
        """As TRL's trainer takes it: the environment fills in the empty user message."""
        prompt = [{"role": "system", "content": self.system}, {"role": "user", "content": ""}]
        return {"prompt": prompt, "turn": self.to_json()}


_TURN_START = TypeAdapter(TurnStart)


def turn_starts(rollout: Rollout, sample: Sample) -> tuple[TurnStart, ...]:
    """The turns of a rollout over its task, in order. `BadInput` if they do not lead to the items at its end.

    A question belongs to the first turn on whose sessions all of its evidence stands, and to the later ones; where a
    task has no evidence, the right answer is searched for instead.
    """
    order = [source.id for source in rollout.sources]
    items: tuple[Item, ...] = ()
    origins: dict[str, str] = {}
    starts: list[TurnStart] = []
    for step, calls in _curate_turns(rollout.steps):
        if step.about not in order:
            raise BadInput(
                f"{rollout.task}: the rollout has a turn over session {step.about!r}, which it does not have."
            )
        read = rollout.sources[: order.index(step.about) + 1]
        questions = tuple(one for one in sample.questions if _is_answerable(one, [source.text for source in read]))
        system, request = (str(message["content"]) for message in step.messages[:2])
        starts.append(TurnStart(rollout.task, system, request, items, dict(origins), read, questions))
        items = apply_calls(items, calls)
        origins |= {call.item_id: step.about for call in calls if call.status == "applied" and call.item_id}
        origins = {item.id: origins[item.id] for item in items}
    if not rollout.error and set(items) != set(rollout.items):
        raise BadInput(
            f"{rollout.task}: the turns lead to {len(items)} items, and the rollout ended with {len(rollout.items)} others;"
            " snapshots are made of memories that the Memorizer alone has edited."
        )
    return tuple(starts)


def apply_calls(items: Iterable[Item], calls: Iterable[MemoryToolCall]) -> tuple[Item, ...]:
    """The items after the calls, by their status: what was not applied changes nothing."""
    current = {item.id: item for item in items}
    for call in calls:
        if call.status != "applied" or call.item_id is None:
            continue
        time = parse_time(call.args.get("time") or None)
        time_text = time.isoformat() if time else None
        before = current.pop(call.item_id, None) if call.op == "delete" else current.get(call.item_id)
        if call.op == "insert":
            current[call.item_id] = Item(call.item_id, call.kind, call.content.strip(), time_text)
        elif call.op == "update" and before is not None:
            current[call.item_id] = Item(
                before.id, before.kind, call.content.strip() or before.content, time_text or before.time
            )
    return tuple(current.values())


def restore_items(memory: Memory, items: Sequence[Item]) -> None:
    """Import items into an empty namespace, under their own ids."""
    if items:
        memory.transfer.import_(BytesIO(_export_bytes(items)))


def _curate_turns(steps: Iterable[RecordedStep]) -> Iterator[tuple[RecordedStep, tuple[MemoryToolCall, ...]]]:
    """The first request of each curate turn, and the calls of the reply that was parsed, if one was."""
    first: RecordedStep | None = None
    for step in steps:
        if step.name != CURATE:
            continue
        if first is not None and step.attempt == 0:
            yield first, ()
            first = None
        first = first or step
        if step.calls is not None:
            yield first, step.calls
            first = None
    if first is not None:
        yield first, ()


def _is_answerable(question: Question, texts: Sequence[str]) -> bool:
    if question.evidence:
        return all(any(one in text for text in texts) for one in question.evidence)
    return any(substring_exact_match(text, question.answers) for text in texts)


def _export_bytes(items: Sequence[Item]) -> bytes:
    """In the format of `export_to`; see docs/moving.md."""
    at = datetime.now(UTC).isoformat()
    lines: list[dict[str, Any]] = [{"type": "namespace", "name": "default"}]
    lines += [{"type": "item", "id": item.id, "kind": item.kind} for item in items]
    fixed = {"type": "version", "version": 1, "op": "insert", "pages": [], "cause": "memorizer", "at": at}
    lines += [{**fixed, "item": item.id, "content": item.content, "time": item.time} for item in items]
    body = b"".join(_json_line(line) for line in lines)
    head = {"format": FORMAT, "version": VERSION, "jitmem": "", "namespaces": ["default"], "at": at}
    counts = {"item": len(items), "namespace": 1, "version": len(items)}
    end = {"type": "end", "lines": counts, "sha256": hashlib.sha256(body).hexdigest()}
    return _json_line(head) + body + _json_line(end)


def _json_line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"
