"""A LangGraph `BaseStore` over a memory: an agent that has a `store=` keeps its values here by changing that line.

    graph = builder.compile(store=memory.as_store())

Values lie beside the pages and items of the memory's namespace, in the same file: durable when a call returns, seen
by every process that has the memory open, and apart from those of every other namespace. A batch is one transaction.

BaseStore has no words for the rest of the memory, which `runtime.store.memory` leads to: versions, history and undo
(the last value of a key is kept, and no other), when an event happened and when it was written, where a
statement comes from, core memory, pages and research, edits that wait for a yes, and a write that depends on what was
read (compare and set). The change log counts what is put here as `entry`, without the values.

What differs from `InMemoryStore`:

- `created_at` stays what it was when a value is replaced. Items are copies: changing one changes nothing here.
- A search with a `query` needs no `index` configuration. It ranks by words and likeness with the memory's own
  embeddings; `score` lies in [0, 1] and compares the results of one search, not those of two. An entry that was put
  with `index=False` is found by searches without a query only. Vectors are made by the first such search, not by put.
- `ttl` is kept. What has expired is gone at once from every answer.
- A namespace exists while something lies in it: getting from one does not make it, deleting the last entry ends it.
- Times (ISO 8601), UUIDs, enums and dataclasses are kept as LangGraph's database stores keep them: as texts, values and
  objects. What else is no JSON is refused (`BadInput`), tuples come back as lists, NUL and lone surrogates as U+FFFD. In keys
  and labels the latter are refused. `$gt` and its like do not match what they cannot compare, where InMemoryStore raises.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from ..nodes.llm.sync_async import Computation, run_async, run_sync
from ..stores.errors import BadInput, StoreFull
from ..stores.truth.entries import Entries, Entry, EntryWrite, Path
from .entry_ranking import EntryRanking
from .entry_values import clean, is_storable, matches_filter, plain, texts
from .write_batcher import WriteBatcher

if TYPE_CHECKING:
    from ..memory import Memory

_CHUNK = 32  # ranked entries read at once, at least


class JitmemStore(BaseStore):
    """Thread-safe. `fields` are searched where `put` names no `index`; `ttl` is as LangGraph's other stores take it.

    Of `ttl`, `default_ttl` and `refresh_on_read` count: what has expired is always left out, and swept by writes.
    """

    supports_ttl = True

    def __init__(self, memory: Memory, *, fields: Sequence[str] = ("$",), ttl: TTLConfig | None = None) -> None:
        parts = memory._runtime
        self.memory = memory
        self.ttl_config = ttl
        self._fields = list(fields)
        self._entries = Entries(parts.archive.pages.namespace, parts.embedder.name)
        self._writes = WriteBatcher(self._put_batches)
        self._ranking = EntryRanking(self._entries, parts.archive.embeddings, parts.embedder, parts.weights)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Gets, searches and listings see the state before the puts of the same batch; of two puts of a key the last
        counts. If one operation is bad, none is carried out."""
        return run_sync(self._carried_out(list(ops)))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch`, awaited. Batches of nothing but puts that are awaited at the same time are one transaction."""
        ops = list(ops)
        if ops and all(isinstance(op, PutOp) for op in ops):
            await self._writes.write(ops)
            return [None] * len(ops)
        return await run_async(self._carried_out(ops))

    def _put_batches(self, batches: Sequence[Sequence[Op]]) -> None:
        run_sync(self._carried_out([op for batch in batches for op in batch]))

    def _carried_out(self, ops: Sequence[Op]) -> Computation[list[Result]]:
        puts: dict[tuple[Path, str], EntryWrite] = {}
        for op in ops:
            _check(op)
            if isinstance(op, PutOp):
                puts[tuple(op.namespace), op.key] = self._apply_put(op)
        results: list[Result] = []
        accessed: list[Entry] = []
        for op in ops:
            if isinstance(op, GetOp):
                entry = self._entries.get(tuple(op.namespace), op.key)
                accessed += [entry] if entry and op.refresh_ttl else []
                results.append(Item(**_fields(entry)) if entry else None)
            elif isinstance(op, SearchOp):
                found = yield from self._search(op)
                accessed += [entry for entry, _ in found] if op.refresh_ttl else []
                results.append([SearchItem(**_fields(entry), score=score) for entry, score in found])
            elif isinstance(op, ListNamespacesOp):
                results.append(_list_paths(self._entries.paths(), op))
            else:
                results.append(None)
        lasting = [entry.n for entry in accessed if entry.ttl is not None]
        if puts:
            self._entries.apply(list(puts.values()), lasting)
        elif lasting and not self._entries.namespace.database.read_only:
            with suppress(StoreFull):  # reading continues; what was read does not live longer for it
                self._entries.apply([], lasting)
        return results

    def _apply_put(self, op: PutOp) -> EntryWrite:
        if op.value is None:
            return EntryWrite(path=tuple(op.namespace), key=op.key, value=None)
        value = plain(op.value)
        fields = self._fields if op.index is None else op.index or []
        searched = texts(value, fields)
        return EntryWrite(path=tuple(op.namespace), key=op.key, value=value, texts=searched, ttl=op.ttl)

    def _search(self, op: SearchOp) -> Computation[list[tuple[Entry, float | None]]]:
        prefix, end = tuple(op.namespace_prefix), min(op.offset + op.limit, sys.maxsize)
        if op.query:
            ranked = yield from self._ranking.rank_prefix(prefix, clean(op.query))
            best = self._best(ranked, end)
            passing = (found for found in best if matches_filter(found[0].value, op.filter))
            return list(islice(passing, op.offset, end))
        if not op.filter:
            return [(entry, None) for entry in self._entries.under(prefix, limit=op.limit, offset=op.offset)]
        entries = (entry for entry in self._entries.under(prefix) if matches_filter(entry.value, op.filter))
        return [(entry, None) for entry in islice(entries, op.offset, end)]

    def _best(self, ranked: Sequence[tuple[int, float]], wanted: int) -> Iterator[tuple[Entry, float | None]]:
        """Read as they are asked for: a filter may let few pass."""
        chunk = max(wanted, _CHUNK)
        for start in range(0, len(ranked), chunk):
            scores = dict(ranked[start : start + chunk])
            for entry in self._entries.by_numbers(list(scores)):
                yield entry, scores[entry.n]


def _check(op: Op) -> None:
    """`BadInput` for an operation that cannot be carried out."""
    if isinstance(op, GetOp | PutOp):
        labels: Sequence[object] = (*op.namespace, op.key)
    elif isinstance(op, SearchOp):
        labels = op.namespace_prefix
    elif isinstance(op, ListNamespacesOp):
        labels = [label for condition in op.match_conditions or () for label in condition.path]
    else:
        raise BadInput(f"A store knows GetOp, PutOp, SearchOp and ListNamespacesOp, not {type(op).__name__}.")
    if isinstance(getattr(op, "namespace", getattr(op, "namespace_prefix", ())), str):
        raise BadInput("A namespace is a tuple of labels, such as ('users', 'ana'), not a text.")
    for label in labels:
        if not is_storable(label):
            raise BadInput(f"Labels and keys are texts without NUL and lone surrogates; got {label!r:.60}.")
    if isinstance(op, SearchOp | ListNamespacesOp) and (op.limit < 0 or op.offset < 0):
        raise BadInput(f"Limit and offset must be 0 or more, not {op.limit} and {op.offset}.")
    if isinstance(op, PutOp):
        if op.ttl is not None and not op.ttl >= 0:
            raise BadInput(f"A ttl is minutes, 0 or more, not {op.ttl!r}.")
        paths = op.index if isinstance(op.index, list | tuple) else []
        if not (op.index is None or op.index is False or isinstance(op.index, list | tuple)) or not all(
            isinstance(path, str) for path in paths
        ):
            raise BadInput(f'index is None, False, or a list of paths such as ["text"], not {op.index!r:.60}.')


def _list_paths(paths: Iterable[Path], op: ListNamespacesOp) -> list[Path]:
    for condition in op.match_conditions or ():
        paths = filter(partial(_matches, condition), paths)
    return sorted({path[: op.max_depth] for path in paths})[op.offset : op.offset + op.limit]


def _matches(condition: MatchCondition, path: Path) -> bool:
    wanted = tuple(condition.path)
    if condition.match_type not in ("prefix", "suffix"):
        raise BadInput(f"A namespace is matched by its prefix or suffix, not its {condition.match_type!r}.")
    if len(path) < len(wanted):
        return False
    part = path[: len(wanted)] if condition.match_type == "prefix" else path[len(path) - len(wanted) :]
    return all(label in ("*", own) for label, own in zip(wanted, part, strict=True))


def _fields(entry: Entry) -> Mapping[str, Any]:
    return {
        "namespace": entry.path,
        "key": entry.key,
        "value": entry.value,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }
