"""Put a memory together: the store, the indexes, the models, the tools, and the two graphs over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .graphs.memorizer import memorizer
from .graphs.researcher import researcher
from .models import chat_model, embedding_model
from .nodes.ask import Answerer, Model
from .nodes.options import MemorizeOptions, ResearchOptions
from .nodes.rules.answerer import Rules
from .stores.archive import Archive
from .stores.chroma import OwnedChroma
from .stores.connection import Database
from .stores.embeddings import EmbeddingStore, model_name
from .stores.fusion import weights
from .stores.hashing import HashedEmbeddings
from .stores.namespace import Namespace
from .tools.hybrid import HybridSearch
from .tools.keyword import KeywordSearch
from .tools.page_id import PageIdSearch
from .tools.vector import VectorSearch

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[Any, Any, Any, Any]

RESEARCH_STEPS = ("plan", "integrate", "reflect")


@dataclass
class Parts:
    """Everything a `Memory` hands out or works with."""

    database: Database
    archive: Archive
    embeddings: Embeddings
    answerers: dict[str, Answerer]
    memorize_options: MemorizeOptions
    research_options: ResearchOptions

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        namespace: str,
        model: str | BaseChatModel | None,
        memorizer_model: str | BaseChatModel | None,
        embeddings: str | Embeddings | None,
        create: bool,
        memorize_options: MemorizeOptions | None,
        research_options: ResearchOptions | None,
    ) -> Parts:
        """See `Memory.open`."""
        embedder = embedding_model(embeddings) if embeddings is not None else HashedEmbeddings()
        thinker = chat_model(model) if model is not None else None
        memo_writer = chat_model(memorizer_model) if memorizer_model is not None else thinker
        database = Database(folder, create=create)
        store = EmbeddingStore(database, model_name(embedder))
        try:
            archive = Archive(Namespace(database, namespace), store, OwnedChroma(store, folder))
        except BaseException:
            database.close()
            raise
        rules = Rules(archive)
        answerers: dict[str, Answerer] = {step: Model(thinker) if thinker else rules for step in RESEARCH_STEPS}
        answerers["memorize"] = Model(memo_writer) if memo_writer else rules
        return cls(
            database=database,
            archive=archive,
            embeddings=embedder,
            answerers=answerers,
            memorize_options=memorize_options or MemorizeOptions(),
            research_options=research_options or ResearchOptions(),
        )

    @cached_property
    def weights(self) -> dict[str, float]:
        """How much each search counts with these embeddings."""
        return weights(lexical=bool(getattr(self.embeddings, "lexical", False)))

    @cached_property
    def searches(self) -> tuple[KeywordSearch, VectorSearch, PageIdSearch]:
        """The three searches of the Researcher."""
        return (
            KeywordSearch(self.archive),
            VectorSearch(self.archive, self.embeddings),
            PageIdSearch(self.archive),
        )

    @cached_property
    def hybrid(self) -> HybridSearch:
        """What `recall` runs."""
        keyword, vector, _ = self.searches
        return HybridSearch(self.archive, keyword, vector, self.weights)

    @cached_property
    def memorizer(self) -> Graph:
        """The Memorizer over this memory."""
        return memorizer(self.archive, self.embeddings, self.answerers["memorize"], self.memorize_options)

    @cached_property
    def researcher(self) -> Graph:
        """The Researcher over this memory."""
        return researcher(self.archive, self.searches, self.answerers, self.weights, self.research_options)

    @property
    def waits_for_memos(self) -> bool:
        """Whether filing waits for a model, so that working on several sessions at once pays."""
        return isinstance(self.answerers["memorize"], Model)

    def close(self) -> None:
        """Let go of every file and lock; what the vector index has not read, its next owner reads."""
        self.archive.vectors.close()
        self.database.close()
