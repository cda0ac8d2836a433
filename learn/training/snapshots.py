"""What one step of training is made of: a memory as it stood, and the page that a model was then asked to draw from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Self

from ...evals.datasets.records import Question, Sample
from ...evals.metrics import substring_exact_match
from ...memory import Memory
from ...moving.form import FORMAT, VERSION
from ...stores.errors import BadInput
from ...stores.times import parse_time
from ..records import Call, Item, Rollout, Source, Step

CURATE = "curate"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One turn to be taken: what the Memorizer's curate step was asked, word for word, and what it stood on.

    `system` and `asked` are the prompt: the second has the core paragraph in full, the related items, and the page.
    `items` are the memory before the turn, `origins` the session by which each was written last. `sources` are the
    sessions so far, the last the one that the page is of. `questions` are those that can be answered from them.
    """

    task: str
    system: str
    asked: str
    items: tuple[Item, ...]
    origins: Mapping[str, str]
    sources: tuple[Source, ...]
    questions: tuple[Question, ...]

    def to_json(self) -> str:
        """One line, for a row of a data set."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From `to_json`."""
        plain = json.loads(text)
        parts = {
            "items": tuple(Item(**one) for one in plain["items"]),
            "sources": tuple(Source(**{**one, "page_ids": tuple(one["page_ids"])}) for one in plain["sources"]),
            "questions": tuple(_question(one) for one in plain["questions"]),
        }
        return cls(**{**plain, **parts})

    def row(self) -> dict[str, Any]:
        """As TRL's trainer takes it: the environment adds what is asked to the empty user message."""
        prompt = [{"role": "system", "content": self.system}, {"role": "user", "content": ""}]
        return {"prompt": prompt, "turn": self.to_json()}


def snapshots(rollout: Rollout, sample: Sample) -> tuple[Snapshot, ...]:
    """The turns of a rollout over its task, in order. `BadInput` if they do not lead to the items at its end.

    A question belongs to the first turn on whose sessions all of its evidence stands, and to those after it; where a
    task tells no evidence, the right answer is looked for.
    """
    order = [source.id for source in rollout.sources]
    held: tuple[Item, ...] = ()
    origins: dict[str, str] = {}
    made: list[Snapshot] = []
    for step, calls in _turns(rollout.steps):
        if step.about not in order:
            raise BadInput(
                f"{rollout.task}: the rollout has a turn over session {step.about!r}, which it does not have."
            )
        read = rollout.sources[: order.index(step.about) + 1]
        questions = tuple(one for one in sample.questions if _stands(one, [source.text for source in read]))
        system, asked = (str(message["content"]) for message in step.messages[:2])
        made.append(Snapshot(rollout.task, system, asked, held, dict(origins), read, questions))
        held = after(held, calls)
        origins |= {call.item_id: step.about for call in calls if call.status == "applied" and call.item_id}
        origins = {item.id: origins[item.id] for item in held}
    if not rollout.error and set(held) != set(rollout.items):
        raise BadInput(
            f"{rollout.task}: the turns lead to {len(held)} items, and the rollout ended with {len(rollout.items)} others;"
            " snapshots are made of memories that the Memorizer alone has edited."
        )
    return tuple(made)


def after(items: Iterable[Item], calls: Iterable[Call]) -> tuple[Item, ...]:
    """The items once calls are done, as their outcomes tell: what was not applied changes nothing."""
    held = {item.id: item for item in items}
    for call in calls:
        if call.status != "applied" or call.item_id is None:
            continue
        time = parse_time(call.args.get("time") or None)
        told = time.isoformat() if time else None
        before = held.pop(call.item_id, None) if call.op == "delete" else held.get(call.item_id)
        if call.op == "insert":
            held[call.item_id] = Item(call.item_id, call.kind, call.content.strip(), told)
        elif call.op == "update" and before is not None:
            held[call.item_id] = Item(
                before.id, before.kind, call.content.strip() or before.content, told or before.time
            )
    return tuple(held.values())


def restore(memory: Memory, items: Sequence[Item]) -> None:
    """Put items into an empty namespace, under their own ids, by the door of every import."""
    if items:
        memory.transfer.import_(BytesIO(_exported(items)))


def _turns(steps: Iterable[Step]) -> Iterator[tuple[Step, tuple[Call, ...]]]:
    """The first request of each curate turn, and the calls of the reply that was read, if one was."""
    first: Step | None = None
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


def _stands(question: Question, texts: Sequence[str]) -> bool:
    if question.evidence:
        return all(any(one in text for text in texts) for one in question.evidence)
    return any(substring_exact_match(text, question.answers) for text in texts)


def _exported(items: Sequence[Item]) -> bytes:
    """As `export_to` writes it; docs/moving.md tells the form."""
    at = datetime.now(UTC).isoformat()
    lines: list[dict[str, Any]] = [{"type": "namespace", "name": "default"}]
    lines += [{"type": "item", "id": item.id, "kind": item.kind} for item in items]
    lines += [
        {
            "type": "version",
            "item": item.id,
            "version": 1,
            "op": "insert",
            "content": item.content,
            "time": item.time,
            "pages": [],
            "cause": "memorizer",
            "at": at,
        }
        for item in items
    ]
    body = b"".join(_line(line) for line in lines)
    head = {"format": FORMAT, "version": VERSION, "jitmem": "", "namespaces": ["default"], "at": at}
    counts = {"item": len(items), "namespace": 1, "version": len(items)}
    end = {"type": "end", "lines": counts, "sha256": hashlib.sha256(body).hexdigest()}
    return _line(head) + body + _line(end)


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _question(plain: dict[str, Any]) -> Question:
    lists = {name: tuple(plain[name]) for name in ("answers", "evidence")}
    return Question(**{**plain, **lists})
