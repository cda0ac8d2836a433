"""The facade: one namespace of one store, with its models, graphs and tools."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .stores import forks
from .stores.errors import BadInput
from .verbs.ask import Researching
from .verbs.edit import Editing
from .verbs.forget import Forgetting
from .verbs.keep import Keeping
from .verbs.look import Looking
from .verbs.move import Moving
from .verbs.share import Sharing

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool
    from langgraph.store.base import TTLConfig

    from .graphs.options import ResearchOptions
    from .integrations.middleware import MemoryMiddleware
    from .integrations.retriever import MemoryRetriever
    from .integrations.store import MemoryStore
    from .nodes.options import Effort, MemorizeOptions, OnModelFailure
    from .parts import Parts
    from .tools.editor import Guard, Mode


class Memory(Keeping, Researching, Looking, Editing, Sharing, Moving, Forgetting):
    """Open it with `Memory.open(…)`. Thread-safe; several processes may have the same memory open."""

    def __init__(self, parts: Parts, root: Memory | None = None) -> None:
        self._parts = parts
        self._root = root
        self._others: dict[str, Memory] = {}
        self._lock = threading.Lock()
        forks.renew(self)

    def after_fork_in_child(self) -> None:
        """Whoever had the lock is not here."""
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
        prompts: str | os.PathLike[str] | Mapping[str, str] | None = None,
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

        `prompts` are words of your own for the models, by step, or a file of them, such as `jitmem learn prompts`
        writes: see `jitmem.prompt_overrides`.

        `curate=False` draws no memory items from sessions. `kinds` are those that may be edited (core, semantic,
        episodic), `mode` is "write", "propose" (edits wait for `approve`) or "read_only"; `before_write` is asked
        before each edit and gives "allow", "reject" or "quarantine", the latter two also with a reason:
        `("reject", "why")`. The core paragraph holds at most `core_tokens` (512).

        A model call ends within `timeout_s`, retries included. When a model fails for good, `on_model_failure` says
        whether an error is raised or the rules answer. Errors: `NotOurStore`, `StoreIsNewer`, `MemoryNotFound` (only
        with `create=False`), `StoreReadOnly`, `MissingPackage`, `ModelUnavailable` (no key), `BadInput`.
        """
        from .graphs.options import ResearchOptions
        from .nodes.options import MemorizeOptions, changed
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
                prompts=prompts,
            ),
            create=create,
            editing=EditRules(**{name: value for name, value in editing.items() if value is not None}),
            memorize_options=changed(
                memorize_options or MemorizeOptions(), {**failing, "curate": False if nothing_to_edit else curate}
            ),
            research_options=changed(research_options or ResearchOptions(), failing),
        )
        return cls(parts)

    @classmethod
    def namespaces(cls, path: str | os.PathLike[str]) -> list[str]:
        """The names of all namespaces in the folder `path`, in order; for whoever runs it, not for its users."""
        from contextlib import closing

        from .stores.connection import Database
        from .stores.namespace import names

        with closing(Database(Path(path), create=False)) as database:
            return names(database)

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

    # -- handing out ---------------------------------------------------------------------------------------

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
        from .nodes.llm.step import finish

        wait(self)
        for embedded in (self._parts.archive, self._parts.item_index):
            finish(embed(embedded, self._parts.embedder))
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
