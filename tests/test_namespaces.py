"""Several namespaces of one open memory: files, indexes and models are shared, and nothing that is said."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitmem import ItemOptions, MemorizeOptions, Memory, ModelOptions, StoreClosed, UnknownRecord
from jitmem.testing import ScriptedModel


def test_another_namespace_is_made_once_and_shares_the_models(folder: Path) -> None:
    model = ScriptedModel(lines={"memorize": [{"memo": "One."}, {"memo": "Two."}]})
    with Memory.open(
        folder,
        namespace="ana",
        model_options=ModelOptions(memorizer_model=model),
        memorize_options=MemorizeOptions(curate=False),
    ) as ana:
        ben = ana.for_namespace("ben")
        assert ana.for_namespace("ben") is ben
        assert ben.for_namespace("ana") is ana
        assert (ana.namespace, ben.namespace) == ("ana", "ben")
        ana.memorize("Ana: I live in Porto.")
        ben.memorize("Ben: I live in Lisbon.")
    assert model.remaining() == {}


def test_they_never_see_each_other(memory: Memory) -> None:
    other = memory.for_namespace("ben")
    page_id = memory.memorize("Ana: I live in Porto.").page_ids[0]
    item = memory.items.insert("Ana bakes bread.").item
    other.memorize("Ben: I live in Lisbon, where the trams are.")
    assert [hit.text for hit in other.recall("live Porto Lisbon")] == ["Ben: I live in Lisbon, where the trams are."]
    assert "I live in Porto" not in other.research("Who lives in Porto?").context
    assert all("Ana" not in one.content for one in other.items.list())
    assert item is not None
    for look in (lambda: other.page(page_id), lambda: other.items.get(item.id), lambda: other.items.history(item.id)):
        with pytest.raises(UnknownRecord):
            look()


def test_one_that_came_from_another_is_closed_with_it(folder: Path) -> None:
    with Memory.open(folder) as memory:
        with memory.for_namespace("ben") as other:
            other.memorize("Ben: I live in Lisbon.")
        assert other.stats()["pages"] == 1
    with pytest.raises(StoreClosed):
        other.stats()


def test_many_threads_get_the_same_one(memory: Memory) -> None:
    found: list[Memory] = []
    threads = [threading.Thread(target=lambda: found.append(memory.for_namespace("ben"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1


def test_a_session_can_be_accepted_now_and_filed_later(folder: Path) -> None:
    with Memory.open(folder) as memory:
        session_id = memory.accept("Ana: I live in Porto.")
        assert (memory.stats()["waiting"], memory.pages()) == (1, [])
    with Memory.open(folder) as memory:
        assert [filed.session_id for filed in memory.resume()] == [session_id]
        assert memory.accept("Ana: I live in Porto.") == session_id
        assert memory.stats() | {"waiting": 0, "pages": 1} == memory.stats()


# -- sharing ---------------------------------------------------------------------------------------------------

SECRET = "The safe of Ana opens with plum pudding."


def shown(reader: Memory, page_id: str, item_id: str) -> list[bool]:
    """Whether a reader gets at the page and the item of somebody else, way by way: by id, by search, by tool."""

    def opens(call: Callable[[], object]) -> bool:
        try:
            return "plum pudding" in str(call()) or "Ana likes figs" in str(call())
        except UnknownRecord:
            return False

    tools = {tool.name: tool for tool in reader.tools()}
    ways: list[Callable[[], object]] = [
        lambda: reader.page(page_id),
        lambda: reader.items.get(item_id),
        lambda: reader.items.history(item_id),
        lambda: reader.recall("safe plum pudding", 50),
        lambda: reader.research("What opens the safe of Ana?", output="pages").context,
        lambda: reader.as_retriever().invoke("safe plum pudding"),
        lambda: tools["read_page"].invoke({"page_id": page_id}),
        lambda: tools["search_keyword"].invoke({"query": "safe pudding"}),
        lambda: tools["search_vector"].invoke({"query": "safe pudding"}),
        lambda: tools["search_page_id"].invoke({"query": page_id}),
        lambda: tools["memory_search"].invoke({"query": "figs"}),
        lambda: tools["memory_search"].invoke({"query": "figs", "method": "vector"}),
    ]
    return [opens(way) for way in ways]


@pytest.fixture
def alice(folder: Path) -> Iterator[Memory]:
    """`team/alice`, with a page, an item and a core paragraph; five others have each something of their own."""
    with Memory.open(folder, namespace="team/alice") as opened:
        opened.memorize(SECRET)
        opened.items.insert("Ana likes figs.")
        opened.items.update("core", "The core says plum pudding.")
        opened.flush()  # a reader makes no vectors of what is not its own
        for name in ("team", "team/al", "team/bob", "team/bob/desk", "team2", "bob"):
            opened.for_namespace(name).memorize(f"Nothing but {name.replace('/', ' ')} was said here.")
        yield opened


def ids(alice: Memory) -> tuple[str, str]:
    return alice.pages()[0].id, alice.items.list(kind="semantic")[0].id


def readers(alice: Memory) -> set[str]:
    """Who gets at everything of hers; nobody gets at a part of it."""
    found = set()
    for name in ("team", "team/al", "team/bob", "team/bob/desk", "team2", "bob", "team/", "team/alice/x", "teams/bob"):
        seen = shown(alice.for_namespace(name), *ids(alice))
        assert len(set(seen)) == 1, f"{name} {[int(way) for way in seen]}"
        found |= {name} if seen[0] else set()
    return found


def test_a_name_alone_shares_nothing_with_parent_child_sibling_or_namesake(alice: Memory) -> None:
    assert all(shown(alice, *ids(alice)))
    assert readers(alice) == set()  # and now that every index is warm, once more
    assert readers(alice) == set()


@pytest.mark.parametrize(
    ("reader", "who"),
    [
        ("bob", {"bob"}),
        ("team", {"team"}),
        ("team/bob", {"team/bob"}),
        ("team/*", {"team/al", "team/bob", "team/bob/desk", "team/", "team/alice/x"}),
        ("team/bob/*", {"team/bob/desk"}),
        ("team/alice/*", {"team/alice/x"}),
    ],
)
def test_it_is_read_by_whom_it_is_shared_with_and_no_longer_once_that_is_taken_back(
    alice: Memory, reader: str, who: set[str]
) -> None:
    """All indexes are open and warm when it is taken back: each has been asked."""
    alice.admin.share(reader)
    assert (readers(alice), alice.admin.shares()) == (who, [reader])
    assert alice.admin.unshare(reader)
    assert (readers(alice), alice.admin.shares()) == (set(), [])


def test_no_pattern_but_that_of_a_path_is_one(alice: Memory) -> None:
    assert readers(alice) == set()
    for reader in ("*", "tea*", "team/%", "team/_ob", "TEAM/BOB", "/*", "*/bob", "team*"):
        alice.admin.share(reader)
    assert readers(alice) == set()


def test_a_reader_lists_keeps_and_exports_its_own_alone(alice: Memory, tmp_path: Path) -> None:
    bob = alice.for_namespace("bob")
    before = (bob.pages(), bob.items.list(), bob.stats())
    alice.admin.share("bob")
    assert (bob.pages(), bob.items.list(), bob.stats()) == before
    assert bob.as_store().search(()) == []
    bob.transfer.export(tmp_path / "bob.jsonl")
    assert "plum pudding" not in (tmp_path / "bob.jsonl").read_text(encoding="utf-8")
    with_core = ScriptedModel(lines=lambda messages: "I see.")
    agents = pytest.importorskip("langchain.agents", reason="the middleware needs langchain")
    agents.create_agent(with_core, middleware=[bob.middleware(effort=None, memorize=False)]).invoke(
        {"messages": "Hello"}
    )
    assert "plum pudding" not in str(with_core.seen)


def test_a_reader_changes_nothing_of_what_is_shared_with_it(alice: Memory) -> None:
    alice.admin.share("bob")
    bob, (page_id, item_id) = alice.for_namespace("bob"), ids(alice)
    alice.tools(mode="propose")[-3].invoke({"kind": "semantic", "content": "Ana may like dates."})
    [proposal], change = alice.admin.proposals(), alice.items.get(item_id).change
    before = (
        alice.pages(),
        alice.items.list(),
        alice.items.history(item_id),
        alice.admin.proposals(),
        alice.admin.shares(),
    )
    assert [outcome.status for outcome in (bob.items.update(item_id, "Mine."), bob.items.delete(item_id))] == [
        "unknown_id"
    ] * 2
    for tool in bob.tools(["memory_update", "memory_delete"]):
        assert "unknown_id" in tool.invoke(
            {"kind": "semantic", "id": item_id} | ({"content": "Mine."} if "content" in tool.args else {})
        )
    refused: list[Callable[[], object]] = [
        lambda: bob.items.undo(change),
        lambda: bob.admin.approve(proposal.number),
        lambda: bob.admin.reject(proposal.number),
        lambda: bob.forget(page_id=page_id),
        lambda: bob.forget(item_id=item_id),
        lambda: bob.forget(session_id=alice.pages()[0].session_id),
    ]
    for change_it in refused:
        with pytest.raises(UnknownRecord):
            change_it()
    bob.forget(query="pudding")
    bob.forget(query="figs")
    assert not bob.admin.unshare("bob")
    assert (
        alice.pages(),
        alice.items.list(),
        alice.items.history(item_id),
        alice.admin.proposals(),
        alice.admin.shares(),
    ) == before


def test_what_a_reader_passes_on_is_its_own_and_not_what_it_reads(alice: Memory) -> None:
    alice.admin.share("bob")
    alice.for_namespace("bob").admin.share("team2")
    assert readers(alice) == {"bob"}


def test_another_process_that_has_it_open_reads_it_while_it_is_shared_and_not_after(
    alice: Memory, folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    child = start(READER, folder)
    assert child.stdin is not None
    assert child.stdout is not None

    def asked() -> str:
        print("ask", file=child.stdin, flush=True)  # type: ignore[arg-type]
        return child.stdout.readline().strip()  # type: ignore[union-attr]

    page_id, item_id = ids(alice)
    print(page_id, item_id, file=child.stdin, flush=True)
    assert asked() == "0"
    alice.admin.share("bob")
    assert asked() == "4"
    alice.admin.unshare("bob")
    assert asked() == "0"


READER = """
import sys
from jitmem import Memory, UnknownRecord
page_id, item_id = sys.stdin.readline().split()
def opens(look):
    try:
        return "plum pudding" in str(look()) or "figs" in str(look())
    except UnknownRecord:
        return False
