"""A reranker orders the first hits of a round and of a recall; what it leaves out stays, and its failure costs no answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document

from jitmem import Memory, ModelOptions
from jitmem.stores.errors import ModelError


class LastFirst(BaseDocumentCompressor):
    """Gives back the last three, the last one first, as rerankers with a `top_n` do."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Any = None) -> list[Document]:
        chosen = list(documents)[::-1][:3]
        return [Document(one.page_content, metadata={**one.metadata, "relevance_score": 0.5}) for one in chosen]


class Broken(BaseDocumentCompressor):
    """Has lost its weights."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Any = None) -> list[Document]:
        raise RuntimeError("no weights")


class Inventive(BaseDocumentCompressor):
    """Gives back what it was not given."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Any = None) -> list[Document]:
        return [Document("The harbour freezes.")]


@pytest.fixture
def mill(folder: Path) -> Iterator[Memory]:
    with Memory.open(folder) as memory:
        memory.memorize("\n".join(f"Ana: The mill number {n} has {n} stones.\nBen: Good." for n in range(8)))
        yield memory


def reranking(memory: Memory, reranker: BaseDocumentCompressor) -> Memory:
    return Memory(replace(memory._runtime, reranker=reranker))


def test_it_orders_the_hits_of_a_recall_and_drops_none(mill: Memory) -> None:
    before = mill.recall("mill stones", k=50)
    after = reranking(mill, LastFirst()).recall("mill stones", k=50)
    assert [hit.text for hit in after[:3]] == [hit.text for hit in before[::-1][:3]]
    assert sorted(hit.text for hit in after) == sorted(hit.text for hit in before)
    assert [hit.score for hit in after] == [hit.score for hit in before]
    assert [hit.scores.get("rerank") for hit in after[:4]] == [0.5, 0.5, 0.5, None]


async def test_it_orders_the_evidence_of_a_round(mill: Memory) -> None:
    memory = reranking(mill, LastFirst())
    ranked = [event for event in memory.stream("Which mill has stones?", depth=1) if event["event"] == "ranked"]
    assert [event["reranked"] for event in ranked] == [True]
    plain = mill.research("Which mill has stones?", depth=1)
    other = memory.research("Which mill has stones?", depth=1)
    assert other.citations[0] != plain.citations[0]
    assert (await memory.aresearch("Which mill has stones?", depth=1)).citations == other.citations


@pytest.mark.parametrize("reranker", [Broken(), Inventive()])
def test_where_it_fails_a_round_goes_on_and_a_recall_says_so(mill: Memory, reranker: BaseDocumentCompressor) -> None:
    memory = reranking(mill, reranker)
    result = memory.research("Which mill has stones?", depth=1)
    assert [failure["step"] for failure in result.failures] == ["rank"]
    assert type(reranker).__name__ in result.failures[0]["message"]
    assert result.citations == mill.research("Which mill has stones?", depth=1).citations
    with pytest.raises(ModelError, match=type(reranker).__name__):
        memory.recall("mill")


def test_with_rules_in_place_of_what_fails_a_recall_keeps_its_order(mill: Memory) -> None:
    options = mill._runtime.research_options.model_copy(update={"on_model_failure": "rules"})
    memory = Memory(replace(mill._runtime, reranker=Broken(), research_options=options))
    assert memory.recall("mill") == mill.recall("mill")


@pytest.mark.parametrize(("reranker", "reranked"), [(LastFirst(), True), (Broken(), False)])
def test_a_memory_is_opened_with_it(folder: Path, reranker: BaseDocumentCompressor, reranked: bool) -> None:
    with Memory.open(folder, model_options=ModelOptions(reranker=reranker)) as memory:
        memory.memorize("\n".join(f"Ana: The mill number {n} has {n} stones.\nBen: Good." for n in range(8)))
        events = list(memory.stream("Which mill has stones?", depth=1))
        assert [event["reranked"] for event in events if event["event"] == "ranked"] == [reranked]
        assert [event["step"] for event in events if event["event"] == "failed"] == ([] if reranked else ["rank"])
        if reranked:
            assert "rerank" in memory.recall("mill stones", k=3)[0].scores
        else:
            with pytest.raises(ModelError, match="Broken"):
                memory.recall("mill stones")
