"""Nothing that reads or writes the store runs in the event loop: every async door, with cold caches, under blockbuster."""

from __future__ import annotations

import asyncio
import gc
import inspect
import shutil
import sqlite3
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockBusterFunction, BlockingError, blockbuster_ctx
from chromadb.api.rust import RustBindingsAPI
from injections.obeying import Obeying
from langchain_core.embeddings import Embeddings
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.store.base import GetOp, PutOp, SearchOp

from jitmem import Memory, MemoryAdmin, MemoryItems, MemoryTransfer, Session
from jitmem.integrations.agent import agent_with_memory
from jitmem.stores.analyzer import HashedEmbeddings
from jitmem.testing import ScriptedModel
from jitmem.tools.memory_tools import TOOLS
from jitmem.tools.tools_of_run import jitmem_tools

ANA = "Ana: Since Monday I work at the harbour office in Viana.\nBen: Then you can see the ferry from your desk."
QUESTION = "Where does Ana work since Monday, and what can she see?"
PACKAGE = Path(inspect.getfile(Memory)).parent


class MeaningEmbeddings(Embeddings):
    """Vectors that are waited for, as those of a server are."""

    def __init__(self) -> None:
        self.model = "meaning"
        self._hashed = HashedEmbeddings(64)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._hashed.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._hashed.embed_query(text)


# -- what may not happen in a loop ---------------------------------------------------------------------------


@contextmanager
def no_blocking() -> Iterator[BlockBuster]:
    """SQLite, Chroma, files, sleeping and waiting for a lock raise `BlockingError` in a thread that runs a loop.

    Beside what blockbuster knows: opening a file or a database, and Chroma, which blocks in Rust.
    """
    with blockbuster_ctx() as buster:
        more = [BlockBusterFunction(None, name) for name in ("sqlite3.connect", "builtins.open", "io.open", "os.open")]
        for function in more[1:]:  # a traceback that is logged shows lines of source
            function.can_block_in("linecache.py", "updatecache").can_block_in("<frozen linecache>", "updatecache")
        names = [
            name
            for name in vars(RustBindingsAPI)
            if name[:2] != "__" and inspect.isfunction(vars(RustBindingsAPI)[name])
        ]
        more += [BlockBusterFunction(RustBindingsAPI, name) for name in names]
        for function in (*more, *buster.functions.values()):  # what is logged goes where the host says
            function.can_block_in("logging/__init__.py", "emit").activate()
        try:
            yield buster
        finally:
            for function in more:
                function.deactivate()


def forget_caches() -> None:
    """What modules of jitmem have read or reckoned before is read again."""
    for found in gc.get_objects():
        if isinstance(found, _lru_cache_wrapper) and (found.__module__ or "").startswith("jitmem"):
            found.cache_clear()


