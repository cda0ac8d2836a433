"""The facade: one namespace of one store, with its models, graphs and tools."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .stores.errors import BadInput
from .stores.records import Filed, Hit, Page, Session

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph

    from .nodes.options import MemorizeOptions, Output, ResearchOptions
    from .parts import Parts
    from .research import Research

    SessionLike = Session | str | Sequence[BaseMessage]
    Graph = CompiledStateGraph[Any, Any, Any, Any]


class Memory:
    """Open it with `Memory.open(…)`. Thread-safe; several processes may have the same memory open."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        namespace: str = "default",
        model: str | BaseChatModel | None = None,
        memorizer_model: str | BaseChatModel | None = None,
        embeddings: str | Embeddings | None = None,
        create: bool = True,
        memorize_options: MemorizeOptions | None = None,
        research_options: ResearchOptions | None = None,
    ) -> Self:
        """The memory in the folder `path`, made if it is not there and `create` allows.

        Without a `model` rules answer every step; without `embeddings` hashed n-grams are used: no key, no server,
        no download. `memorizer_model` is asked for memos in place of `model`. Errors: `NotOurStore`,
        `StoreIsNewer`, `MemoryNotFound` (only with `create=False`), `StoreReadOnly`, `MissingPackage`.
        """
        from .parts import Parts

        parts = Parts.open(
            Path(path),
            namespace=namespace,
            model=model,
            memorizer_model=memorizer_model,
            embeddings=embeddings,
            create=create,
            memorize_options=memorize_options,
            research_options=research_options,
        )
        return cls(parts)

    # -- keeping -------------------------------------------------------------------------------------------

    def memorize(self, session: SessionLike) -> Filed:
        """File a session: a text, a `Session`, or a list of messages. The same session twice is filed once."""
        return _filed(self.memorizer.invoke({"session": session}))

    async def amemorize(self, session: SessionLike) -> Filed:
        """`memorize`, awaited."""
        return _filed(await self.memorizer.ainvoke({"session": session}))

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

    def research(
        self,
        question: str,
        *,
        depth: int | None = None,
        output: Output | None = None,
        context_tokens: int | None = None,
        pages: int | None = None,
        tools: Sequence[str] | None = None,
    ) -> Research:
        """Plan, search, integrate and reflect until it is enough or `depth` rounds (3) are used.

        `output`: "integration" (the statements alone), "snippets" (then the best passages), or "pages" (then whole
        pages), up to `context_tokens` (2000), counted by `count_tokens_approximately`. `pages`: how many pages may
        speak. `tools`: a subset of "keyword", "vector", "page_id". `BadInput` for an empty question or a bad option.
        """
        from .research import Research

        context = self._options(depth=depth, output=output, context_tokens=context_tokens, pages=pages, tools=tools)
        self._embed()
        return Research.from_state(self.researcher.invoke({"question": _asked(question)}, context=context))

    async def aresearch(
        self,
        question: str,
        *,
        depth: int | None = None,
        output: Output | None = None,
        context_tokens: int | None = None,
        pages: int | None = None,
        tools: Sequence[str] | None = None,
    ) -> Research:
        """`research`, awaited."""
        from .research import Research

        context = self._options(depth=depth, output=output, context_tokens=context_tokens, pages=pages, tools=tools)
        await self._aembed()
        return Research.from_state(await self.researcher.ainvoke({"question": _asked(question)}, context=context))

    def recall(self, query: str, k: int = 10) -> list[Hit]:
        """The best passages by words and likeness, with no model call; at most `k`, best first."""
        asked, count = _asked(query), _positive(k)
        self._embed()
        return self._parts.hybrid.search(asked, count)

    async def arecall(self, query: str, k: int = 10) -> list[Hit]:
        """`recall`, awaited."""
        asked, count = _asked(query), _positive(k)
        await self._aembed()
        return await self._parts.hybrid.asearch(asked, count)

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

    # -- handing out ---------------------------------------------------------------------------------------

    @property
    def memorizer(self) -> Graph:
        """The compiled graph: `{"session": …}` in, `{"session_id", "page_ids", "duplicate", "usage"}` out."""
        return self._parts.memorizer

    @property
    def researcher(self) -> Graph:
        """The compiled graph: `{"question": …}` in, the fields of `Research` out."""
        return self._parts.researcher

    def tools(self) -> list[BaseTool]:
        """The searches as LangChain tools: search_keyword, search_vector, search_page_id, search_pages."""
        from .tools.expose import as_tool

        return [as_tool(search) for search in (*self._parts.searches, self._parts.hybrid)]

    # -- ending --------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until everything filed is in every index."""
        self._embed()
        self._parts.archive.catch_up()
        self._parts.archive.vectors.catch_up()

    async def aflush(self) -> None:
        """`flush`, awaited."""
        await asyncio.to_thread(self.flush)

    def close(self) -> None:
        """Let go of every file and lock; using the memory afterwards raises `StoreClosed`."""
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

    def _options(self, **changes: Any) -> ResearchOptions:
        from .nodes.options import changed

        return changed(self._parts.research_options, changes)

    def _embed(self) -> None:
        """Embed what has no vector of this model: the model was changed, or failed when the page was filed."""
        from .nodes.index import embed
        from .nodes.step import finish

        if not self._parts.database.read_only:
            finish(embed(self._parts.archive, self._parts.embeddings))

    async def _aembed(self) -> None:
        from .nodes.index import embed
        from .nodes.step import afinish

        if not self._parts.database.read_only:
            await afinish(embed(self._parts.archive, self._parts.embeddings))

    def _waiting(self) -> list[int]:
        return [entry.n for entry in self._parts.archive.journal.waiting()]

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
