"""Nothing that one namespace holds is ever seen by another: every verb, tool, prompt, event and error."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from injections.obeying import Obeying

from jitmem import Memory, MemoryAdmin, MemoryItems, MemoryTransfer, Session
from jitmem.integrations.agent import agent_with_memory
from jitmem.testing import ScriptedModel

MARK = "Xkqzvw"  # stands in everything that Alice holds
ALICE = "team/alice"
QUESTION = "Where does Ana live, what does the boat weigh, and who likes pears?"
OTHERS = ["bob", "team", "team/*", "TEAM/ALICE"]
NAMES = [
    *"team/ team/al team/alice2 team/alice/ team/alice/x team//alice team/./alice /team/alice team2 * % _ team/alic_ '".split(),
    *("team/alice ", " team/alice", "team/alice\t", "team/alice\n", "team/alice\u200b", "tеam/alice", "team/alıce", "team\\alice"),
    *("' OR '1'='1", "team/alice' --", "team/alice; DROP TABLE page", "../team/alice", "ｔｅａｍ/alice", "team/alice\u0301", "t" * 512),
]  # fmt: skip

# Who opens the folder can do these with all of it: they are not a tenant's, and no tool or server has them.
OPERATORS = {
    "open",
    "for_namespace",
    "root",
    "close",
    "admin.namespaces",
    "admin.doctor",
    "transfer.backup",
    "tools",
    "middleware",
    "as_store",
    "as_retriever",
}


@dataclass(frozen=True)
class Held:
    """What Alice holds, by the ids that somebody else may have come by."""

    page_id: str
    session_id: str
    item_id: str
    core_id: str
    change: int
    proposal: int
    journal: int

    @property
    def ids(self) -> tuple[str, ...]:
        return self.page_id, self.item_id, self.core_id


def planted(alice: Memory) -> Held:
    """The mark in pages, memos, titles, speakers, metadata, ids, items, versions, proposals, entries and the journal."""
    alice.memorize(Session(text=f"Only the id and this say {MARK}.", id=f"{MARK}-id"))
    turns = [(f"{MARK} Ana", f"I live in {MARK}town."), ("Ben", f"And the boat {MARK} weighs 9 tons.")]
    noted = {"title": f"{MARK} title", "note": MARK}
    session = Session(turns=turns, id="alices-session", time="8 May 2023", metadata=noted)
    [page_id] = alice.memorize(session).page_ids
    alice.accept(f"{MARK} waits in the journal.")
    first = alice.items.insert(f"{MARK} likes plums.")
    assert first.item is not None
    changed = alice.items.update(first.item.id, f"{MARK} likes pears.")
    alice.items.insert(f"{MARK} sailed.", "episodic", "2023-05-08")
    alice.items.delete(alice.items.insert(f"{MARK} is deleted.").item.id)  # type: ignore[union-attr]
    core = alice.items.update("core", f"{MARK} is who this is about.")
    [insert] = [tool for tool in alice.tools(mode="propose") if tool.name == "memory_insert"]
    insert.invoke({"kind": "semantic", "content": f"{MARK} proposes."})
    alice.as_store().put((MARK, "notes"), f"{MARK}-key", {"text": f"{MARK} entry"})
    alice.admin.set_retention(pages="90 days")
    assert core.item is not None
    assert changed.change is not None
    [proposal] = alice.admin.proposals()
    journal = alice._runtime.archive.journal.waiting()[0].n
    return Held(page_id, "alices-session", first.item.id, core.item.id, changed.change, proposal.number, journal)


def state(memory: Memory) -> str:
    """Everything that a namespace holds."""
    own = [
        memory.pages(),
        memory.items.list(),
        memory.admin.proposals(waiting=False),
        memory.stats(),
        memory.admin.shares(),
        memory.admin.retention(),
    ]
    store = memory.as_store()
    histories = [memory.items.history(item.id) for item in memory.items.list()]
    return repr([own, histories, store.search(()), memory._runtime.archive.journal.waiting()])


# From whoever looks, and what Alice holds, to what is called; each with its awaited twin, where it has one.
CASES: dict[str, Callable[[Held], list[tuple[tuple[Any, ...], dict[str, Any]]]]] = {
    "namespace": lambda held: [],
    "memorizer": lambda held: [],
    "researcher": lambda held: [],
    "memorize": lambda held: [((Session(text="Bob speaks.", id=held.session_id),), {}), (("Bob speaks again.",), {})],
    "accept": lambda held: [(("Bob waits.",), {})],
    "memorize_many": lambda held: [((["Bob one.", "Bob two."],), {})],
    "resume": lambda held: [((), {})],
    "research": lambda held: [((QUESTION,), {"effort": "deep"}), ((f"session: {held.session_id} {held.page_id}",), {"answer": True})],
    "stream": lambda held: [((QUESTION,), {"answer": True, "output": "pages"})],
    "estimate": lambda held: [((QUESTION,), {})],
    "recall": lambda held: [((QUESTION,), {"k": 50}), ((held.page_id,), {})],
    "pages": lambda held: [((), {}), ((), {"session_id": held.session_id}), ((), {"limit": -1, "offset": 0})],
    "page": lambda held: [((found,), {}) for found in held.ids],
    "stats": lambda held: [((), {})],
    "items.list": lambda held: [((), {}), ((), {"kind": "core"})],
    "items.get": lambda held: [((found,), {}) for found in held.ids],
    "items.as_of": lambda held: [(("2099-01-01",), {})],
    "items.search": lambda held: [((QUESTION,), {}), ((MARK,), {"method": "keyword"})],
    "items.history": lambda held: [((found,), {}) for found in held.ids],
    "items.insert": lambda held: [(("Bob likes plums.",), {})],
    "items.update": lambda held: [((held.item_id, "Mine now."), {}), ((held.item_id,), {"time": "2020", "expected_version": 1}), (("core", "Bob."), {})],
    "items.delete": lambda held: [((held.item_id,), {}), ((held.core_id,), {}), (("core",), {})],
    "items.undo": lambda held: [((held.change + by,), {}) for by in (-1, 0, 1)],
    "admin.proposals": lambda held: [((), {}), ((), {"waiting": False})],
    "admin.session_versions": lambda held: [((held.session_id,), {})],
    "admin.approve": lambda held: [((held.proposal,), {})],
    "admin.reject": lambda held: [((held.proposal,), {})],
    "admin.share": lambda held: [(("somebody",), {})],
    "admin.unshare": lambda held: [(("somebody",), {}), ((ALICE,), {})],
    "admin.shares": lambda held: [((), {})],
    "transfer.export": lambda held: [((io.BytesIO(),), {}), ((io.BytesIO(),), {"vectors": True})],
    "transfer.import_": lambda held: [((io.BytesIO(b"{}"),), {})],
    "forget": lambda held: [
        *(((), {"page_id": held.page_id, "preview": preview}) for preview in (True, False)),
        *(((), {key: value}) for key, value in {"session_id": held.session_id, "item_id": held.item_id, "query": "pears"}.items()),
        *(((), {"after": "1900", "preview": preview}) for preview in (True, False)),
        ((), {"everything": True, "preview": True}),
    ],
    "admin.purge": lambda held: [((), {})],
    "admin.set_retention": lambda held: [((), {"pages": "1 day"})],
    "admin.retention": lambda held: [((), {})],
    "flush": lambda held: [((), {})],
}  # fmt: skip
READING = (
    "recall",
    "research",
    "pages",
    "page",
    "items.list",
    "items.get",
    "items.search",
    "items.as_of",
    "items.history",
    "stats",
    "admin.proposals",
    "admin.shares",
    "admin.retention",
)


def verbs() -> set[str]:
    """Every public name of a memory and its sub-facades, without the twins that are awaited."""
    found = set()
    places = {"": Memory, "items.": MemoryItems, "admin.": MemoryAdmin, "transfer.": MemoryTransfer}
    for place, kind in places.items():
        names = {name for name in dir(kind) if not name.startswith("_")}
        found |= {place + name for name in names if not (name[0] == "a" and name[1:] in names)}
    return found - {"items", "admin", "transfer"}


async def drained(stream: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in stream]


def came_of(call: Callable[[], Any]) -> str:
    """Everything that a call gives, streams or raises, as text; what is written to a file as well."""
    try:
        result = call()
        if inspect.isasyncgen(result):
            result = asyncio.run(drained(result))
        elif inspect.iscoroutine(result):
            result = asyncio.run(result)
        elif inspect.isgenerator(result):
            result = list(result)
        return f"{result!r} {result}"
    except Exception as error:
        return "".join(traceback.format_exception(error)).replace(inspect.getsource(came_of), "")


def told(memory: Memory, name: str, held: Held) -> Iterator[str]:
    """What comes of a verb and its twin, called with what Alice holds."""
    place, _, verb = name.rpartition(".")
    target = attrgetter(place)(memory) if place else memory
    if not callable(getattr(type(target), verb, None)):
        yield came_of(lambda: getattr(target, verb))
    for form in (verb, f"a{verb}"):
        if not hasattr(target, form):
            continue
        for args, options in CASES[name](held):
            yield came_of(lambda form=form, args=args, options=options: getattr(target, form)(*args, **options))  # type: ignore[misc]
            yield from (one.getvalue().decode(errors="replace") for one in args if isinstance(one, io.BytesIO))


def leaks(text: str) -> list[str]:
    """The lines of a text that hold the mark; no call says it."""
    return [line[:300] for line in text.splitlines() if MARK.lower() in line.lower()]


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def test_every_public_verb_has_a_case() -> None:
    assert verbs() - OPERATORS == set(CASES)


@pytest.mark.parametrize("name", OTHERS)
def test_no_verb_tells_anything_of_another_namespace(folder: Path, silent: pytest.LogCaptureFixture, name: str) -> None:
    with Memory.open(folder, namespace=ALICE) as alice:
        held = planted(alice)
        before = state(alice)
        bob = alice.for_namespace(name)
        bob.memorize("Bob: I live in Porto.")
        silent.clear()
        for verb in CASES:
            for text in told(bob, verb, held):
                assert leaks(text) == [], verb
        assert leaks(silent.text) == []
        assert state(alice) == before


def test_no_receipt_counts_what_others_forget(folder: Path) -> None:
    """A13: receipts had one sequence of numbers for the whole folder."""

    def receipt(memory: Memory) -> dict[str, Any]:
        page_id = memory.memorize("Bob: I live in Porto.").page_ids[0]
        one = asdict(memory.forget(page_id=page_id))
        return {name: value for name, value in one.items() if name not in ("at", "session_ids", "page_ids", "item_ids")}

    with Memory.open(folder, namespace=ALICE) as alice:
        bob = alice.for_namespace("bob")
        before = receipt(bob)
        for text in ("one", "two", "three"):
            alice.forget(page_id=alice.memorize(f"Ana: {text}.").page_ids[0])
        assert receipt(bob) == before


def test_alice_herself_is_told_it_by_every_verb_that_reads(folder: Path) -> None:
    """Else the tests here could not fail."""
    with Memory.open(folder, namespace=ALICE) as alice:
        held = planted(alice)
        for verb in (
            *(set(READING) - {"stats", "admin.shares", "admin.retention"}),
            "stream",
            "transfer.export",
            "forget",
        ):
            assert any(leaks(text) for text in told(alice, verb, held)), verb


def test_a_name_is_what_it_is_letter_by_letter(folder: Path) -> None:
    with Memory.open(folder, namespace=ALICE) as alice:
        held = planted(alice)
        for name in NAMES:
            other = alice.for_namespace(name)
            assert other.namespace == name
            for verb in READING:
                for text in told(other, verb, held):
                    assert leaks(text) == [], (name, verb)
            other.memorize(f"Only {name!r} says this.")
        held_by = {name: [page.text for page in alice.for_namespace(name).pages()] for name in NAMES}
        assert held_by == {name: [f"Only {name!r} says this."] for name in NAMES}


def test_no_prompt_of_another_namespace_holds_anything_of_it(folder: Path) -> None:
    with Memory.open(folder, namespace=ALICE) as alice:
        planted(alice)
    model = Obeying(words=())
    with Memory.open(folder, namespace="team", model=model) as bob:
        bob.memorize("Bob: I have a boat, and live in a town.")
        bob.items.update("core", "Bob is a sailor.")
        bob.memorize("Bob: The boat weighs nine tons.")
        for effort in ("fast", "deep"):
            bob.research("What does the boat weigh, and where does Ana live?", effort=effort, answer=True)  # type: ignore[arg-type]
    assert len(model.prompts) > 8
    assert [text for _, text in model.prompts if MARK in text] == []


def test_no_tool_agent_store_or_retriever_shows_anything_of_it(folder: Path, silent: pytest.LogCaptureFixture) -> None:
    agents = pytest.importorskip("langchain.agents", reason="the middleware needs langchain")
    with Memory.open(folder, namespace=ALICE) as alice:
        held = planted(alice)
        before = state(alice)
        bob = alice.for_namespace("team")
        bob.memorize("Bob: I live in Porto.")
        silent.clear()
        said = []
        for tool in bob.tools():
            for value in (QUESTION, *held.ids):
                every = {
                    "query": value,
                    "question": value,
                    "page_id": value,
                    "id": value,
                    "kind": "semantic",
                    "content": "Bob.",
                }
                args = {key: every[key] for key in every if key in tool.args}
                said.append(came_of(lambda tool=tool, args=args: tool.invoke({"name": tool.name, "args": args, "id": "1", "type": "tool_call"})))  # type: ignore[misc]  # fmt: skip
        model = ScriptedModel(lines=lambda messages: "I have heard it.")
        agent = agents.create_agent(
            model, middleware=[alice.middleware(namespace=lambda runtime: "team", background=False)]
        )
        said.append(
            came_of(lambda: list(agent.stream({"messages": QUESTION}, stream_mode=["values", "custom", "updates"])))
        )
        said.append(came_of(lambda: agent_with_memory(bob, model).invoke({"messages": [("human", QUESTION)]})))
        said += [message.text for _, messages in model.seen for message in messages]
        said += [came_of(lambda: bob.as_retriever(k=50).invoke(QUESTION)), came_of(lambda: bob.as_retriever(effort="deep").invoke(QUESTION))]  # fmt: skip
        store = bob.as_store()
        said += [
            came_of(lambda: store.search((), query="pears boat")),
            came_of(lambda: store.search((MARK,))),
            came_of(store.list_namespaces),
        ]
        said.append(came_of(lambda: store.get((MARK, "notes"), f"{MARK}-key")))
        said.append(came_of(lambda: bob.researcher.invoke({"question": QUESTION})))
        said.append(came_of(lambda: bob.memorizer.invoke({"journal": held.journal})))
        assert [leaks(text) for text in said if leaks(text)] == []
        assert leaks(silent.text) == []
        assert state(alice) == before


async def test_no_mcp_client_is_shown_anything_of_it(folder: Path) -> None:
    pytest.importorskip("mcp_types", reason="the MCP server needs mcp 2")
    from mcp_types import CallToolRequestParams

    from jitmem.integrations.mcp import server

    with Memory.open(folder, namespace=ALICE) as alice:
        held = planted(alice)
        served: Any = server(alice.for_namespace("team"))
        handler = served.get_request_handler("tools/call") if hasattr(served, "get_request_handler") else None
        if handler is None:
            pytest.skip("this mcp hands out no handlers; tests/test_mcp.py asks a real server")
        for name, arguments in _mcp_calls(held):
            result = await handler.handler(None, CallToolRequestParams(name=name, arguments=dict(arguments)))
            assert leaks(str(result)) == []


def _mcp_calls(held: Held) -> list[tuple[str, Mapping[str, Any]]]:
    searches = [
        (name, {"query": QUESTION}) for name in ("search_pages", "search_keyword", "search_vector", "memory_search")
    ]
    reads = [("read_page", {"page_id": one}) for one in held.ids] + [
        ("search_page_id", {"query": one}) for one in held.ids
    ]
    edits = [
        ("memory_update", {"kind": "semantic", "id": held.item_id, "content": "Bob."}),
        ("memory_delete", {"kind": "core"}),
    ]
    return [*searches, *reads, *edits, ("research_memory", {"question": QUESTION})]