async def run(door: Awaitable[Any] | AsyncIterator[Any]) -> list[Any]:
    """What comes of a door, in a loop where nothing may block, not even where somebody handles the error."""
    forget_caches()
    blocked: list[str] = []

    class Noted(BlockingError):
        def __init__(self, function: str) -> None:
            super().__init__(function)
            blocked.append("".join(traceback.format_stack(limit=12)))

    with no_blocking(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("blockbuster.blockbuster.BlockingError", Noted)
        given = [one async for one in door] if isinstance(door, AsyncIterator) else [await door]
    assert not blocked, "\n".join(blocked)
    return given


async def test_a_database_a_file_a_sleep_and_chroma_are_caught_in_a_loop_and_not_in_a_thread(
    memory: Memory, tmp_path: Path
) -> None:
    memory.memorize(ANA)
    (tmp_path / "file").write_text("text")
    doings: list[Callable[[], Any]] = [
        memory.pages,
        lambda: sqlite3.connect(tmp_path / "other.sqlite3").close(),
        lambda: (tmp_path / "file").read_text(),
        lambda: memory.recall(QUESTION),
        lambda: RustBindingsAPI.heartbeat(None),  # type: ignore[arg-type]
    ]
    with no_blocking():
        for doing in doings[:4]:
            await asyncio.to_thread(doing)
        for doing in doings:
            with pytest.raises(BlockingError):
                doing()


# -- a memory that nobody has read yet -----------------------------------------------------------------------


def opening(who: str) -> dict[str, Any]:
    """How a memory is opened in which rules, or models, answer."""
    return {"model": Obeying(words=()), "embeddings": MeaningEmbeddings()} if who == "model" else {}


@pytest.fixture(scope="session", params=["rules", "model"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a history, items, proposals, and something in the journal, and how it is opened."""
    folder = tmp_path_factory.mktemp("filled") / "memory"
    with Memory.open(folder, **opening(request.param)) as memory:
        memory.memorize(Session(text=ANA, id="first", time="8 May 2023", metadata={"title": "Harbour"}))
        other = memory.memorize("Zoe: Blue bicycles sold out.")
        memory.items.insert("Ana works at the harbour office.")
        memory.items.insert("Ana began to work at the harbour.", "episodic", "8 May 2023")
        memory.items.update("core", "Ana is who this is about.")
        drawn = memory._runtime.editor.insert("semantic", "Ana sees the ferry since Monday.", page_ids=other.page_ids)
        assert drawn.status == "applied"
        [insert] = [tool for tool in memory.tools(mode="propose") if tool.name == "memory_insert"]
        for content in ("Ben likes pears.", "Ben likes plums."):
            insert.invoke({"kind": "semantic", "content": content})
        memory.as_store().put(("notes",), "ferry", {"text": "The ferry leaves at ten."})
        memory.for_namespace("ben").memorize("Ben: My boat lies in Viana.")
        memory.accept("Ben: I wait in the journal.")
    return folder, opening(request.param)


@pytest.fixture
def cold(filled: tuple[Path, dict[str, Any]], folder: Path) -> Iterator[Memory]:
    """A memory of which nothing has been read since it was opened, with items that have no vectors yet."""
    made, options = filled
    shutil.copytree(made, folder)
    with Memory.open(folder, **options) as memory:
        yield memory


class Ids:
    """Ids of what a cold memory holds, looked up by another one."""

    def __init__(self, folder: Path) -> None:
        with Memory.open(folder, create=False) as memory:
            self.page = memory.pages()[0].id
            self.item = next(item.id for item in memory.items.list() if item.kind == "semantic")
            self.proposals = [proposal.number for proposal in memory.admin.proposals()]
            remembered = memory.items.insert("Ana has a desk.")
            assert remembered.change is not None
            self.change = remembered.change
            self.export = BytesIO()
            memory.transfer.export(self.export)
            self.export.seek(0)


@pytest.fixture
def ids(folder: Path, cold: Memory) -> Ids:
    return Ids(folder)


# -- the verbs -----------------------------------------------------------------------------------------------

VERBS: dict[str, Callable[[Memory, Ids, Path], Awaitable[Any] | AsyncIterator[Any]]] = {
    "amemorize": lambda memory, ids, out: memory.amemorize("Ana: The ferry is late today."),
    "aaccept": lambda memory, ids, out: memory.aaccept("Ana: The ferry is late today."),
    "amemorize_many": lambda memory, ids, out: memory.amemorize_many(["Ana: One ferry.", "Ana: Two ferries."]),
    "aresume": lambda memory, ids, out: memory.aresume(),
    "aresearch": lambda memory, ids, out: memory.aresearch(QUESTION, effort="deep", answer=True, output="pages"),
    "astream": lambda memory, ids, out: memory.astream(QUESTION, effort="fast", answer=True),
    "aestimate": lambda memory, ids, out: memory.aestimate(QUESTION),
    "arecall": lambda memory, ids, out: memory.arecall(QUESTION),
    "apages": lambda memory, ids, out: memory.apages(),
    "apage": lambda memory, ids, out: memory.apage(ids.page),
    "astats": lambda memory, ids, out: memory.astats(),
    "items.alist": lambda memory, ids, out: memory.items.alist(),
    "items.asearch": lambda memory, ids, out: memory.items.asearch("harbour"),
    "items.aget": lambda memory, ids, out: memory.items.aget(ids.item),
    "items.aas_of": lambda memory, ids, out: memory.items.aas_of("2099-01-01"),
    "items.ahistory": lambda memory, ids, out: memory.items.ahistory(ids.item),
    "items.ainsert": lambda memory, ids, out: memory.items.ainsert("Ben has a boat."),
    "items.aupdate": lambda memory, ids, out: memory.items.aupdate(ids.item, "Ana works at the ferry."),
    "items.adelete": lambda memory, ids, out: memory.items.adelete(ids.item),
    "items.aundo": lambda memory, ids, out: memory.items.aundo(ids.change),
    "admin.anamespaces": lambda memory, ids, out: memory.admin.anamespaces(),
    "admin.adoctor": lambda memory, ids, out: memory.admin.adoctor(),
    "admin.aproposals": lambda memory, ids, out: memory.admin.aproposals(),
    "admin.aapprove": lambda memory, ids, out: memory.admin.aapprove(ids.proposals[0]),
    "admin.areject": lambda memory, ids, out: memory.admin.areject(ids.proposals[1]),
    "admin.asession_versions": lambda memory, ids, out: memory.admin.asession_versions("first"),
    "admin.ashare": lambda memory, ids, out: memory.admin.ashare("team/*"),
    "admin.aunshare": lambda memory, ids, out: memory.admin.aunshare("team/*"),
    "admin.ashares": lambda memory, ids, out: memory.admin.ashares(),
    "transfer.aexport": lambda memory, ids, out: memory.transfer.aexport(out / "export.jsonl"),
    "transfer.aimport_": lambda memory, ids, out: memory.transfer.aimport_(ids.export),
    "transfer.abackup": lambda memory, ids, out: memory.transfer.abackup(out / "backup"),
    "aforget": lambda memory, ids, out: memory.aforget(page_id=ids.page),
    "admin.apurge": lambda memory, ids, out: memory.admin.apurge(),
    "admin.aset_retention": lambda memory, ids, out: memory.admin.aset_retention(pages="90 days"),
    "admin.aretention": lambda memory, ids, out: memory.admin.aretention(),
    "aflush": lambda memory, ids, out: memory.aflush(),
    "aclose": lambda memory, ids, out: memory.aclose(),
}


def test_every_verb_that_is_awaited_has_a_case() -> None:
    facades = {"": Memory, "items.": MemoryItems, "admin.": MemoryAdmin, "transfer.": MemoryTransfer}
    twins = {
        f"{place}a{verb}"
        for place, facade in facades.items()
        for verb in dir(facade)
        if verb[0] != "_" and hasattr(facade, f"a{verb}")
    }
    assert twins == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_leaves_the_loop_alone(cold: Memory, ids: Ids, tmp_path: Path, verb: str) -> None:
    await run(VERBS[verb](cold, ids, tmp_path))


@pytest.mark.parametrize("verb", ["amemorize", "aresearch", "arecall"])
async def test_a_verb_of_another_namespace_leaves_the_loop_alone(
    cold: Memory, ids: Ids, tmp_path: Path, verb: str
) -> None:
    async def called() -> None:
        await VERBS[verb](cold.for_namespace("ben"), ids, tmp_path)  # type: ignore[misc]

    await run(called())


async def test_a_memory_is_a_context_manager_that_leaves_the_loop_alone(cold: Memory) -> None:
    async def entered() -> None:
        async with cold as memory:
            await memory.arecall(QUESTION)

    await run(entered())


async def test_the_pages_behind_an_item_are_read_outside_of_the_loop(cold: Memory) -> None:
    """Those that share no word with the question: no other search has read them before."""
    [result] = await run(cold.aresearch(QUESTION, tools=["keyword"]))
    assert "Ana sees the ferry since Monday." in result.context


# -- graphs and tools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ainvoke", "astream"])
@pytest.mark.parametrize("graph", ["memorizer", "researcher"])
async def test_a_graph_leaves_the_loop_alone(cold: Memory, graph: str, how: str) -> None:
    given = {"memorizer": {"session": "Ana: The ferry is late."}, "researcher": {"question": QUESTION}}[graph]
    await run(getattr(getattr(cold, graph), how)(given))


def arguments(tool: Any, ids: Ids) -> dict[str, Any]:
    every = {"query": QUESTION, "question": QUESTION, "page_id": ids.page, "kind": "semantic"}
    if tool.name in ("memory_insert", "memory_update"):
        every["content"] = "Ana works at the ferry."
    if tool.name in ("memory_update", "memory_delete"):
        every["id"] = ids.item
    call = {name: value for name, value in every.items() if name in tool.args}
    return {"name": tool.name, "args": call, "id": "1", "type": "tool_call"}


@pytest.mark.parametrize("name", TOOLS)
async def test_a_tool_leaves_the_loop_alone(cold: Memory, ids: Ids, name: str) -> None:
    async def called() -> Any:
        [tool] = cold.tools([name])
        return await tool.ainvoke(arguments(tool, ids))

    [message] = await run(called())
    assert message.status == "success"


@pytest.mark.parametrize("name", TOOLS)
async def test_a_tool_that_finds_its_memory_in_the_run_leaves_the_loop_alone(cold: Memory, ids: Ids, name: str) -> None:
    [tool] = jitmem_tools([name])
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([tool]))
    builder.add_edge(START, "tools")
    graph: Any = builder.compile(store=cold.as_store())
    call = {"role": "assistant", "content": "", "tool_calls": [arguments(tool, ids)]}
    [state] = await run(graph.ainvoke({"messages": [call]}))
    assert state["messages"][-1].status == "success"


# -- for other people's agents -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["ainvoke", "astream"])
@pytest.mark.parametrize("options", [{}, {"background": False, "effort": "deep"}], ids=["background", "at once"])
@pytest.mark.parametrize("user", [None, "ben"])
async def test_the_middleware_leaves_the_loop_alone(cold: Memory, how: str, options: Any, user: str | None) -> None:
    agents = pytest.importorskip("langchain.agents", reason="the middleware needs langchain")
    agent = agents.create_agent(Obeying(words=()), middleware=[cold.middleware(single_user=user is None, **options)])
    await run(getattr(agent, how)({"messages": QUESTION}, {"configurable": {"user_id": user}}))
    await asyncio.to_thread(cold.flush)
    assert any("search_pages" in page.text for page in cold.for_namespace(user or cold.namespace).pages())


async def test_a_middleware_whose_memory_fails_leaves_the_loop_alone(cold: Memory) -> None:
    agents = pytest.importorskip("langchain.agents", reason="the middleware needs langchain")
    agent = agents.create_agent(Obeying(words=()), middleware=[cold.middleware(single_user=True)])
    cold.close()
    await run(agent.ainvoke({"messages": QUESTION}))


@pytest.mark.parametrize("talks", [True, False], ids=["model", "reads out"])
async def test_the_agent_leaves_the_loop_alone(cold: Memory, talks: bool) -> None:
    agent = agent_with_memory(cold, ScriptedModel(lines=["At the harbour."]) if talks else None)
    await run(agent.ainvoke({"messages": [("human", QUESTION)]}))


@pytest.mark.parametrize("options", [{}, {"effort": "deep"}], ids=["recall", "research"])
async def test_the_retriever_leaves_the_loop_alone(cold: Memory, options: Any) -> None:
    [documents] = await run(cold.as_retriever(**options).ainvoke(QUESTION))
    assert documents


STORE: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "aget": lambda store: store.aget(("notes",), "ferry"),
    "aput": lambda store: store.aput(("notes",), "bus", {"text": "The bus leaves at nine."}),
    "asearch": lambda store: store.asearch(("notes",), query="When does the ferry leave?"),
    "adelete": lambda store: store.adelete(("notes",), "ferry"),
    "alist_namespaces": lambda store: store.alist_namespaces(),
    "abatch": lambda store: store.abatch(
        [GetOp(("notes",), "ferry"), PutOp(("notes",), "bus", {"text": "bus"}), SearchOp(("notes",), query="ferry")]
    ),
}


@pytest.mark.parametrize("call", STORE)
async def test_the_store_leaves_the_loop_alone(cold: Memory, call: str) -> None:
    await run(STORE[call](cold.as_store()))


def test_every_call_of_a_store_that_is_awaited_has_a_case(memory: Memory) -> None:
    store = memory.as_store()
    assert {name for name in dir(store) if inspect.iscoroutinefunction(getattr(store, name))} == set(STORE)


async def test_the_handlers_of_mcp_leave_the_loop_alone(cold: Memory, ids: Ids) -> None:
    types = pytest.importorskip("mcp_types", reason="the MCP server needs mcp 2")
    from jitmem.integrations.mcp import server

    served: Any = server(cold)
    listed, called = (served.get_request_handler(name).handler for name in ("tools/list", "tools/call"))
    await run(listed(None, None))
    for tool in cold.tools():
        call = arguments(tool, ids)
        params = types.CallToolRequestParams(name=call["name"], arguments=call["args"])
        [result] = await run(called(None, params))
        assert not result.is_error, tool.name


@pytest.mark.parametrize("graph", ["memorizer", "researcher", "agent"])
async def test_what_a_server_is_handed_leaves_the_loop_alone(
    cold: Memory, folder: Path, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    runtimes = pytest.importorskip("langgraph_sdk.runtime")
    from jitmem.integrations import studio

    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("JITMEM_MEMORY", str(folder))
    monkeypatch.setattr(studio, "_memories", {})
    given: Any = {
        "memorizer": {"session": "Ana: The ferry is late."},
        "researcher": {"question": QUESTION},
        "agent": {"messages": [("human", QUESTION)]},
    }[graph]

    async def served() -> Any:
        runtime = runtimes._ExecutionRuntime(
            access_context="threads.create_run", store=None, context={"namespace": "ben"}
        )
        return await (await getattr(studio, graph)(runtime)).ainvoke(given)

    try:
        await run(served())
    finally:
        for opened in studio._memories.values():
            await asyncio.to_thread(opened.close)
        forget_caches()
