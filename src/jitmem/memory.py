"""The facade: one namespace of one store, with its models, graphs and tools."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack

from .stores.errors import BadInput
from .stores.records import Filed, Hit, Kind, MemoryItem, Outcome, Page, Proposal, Session
from .stores.times import parse_time

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.store.base import TTLConfig

    from .integrations.middleware import MemoryMiddleware
    from .integrations.retriever import MemoryRetriever
    from .integrations.store import MemoryStore
    from .nodes.meter import Budget
    from .nodes.options import Effort, MemorizeOptions, OnModelFailure, Output, ResearchOptions
    from .parts import Parts
    from .results import Estimate, Research
    from .tools.editor import Guard, Mode

    SessionLike = Session | str | Sequence[BaseMessage]
    Graph = CompiledStateGraph[Any, Any, Any, Any]


_MODES: list[Literal["custom", "values"]] = ["custom", "values"]


class Asking(TypedDict, total=False):
    """How a question is researched; what is not given is as the memory was opened with."""

    effort: Effort | None
    depth: int | None
    output: Output | None
    context_tokens: int | None
    pages: int | None
    tools: Sequence[str] | None
    budget: Budget | None
    answer: bool | None
    on_model_failure: OnModelFailure | None


class Memory:
    """Open it with `Memory.open(…)`. Thread-safe; several processes may have the same memory open."""

    def __init__(self, parts: Parts, root: Memory | None = None) -> None:
        self._parts = parts
        self._root = root
        self._others: dict[str, Memory] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        namespace: str = "default",
        model: str | BaseChatModel | None = None,
        memorizer_model: str | BaseChatModel | None = None,
        researcher_model: str | BaseChatModel | None = None,
        step_models: Mapping[str, str | BaseChatModel] | None = None,
        embeddings: str | Embeddings | None = None,
        base_url: str | None = None,
        embeddings_base_url: str | None = None,
        timeout_s: float = 120.0,
        on_model_failure: OnModelFailure = "raise",
        create: bool = True,
        curate: bool | None = None,
        kinds: Sequence[str] | None = None,
        mode: Mode | None = None,
        before_write: Guard | None = None,
        core_tokens: int | None = None,
        memorize_options: MemorizeOptions | None = None,
        research_options: ResearchOptions | None = None,
    ) -> Self:
        """The memory in the folder `path`, made if it is not there and `create` allows.

        Without a `model` rules answer every step; without `embeddings` hashed n-grams are used: no key, no server,
        no download. A model is a LangChain chat model or `"provider:name"`; `base_url` is where a model that is
        given by its name is served (any server with OpenAI's API), `embeddings_base_url` the same for embeddings, if
        it is another. The Memorizer and the Researcher may have a model of their own, and so may a step:
        `step_models={"reflect": …}`, of memorize, plan, integrate, conclude, reflect and answer.

        `curate=False` draws no memory items from sessions. `kinds` are those that may be edited (core, semantic,
        episodic), `mode` is "write", "propose" (edits wait for `approve`) or "read_only"; `before_write` is asked
        before each edit and gives "allow", "reject" or "quarantine", the latter two also with a reason:
        `("reject", "why")`. The core paragraph holds at most `core_tokens` (512).

        A model call ends within `timeout_s`, retries included. When a model fails for good, `on_model_failure` says
        whether an error is raised or the rules answer. Errors: `NotOurStore`, `StoreIsNewer`, `MemoryNotFound` (only
        with `create=False`), `StoreReadOnly`, `MissingPackage`, `ModelUnavailable` (no key), `BadInput`.
        """
        from .nodes.options import MemorizeOptions, ResearchOptions, changed
        from .parts import EditRules, Models, Parts

        if not timeout_s > 0:
            raise BadInput(f"timeout_s must be more than 0, not {timeout_s!r}.")
        editing: dict[str, Any] = {
            "kinds": kinds,
            "mode": mode,
            "before_write": before_write,
            "core_tokens": core_tokens,
        }
        nothing_to_edit = mode == "read_only" or (kinds is not None and not list(kinds))
        failing = {"on_model_failure": None if on_model_failure == "raise" else on_model_failure}
        parts = Parts.open(
            Path(path),
            namespace=namespace,
            models=Models(
                model=model,
                memorizer_model=memorizer_model,
                researcher_model=researcher_model,
                step_models=step_models,
                embeddings=embeddings,
                base_url=base_url,
                embeddings_base_url=embeddings_base_url,
                timeout_s=timeout_s,
            ),
            create=create,
            editing=EditRules(**{name: value for name, value in editing.items() if value is not None}),
            memorize_options=changed(
                memorize_options or MemorizeOptions(), {**failing, "curate": False if nothing_to_edit else curate}
            ),
            research_options=changed(research_options or ResearchOptions(), failing),
        )
        return cls(parts)

    @property
    def root(self) -> Memory:
        """The memory that was opened, from which this one may have come by `of`."""
        return self._root or self

    @property
    def namespace(self) -> str:
        """Whose memory this is, of those in the folder."""
        return self._parts.archive.pages.namespace.name

    def of(self, namespace: str) -> Memory:
        """The memory of another namespace in the same folder, with the same models and options; made once for each
        name. It shares files and indexes with this one, and is closed with it."""
        root = self._root or self
        if namespace == root.namespace:
            return root
        with root._lock:
            if namespace not in root._others:
                root._others[namespace] = type(self)(root._parts.of(namespace), root)
            return root._others[namespace]

    # -- keeping -------------------------------------------------------------------------------------------

    def memorize(self, session: SessionLike) -> Filed:
        """File a session: a text, a `Session`, or a list of messages. The same session twice is filed once."""
        return _filed(self.memorizer.invoke({"session": session}))

    async def amemorize(self, session: SessionLike) -> Filed:
        """`memorize`, awaited."""
        return _filed(await self.memorizer.ainvoke({"session": session}))

    def accept(self, session: SessionLike) -> str:
        """Put a session into the journal, durable when this returns, and think later: `resume()` files it.

        Gives the id of the session. One that is there already stays as it is.
        """
        from .nodes.accept import plain

        return self._parts.archive.journal.accept(**plain(session)).session_id

    async def aaccept(self, session: SessionLike) -> str:
        """`accept`, awaited."""
        return await asyncio.to_thread(self.accept, session)

    def memorize_many(
        self,
        sessions: Iterable[SessionLike],
        *,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Filed]:
        """File sessions; results in the order given. `progress` is told how many are done, and of how many.

        All are read before the first is kept, and kept in the journal before the first is filed: what is not filed
        when the process dies is finished by the same call, or by `resume()`.
        """
        from .batch import accept, run

        return run(self._parts, accept(self._parts, sessions), self._workers(concurrency), progress)

    async def amemorize_many(
        self,
        sessions: Iterable[SessionLike],
        *,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Filed]:
        """`memorize_many`, awaited."""
        from .batch import accept, arun

        entries = await asyncio.to_thread(accept, self._parts, sessions)
        return await arun(self._parts, entries, self._workers(concurrency), progress)

    def resume(self, *, concurrency: int = 8, progress: Callable[[int, int], None] | None = None) -> list[Filed]:
        """File what was accepted and never filed, because a process died or a model failed; `[]` for nothing."""
        from .batch import run

        return run(self._parts, self._waiting(), self._workers(concurrency), progress)

    async def aresume(self, *, concurrency: int = 8, progress: Callable[[int, int], None] | None = None) -> list[Filed]:
        """`resume`, awaited."""
        from .batch import arun

        entries = await asyncio.to_thread(self._waiting)
        return await arun(self._parts, entries, self._workers(concurrency), progress)

    # -- asking --------------------------------------------------------------------------------------------

    def research(self, question: str, **options: Unpack[Asking]) -> Research:
        """Plan, search, integrate and reflect until it is enough or `depth` rounds (3) are used.

        `effort`: "recall" (one round without a model), "fast" (one call to plan, one to integrate and reflect), or
        "deep" (a call for each; the default). `output`: "integration" (the statements alone), "snippets" (then the
        best passages), or "pages" (then whole pages), up to `context_tokens` (2000), counted by
        `count_tokens_approximately`. `pages`: how many pages may speak. `tools`: a subset of "keyword", "vector",
        "page_id". `budget=Budget(calls=…, tokens=…, seconds=…)`: when it is used up, the best context so far comes
        back. `answer=True`: a short answer from the context as well. `on_model_failure`: as for `open`.

        `BadInput` for an empty question or a bad option; `ModelError` when a model fails and nothing comes of it.
        """
        asked, context = _asked(question), self._options(options)
        return self._researched(self.researcher.invoke({"question": asked}, context=context), context)

    async def aresearch(self, question: str, **options: Unpack[Asking]) -> Research:
        """`research`, awaited."""
        asked, context = _asked(question), self._options(options)
        return self._researched(await self.researcher.ainvoke({"question": asked}, context=context), context)

    def stream(self, question: str, **options: Unpack[Asking]) -> Iterator[dict[str, Any]]:
        """`research`, step by step: dicts whose "event" tells what happened.

        planned (request, needs, queries), found (tool, query, hits), integrated (statements), reflected (round,
        enough, missing), retrying (step, why, pause_s), failed (step, error, message), answered (answer), and at the
        end done, with the `Research` as "result".
        """
        asked, context = _asked(question), self._options(options)
        state: dict[str, Any] = {}
        events: Iterator[Any] = self.researcher.stream({"question": asked}, context=context, stream_mode=_MODES)
        for mode, said in events:
            if mode == "custom":
                yield said
            else:
                state = said
        yield {"event": "done", "result": self._researched(state, context)}

    async def astream(self, question: str, **options: Unpack[Asking]) -> AsyncIterator[dict[str, Any]]:
        """`stream`, awaited."""
        asked, context = _asked(question), self._options(options)
        state: dict[str, Any] = {}
        events: AsyncIterator[Any] = self.researcher.astream({"question": asked}, context=context, stream_mode=_MODES)
        async for mode, said in events:
            if mode == "custom":
                yield said
            else:
                state = said
        yield {"event": "done", "result": self._researched(state, context)}

    def estimate(self, question: str, **options: Unpack[Asking]) -> Estimate:
        """What `research` with these options may cost: model calls and tokens, least and most. No chat model is asked;
        an embedding model, where one is named, embeds the question."""
        from .estimate import estimate

        asked, context = _asked(question), self._options(options).model_copy(update={"budget": None})
        return estimate(
            self._parts.reckoning.invoke({"question": asked}, context=context)["usage"], self._parts.experience
        )

    async def aestimate(self, question: str, **options: Unpack[Asking]) -> Estimate:
        """`estimate`, awaited."""
        return await asyncio.to_thread(lambda: self.estimate(question, **options))

    def recall(self, query: str, k: int = 10) -> list[Hit]:
        """The best passages by words and likeness, with no model call; at most `k`, best first.

        `ModelUnavailable` when the embedding model, where one is named, cannot be reached.
        """
        found: list[Hit] = self._parts.hybrid.search(_asked(query), _positive(k))
        return found

    async def arecall(self, query: str, k: int = 10) -> list[Hit]:
        """`recall`, awaited."""
        found: list[Hit] = await self._parts.hybrid.asearch(_asked(query), _positive(k))
        return found

    # -- looking -------------------------------------------------------------------------------------------

    def pages(self, *, session_id: str | None = None, limit: int | None = None, offset: int = 0) -> list[Page]:
        """The pages, in the order their sessions came."""
        return self._parts.archive.pages.pages(session_id=session_id, limit=limit, offset=offset)

    async def apages(self, *, session_id: str | None = None, limit: int | None = None, offset: int = 0) -> list[Page]:
        """`pages`, awaited."""
        return await asyncio.to_thread(self.pages, session_id=session_id, limit=limit, offset=offset)

    def page(self, page_id: str) -> Page:
        """One page; `UnknownRecord` for an id that this namespace does not hold."""
        return self._parts.archive.page(page_id)

    async def apage(self, page_id: str) -> Page:
        """`page`, awaited."""
        return await asyncio.to_thread(self.page, page_id)

    def stats(self) -> dict[str, int]:
        """Counts of this namespace: sessions, waiting (accepted, not filed), pages, passages, characters."""
        return self._parts.archive.pages.counts()

    # -- memory items --------------------------------------------------------------------------------------

    def items(self, *, kind: Kind | None = None) -> list[MemoryItem]:
        """The core, semantic and episodic memories as they stand, in the order they were made."""
        return self._parts.items.items(kind=kind)

    async def aitems(self, *, kind: Kind | None = None) -> list[MemoryItem]:
        """`items`, awaited."""
        return await asyncio.to_thread(self.items, kind=kind)

    def item(self, item_id: str) -> MemoryItem:
        """One item as it stands; `UnknownRecord` for an id that is not here, or was deleted."""
        return self._parts.items.item(item_id)

    async def aitem(self, item_id: str) -> MemoryItem:
        """`item`, awaited."""
        return await asyncio.to_thread(self.item, item_id)

    def as_of(self, time: str | datetime, *, kind: Kind | None = None) -> list[MemoryItem]:
        """The items as they stood at a time of this memory's own clock: when they were written, not when it was."""
        when = parse_time(time)
        if when is None:
            raise BadInput("as_of needs a time, such as 2024-05-08 14:00.")
        return self._parts.items.as_of(when, kind=kind)

    async def aas_of(self, time: str | datetime, *, kind: Kind | None = None) -> list[MemoryItem]:
        """`as_of`, awaited."""
        return await asyncio.to_thread(self.as_of, time, kind=kind)

    def history(self, item_id: str) -> list[MemoryItem]:
        """Every version of an item, the oldest first, its deletion too; `UnknownRecord` for an unknown id."""
        return self._parts.items.history(item_id)

    async def ahistory(self, item_id: str) -> list[MemoryItem]:
        """`history`, awaited."""
        return await asyncio.to_thread(self.history, item_id)

    def remember(self, content: str, kind: Kind = "semantic", time: str | datetime | None = None) -> Outcome:
        """Keep a memory, as a person; an event ("episodic") needs its `time`. The outcome tells what became of it."""
        return self._parts.editor.insert(kind, content, time, cause="person")

    async def aremember(self, content: str, kind: Kind = "semantic", time: str | datetime | None = None) -> Outcome:
        """`remember`, awaited."""
        return await asyncio.to_thread(self.remember, content, kind, time)

    def edit(
        self,
        item_id: str,
        content: str | None = None,
        time: str | datetime | None = None,
        *,
        expected_version: int | None = None,
    ) -> Outcome:
        """Change a memory, as a person; `"core"` is the core paragraph, made if there is none. With
        `expected_version` it is rejected when somebody has changed it meanwhile."""
        editor, item = self._parts.editor, self._meant(item_id)
        if item is None and item_id == "core":
            return editor.insert("core", content or "", time, cause="person")
        return editor.update(
            item.kind if item else "semantic",
            content,
            item.id if item else item_id,
            time,
            cause="person",
            expected_version=expected_version,
        )

    async def aedit(
        self,
        item_id: str,
        content: str | None = None,
        time: str | datetime | None = None,
        *,
        expected_version: int | None = None,
    ) -> Outcome:
        """`edit`, awaited."""
        return await asyncio.to_thread(self.edit, item_id, content, time, expected_version=expected_version)

    def delete(self, item_id: str) -> Outcome:
        """Take a memory away, as a person; `"core"` is the core paragraph. `undo` brings it back."""
        item = self._meant(item_id)
        if item is None and item_id != "core":
            return self._parts.editor.delete("semantic", item_id, cause="person")
        return self._parts.editor.delete(item.kind if item else "core", item.id if item else None, cause="person")

    async def adelete(self, item_id: str) -> Outcome:
        """`delete`, awaited."""
        return await asyncio.to_thread(self.delete, item_id)

    def undo(self, change: int) -> Outcome:
        """Put an item back to what it was before a change (`Outcome.change`), as a change of its own.

        Rejected when the item was changed since; `UnknownRecord` for a number that is no change here.
        """
        return self._parts.editor.undo(change)

    async def aundo(self, change: int) -> Outcome:
        """`undo`, awaited."""
        return await asyncio.to_thread(self.undo, change)

    def proposals(self, *, waiting: bool = True) -> list[Proposal]:
        """The edits that wait for a yes, oldest first; with `waiting=False` those that were decided, too."""
        return self._parts.proposals.proposals(waiting=waiting)

    async def aproposals(self, *, waiting: bool = True) -> list[Proposal]:
        """`proposals`, awaited."""
        return await asyncio.to_thread(self.proposals, waiting=waiting)

    def approve(self, number: int) -> Outcome:
        """Apply a proposal; `UnknownRecord` for a number that is not here, `BadInput` for one that was decided, and
        in a read-only memory."""
        self._check_decides()
        return self._parts.proposals.approve(number)

    async def aapprove(self, number: int) -> Outcome:
        """`approve`, awaited."""
        return await asyncio.to_thread(self.approve, number)

    def reject(self, number: int) -> Proposal:
        """Turn a proposal down; errors as for `approve`."""
        self._check_decides()
        return self._parts.proposals.reject(number)

    async def areject(self, number: int) -> Proposal:
        """`reject`, awaited."""
        return await asyncio.to_thread(self.reject, number)

    # -- handing out ---------------------------------------------------------------------------------------

    @property
    def memorizer(self) -> Graph:
        """The compiled graph: `{"session": …}` in; session_id, page_ids, duplicate, usage, failures and edits out."""
        return self._parts.memorizer

    @property
    def researcher(self) -> Graph:
        """The compiled graph: `{"question": …}` in, the fields of `Research` out."""
        return self._parts.researcher

    def tools(
        self,
        include: Collection[str] | None = None,
        *,
        kinds: Collection[str] | None = None,
        mode: Mode | None = None,
    ) -> list[BaseTool]:
        """LangChain tools over this memory, all or those that `include` names.

        search_pages, search_keyword, search_vector, search_page_id, read_page, research_memory, memory_search, and
        memory_insert, memory_update, memory_delete. `kinds` and `mode` as for `open`: a model may be allowed less than
        the memory's owner. A read-only memory has no tool that edits. What they hand out is marked, so that it is not
        memorized again when it comes back in a transcript.
        """
        editor = self._parts.editor_of(kinds=kinds, mode=mode)
        return self._parts.tools(editor, (self.research, self.aresearch), include)

    def as_store(self, *, fields: Sequence[str] = ("$",), ttl: TTLConfig | None = None) -> MemoryStore:
        """A LangGraph store over this memory: `graph.compile(store=memory.as_store())`. `fields` are what a query
        searches, `ttl` as LangGraph has it; what a store cannot express is told in `jitmem.integrations.store`."""
        from .integrations.store import MemoryStore

        return MemoryStore(self, fields=fields, ttl=ttl)

    def middleware(
        self,
        *,
        effort: Effort | None = "recall",
        tools: bool | Sequence[str] = True,
        context_tokens: int = 1000,
        memorize: bool = True,
        background: bool = True,
        namespace: Callable[[Any], str] | None = None,
    ) -> MemoryMiddleware:
        """Memory for an agent: `create_agent(model, tools, middleware=[memory.middleware()])`.

        Before each turn it finds what the turn needs, with so much `effort` (None: nothing but the core memory), and
        shows it to the model for that call only; after the turn it memorizes what was said, in the `background`.
        `tools` adds the memory tools, all that are usual or those that are named. `namespace` tells whose memory a
        run uses; without it the run's `user_id`, or this memory's own. See `jitmem.integrations.middleware`.
        """
        from .integrations.middleware import MemoryMiddleware

        chosen = {} if namespace is None else {"namespace": namespace}
        return MemoryMiddleware(
            self,
            effort=effort,
            tools=tools,
            context_tokens=context_tokens,
            memorize=memorize,
            background=background,
            **chosen,
        )

    def as_retriever(self, *, k: int = 10, effort: Effort | None = None) -> MemoryRetriever:
        """A LangChain retriever: passages as documents with page id, span, time and score in the metadata; with an
        `effort`, what a research cites."""
        from .integrations.retriever import MemoryRetriever

        return MemoryRetriever(memory=self, k=k, effort=effort)

    # -- ending --------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until what was handed over in the background is filed, and everything filed is in every index."""
        from .integrations.later import wait
        from .nodes.index import embed
        from .nodes.step import finish

        wait(self)
        for embedded in (self._parts.archive, self._parts.item_index):
            finish(embed(embedded, self._parts.embedder))
            embedded.catch_up()
            embedded.vectors.catch_up()

    async def aflush(self) -> None:
        """`flush`, awaited."""
        await asyncio.to_thread(self.flush)

    def close(self) -> None:
        """Let go of every file and lock; using the memory afterwards raises `StoreClosed`. One that came from `of` is
        closed with the memory that it came from, and not before."""
        from .integrations.later import wait

        if self._root is None:
            wait(self)
            self._parts.close()

    async def aclose(self) -> None:
        """`close`, awaited."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # ------------------------------------------------------------------------------------------------------

    def _options(self, changes: Mapping[str, Any]) -> ResearchOptions:
        from .nodes.options import changed

        return changed(self._parts.research_options, changes)

    def _researched(self, state: Mapping[str, Any], options: ResearchOptions) -> Research:
        from .results import Research

        result = Research.from_state(state, answered=options.answer)
        self._parts.experience.add(result.usage.steps)
        return result

    def _check_decides(self) -> None:
        if self._parts.editing.mode == "read_only":
            raise BadInput("This memory is read-only here; decide on proposals where it may be edited.")

    def _meant(self, item_id: str) -> MemoryItem | None:
        return self._parts.items.core() if item_id == "core" else self._parts.items.found(item_id)

    def _waiting(self) -> list[int]:
        """What is not filed, and what is filed and not curated."""
        journal = self._parts.archive.journal
        left = [n for n, _ in journal.uncurated()] if self._parts.memorize_options.curate else []
        return list(dict.fromkeys([*(entry.n for entry in journal.waiting()), *left]))

    def _workers(self, concurrency: int) -> int:
        """Sessions at once: without a model nothing waits, and one after the other is fastest."""
        return _positive(concurrency) if self._parts.waits_for_memos else 1


def _filed(output: dict[str, Any]) -> Filed:
    from .batch import filed

    return filed(output)


def _asked(question: str) -> str:
    if not isinstance(question, str) or not question.strip():
        raise BadInput("A question needs at least one word.")
    return question


def _positive(count: int) -> int:
    if count < 1:
        raise BadInput(f"A count must be 1 or more, not {count}.")
    return count
