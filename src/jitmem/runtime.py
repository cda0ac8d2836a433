"""Assemble a memory: store, indexes, models, tools, and the two graphs over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .graphs.research_options import ResearchOptions
from .memory_options import ItemOptions
from .nodes.embedder import Embedder, embed
from .nodes.llm.ask import Backend
from .nodes.llm.sync_async import run_sync
from .nodes.options import MemorizeOptions
from .nodes.run_step import Backends, RuleBackend
from .results import CallStatistics
from .search_runner import ItemSearchRunner, PageSearchRunner, RecallRunner
from .stores.database_urls import is_database_url
from .stores.index.chroma_index import OwnedChroma, SharedChroma
from .stores.index.fusion import item_weights, weights
from .stores.index.item_index import ItemIndex
from .stores.index.snapshot import NamespaceStore
from .stores.trace_guard import TraceLevel
from .stores.truth.database import Database, SqliteDatabase, has_deleted_bytes
from .stores.truth.embeddings import ITEMS, PASSAGES, EmbeddingStore, is_lexical
from .stores.truth.items import Items
from .stores.truth.namespace import Namespace
from .tools.editor import Editor, Mode, validate_kinds
from .tools.item_search import EntryRecall, ItemRecall, ItemSearch
from .tools.search_tool import SearchTool
from .tools.searches import SEARCHES, HybridSearch

if TYPE_CHECKING:
    from langchain_core.documents import BaseDocumentCompressor
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph
    from psycopg_pool import ConnectionPool

    from .stores.analyzer import Analyzer
    from .stores.deletion.eraser import Eraser
    from .stores.index.vector_index import VectorIndex
    from .stores.times import Now

    Graph = CompiledStateGraph[Any, Any, Any, Any]
    Place = str | os.PathLike[str] | ConnectionPool[Any]


@dataclass
class MemoryRuntime:
    """One namespace of an open store, with the models, searches and graphs over it."""

    archive: NamespaceStore
    item_index: ItemIndex
    embedder: Embedder
    backends: Backends
    item_options: ItemOptions
    memorize_options: MemorizeOptions
    research_options: ResearchOptions
    place: Place
    make_eraser: Callable[[], Eraser]
    """Of what erases what deleted rows leave."""
    reranker: BaseDocumentCompressor | None = None
    trace_content: bool = False
    call_statistics: CallStatistics = field(default_factory=CallStatistics)

    @classmethod
    def open(
        cls,
        place: Place,
        namespace: str,
        *,
        analyzer: Analyzer | None,
        embedder: Embedder,
        step_models: Mapping[str, Backend],
        create: bool,
        reranker: BaseDocumentCompressor | None,
        trace_content: bool,
        item_options: ItemOptions,
        memorize_options: MemorizeOptions,
        research_options: ResearchOptions,
    ) -> MemoryRuntime:
        database, make_index, make_eraser = _open_store(place, create, analyzer)
        passages, items = (
            EmbeddingStore(database, embedder.name, subject, lexical=is_lexical(embedder.inner))
            for subject in (PASSAGES, ITEMS)
        )
        try:
            archive = NamespaceStore(Namespace(database, namespace), passages, make_index(passages))
            if not database.read_only and has_deleted_bytes(database):
                make_eraser().finish(wait_s=0)
        except BaseException:
            database.close()
            raise
        return cls(
            archive=archive,
            item_index=ItemIndex(archive.items, items, make_index(items)),
            embedder=embedder,
            backends=Backends(step_models, RuleBackend()),
            reranker=reranker,
            trace_content=trace_content,
            item_options=item_options,
            memorize_options=memorize_options,
            research_options=research_options,
            place=place,
            make_eraser=make_eraser,
        )

    def for_namespace(self, namespace: str) -> MemoryRuntime:
        """The runtime of another namespace of the folder: database, vector indexes and models are shared."""
        archive = NamespaceStore(Namespace(self.database, namespace), self.archive.embeddings, self.archive.vectors)
        index = ItemIndex(archive.items, self.item_index.embeddings, self.item_index.vectors)
        return replace(self, archive=archive, item_index=index)

    @property
    def namespace(self) -> Namespace:
        return self.archive.pages.namespace

    @property
    def database(self) -> Database:
        return self.archive.embeddings.database

    @property
    def trace_level(self) -> TraceLevel:
        """What traces show of a run of this memory."""
        return "content" if self.trace_content else "names" if self.backends.by_step else "none"

    @cached_property
    def items(self) -> Items:
        return self.archive.items

    @cached_property
    def editor(self) -> Editor:
        """Every edit of an item goes through it."""
        return self.editor_for()

    def editor_for(self, kinds: Collection[str] | None = None, mode: Mode | None = None) -> Editor:
        """An editor that allows at most the kinds and the mode that the memory was opened with."""
        own = self.item_options
        wanted = own.kinds if kinds is None else validate_kinds(kinds)
        return Editor(
            self.items,
            kinds=[kind for kind in own.kinds if kind in wanted],
            mode=max(own.mode, mode or own.mode, key=get_args(Mode).index),
            guard=own.before_write,
            core_tokens=own.core_tokens,
        )

    @cached_property
    def weights(self) -> dict[str, float]:
        own = {search.name: search.weight for search in SEARCHES if search.weight is not None}
        return weights(lexical=self.compares_letters) | own

    @property
    def compares_letters(self) -> bool:
        """Whether the embeddings compare letters (hashed n-grams), not meaning."""
        return is_lexical(self.embedder.inner)

    @cached_property
    def searches(self) -> tuple[SearchTool, ...]:
        return tuple(search(self.embedder) for search in SEARCHES)

    @cached_property
    def hybrid(self) -> RecallRunner:
        searches = [search for search in self.searches if search.name in HybridSearch.searches]
        options, entries = self.research_options, self._entry_recall
        return RecallRunner(searches, entries, self.archive, self.embedder, self.weights, options, self.reranker)

    @property
    def _entry_recall(self) -> EntryRecall | None:
        finder = partial(import_module, ".integrations.entry_recall", __package__)  # loaded where there are entries
        return EntryRecall(lambda: finder().StoredEntryFinder(self)) if self.item_options.store_entries else None

    @cached_property
    def item_search(self) -> ItemSearchRunner:
        return ItemSearchRunner(self._item_search, self.item_index, self.embedder)

    @cached_property
    def _item_search(self) -> ItemSearch:
        return ItemSearch(self.items, self.item_index, self.embedder, item_weights(self.compares_letters))

    def tools(self, editor: Editor, research: Any, include: Collection[str] | None, now: Now = None) -> list[BaseTool]:
        """Every tool over this memory, or those that `include` names."""
        from .tools.memory_tools import make_tools

        searches = [PageSearchRunner(search, self.archive, self.embedder) for search in self.searches]
        return make_tools(
            searches=(*searches, self.hybrid),
            record=self.archive.record,
            research=research,
            items=self.item_search,
            editor=editor,
            include=include,
            trace_level=self.trace_level,
            now=now,
        )

    @cached_property
    def memorizer(self) -> Graph:
        from .graphs.memorizer import memorizer
        from .traced_graph import guard_graph

        graph = memorizer(
            self.archive, self.item_index, self.editor, self.embedder, self.backends, self.memorize_options
        )
        return guard_graph(graph, self.trace_level)

    @cached_property
    def researcher(self) -> Graph:
        return self._researcher(self.backends)

    @cached_property
    def nested_researcher(self) -> Graph:
        """The Researcher for our own calls, without a checkpointer: a calling graph does not save its state."""
        return self.researcher.copy(update={"checkpointer": False})

    @cached_property
    def estimator(self) -> Graph:
        """The Researcher that renders each prompt and sends none."""
        from .estimate import estimate_backends

        return self._researcher(estimate_backends(self.backends)).copy(update={"checkpointer": False})

    def _researcher(self, backends: Backends) -> Graph:
        from .graphs.researcher import researcher
        from .traced_graph import guard_graph

        method = "keyword" if self.compares_letters else "hybrid"
        graph = researcher(
            self.archive,
            self.item_index,
            self.searches,
            ItemRecall(self.item_index, self._item_search, method, self._entry_recall),
            self.embedder,
            backends,
            self.weights,
            self.research_options,
            self.reranker,
        )
        return guard_graph(graph, self.trace_level)

    @property
    def waits_for_models(self) -> bool:
        """Whether filing a session calls a model, so that filing concurrently is faster."""
        return self.backends.has_model("memorize") or self.backends.has_model("curate")

    def embed_all(self) -> None:
        """Bring every index up to date."""
        for index in (self.archive, self.item_index):
            run_sync(embed(index, self.embedder))
            index.vectors.catch_up()

    def close(self) -> None:
        """Close every file and release every lock; a vector index catches up when it is opened again."""
        self.archive.vectors.close()
        self.item_index.vectors.close()
        self.database.close()


def _open_store(
    place: Place, create: bool, analyzer: Analyzer | None
) -> tuple[Database, Callable[..., VectorIndex], Callable[[], Eraser]]:
    """The truth in a folder, or by a URL or a pool of connections in PostgreSQL, and what is made over it."""
    if is_database_url(place) or not isinstance(place, str | os.PathLike):
        from .stores.postgres import load_postgres

        return load_postgres("postgres_store").open_store(place, create=create, analyzer=analyzer)  # type: ignore[no-any-return]
    folder = Path(place)
    database, chroma = SqliteDatabase(folder, create=create, analyzer=analyzer), SharedChroma(folder)

    def make_eraser() -> Eraser:
        from .stores.deletion.eraser import Eraser

        return Eraser(database, chroma.folder)

    return database, lambda embeddings: OwnedChroma(embeddings, chroma), make_eraser
