"""Uses a memory in every way, or in an agent of somebody else, and waits until LangSmith's client has sent its traces.

python traced_runs.py SCENARIO FOLDER [URL of a model server]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer, wait_for_all_tracers
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langsmith import traceable
from typing_extensions import TypedDict

from jitmem import Memory, ModelOptions, Session
from jitmem.integrations.agent import agent_with_memory
from jitmem.stores.errors import JitmemError
from jitmem.testing import ScriptedModel
from jitmem.tools.tools_of_run import jitmem_tools

PAGE = "Ana: The quokka moved to Porto in March."
QUESTION = "Where is the quokka?"


class Reranker(BaseDocumentCompressor):
    """Thinks by a runnable, as those with a model do."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Any = None) -> list[Document]:
        return list(RunnableLambda(lambda given: given["documents"]).invoke({"documents": documents, "query": query}))


def use(memory: Memory) -> None:
    """Every verb that runs something, its tools, its retriever and its store."""
    memory.memorize(PAGE)
    memory.memorize_many([Session(text="Ben: The quokka sleeps."), "Zoe: The quokka eats leaves."])
    memory.accept("Ana: The quokka reads.")
    memory.resume()
    memory.research(QUESTION, answer=True)
    list(memory.stream(QUESTION))
    memory.estimate(QUESTION)
    memory.recall("quokka")
    memory.as_retriever().invoke("quokka")
    memory.as_retriever(effort="deep").batch(["quokka"])
    for tool in memory.tools():
        given = {"query": "quokka", "question": QUESTION, "kind": "semantic", "content": "The quokka swims."}
        given["id"] = memory.pages()[0].id
        with suppress(Exception):
            tool.invoke(given)
        with suppress(Exception):
            tool.run({**given, "query": "the quokka"})
    memory.as_store().put(("a",), "k", {"text": "The quokka sings."})
    memory.as_store().search(("a",), query="quokka")
    memory.forget(query="quokka sleeps")


async def use_async(memory: Memory) -> None:
    await memory.amemorize("Cleo: The quokka dances.")
    await memory.amemorize_many(["Cleo: The quokka hides.", "Cleo: The quokka waits."])
    await memory.aresearch(QUESTION)
    async for _ in memory.astream(QUESTION):
        pass
    async for _ in memory.researcher.astream_events({"question": QUESTION}, version="v2"):
        pass
    await memory.arecall("quokka")
    await memory.as_retriever().ainvoke("quokka")
    for tool in memory.tools(["search_pages", "research_memory"]):
        await tool.ainvoke({"query": "quokka"} if tool.name == "search_pages" else {"question": QUESTION})


def use_graphs(memory: Memory) -> None:
    """The graphs themselves, with checkpoints, an own tracer, and a run that fails and one that is left half way."""
    saving = memory.researcher.copy(update={"checkpointer": InMemorySaver()})
    config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [LangChainTracer(project_name="own")]}
    saving.invoke({"question": QUESTION}, config)
    saving.update_state(config, {"question": "Is it a quokka?"}, as_node="begin")
    next(memory.stream(QUESTION))
    memory.memorizer.batch([{"session": "Dan: The quokka jumps."}])
    agent_with_memory(memory).invoke({"messages": [HumanMessage(QUESTION)]})
    with suppress(JitmemError, ValueError):
        memory.memorizer.invoke(
            {"session": {"text": "The quokka", "time": "quokka o'clock"}}
        )  # a failure that quotes it


class HostState(TypedDict, total=False):
    topic: str
    done: bool


def in_host_graph(memory: Memory) -> None:
    """A graph of somebody else, whose own state never holds a word of the memory."""

    def look(state: HostState) -> HostState:
        memory.research(QUESTION)
        memory.recall("quokka")
        for tool in [*memory.tools(["search_pages"]), *jitmem_tools(["search_pages"])]:
            tool.invoke({"query": "quokka"})
        memory.as_retriever().invoke("quokka")
        memory.memorize("Eva: The quokka drums.")
        return {"done": True}

    async def alook(state: HostState) -> HostState:
        await memory.aresearch(QUESTION)
        await memory.memorizer.ainvoke({"session": "Eva: The quokka paints."})
        return {"done": True}

    for step in (look, alook):
        graph = StateGraph(HostState)
        graph.add_node("host_step", step)
        graph.add_edge(START, "host_step")
        graph.add_edge("host_step", END)
        asyncio.run(graph.compile(name="host").ainvoke({"topic": "animals"}))

    @traceable(name="host_function")
    def traced() -> None:
        memory.research(QUESTION)
        memory.tools(["search_pages"])[0].invoke({"query": "quokka"})

    traced()


def in_agent(memory: Memory) -> None:
    """An agent of somebody else with the middleware, whose model calls a tool of the memory."""
    memory.memorize(PAGE)
    call: Any = {"name": "search_pages", "args": {"query": "quokka"}, "id": "1", "type": "tool_call"}
    for _ in range(2):
        model = ScriptedModel(lines=[AIMessage("", tool_calls=[call]), "In Porto."])
        agent: Any = create_agent(model, middleware=[memory.middleware()])
        agent.invoke({"messages": "Which animal moved?"})
        memory.flush()
        model = ScriptedModel(lines=[AIMessage("", tool_calls=[call]), "In Porto."])
        agent = create_agent(model, middleware=[memory.middleware(background=False)])
        asyncio.run(agent.ainvoke({"messages": "Which animal moved?"}))


def main(scenario: str, folder: str, url: str = "") -> None:
    options = ModelOptions(
        trace_content=scenario == "all content",
        on_model_failure="rules",
        reranker=Reranker() if not scenario.startswith("host") else None,
    )
    given: dict[str, Any] = {"model": "openai:any", "base_url": url} if url else {}
    with Memory.open(Path(folder), model_options=options, **given) as memory:
        if scenario == "host graph":
            memory.memorize(PAGE)
            in_host_graph(memory)
        elif scenario == "host agent":
            in_agent(memory)
        else:
            use(memory)
            asyncio.run(use_async(memory))
            use_graphs(memory)
    wait_for_all_tracers()


if __name__ == "__main__":
    main(*sys.argv[1:])
