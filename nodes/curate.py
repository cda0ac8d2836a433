"""Curate: draw core, semantic and episodic memories from a page, by as many edits as it is worth, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.index.item_index import ItemIndex
from ..stores.index.snapshot import NamespaceStore, Snapshot
from ..stores.recall_markers import without_recalled
from ..stores.records import MemoryItem, Outcome, Page
from ..stores.truth.database import Connection
from .file import disk_full_hint
from .llm.ask import StepSpec
from .llm.sync_async import Computation, NodeBody
from .options import MemorizeOptions, options_in
from .run_step import Backends, StepPolicy, run_step
from .states import MemorizerState

CORE_SHOWN = 512  # tokens
_RELATED, _NEWEST = 10, 5
_LIKE_CHARS = 4000  # of a page, by which the items that are like it are found
_FILED = "The session is filed; no memories are drawn from it until resume(), or the same call, finds room."
_MOST_CALLS = 50


class ItemEditing(Protocol):
    """What changes items, as this step needs it. `schemas` are its tools, in OpenAI's form."""

    @property
    def schemas(self) -> Sequence[Mapping[str, Any]]: ...

    def call_all(
        self,
        calls: Iterable[tuple[str, Any]],
        *,
        page_ids: tuple[str, ...],
        cause: str,
        then: Callable[[Connection], object],
        versions: Mapping[str, int],
    ) -> list[Outcome]: ...


class Call(BaseModel):
    """One edit."""

    name: str = Field(description="memory_insert, memory_update or memory_delete.")
    args: dict[str, Any] = Field(description="Its arguments by name.")


class Curation(BaseModel):
    """The edits that a page is worth; none where nothing is worth keeping."""

    calls: list[Call] = Field(description="In the order in which they are to be done.")


class KnownItems:
    """The core paragraph, and beside some pages the namespace's own items that share words with each, and the newest: read
    for all pages at once when somebody first asks."""

    def __init__(self, item_index: ItemIndex, snapshot: Snapshot, texts: Mapping[str, str]) -> None:
        self._source = item_index, snapshot, texts

    @property
    def was_read(self) -> bool:
        """Whether anybody has asked."""
        return "by_page" in self.__dict__

    @cached_property
    def by_page(self) -> tuple[MemoryItem | None, Mapping[str, Sequence[MemoryItem]]]:
        """The core paragraph, None while there is none; and by page id the others."""
        item_index, snapshot, texts = self._source
        view = item_index.view(snapshot)
        related = {one: [n for n, _ in view.keyword(text[:_LIKE_CHARS], _RELATED)] for one, text in texts.items()}
        items = item_index.items.beside_core([n for numbers in related.values() for n in numbers], _NEWEST)
        core = next((item for item in items.values() if item.kind == "core"), None)
        newest = [item for item in list(items.values())[:_NEWEST] if item is not core]
        near = {
            one: [items[n] for n in numbers if n in items and items[n] is not core] for one, numbers in related.items()
        }
        return core, {one: list({item.id: item for item in [*own, *newest]}.values()) for one, own in near.items()}


