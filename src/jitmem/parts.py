"""Put a memory together: the store, the indexes, the models, the tools, and the two graphs over them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .estimate import Experience, Reckoner
from .fresh import FreshSearch
from .graphs.memorizer import memorizer
from .graphs.options import ResearchOptions
from .graphs.researcher import researcher
from .models import chat_model, embedding_model
from .nodes.ask import TIMEOUT_S, Answerer, Model
from .nodes.embedder import Embedder
from .nodes.options import MemorizeOptions
from .nodes.rules.answerer import Rules
from .nodes.turn import Answerers
from .stores.archive import Archive
from .stores.chroma import OwnedChroma
from .stores.chroma_folder import ChromaFolder
from .stores.connection import Database
from .stores.embeddings import ITEMS, PASSAGES, EmbeddingStore, is_lexical, model_name
from .stores.errors import BadInput
from .stores.forgetting.erase import Eraser
from .stores.fusion import item_weights, weights
from .stores.hashing import HashedEmbeddings
from .stores.item_index import ItemIndex
from .stores.items import Items
from .stores.namespace import Namespace
from .stores.proposals import Proposals
from .stores.records import KINDS, MemoryItem
from .tools.editor import CORE_TOKENS, Editor, Guard, Mode, checked_kinds
from .tools.hybrid import HybridSearch
from .tools.items import ItemSearch
from .tools.memory_tools import make_tools
from .tools.recall_items import ItemRecall
from .tools.search import Search
from .tools.searches import SEARCHES
from .wording import MEMORIZE_STEPS, RESEARCH_STEPS, STEPS, read_words

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[Any, Any, Any, Any]

_LIKE_CHARS = 4000  # of a page, by which the items that are like it are found
_VECTORS = OwnedChroma  # the vector index: of an `EmbeddingStore` and the folder, a `VectorIndex`


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Who thinks, as `Memory.open` is told."""

    model: str | BaseChatModel | None = None
    memorizer_model: str | BaseChatModel | None = None
    researcher_model: str | BaseChatModel | None = None
    step_models: Mapping[str, str | BaseChatModel] | None = None
    embeddings: str | Embeddings | None = None
    base_url: str | None = field(default=None, repr=False)  # may hold a password
    embeddings_base_url: str | None = field(default=None, repr=False)
    timeout_s: float = TIMEOUT_S
    prompts: str | os.PathLike[str] | Mapping[str, str] | None = None

    def embedder(self) -> Embedder:
        """Hashed n-grams where no model is named."""
        url = self.embeddings_base_url or self.base_url
        inner: Embeddings = HashedEmbeddings()
        if self.embeddings is not None:
            inner = embedding_model(self.embeddings, base_url=url, timeout_s=self.timeout_s)
        return Embedder(inner, model_name(inner), self.timeout_s)

    def by_step(self) -> dict[str, Answerer]:
        """A model for each step that has one: the step's own, else its graph's, else `model`."""
        own = dict(self.step_models or {})
        if unknown := sorted(own.keys() - set(STEPS)):
            raise BadInput(f"step_models: there is no step {unknown[0]!r}; there are {', '.join(STEPS)}.")
        if "integrate" in own:
            own.setdefault("conclude", own["integrate"])
        named: dict[str, str | BaseChatModel | None] = dict.fromkeys(MEMORIZE_STEPS, self.memorizer_model or self.model)
        named |= dict.fromkeys(RESEARCH_STEPS, self.researcher_model or self.model)
        named |= own
        words = read_words(self.prompts)
        return {step: self._answerer(model, words) for step, model in named.items() if model is not None}

    def _answerer(self, model: str | BaseChatModel, words: Mapping[str, str]) -> Model:
        return Model(chat_model(model, base_url=self.base_url, timeout_s=self.timeout_s), self.timeout_s, words)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRules:
    """How memory items may be edited, as `Memory.open` is told."""

    kinds: Sequence[str] = KINDS
    mode: Mode = "write"
    before_write: Guard | None = None
    core_tokens: int = CORE_TOKENS

    def __post_init__(self) -> None:
        checked_kinds(self.kinds)
        if self.mode not in get_args(Mode):
            raise BadInput(f"There is no mode {self.mode!r}; use {', '.join(get_args(Mode))}.")


