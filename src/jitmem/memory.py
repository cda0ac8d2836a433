"""The facade of the package: one namespace of a store, with its models, graphs and tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from .async_twin import async_twin
from .method_hint import UniterableMethod
from .research_run import ResearchChanges, ResearchRun, validate_count, validate_question
from .stores.records import Filed, Hit, Page, Progress, Session
from .stores.times import Now, add_dates, moment
from .stores.trace_guard import guard_traces

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.store.base import TTLConfig

    from .graphs.research_options import ResearchOptions
    from .integrations.background_filing import BackgroundFiler
    from .integrations.base_store import JitmemStore
    from .integrations.middleware import JitmemMiddleware, MiddlewareOptions
    from .integrations.retriever import JitmemRetriever
    from .memory_admin import MemoryAdmin
    from .memory_items import MemoryItems
    from .memory_options import ItemOptions, ModelOptions
    from .memory_transfer import MemoryTransfer
    from .nodes.options import Effort, MemorizeOptions
    from .results import Estimate, Research
    from .runtime import MemoryRuntime, Place
    from .stores.deletion.receipt import Receipt
    from .tools.editor import Mode

    Graph = CompiledStateGraph[Any, Any, Any, Any]
    SessionLike = Session | str | Sequence[BaseMessage]
    Sessions = Iterable[SessionLike]
    Ids = str | Iterable[str]


class Memory:
    """A namespace of a memory; open it with `Memory.open(…)`. Thread-safe; several processes may open the same folder."""

    _filer: BackgroundFiler | None = None  # of the root alone, once it has something to file

    def __init__(self, runtime: MemoryRuntime, root: Memory | None = None) -> None:
        self._runtime = runtime
        self._root = root
        self._namespaces: dict[str, Memory] = {}

    @classmethod
    def open(
        cls,
        path: Place,
        namespace: str = "default",
        *,
        model: str | BaseChatModel | None = None,
        embeddings: str | Embeddings | None = None,
        base_url: str | None = None,
        create: bool = True,
        model_options: ModelOptions | None = None,
        item_options: ItemOptions | None = None,
        memorize_options: MemorizeOptions | None = None,
        research_options: ResearchOptions | None = None,
    ) -> Self:
        """Open the memory in the folder `path`; a missing folder is created, unless `create` is False. A path may also be
        `"postgresql://host/database?schema=jitmem"`, or a `psycopg_pool.ConnectionPool`: see docs/how-to/postgres.md.

        Without a `model` rules answer every step; without `embeddings` hashed n-grams are used: no key, no server, no
        download; "minilm" is a small English model that Chroma downloads once, "multilingual" one for fifty languages that
        fastembed does. A model is a LangChain chat model or `"provider:name"`; `base_url` is where models that are given by
        name are served (any server with OpenAI's API). `ModelOptions` has models of single steps, timeout, prompts and
        what happens when a model fails; `ItemOptions` how memory items may be edited; `MemorizeOptions` and
        `ResearchOptions` how sessions are filed and questions are researched.

        Errors: `NotOurStore`, `StoreIsNewer`, `MemoryNotFound` (only with `create=False`), `StoreReadOnly`,
        `MissingPackage`, `ModelUnavailable` (no key), `StoreUnreachable` (no server), `BadInput`.
        """
        from .graphs.research_options import ResearchOptions
        from .memory_options import ItemOptions, ModelOptions
        from .nodes.options import MemorizeOptions, with_changes
        from .runtime import MemoryRuntime

        models, items = model_options or ModelOptions(), item_options or ItemOptions()
        failing = {"on_model_failure": models.on_model_failure}
        runtime = MemoryRuntime.open(
            path,
            namespace,
            analyzer=models.analyzer,
            embedder=models.embedder(embeddings, base_url),
            step_models=models.models_by_step(model, base_url),
            create=create,
            reranker=models.reranker,
            trace_content=models.trace_content,
            item_options=items,
            memorize_options=with_changes(
                memorize_options or MemorizeOptions(), {**failing, "curate": None if items.can_edit else False}
            ),
            research_options=with_changes(research_options or ResearchOptions(), failing),
        )
        return cls(runtime)

    @property
    def root(self) -> Memory:
        """The memory that `open` returned; `for_namespace` derives others from it."""
        return self._root or self

    @property
    def namespace(self) -> str:
        """The name of this memory's namespace in the folder."""
        return self._runtime.namespace.name

    def for_namespace(self, namespace: str) -> Memory:
        """The memory of another namespace of the folder, with the same models and options; the same object for the same
        name. It shares files and indexes with this one, and is closed with it."""
        root = self.root
        if namespace == root.namespace:
            return root
        if found := root._namespaces.get(namespace):
            return found
        made = type(self)(root._runtime.for_namespace(namespace), root)
        return root._namespaces.setdefault(namespace, made)  # atomic: concurrent threads get the same object

    @cached_property
    def items(self) -> MemoryItems:
        """List, search and edit memory items."""
        from .memory_items import MemoryItems

        return MemoryItems(self._runtime)

    @cached_property
    def admin(self) -> MemoryAdmin:
        """Namespaces, shares, proposals, retention, doctor."""
        from .memory_admin import MemoryAdmin

        return MemoryAdmin(self._runtime)

    @cached_property
    def transfer(self) -> MemoryTransfer:
        """Export, import, backup."""
        from .memory_transfer import MemoryTransfer

        return MemoryTransfer(self._runtime)

    # -- file sessions -------------------------------------------------------------------------------------

    @property
    def memorizer(self) -> Graph:
        """The compiled graph: `{"session": …}` in; session_id, page_ids, duplicate, usage, failures and edits out."""
        return self._runtime.memorizer

    def memorize(self, session: SessionLike) -> Filed:
        """File a session: a text, a `Session`, or a list of messages. The same session twice is filed once."""
        from .batch import to_filed

        filed = to_filed(self.memorizer.invoke({"session": session}))
        if self._runtime.archive.journal.has_abandoned():
            from .session_worker import file_abandoned

            file_abandoned(self._runtime)
        return filed

    async def amemorize(self, session: SessionLike) -> Filed:
        """`memorize`, awaited."""
        from .batch import to_filed
        from .session_worker import afile_abandoned

        filed = to_filed(await self.memorizer.ainvoke({"session": session}))
        await afile_abandoned(self._runtime)
        return filed

    def accept(self, session: SessionLike, *, update: bool = False) -> str:
        """Write a session into the journal, and return its id; `resume()` files it later.

        It is durable when this returns. A session that exists already is not changed, but with `update` as by `memorize_many`.
        """
        from .nodes.accept import normalize_session

        return self._runtime.archive.journal.accept(**normalize_session(session), update=update).session_id

    def memorize_many(
        self, sessions: Sessions, *, update: bool = False, concurrency: int = 8, progress: Progress | None = None
    ) -> list[Filed]:
        """File sessions; results in the order given. `progress` gets the number of sessions done, and of all.

        All are parsed before the first is written, and written to the journal before the first is filed: after a crash,
        the same call or `resume()` files the rest. With `update` a session whose id is known with other content is its new
        version: the old one is in no search any more, and is read by `admin.session_versions`.
        """
        from .batch import accept, file_all

        return file_all(self._runtime, accept(self._runtime, sessions, update), concurrency, progress)

    async def amemorize_many(
        self, sessions: Sessions, *, update: bool = False, concurrency: int = 8, progress: Progress | None = None
    ) -> list[Filed]:
        """`memorize_many`, awaited."""
        from .async_batch import aaccept, afile_all

        return await afile_all(self._runtime, await aaccept(self._runtime, sessions, update), concurrency, progress)

    def resume(self, *, concurrency: int = 8, progress: Progress | None = None) -> list[Filed]:
        """File sessions that were accepted but not filed, because a process died or a model failed; `[]` if there are none."""
        from .batch import file_all, unfinished_sessions

        return file_all(self._runtime, unfinished_sessions(self._runtime), concurrency, progress)

    async def aresume(self, *, concurrency: int = 8, progress: Progress | None = None) -> list[Filed]:
        """`resume`, awaited."""
        from .async_batch import afile_all, aunfinished_sessions

        return await afile_all(self._runtime, await aunfinished_sessions(self._runtime), concurrency, progress)

    # -- ask -----------------------------------------------------------------------------------------------

    @property
    def researcher(self) -> Graph:
        """The compiled graph: `{"question": …}` in, the fields of `Research` out."""
        return self._runtime.researcher

    def research(self, question: str, **options: Unpack[ResearchChanges]) -> Research:
        """Plan, search, integrate and reflect until it is enough or `depth` rounds (3) are used.

        `effort`: "recall" (one round without a model), "fast" (one call to plan, one to integrate and reflect), or
        "deep" (a call for each; the default). `output`: "integration" (the statements alone), "snippets" (then the
        best passages), or "pages" (then whole pages), up to `context_tokens` (2000), counted by
        `count_tokens_approximately`. `breadth`: "narrow" (the best passages), "wide" (many pages, in the order of time: for lists, orders and summaries) or
        "auto" (as the question is; the default). `pages`: from how many pages passages may come. `tools`: a subset of "keyword",
        "vector", "page_id". `budget=Budget(calls=…, tokens=…, seconds=…)`: when it is exceeded, the best context so
        far is returned. `answer=True`: a short answer from the context as well. `on_model_failure`: as in `ModelOptions`.
        `now`: the time of the question, by which "last week" is understood; the clock's without it.

        `BadInput` for an empty question or a bad option; `ModelError` when a model fails and there is no result.
        """
        return ResearchRun(self._runtime, question, options).invoke()

    async def aresearch(self, question: str, **options: Unpack[ResearchChanges]) -> Research:
        """`research`, awaited."""
        return await ResearchRun(self._runtime, question, options).ainvoke()

    def stream(self, question: str, **options: Unpack[ResearchChanges]) -> Iterator[dict[str, Any]]:
        """`research`, step by step: dicts whose "event" says what happened.

        planned (request, needs, queries), found (tool, query, hits, best), ranked (hits, new, reranked), integrated
        (statements), reflected (round, enough, missing), retrying (step, why, pause_s), failed (step, error, message),
        answered (answer), and at the end done, with the `Research` as "result".
        """
        return ResearchRun(self._runtime, question, options).stream()

    def astream(self, question: str, **options: Unpack[ResearchChanges]) -> AsyncIterator[dict[str, Any]]:
        """`stream`, awaited."""
        return ResearchRun(self._runtime, question, options).astream()

    def estimate(self, question: str, **options: Unpack[ResearchChanges]) -> Estimate:
        """Estimate the cost of `research` with these options: model calls and tokens, least and most. No chat model is
        called; the embedding model, if there is one, embeds the question."""
        return ResearchRun(self._runtime, question, options).estimate()

    def recall(self, query: str, k: int = 10, *, now: Now = None) -> list[Hit]:
        """The best passages by keywords and vectors, with no chat model; at most `k`, best first. Of a query that names a
        date also those of that time, or that speak of it; `now` as in `research`.

        `ModelUnavailable` when the embedding model cannot be reached.
        """
        query = add_dates(validate_question(query), moment(now))
        with guard_traces(self._runtime.trace_level):
            return self._runtime.hybrid.search(query, validate_count(k))

    async def arecall(self, query: str, k: int = 10, *, now: Now = None) -> list[Hit]:
        """`recall`, awaited."""
        query = add_dates(validate_question(query), moment(now))
        with guard_traces(self._runtime.trace_level):
            return await self._runtime.hybrid.asearch(query, validate_count(k))

    # -- read ----------------------------------------------------------------------------------------------

    def pages(self, *, session_id: str | None = None, limit: int | None = None, offset: int = 0) -> list[Page]:
        """The pages of this namespace, in the order of arrival of their sessions."""
        return self._runtime.archive.pages.pages(session_id=session_id, limit=limit, offset=offset, own=True)

    def page(self, page_id: str) -> Page:
        """One page, of this namespace or of one that is shared with it; `UnknownRecord` for any other id."""
        return self._runtime.archive.pages.page(page_id)

    def stats(self) -> dict[str, int]:
        """Counts of this namespace: sessions, waiting (accepted, not filed), pages, passages, characters."""
        return self._runtime.archive.pages.counts()

    # -- use in agents and graphs --------------------------------------------------------------------------

    def tools(
        self,
        include: Collection[str] | None = None,
        *,
        kinds: Collection[str] | None = None,
        mode: Mode | None = None,
        now: Now = None,
    ) -> list[BaseTool]:
        """LangChain tools over this memory, all or those that `include` names.

        search_pages, search_keyword, search_vector, search_page_id, read_page, research_memory, memory_search, and
        memory_insert, memory_update, memory_delete. `kinds` and `mode` as in `ItemOptions`: a model may be allowed less
        than the memory's owner. A read-only memory has no tool that edits. `now` as in `research`, or a function that
        gives it. Their results are marked, so that they are
        not memorized again when they come back in a transcript.
        """
        editor = self._runtime.editor_for(kinds=kinds, mode=mode)
        return self._runtime.tools(editor, (self.research, self.aresearch), include, now)

    if not TYPE_CHECKING:
        tools = UniterableMethod(tools)

        def __getattr__(self, name: str) -> Any:
            from .missing_attribute import describe_missing

            raise AttributeError(describe_missing(name), name=name, obj=self)

    def as_store(self, *, fields: Sequence[str] = ("$",), ttl: TTLConfig | None = None) -> JitmemStore:
        """A LangGraph store over this memory: `graph.compile(store=memory.as_store())`. `fields` are what a query
        searches, `ttl` as LangGraph has it; `jitmem.integrations.base_store` says what a store cannot express."""
        from .integrations.base_store import JitmemStore

        return JitmemStore(self, fields=fields, ttl=ttl)

    def middleware(self, **options: Unpack[MiddlewareOptions]) -> JitmemMiddleware:
        """Memory for an agent: `create_agent(model, tools, middleware=[memory.middleware()])`.

        Before each turn it adds context for the turn to that model call only; after the turn it memorizes the conversation.
        A run belongs to its `user_id`, and has no memory without one; `single_user=True` is for a memory of one user, and
        the default for one from `for_namespace`. The other options are those of `JitmemMiddleware`: `name`, `effort`,
        `tools`, `context_tokens`, `memorize`, `background`, `inject`, `namespace`, `now`, `min_confidence`.
        """
        from .integrations.middleware import JitmemMiddleware

        return JitmemMiddleware(self, **options)

    def as_retriever(self, *, k: int = 10, effort: Effort | None = None) -> JitmemRetriever:
        """A LangChain retriever: passages as documents with page id, span, time and score in the metadata; with an
        `effort`, the citations of a research."""
        from .integrations.retriever import JitmemRetriever

        return JitmemRetriever(memory=self, k=k, effort=effort)

    # -- forget and close ----------------------------------------------------------------------------------

    def forget(
        self,
        *,
        page_id: Ids | None = None,
        session_id: Ids | None = None,
        item_id: Ids | None = None,
        after: str | datetime | None = None,
        before: str | datetime | None = None,
        query: str | None = None,
        everything: bool = False,
        preview: bool = False,
        threads: BaseCheckpointSaver[Any] | None = None,
    ) -> Receipt:
        """Delete records of this namespace for good, with all that is derived only from them, and erase their bytes.

        Select in one way: ids of pages, sessions or items; sessions that happened from `after` on and `before` a time
        (those without a time stay); records that contain each word of a `query`; or `everything`, the namespace with its
        name, entries, shares and rules. `preview=True` changes nothing and shows what would be deleted. `threads`: the
        checkpointer of your agents, from which the threads are deleted that forgotten turns belong to.

        The receipt counts what was deleted and holds the result of a scan of every file of the memory. It is "pending"
        while another process reads the old files: `admin.purge()` tries again. See docs/forgetting.md. `UnknownRecord`
        for an id that is not in this namespace, `BadInput` for no selector or several; then nothing is changed.
        """
        from .deletion import forget_selected

        selectors = {
            "page_id": page_id,
            "session_id": session_id,
            "item_id": item_id,
            "times": None if after is None and before is None else (after, before),
            "query": query,
            "everything": everything or None,
        }
        return forget_selected(self._runtime, selectors, preview=preview, threads=threads)

    def flush(self) -> None:
        """Wait until background filing is complete and every index is up to date."""
        if self.root._filer:
            self.root._filer.wait()
        self._runtime.embed_all()

    def close(self) -> None:
        """Close every file and release every lock; later calls raise `StoreClosed`. A memory from `for_namespace` is closed
        with the one it was derived from; closing it alone does nothing."""
        if self._root is None:
            if self._filer:
                self._filer.wait()
            self._runtime.close()

    aaccept = async_twin(accept)
    aestimate = async_twin(estimate)
    apages = async_twin(pages)
    apage = async_twin(page)
    astats = async_twin(stats)
    aforget = async_twin(forget)
    aflush = async_twin(flush)
    aclose = async_twin(close)

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
