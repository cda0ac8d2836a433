"""Curate: draw core, semantic and episodic memories from a page, by as many edits as it is worth, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.errors import BadInput
from ..stores.index.item_index import ItemIndex
from ..stores.index.snapshot import NamespaceStore, Snapshot
from ..stores.recall_markers import without_recalled
from ..stores.records import Edit, MemoryItem, Outcome, Page
from ..stores.times import format_time, parse_time
from .evidence import cite
from .file import disk_full_hint
from .grounding import foreign_terms, is_about_the_prompt, is_placeholder, list_words
from .llm.ask import StepSpec
from .llm.prompt import clip, fence, fence_list
from .llm.sync_async import Computation, NodeBody
from .options import MemorizeOptions, options_in
from .run_step import Backends, StepPolicy, run_step
from .states import MemorizerState
from .support import best_support, line_of

CORE_SHOWN = 512  # tokens
_ITEMS_TOKENS = 500
_RELATED, _NEWEST = 10, 5
_LIKE_CHARS = 4000  # of a page, by which the items that are like it are found
_FILED = "The session is filed; no memories are drawn from it until resume(), or the same call, finds room."
_MOST_CALLS = 50
_LEAST_SUPPORT = 0.6  # of the words of a new item, those that one place of the page holds


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
        then: Callable[[sqlite3.Connection], object],
    ) -> list[Outcome]: ...


class Call(BaseModel):
    """One edit."""

    name: str = Field(description="memory_insert, memory_update or memory_delete.")
    args: dict[str, Any] = Field(description="Its arguments by name.")


class Curation(BaseModel):
    """The edits that a page is worth; none where nothing is worth keeping."""

    calls: list[Call] = Field(description="In the order in which they are to be done.")


@dataclass(frozen=True, slots=True)
class CurateQuestion:
    """The page without what was recalled from memory, and what is held already: core, related and newest items."""

    page: Page
    text: str
    core: str
    items: Sequence[MemoryItem]
    snapshot: Snapshot

    @property
    def part(self) -> int:
        """Which page of its session it is, from 1."""
        return self.page.part

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/curate.md`. The page is always shown whole."""
        return {
            "core": fence(clip(self.core, share * CORE_SHOWN)) if self.core else "There is none yet.",
            "items": fence_list(map(describe_item, self.items), share * _ITEMS_TOKENS, "There are none yet."),
            "page": fence(f"{self.page.header}\n\n{self.text}"),
        }


def describe_item(item: MemoryItem) -> str:
    """`[0m7w…] episodic (8 May 2023): …`"""
    return f"[{item.id}] {item.kind}{_when(item.time)}: {' '.join(item.content.split())}"


def check_calls(question: CurateQuestion, answer: Curation) -> str:
    """What is wrong with most of the calls, as one sentence for the model that made them; "" where most are usable."""
    problems = [problem for call in answer.calls if (problem := find_problem(question, call))]
    return problems[0] if len(problems) * 2 > len(answer.calls) else ""


def find_problem(question: CurateQuestion, call: Call) -> str:
    """Why the content of a call cannot be kept: it is a placeholder, or says what neither the page nor what is
    remembered holds; "" for a good one."""
    content = call.args.get("content")
    if not isinstance(content, str) or not content.strip():
        return ""  # the editor answers it
    if is_placeholder(content):
        return "The content of a call is a word of the form. Write what the page says, or make no call."
    if is_about_the_prompt(content) and not is_about_the_prompt(question.text):
        return "The content of a call speaks of the page. Write who did what, by name, or make no call."
    merges = call.name == "memory_update" or call.args.get("kind") == "core"
    held = [question.core, *(item.content for item in question.items)] if merges else []
    if foreign := foreign_terms(content, question.page.header, question.text, *held):
        return f"The page does not name {list_words(foreign)}. Write only what the page says."
    if best_support(content, "\n".join([question.text, *held])) < _LEAST_SUPPORT and not merges:
        return "No line of the page says what a call says. Write only what the page says, or make no call."
    return ""


def complete_call(question: CurateQuestion, call: Call) -> Call:
    """The call as it was meant: an event without a date of its own has its page's, an update that names no item is an
    insert, and an insert of a core paragraph changes the one that there is."""
    args = {name: value for name, value in call.args.items() if value not in ("", None)}
    if isinstance(args.get("content"), str):
        args["content"] = _with_speaker(question, args["content"])
    name = call.name
    if args.get("kind") == "core":
        args.pop("id", None)
        if name == "memory_insert" and question.core:
            name = "memory_update"
    elif name == "memory_update" and "id" not in args and args.get("content"):
        name = "memory_insert"
    if name == "memory_insert":
        args.pop("id", None)
        if args.get("kind") == "episodic" and question.page.time and not _is_time(args.get("time")):
            args["time"] = question.page.time.isoformat()
    if args.get("kind") != "episodic" and "time" in args and not _is_time(args["time"]):
        del args["time"]
    return Call(name=name, args=args)


