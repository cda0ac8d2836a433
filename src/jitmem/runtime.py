"""Put a memory together: the store, the indexes, the models, the tools, and the two graphs over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .estimate import Experience, Reckoner
from .fresh import FreshSearch
from .graphs.memorizer import memorizer
from .graphs.options import ResearchOptions
from .graphs.researcher import researcher
from .memory_options import ItemOptions
from .nodes.ask import Answerer, Model
from .nodes.embedder import Embedder
from .nodes.index import embed
from .nodes.options import MemorizeOptions
from .nodes.rules.answerer import Rules
from .nodes.step import finish
from .nodes.turn import Answerers
from .stores.archive import Archive
from .stores.chroma import OwnedChroma
from .stores.chroma_folder import ChromaFolder
from .stores.connection import Database
from .stores.embeddings import ITEMS, EmbeddingStore
from .stores.forgetting.erase import Eraser
from .stores.fusion import item_weights, weights
from .stores.item_index import ItemIndex
from .stores.items import Items
from .stores.namespace import Namespace
from .stores.proposals import Proposals
from .stores.records import MemoryItem
from .tools.editor import Editor, Mode, checked_kinds
from .tools.hybrid import HybridSearch
from .tools.items import ItemSearch
from .tools.memory_tools import make_tools
from .tools.recall_items import ItemRecall
from .tools.search import Search
from .tools.searches import SEARCHES

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[Any, Any, Any, Any]

_QUERY_CHARS = 4000  # of a page, to find the items that are like it
_VECTORS = OwnedChroma  # makes a `VectorIndex` of an `EmbeddingStore` and the Chroma folder


@dataclass
class MemoryRuntime:
    """One namespace of an open store, with the models, searches and graphs over it."""

    archive: Archive
    item_index: ItemIndex
    embedder: Embedder
    answerers: Answerers
    item_options: ItemOptions
    memorize_options: MemorizeOptions
    research_options: ResearchOptions
    eraser: Eraser
    experience: Experience = field(default_factory=Experience)

    @classmethod
    def open(
        cls,
        folder: Path,
        namespace: str,
        *,
        embedder: Embedder,
        step_models: Mapping[str, Answerer],
        create: bool,
        item_options: ItemOptions,
        memorize_options: MemorizeOptions,
        research_options: ResearchOptions,
    ) -> MemoryRuntime:
        """See `Memory.open`."""
        database = Database(folder, create=create)
        chroma = ChromaFolder(folder)
        passages, items = EmbeddingStore(database, embedder.name), EmbeddingStore(database, embedder.name, ITEMS)
        try:
            archive = Archive(Namespace(database, namespace), passages, _VECTORS(passages, chroma))
            eraser = Eraser(database, chroma)
            if not database.read_only:
                eraser.recover()
        except BaseException:
            database.close()
            raise
        return cls(
            archive=archive,
            item_index=ItemIndex(archive.items, items, _VECTORS(items, chroma)),
            embedder=embedder,
            answerers=Answerers(step_models, Rules(archive)),
            item_options=item_options,
            memorize_options=memorize_options,
            research_options=research_options,
            eraser=eraser,
        )

    def for_namespace(self, namespace: str) -> MemoryRuntime:
        """The same for another namespace of the folder: database, vector indexes and models are shared."""
        archive = Archive(Namespace(self.database, namespace), self.archive.embeddings, self.archive.vectors)
        index = ItemIndex(archive.items, self.item_index.embeddings, self.item_index.vectors)
        answerers = Answerers(self.answerers.by_step, Rules(archive))
        return replace(self, archive=archive, item_index=index, answerers=answerers)

    @property
    def namespace(self) -> Namespace:
        """The namespace of the store that all of this reads and writes."""
        return self.archive.pages.namespace

    @property
    def database(self) -> Database:
        """The open store of the folder."""
        return self.namespace.database

    @cached_property
    def items(self) -> Items:
        """The memory items of the namespace."""
        return self.archive.items

    @cached_property
    def proposals(self) -> Proposals:
        """The edits that wait for a decision."""
        return Proposals(self.items)

    @cached_property
    def editor(self) -> Editor:
        """Every edit of an item goes through it."""
        return self.editor_for()

    def editor_for(self, kinds: Collection[str] | None = None, mode: Mode | None = None) -> Editor:
        """The editor with fewer kinds or a stricter mode than the memory was opened with; never with more."""
        own = self.item_options
        wanted = own.kinds if kinds is None else checked_kinds(kinds)
        return Editor(
            self.items,
            self.proposals,
            kinds=[kind for kind in own.kinds if kind in wanted],
            mode=max(own.mode, mode or own.mode, key=get_args(Mode).index),
            guard=own.before_write,
            core_tokens=own.core_tokens,
        )

    @cached_property
    def weights(self) -> dict[str, float]:
        """The weight of each search with these embeddings."""
        own = {search.name: search.weight for search in SEARCHES if search.weight is not None}
        return weights(lexical=self._lexical) | own

    @property
    def _lexical(self) -> bool:
        """Whether the vectors are made of letters: they tolerate typing errors, and know no meaning."""
        return bool(getattr(self.embedder.inner, "lexical", False))

    @cached_property
    def searches(self) -> tuple[Search, ...]:
        """The searches of the Researcher."""
        return tuple(search(self.archive, self.embedder) for search in SEARCHES)

    @cached_property
    def hybrid(self) -> FreshSearch:
        """The search behind `recall`."""
        named = {search.name: search for search in self.searches}
        hybrid = HybridSearch(self.archive, named["keyword"], named["vector"], self.weights)
        return FreshSearch(hybrid, self.archive, self.embedder)

    @cached_property
    def item_search(self) -> FreshSearch:
        """The search over memory items."""
        return FreshSearch(self._embedded_items, self.item_index, self.embedder)

    @cached_property
    def _embedded_items(self) -> Any:
        """Finds by vector only the items that are embedded already."""
        return ItemSearch(self.items, self.item_index, self.embedder, item_weights(self._lexical))

    def tools(self, editor: Editor, research: Any, include: Collection[str] | None) -> list[BaseTool]:
        """Every tool over this memory, or those that `include` names."""
        searches = [
            FreshSearch(search, self.archive, self.embedder) if search.embeds else search for search in self.searches
        ]
        return make_tools(
            searches=(*searches, self.hybrid),
            page=self.archive.opened,
            research=research,
            items=self.item_search,
            editor=editor,
            include=include,
        )

    @cached_property
    def memorizer(self) -> Graph:
        """The Memorizer over this memory."""
        return memorizer(
            self.archive, self.items, self.related, self.editor, self.embedder, self.answerers, self.memorize_options
        )

    def related(self, text: str, k: int) -> list[MemoryItem]:
        """The namespace's own items that share words with a text, best first."""
        hits = self._embedded_items.search(text[:_QUERY_CHARS], method="keyword", k=k)
        return [hit.item for hit in hits if hit.item.namespace == self.namespace.name]

    @cached_property
    def researcher(self) -> Graph:
        """The Researcher over this memory."""
        return self._researcher(self.answerers)

    @cached_property
    def nested_researcher(self) -> Graph:
        """The Researcher for our own calls: its state stays out of the checkpoints of a graph that calls us."""
        return self.researcher.copy(update={"checkpointer": False})

    @cached_property
    def estimator(self) -> Graph:
        """The Researcher that renders each prompt and sends none."""
        rules = self.answerers.rules
        models = {
            step: Reckoner(rules, model) for step, model in self.answerers.by_step.items() if isinstance(model, Model)
        }
        return self._researcher(Answerers(models, rules)).copy(update={"checkpointer": False})

    def _researcher(self, answerers: Answerers) -> Graph:
        return researcher(
            self.archive,
            self.searches,
            ItemRecall(self.archive, self.item_search, "keyword" if self._lexical else "hybrid"),
            self.embedder,
            answerers,
            self.weights,
            self.research_options,
        )

    @property
    def waits_for_models(self) -> bool:
        """Whether filing a session waits for a model, so that filing several at once pays."""
        return self.answerers.think("memorize") or self.answerers.think("curate")

    def embed_all(self) -> None:
        """Bring every index up to date."""
        for index in (self.archive, self.item_index):
            finish(embed(index, self.embedder))
            index.catch_up()
            index.vectors.catch_up()

    def close(self) -> None:
        """Close every file and release every lock; what the vector index has not read, its next owner reads."""
        self.archive.vectors.close()
        self.item_index.vectors.close()
        self.database.close()
