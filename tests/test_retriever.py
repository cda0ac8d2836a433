"""A memory as a LangChain retriever, and documents of LangChain's loaders in a memory."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests

from jitmem import BadInput, Memory, Session
from jitmem.integrations.document_sessions import as_sessions
from jitmem.integrations.retriever import JitmemRetriever

TALK = [("Ana", "I work at the harbour office in Viana."), ("Rui", "The harbour has three cranes.")]


@pytest.fixture
def harbour(memory: Memory) -> Memory:
    memory.memorize(Session(turns=TALK, id="talk", time="2025-03-01 10:00"))
    memory.memorize("The harbour master is called Ilda.\n\nHer dog sleeps in the harbour café.")
    memory.memorize("The harbour wall was built in 1911.")
    memory.memorize("The harbour bell rings at noon.")
    return memory


class TestStandard(RetrieversIntegrationTests):
    """By LangChain's own standard."""

    @pytest.fixture(autouse=True)
    def _filled(self, harbour: Memory) -> None:
        self.memory = harbour

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return JitmemRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self.memory}

    @property
    def retriever_query_example(self) -> str:
        return "What is there in the harbour?"


class TestStandardResearched(TestStandard):
    """And with a research behind it."""

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self.memory, "effort": "recall"}


async def test_a_document_says_where_it_stands(harbour: Memory) -> None:
    retriever = JitmemRetriever(memory=harbour, k=2)
    documents = retriever.invoke("Ana office Viana")
    assert documents == await retriever.ainvoke("Ana office Viana")
    assert len(documents) == 2
    [hit, _] = harbour.recall("Ana office Viana", k=2)
    page = harbour.page(hit.page_id)
    assert documents[0] == Document(
        "Ana: I work at the harbour office in Viana.",
        id=f"{page.id}:{hit.start}-{hit.end}",
        metadata={
            "page_id": page.id,
            "item_id": None,
            "start": hit.start,
            "end": hit.end,
            "session_id": "talk",
            "time": "2025-03-01T10:00:00",
            "date": "1 March 2025 10:00",
            "speaker": "Ana",
            "score": hit.score,
            "scores": hit.scores,
        },
    )
    assert page.text[hit.start : hit.end] == documents[0].page_content


async def test_with_an_effort_the_documents_are_what_the_research_cites(harbour: Memory) -> None:
    question = "Where does Ana work?"
    cited = harbour.research(question, effort="recall").citations
    retriever = JitmemRetriever(memory=harbour, effort="recall")
    documents = retriever.invoke(question)
    assert documents == await retriever.ainvoke(question)
    assert [document.page_content for document in documents] == [citation.quote for citation in cited][:10]
    assert documents[0].metadata["score"] is None
    assert documents[0].metadata["session_id"] == "talk"
    assert JitmemRetriever(memory=harbour).invoke(question, effort="recall") == documents


def test_it_runs_in_a_chain(harbour: Memory) -> None:
    def joined(given: dict[str, Any]) -> str:
        return f"{given['question']} {given['context'][0].page_content}"

    chain = {"context": JitmemRetriever(memory=harbour, k=1), "question": RunnablePassthrough()} | RunnableLambda(
        joined
    )
    assert chain.invoke("Who is Ilda?").startswith("Who is Ilda? The harbour master is called Ilda.")


def test_nothing_found_is_no_document_and_an_empty_query_is_refused(memory: Memory) -> None:
    assert JitmemRetriever(memory=memory).invoke("harbour") == []
    assert JitmemRetriever(memory=memory, effort="recall").invoke("harbour") == []
    with pytest.raises(BadInput, match="at least one word"):
        JitmemRetriever(memory=memory).invoke(" ")
    for wrong in ({"k": 0}, {"effort": "magic"}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            JitmemRetriever(memory=memory, **wrong)
    with pytest.raises(BadInput, match="got 0"):
        memory.as_retriever().invoke("harbour", k=0)


# -- documents in ------------------------------------------------------------------------------------------


def test_documents_become_sessions_with_what_their_metadata_says(memory: Memory) -> None:
    when = datetime(2025, 5, 6, 7, 8)
    documents = [
        Document("One.", metadata={"source": "notes.txt", "title": "Notes", "time": "8 May 2024"}),
        Document("Two.", metadata={"source": "book.pdf", "page": 0, "path": Path("book.pdf")}),
        Document("  \n", metadata={"source": "book.pdf", "page": 1}),
        Document("Three.", metadata={"source": "book.pdf", "page": 2, "price": float("nan"), ("a", "b"): 1}),
        Document("Four.", id="four", metadata={"source": "x", "time": when}),
        Document("Five.", metadata={"id": 5, "time": ""}),
        Document("Six."),
    ]
    sessions = list(as_sessions(documents))
    assert [(session.id, session.text, session.time) for session in sessions] == [
        ("notes.txt", "One.", "8 May 2024"),
        ("book.pdf#1", "Two.", None),
        ("book.pdf#3", "Three.", None),
        ("four", "Four.", when),
        ("5", "Five.", None),
        (None, "Six.", None),
    ]
    assert sessions[1].metadata == {"source": "book.pdf", "page": 0, "path": "book.pdf"}
    assert sessions[2].metadata == {"source": "book.pdf", "page": 2, "price": "NaN"}
    filed = memory.memorize_many(as_sessions(documents))
    assert [one.duplicate for one in filed] == [False] * 6
    assert [one.duplicate for one in memory.memorize_many(as_sessions(documents))] == [True] * 6
    [page] = memory.pages(session_id="notes.txt")
    assert page.header.count("Notes") == 1
    assert page.metadata["title"] == "Notes"


def test_what_a_retriever_gives_can_be_put_into_another_memory(harbour: Memory) -> None:
    documents = JitmemRetriever(memory=harbour, k=2).invoke("harbour cranes")
    other = harbour.for_namespace("other")
    other.memorize_many(as_sessions(documents))
    assert {page.text for page in other.pages()} == {document.page_content for document in documents}