with Memory.open(sys.argv[1], namespace="bob") as bob:
    for line in sys.stdin:
        looks = [lambda: bob.page(page_id), lambda: bob.items.get(item_id), lambda: bob.recall("safe pudding"),
                 lambda: bob.research("What opens the safe of Ana?").context]
        print(sum(map(opens, looks)), flush=True)
"""


def test_numbers_of_changes_and_proposals_tell_nothing_of_other_namespaces(folder: Path) -> None:
    def numbers(others: int, name: str) -> tuple[object, ...]:
        with Memory.open(folder / name, namespace="ben") as ben:
            for n in range(others):
                ben.items.insert(f"Ben has boat {n}.")
                ben.memorize(f"Ben: Boat {n}.")
            with Memory.open(folder / name, namespace="ben", item_options=ItemOptions(mode="propose")) as careful:
                for n in range(others):
                    careful.items.insert(f"Ben has car {n}.")
        with Memory.open(folder / name, namespace="ana", item_options=ItemOptions(mode="propose")) as careful:
            proposed = careful.items.insert("Ana has a mill.")
            ana = careful.admin.approve(proposed.proposal or 0)
            assert ana.item is not None
        with Memory.open(folder / name, namespace="ana") as memory:
            memory.memorize("Ana: I bake.")
            changed = memory.items.update(ana.item.id, "Ana has two mills.")
            undone = memory.items.undo(changed.change or 0)
            history = [one.change for one in memory.items.history(ana.item.id)]
            return proposed.proposal, ana.change, changed.change, undone.change, history

    assert numbers(0, "alone") == numbers(7, "beside")