@dataclass(frozen=True, slots=True)
class CurateQuestion:
    """The page without what was recalled from memory, and what is held already: core, related and newest items.
    `verbatim`: a small model is asked, which is to pick sentences of the page."""

    page: Page
    text: str
    known: KnownItems
    snapshot: Snapshot
    verbatim: bool = False

    @property
    def core(self) -> str:
        """The core paragraph; "" while there is none."""
        core, _ = self.known.by_page
        return core.content if core else ""

    @property
    def items(self) -> Sequence[MemoryItem]:
        """Those that are like the page, then the newest."""
        return self.known.by_page[1][self.page.id]

    @property
    def versions(self) -> dict[str, int]:
        """Of the items that were looked at."""
        if not self.known.was_read:
            return {}
        core, _ = self.known.by_page
        return ({"core": core.version} if core else {}) | {item.id: item.version for item in self.items}

    @property
    def part(self) -> int:
        """Which page of its session it is, from 1."""
        return self.page.part

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/curate.md`. The page is always shown whole."""
        from .curate_prompt import prompt_values

        return prompt_values(self, share)


def check_calls(question: CurateQuestion, answer: Curation) -> str:
    """As `item_checks.check_calls`, which is imported where a model has answered."""
    from .item_checks import check_calls

    return check_calls(question, answer)


CURATE = StepSpec("curate", CurateQuestion, Curation, check=check_calls)


def curate(
    archive: NamespaceStore,
    item_index: ItemIndex,
    editing: ItemEditing,
    backends: Backends,
    defaults: MemorizeOptions,
) -> NodeBody:
    """The node: filed pages → edits of items, all of a page's in one transaction with the note that it is done.

    A model that fails never costs the session, which is filed: it is named in `failures`. An unusable answer is
    replaced by the rules'; a model that cannot be reached is asked again by `resume()`.
    """
    spec = replace(CURATE, tools=tuple(editing.schemas))

    def node(state: MemorizerState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        on_failure = options_in(runtime.context, defaults).on_model_failure
        usage: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        edits: list[dict[str, Any]] = []
        stop_reason = ""
        if (curated := state.get("curated")) is not None:
            for page_id in curated:
                runtime.stream_writer({"event": "curated", "page_id": page_id, "edits": []})
            return {"usage": [], "failures": [], "edits": []}
        pages = archive.pages.uncurated_pages(state["journal"])
        thinks = backends.has_model(spec.name)
        questions: dict[str, CurateQuestion] = {}
        done: list[str] = []  # nothing is worth keeping of these: noted with the next edits, or at the end

        def note(calls: Sequence[Call], page_ids: Sequence[str], versions: Mapping[str, int]) -> list[Outcome]:
            with disk_full_hint(archive.embeddings.database.path, _FILED):
                return editing.call_all(
                    [(call.name, call.args) for call in calls],
                    page_ids=tuple(page_ids[-1:]),
                    cause="memorizer",
                    then=partial(archive.journal.mark_curated, page_ids=page_ids),
                    versions=versions,
                )

        for at, page in enumerate(pages):
            if page.id not in questions:
                questions = _questions(archive.snapshot(), item_index, pages[at : at + 1] if thinks else pages[at:])
            if page.id not in questions:  # forgotten while a model was thinking of the one before
                continue
            policy = StepPolicy(on_failure, required=False, stop_reason=stop_reason)
            question = replace(questions[page.id], verbatim=backends.share(spec.name) < 1)
            answer, changes = yield from run_step(backends, spec, question, policy, runtime.stream_writer)
            usage += changes.get("usage", [])
            failures += changes.get("failures", [])
            stop_reason = changes.get("stop_reason", stop_reason)
            if answer is None:
                continue
            done.append(page.id)
            checked = [(call, "") for call in answer.calls[:_MOST_CALLS]]
            calls = [call for call, _ in checked]
            if thinks:
                from .item_checks import complete_call, find_problem, reject

                checked = [(call, find_problem(question, call)) for call in calls]
                calls = [complete_call(question, call) for call, problem in checked if not problem]
            outcomes: list[Outcome] = []
            if calls or thinks:  # a paid answer is noted at once
                outcomes, done, questions = note(calls, done, question.versions), [], {}
            made = iter(zip(calls, outcomes, strict=True))
            results = [(call, reject(call, problem)) if problem else next(made) for call, problem in checked]
            edits += [_plain(page.id, call, outcome) for call, outcome in results]
            statuses = [outcome.status for _, outcome in results]
            runtime.stream_writer({"event": "curated", "page_id": page.id, "edits": statuses})
        if done:
            note([], done, {})
        return {"usage": usage, "failures": failures, "edits": edits}

    return node


def _questions(snapshot: Snapshot, item_index: ItemIndex, pages: Sequence[Page]) -> dict[str, CurateQuestion]:
    """By page, for those that are still there."""
    texts = {page.id: without_recalled(page.text) for page in pages if snapshot.has(page.id)}
    known = KnownItems(item_index, snapshot, texts)
    return {page.id: CurateQuestion(page, texts[page.id], known, snapshot) for page in pages if page.id in texts}


def _plain(page_id: str, call: Call, outcome: Outcome) -> dict[str, Any]:
    """A call and what became of it, for the state."""
    edit = asdict(outcome.edit)
    return {
        "page_id": page_id,
        "name": call.name,
        "args": call.args,
        "status": outcome.status,
        "reason": outcome.reason,
        "item_id": outcome.item.id if outcome.item else edit["id"],
        "change": outcome.change,
    }
