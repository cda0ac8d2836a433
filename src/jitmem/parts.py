"""Put a memory together: the store, the indexes, the models, the tools, and the two graphs over them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .estimate import CallStatistics, EstimateBackend
from .graphs.memorizer import memorizer
from .graphs.options import ResearchOptions
from .graphs.researcher import researcher
from .models import chat_model, embedding_model
from .nodes.embedder import Embedder
from .nodes.llm.ask import TIMEOUT_S, Backend, ModelBackend
from .nodes.options import MemorizeOptions
from .nodes.rules.backend import RuleBackend
from .nodes.run_step import Backends
from .nodes.steps import STEPS
from .prompt_overrides import read_overrides
from .search_runner import ItemSearchRunner, PageSearchRunner, RecallRunner
from .stores.archive import Archive
from .stores.chroma import OwnedChroma
from .stores.chroma_folder import ChromaFolder
from .stores.connection import Database
from .stores.deletion.eraser import Eraser
from .stores.embeddings import ITEMS, PASSAGES, EmbeddingStore, is_lexical, model_name
from .stores.errors import BadInput
from .stores.fusion import item_weights, weights
from .stores.hashing import HashedEmbeddings
from .stores.item_index import ItemIndex
from .stores.items import Items
from .stores.namespace import Namespace
from .stores.proposals import Proposals
from .stores.records import KINDS
from .tools.editor import Editor, Guard, Mode, validate_kinds
from .tools.items import ItemSearch
from .tools.memory_specs import CORE_TOKENS
from .tools.memory_tools import make_tools
from .tools.recall_items import ItemRecall
from .tools.search import Search
from .tools.searches import SEARCHES, HybridSearch

if TYPE_CHECKING:
    from langchain_core.documents import BaseDocumentCompressor
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[Any, Any, Any, Any]

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
    reranker: BaseDocumentCompressor | None = None

    def embedder(self) -> Embedder:
        """Hashed n-grams where no model is named."""
        url = self.embeddings_base_url or self.base_url
        inner: Embeddings = HashedEmbeddings()
        if self.embeddings is not None:
            inner = embedding_model(self.embeddings, base_url=url, timeout_s=self.timeout_s)
        return Embedder(inner, model_name(inner), self.timeout_s)

    def by_step(self) -> dict[str, Backend]:
        """A model for each step that has one: the step's own, else its graph's, else `model`."""
        own = dict(self.step_models or {})
        if unknown := sorted(own.keys() - set(STEPS)):
            raise BadInput(f"step_models: there is no step {unknown[0]!r}; there are {', '.join(STEPS)}.")
        if "integrate" in own:
            own.setdefault("conclude", own["integrate"])
        memorizer, researcher = self.memorizer_model or self.model, self.researcher_model or self.model
        named = {name: memorizer if step.role == "memorizer" else researcher for name, step in STEPS.items()} | own
        overrides = read_overrides(self.prompts)
        return {name: self._backend(model, overrides) for name, model in named.items() if model is not None}

    def _backend(self, model: str | BaseChatModel, overrides: Mapping[str, str]) -> ModelBackend:
        return ModelBackend(
            chat_model(model, base_url=self.base_url, timeout_s=self.timeout_s), self.timeout_s, overrides
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRules:
    """How memory items may be edited, as `Memory.open` is told."""

    kinds: Sequence[str] = KINDS
    mode: Mode = "write"
    before_write: Guard | None = None
    core_tokens: int = CORE_TOKENS

    def __post_init__(self) -> None:
        validate_kinds(self.kinds)
        if self.mode not in get_args(Mode):
            raise BadInput(f"There is no mode {self.mode!r}; use {', '.join(get_args(Mode))}.")


@dataclass
class Parts:
    """Everything a `Memory` hands out or works with."""

    database: Database
    archive: Archive
    item_index: ItemIndex
    embedder: Embedder
    backends: Backends
    editing: EditRules
    memorize_options: MemorizeOptions
    research_options: ResearchOptions
    eraser: Eraser
    reranker: BaseDocumentCompressor | None = None
    call_statistics: CallStatistics = field(default_factory=CallStatistics)

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
            backends=Backends(by_step, RuleBackend()),
            reranker=models.reranker,
            editing=editing,
            memorize_options=memorize_options,
            research_options=research_options,
            eraser=eraser,
        )

    def of(self, namespace: str) -> Parts:
        """The same for another namespace of the same folder: database, vector indexes and models are shared."""
        archive = Archive(Namespace(self.database, namespace), self.archive.embeddings, self.archive.vectors)
        index = ItemIndex(archive.items, self.item_index.embeddings, self.item_index.vectors)
        return replace(self, archive=archive, item_index=index)

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
        wanted = own.kinds if kinds is None else validate_kinds(kinds)
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
        return tuple(search(self.embedder) for search in SEARCHES)

    @cached_property
    def hybrid(self) -> RecallRunner:
        """What `recall` runs."""
        searches = [search for search in self.searches if search.name in HybridSearch.searches]
        on_failure = self.research_options.on_model_failure
        return RecallRunner(searches, self.archive, self.embedder, self.weights, self.reranker, on_failure)

    @cached_property
    def item_search(self) -> ItemSearchRunner:
        """The search over memory items."""
        return ItemSearchRunner(self._item_search, self.item_index, self.embedder)

    @cached_property
    def _item_search(self) -> ItemSearch:
        return ItemSearch(self.items, self.item_index, self.embedder, item_weights(self._lexical))

    def tools(self, editor: Editor | None, research: Any, include: Collection[str] | None) -> list[BaseTool]:
        """Every tool over this memory, or those that are named."""
        searches = [PageSearchRunner(search, self.archive, self.embedder) for search in self.searches]
        return make_tools(
            searches=(*searches, self.hybrid),
            record=self.archive.record,
            research=research,
            items=self.item_search,
            editor=editor,
            include=include,
        )

    @cached_property
    def memorizer(self) -> Graph:
        """The Memorizer over this memory."""
        return memorizer(
            self.archive, self.item_index, self.editor, self.embedder, self.backends, self.memorize_options
        )

    @cached_property
    def researcher(self) -> Graph:
        """The Researcher over this memory."""
        return self.researcher_of(self.backends)

    @cached_property
    def estimator(self) -> Graph:
        """The Researcher with no model called, for `estimate`."""
        rules = self.backends.rules
        models = {
            step: EstimateBackend(rules, model)
            for step, model in self.backends.by_step.items()
            if isinstance(model, ModelBackend)
        }
        return self.researcher_of(Backends(models, rules))

    def researcher_of(self, backends: Backends) -> Graph:
        """The Researcher, its steps answered by somebody."""
        return researcher(
            self.archive,
            self.item_index,
            self.searches,
            ItemRecall(self.item_index, self._item_search, "keyword" if self._lexical else "hybrid"),
            self.embedder,
            backends,
            self.weights,
            self.research_options,
            self.reranker,
        )

    @property
    def waits_for_memos(self) -> bool:
        """Whether filing waits for a model, so that working on several sessions at once pays."""
        return self.backends.has_model("memorize") or self.backends.has_model("curate")

    def close(self) -> None:
        """Let go of every file and lock; what the vector index has not read, its next owner reads."""
        self.archive.vectors.close()
        self.item_index.vectors.close()
        self.database.close()