@dataclass
class Parts:
    """Everything a `Memory` hands out or works with."""

    database: Database
    archive: Archive
    item_index: ItemIndex
    embedder: Embedder
    answerers: Answerers
    editing: EditRules
    memorize_options: MemorizeOptions
    research_options: ResearchOptions
    eraser: Eraser
    experience: Experience = field(default_factory=Experience)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        namespace: str,
        models: Models,
        create: bool,
        editing: EditRules,
        memorize_options: MemorizeOptions,
        research_options: ResearchOptions,
    ) -> Parts:
        """See `Memory.open`."""
        embedder = models.embedder()
        by_step = models.by_step()
        database = Database(folder, create=create)
        chroma = ChromaFolder(folder)
        passages, items = (
            EmbeddingStore(database, embedder.name, subject, lexical=is_lexical(embedder.inner))
            for subject in (PASSAGES, ITEMS)
        )
        try:
            archive = Archive(Namespace(database, namespace), passages, _VECTORS(passages, chroma))
            eraser = Eraser(database, chroma)
            if not database.read_only:
                eraser.recover()
        except BaseException:
            database.close()
            raise
        return cls(
            database=database,
            archive=archive,
            item_index=ItemIndex(archive.items, items, _VECTORS(items, chroma)),
            embedder=embedder,
            answerers=Answerers(by_step, Rules(archive)),
            editing=editing,
            memorize_options=memorize_options,
            research_options=research_options,
            eraser=eraser,
        )

    def of(self, namespace: str) -> Parts:
        """The same for another namespace of the same folder: database, vector indexes and models are shared."""
        archive = Archive(Namespace(self.database, namespace), self.archive.embeddings, self.archive.vectors)
        index = ItemIndex(archive.items, self.item_index.embeddings, self.item_index.vectors)
        answerers = Answerers(self.answerers.by_step, Rules(archive))
        return replace(self, archive=archive, item_index=index, answerers=answerers)

    @cached_property
    def items(self) -> Items:
        """The memory items of the namespace."""
        return self.archive.items

    @cached_property
    def proposals(self) -> Proposals:
        """The edits that wait."""
        return Proposals(self.items)

    @cached_property
    def editor(self) -> Editor:
        """The door of every edit, as the memory was opened with."""
        return self.editor_of()

    def editor_of(self, kinds: Collection[str] | None = None, mode: Mode | None = None) -> Editor:
        """The same with fewer kinds, or a stricter mode; never with more than the memory was opened with."""
        own = self.editing
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
        """How much each search counts with these embeddings."""
        own = {search.name: search.weight for search in SEARCHES if search.weight is not None}
        return weights(lexical=self._lexical) | own

    @property
    def _lexical(self) -> bool:
        """Whether the vectors are of letters, which add typo tolerance to the words and no meaning."""
        return is_lexical(self.embedder.inner)

    @cached_property
    def searches(self) -> tuple[Search, ...]:
        """The searches of the Researcher."""
        return tuple(search(self.archive, self.embedder) for search in SEARCHES)

    @cached_property
    def hybrid(self) -> FreshSearch:
        """What `recall` runs."""
        named = {search.name: search for search in self.searches}
        hybrid = HybridSearch(self.archive, named["keyword"], named["vector"], self.weights)
        return FreshSearch(hybrid, self.archive, self.embedder)

    @cached_property
    def item_search(self) -> FreshSearch:
        """The search over memory items."""
        return FreshSearch(self._items_as_they_are, self.item_index, self.embedder)

    @cached_property
    def _items_as_they_are(self) -> Any:
        return ItemSearch(self.items, self.item_index, self.embedder, item_weights(self._lexical))

    def tools(self, editor: Editor | None, research: Any, include: Collection[str] | None) -> list[BaseTool]:
        """Every tool over this memory, or those that are named."""
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
        found = self._items_as_they_are.search(text[:_LIKE_CHARS], method="keyword", k=k)
        return [hit.item for hit in found if hit.item.namespace == self.archive.pages.namespace.name]

    @cached_property
    def researcher(self) -> Graph:
        """The Researcher over this memory."""
        return self.researcher_of(self.answerers)

    @cached_property
    def reckoning(self) -> Graph:
        """The Researcher with nobody sent anything, for `estimate`."""
        rules = self.answerers.rules
        models = {
            step: Reckoner(rules, model) for step, model in self.answerers.by_step.items() if isinstance(model, Model)
        }
        return self.researcher_of(Answerers(models, rules))

    def researcher_of(self, answerers: Answerers) -> Graph:
        """The Researcher, its steps answered by somebody."""
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
    def waits_for_memos(self) -> bool:
        """Whether filing waits for a model, so that working on several sessions at once pays."""
        return self.answerers.think("memorize") or self.answerers.think("curate")

    def close(self) -> None:
        """Let go of every file and lock; what the vector index has not read, its next owner reads."""
        self.archive.vectors.close()
        self.item_index.vectors.close()
        self.database.close()