def _with_speaker(question: CurateQuestion, content: str) -> str:
    """`Ben: I sold the van.` with the speaker who said it, where it is a sentence of the page."""
    name, colon, sentence = content.partition(": ")
    found = cite(question.page, sentence) if colon and len(sentence.split()) > 3 else None
    line = line_of(question.page.text, found.start, found.end) if found else ""
    speaker, colon, _ = line.partition(": ")
    return f"{speaker}: {sentence}" if colon and speaker in question.page.header and speaker != name else content


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and parse_time(value) is not None
    except BadInput:
        return False


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
        pages = archive.pages.uncurated_pages(state["journal"])
        thinks = backends.has_model(spec.name)
        questions: dict[str, CurateQuestion] = {}
        done: list[str] = []  # nothing is worth keeping of these: noted with the next edits, or at the end

        def note(calls: Sequence[Call], page_ids: Sequence[str]) -> list[Outcome]:
            with disk_full_hint(archive.embeddings.database.path, _FILED):
                return editing.call_all(
                    [(call.name, call.args) for call in calls],
                    page_ids=tuple(page_ids[-1:]),
                    cause="memorizer",
                    then=partial(archive.journal.mark_curated, page_ids=page_ids),
                )

        for at, page in enumerate(pages):
            if page.id not in questions:
                questions = _questions(archive.snapshot(), item_index, pages[at : at + 1] if thinks else pages[at:])
            if page.id not in questions:  # forgotten while a model was thinking of the one before
                continue
            policy = StepPolicy(on_failure, required=False, stop_reason=stop_reason)
            answer, changes = yield from run_step(backends, spec, questions[page.id], policy, runtime.stream_writer)
            usage += changes.get("usage", [])
            failures += changes.get("failures", [])
            stop_reason = changes.get("stop_reason", stop_reason)
            if answer is None:
                continue
            done.append(page.id)
            question = questions[page.id]
            checked = [(call, find_problem(question, call) if thinks else "") for call in answer.calls[:_MOST_CALLS]]
            calls = [complete_call(question, call) if thinks else call for call, problem in checked if not problem]
            outcomes: list[Outcome] = []
            if calls or thinks:  # a paid answer is noted at once
                outcomes, done, questions = note(calls, done), [], {}
            made = iter(zip(calls, outcomes, strict=True))
            results = [(call, _rejection(call, problem)) if problem else next(made) for call, problem in checked]
            edits += [_plain(page.id, call, outcome) for call, outcome in results]
            statuses = [outcome.status for _, outcome in results]
            runtime.stream_writer({"event": "curated", "page_id": page.id, "edits": statuses})
        if done:
            note([], done)
        return {"usage": usage, "failures": failures, "edits": edits}

    return node


def _questions(snapshot: Snapshot, item_index: ItemIndex, pages: Sequence[Page]) -> dict[str, CurateQuestion]:
    """By page, for those that are still there: the core paragraph, the namespace's own items that share words with the
    page, and the newest."""
    view = item_index.view(snapshot)
    texts = {page.id: without_recalled(page.text) for page in pages if snapshot.has(page.id)}
    related = {
        page_id: [number for number, _ in view.keyword(text[:_LIKE_CHARS], _RELATED)] for page_id, text in texts.items()
    }
    items = item_index.items.beside_core([number for numbers in related.values() for number in numbers], _NEWEST)
    core = next((item.content for item in items if item.kind == "core"), "")
    others = {item.change: item for item in items if item.kind != "core"}
    newest = [item for item in items[:_NEWEST] if item.kind != "core"]
    questions = {}
    for page in pages:
        if page.id in texts:
            near = [others[number] for number in related[page.id] if number in others]
            near = list({item.id: item for item in [*near, *newest]}.values())
            questions[page.id] = CurateQuestion(page, texts[page.id], core, near, snapshot)
    return questions


def _rejection(call: Call, problem: str) -> Outcome:
    edit = Edit(op="insert", kind=str(call.args.get("kind", "")), content=call.args["content"], cause="memorizer")
    return Outcome("rejected", edit, problem)


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


def _when(time: datetime | None) -> str:
    return f" ({format_time(time)})" if time else ""
