"""What mem0, LangMem and Letta export becomes items with a page behind them, and sessions; what is left out is told.

The files in tests/others were written by mem0ai 2.2.1, langmem 0.0.30 with LangGraph's InMemoryStore and SqliteStore, and
the schema classes of letta 0.16.8.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jitmem import BadInput, ItemOptions, Memory
from jitmem.cli.app import app
from jitmem.transfer.importers import IMPORTERS
from jitmem.transfer.transfer_report import ImportReport

OTHERS = Path(__file__).parent / "others"
COFFEE, MILL = "Ana prefers her coffee black.", "Ana bought the mill in Viana for 84,000 euros."


def brought(memory: Memory, source: str, value: Any) -> ImportReport:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return memory.transfer.import_(io.BytesIO(raw), from_format=source)  # type: ignore[arg-type]


def said(memory: Memory) -> list[tuple[str, str]]:
    return [(item.kind, item.content) for item in memory.items.list()]


# mem0


def test_mem0_memories_become_items_with_their_record_on_a_page(memory: Memory) -> None:
    done = memory.transfer.import_(OTHERS / "mem0.json", from_format="mem0")
    records = json.loads((OTHERS / "mem0.json").read_text())["results"]
    assert (done.new["item"], done.notes) == (4, ["Items by kind: 4 semantic."])
    assert {content for _, content in said(memory)} == {record["memory"] for record in records}
    for item in memory.items.list():
        [record] = [one for one in records if one["memory"] == item.content]
        page = memory.page(item.page_ids[0])
        assert record["memory"] in page.text
        assert record in page.metadata["memories"]
        assert item.cause == "import"
        assert item.time is not None
        assert item.time.isoformat() == record["created_at"]
    assert memory.recall("coffee")[0].text == f"mem0: {COFFEE}"


def test_mem0_lists_pages_of_the_platform_and_graphs_are_read_and_told(memory: Memory) -> None:
    one = {"id": "1", "memory": "Ana bakes.", "created_at": "2024-07-25T23:57:00.108347-07:00", "categories": ["food"]}
    old = {"id": "2", "memory": "Ana has a cold.", "expiration_date": "2020-01-01"}
    assert brought(memory, "mem0", [one]).new["item"] == 1
    done = brought(memory, "mem0", {"count": 2, "next": "https://…", "results": [one, old, {"id": "3", "memory": " "}]})
    assert done.new["item"] == 1
    told = "\n".join(done.notes)
    assert "import the others, too" in told
    assert "1 memories would expire" in told
    assert "Left out: 1 memories without text." in told
    graph = brought(memory, "mem0", {"results": [], "relations": [{"source": "ana"}]})
    assert graph.notes == ["Left out: 1 relations of the graph."]
    lines = "\n".join(json.dumps({"id": str(n), "memory": f"Ana owns {n} sacks."}) for n in range(3))
    assert brought(memory, "mem0", lines.encode()).new["item"] == 3


# LangMem


@pytest.mark.parametrize("file", ["langmem.json", "langmem_store.csv"])
def test_langmem_items_become_items_and_episodes_events(memory: Memory, file: str) -> None:
    done = memory.transfer.import_(OTHERS / file, from_format="langmem")
    assert said(memory) == [
        ("semantic", COFFEE),
        ("semantic", MILL),
        ("semantic", "UserProfile: name: Ana; home: Viana; likes: coffee, rivers"),
        (
            "episodic",
            "Episode: observation: Ana asked for the bank's letter.; thoughts: She wants it short.;"
            " action: Wrote three lines.; result: She sent it.",
        ),
    ]
    assert done.notes == ["Items by kind: 1 episodic, 3 semantic."]
    page = memory.page(memory.items.list()[2].page_ids[0])
    [record] = [one for one in page.metadata["memories"] if one["key"] == "profile-1"]
    assert record["namespace"] == ["memories", "ana"]
    assert record["value"]["content"]["likes"] == ["coffee", "rivers"]


def test_a_store_dump_of_any_values_and_forms_is_read(memory: Memory) -> None:
    item = {"namespace": ["a", "b"], "key": "k", "value": {"theme": "dark", "sizes": [1, 2]}}
    done = brought(memory, "langmem", {"items": [{**item, "expires_at": "2030-01-01", "score": 0.5}]})
    assert said(memory) == [("semantic", "theme: dark; sizes: 1, 2")]
    assert "1 memories would expire" in "\n".join(done.notes)
    assert brought(memory, "langmem", item).known["item"] == 1
    row = io.StringIO()
    writer = csv.DictWriter(row, ["prefix", "key", "value"])
    writer.writeheader()
    writer.writerow({"prefix": "a", "key": "x", "value": '{"kind": "Memory", "content": {"content": "Ana bakes."}}'})
    assert brought(memory, "langmem", row.getvalue().encode()).new["item"] == 1
    episode = {"namespace": ["a"], "key": "e", "value": {"kind": "Episode", "content": "It rained."}}
    brought(memory, "langmem", [episode])
    assert said(memory)[-1] == ("semantic", "Episode: It rained.")  # an event has a time


# Letta


def test_a_letta_agent_becomes_core_knowledge_and_sessions(memory: Memory) -> None:
    done = memory.transfer.import_(OTHERS / "letta.af", from_format="letta")
    assert said(memory) == [
        ("core", "First name: Ana\nOccupation: miller\nHome: Viana"),
        ("semantic", "persona: I am Sam, curious and brief."),
    ]
    talks = [
        page for page in memory.pages() if page.session_id.startswith("letta:sam:2025-03-0") and "user:" in page.text
    ]
    assert [page.text for page in talks] == [
        "user: The oven arrives on Monday.\nassistant: Then the kitchen must be free by Sunday.",
        "user: Rui paints the door green.\nassistant: Green suits a mill.",
    ]
    assert [str(page.time) for page in talks] == ["2025-03-01 09:01:00+00:00", "2025-03-04 18:30:00+00:00"]
    assert done.notes[1:] == [
        "Left out: 1 inner thoughts of agents.",
        "Left out: 1 messages of the system.",
        "Left out: 1 messages of the tool.",
        "Left out: 1 notices of the system.",
        "Left out: 1 system prompts.",
    ]


def test_the_older_form_of_an_agent_file_and_archival_passages_are_read(memory: Memory) -> None:
    old = {
        "name": "sam",
        "version": "0.6.47",
        "system": "You are Sam.",
        "core_memory": [{"label": "human", "value": "Ana, a miller.", "updated_at": "2025-03-01T09:00:00"}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "The oven came."}],
                "created_at": "2025-03-01T09:00:00",
            }
        ],
        "tool_exec_environment_variables": [{"key": "TOKEN", "value": "sk-secret-123"}],
        "tools": [{"name": "send_message"}],
    }
    done = brought(memory, "letta", old)
    assert said(memory) == [("core", "Ana, a miller.")]
    assert {"Left out: 1 tools.", "Left out: 1 variables and secrets of agents."} <= set(done.notes)
    assert "sk-secret" not in "".join(page.text + str(page.metadata) for page in memory.pages())
    new = {"agents": [{"name": "tom", "secrets": {"TOKEN": "sk-secret-123", "KEY": "sk-secret-456"}}], "tools": []}
    assert "Left out: 2 variables and secrets of agents." in brought(memory, "letta", new).notes
    passages = [
        {"id": "passage-1", "text": MILL, "created_at": "2025-03-02T10:00:00Z", "embedding": [0.1] * 4, "tags": ["x"]}
    ]
    assert brought(memory, "letta", passages).new["item"] == 1
    record = memory.page(memory.items.list(kind="semantic")[0].page_ids[0]).metadata["memories"][0]
    assert record == {"id": "passage-1", "text": MILL, "created_at": "2025-03-02T10:00:00Z", "tags": ["x"]}


def test_a_core_paragraph_that_is_there_stays(memory: Memory) -> None:
    memory.items.update("core", "Ben, a beekeeper.")
    done = memory.transfer.import_(OTHERS / "letta.af", from_format="letta")
    assert [item.content for item in memory.items.list(kind="core")] == ["Ben, a beekeeper."]
    assert "First name: Ana\nOccupation: miller\nHome: Viana" in [content for _, content in said(memory)]
    assert [note for note in done.notes if "there is a core paragraph already" in note]


# All of them

FILES = [("mem0", "mem0.json"), ("langmem", "langmem.json"), ("langmem", "langmem_store.csv"), ("letta", "letta.af")]


@pytest.mark.parametrize(("source", "file"), FILES)
def test_a_file_brought_twice_is_brought_once_and_what_was_deleted_stays_so(
    memory: Memory, source: Any, file: str
) -> None:
    memory.transfer.import_(OTHERS / file, from_format=source)
    memory.items.delete(memory.items.list(kind="semantic")[0].id)
    before = (memory.pages(), memory.items.list())
    again = memory.transfer.import_(OTHERS / file, from_format=source)
    assert again.new == {}
    assert (memory.pages(), memory.items.list()) == before


def test_an_import_that_stopped_between_page_and_items_is_finished_by_the_next(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(memory._runtime.editor, "call_all", stops)
        with pytest.raises(KeyboardInterrupt):
            memory.transfer.import_(OTHERS / "mem0.json", from_format="mem0")
    assert (len(memory.pages()), memory.items.list()) == (1, [])
    memory.transfer.import_(OTHERS / "mem0.json", from_format="mem0")
    assert (len(memory.pages()), len(memory.items.list())) == (2, 4)


def test_the_rules_of_the_memory_for_edits_hold(folder: Path) -> None:
    def guard(edit: Any) -> Any:
        return ("reject", "no coffee here") if "coffee" in edit.content else "allow"

    with Memory.open(folder, item_options=ItemOptions(before_write=guard)) as memory:
        done = memory.transfer.import_(OTHERS / "mem0.json", from_format="mem0")
        assert COFFEE not in [content for _, content in said(memory)]
        assert [note for note in done.notes if "did not become an item: no coffee here" in note]
        assert memory.recall("coffee")[0].text == f"mem0: {COFFEE}"
    with Memory.open(folder, namespace="careful", item_options=ItemOptions(mode="propose")) as memory:
        assert memory.transfer.import_(OTHERS / "mem0.json", from_format="mem0").new["proposal"] == 4
        assert memory.items.list() == []
        again = memory.transfer.import_(OTHERS / "mem0.json", from_format="mem0")
        assert (again.new, len(memory.admin.proposals())) == ({}, 4)


def test_a_long_memory_becomes_several_items_and_loses_no_word(memory: Memory) -> None:
    words = " ".join(f"word{n}" for n in range(3000))
    done = brought(memory, "mem0", [{"id": "1", "memory": words}])
    assert done.new["item"] > 4
    assert " ".join(content for _, content in said(memory)).split() == words.split()


def test_many_memories_are_filed_by_whose_and_when_they_are(memory: Memory) -> None:
    records = [
        {
            "id": str(n),
            "memory": f"Ana owns {n} sacks.",
            "user_id": f"u{n % 2}",
            "created_at": f"2025-03-0{1 + n % 3}T10:00:00Z",
        }
        for n in range(120)
    ]
    done = brought(memory, "mem0", records)
    assert done.new == {"session": 6, "page": 6, "item": 120}
    for item in memory.items.list():
        assert item.content in memory.page(item.page_ids[0]).text


BAD: dict[str, tuple[str, object, str]] = {
    "no JSON": ("mem0", b"nope", "line 1: not valid JSON"),
    "no list": ("mem0", {"results": 7}, "is not an export of mem0"),
    "no object": ("mem0", [7], "memory 1: must be an object"),
    "no text": ("mem0", [{"id": "1", "memory": 7}], 'memory 1: "memory" must be a text'),
    "no time": ("mem0", [{"memory": "x", "created_at": "soon"}], 'memory 1: "created_at": .*is not a time'),
    "a time that is a number": ("mem0", [{"memory": "x", "created_at": 5}], 'memory 1: "created_at" must be a time'),
    "deep": ("mem0", b'[{"memory": "x", "metadata": ' + b"[" * 200 + b"]" * 200 + b"}]", "nested deeper than 100"),
    "half a character": ("mem0", b'[{"memory": "\\ud800"}]', "not a character"),
    "no UTF-8": ("mem0", b"\xff\xfe", "not UTF-8"),
    "no namespace": ("langmem", [{"key": "k", "value": {}}], 'item 1: "namespace" must be a list'),
    "no value": ("langmem", [{"namespace": ["a"], "key": "k", "value": 7}], 'item 1: "value" must be an object'),
    "a value that is not JSON": ("langmem", [{"namespace": ["a"], "key": "k", "value": "{"}], "item 1, value.*not valid JSON"),
    "another table": ("langmem", b"a,b\n1,2\n", "is not a dump of a LangGraph store"),
    "a ragged table": ("langmem", b"prefix,key,value\na,b\n", "line 2: has another number of cells"),
    "no agent file": ("letta", {"name": "x"}, "is not an agent file"),
    "no block": ("letta", {"agents": [], "blocks": [{"id": "b", "value": 7}]}, 'block 1: "value" must be a text'),
    "ids that are no list": ("letta", {"agents": [{"block_ids": 7}]}, 'agent 1: "block_ids" must be a list'),
    "an unknown role": ("letta", {"agents": [{"messages": [{"role": "ghost", "content": "x"}]}]}, "message 1: there is no role 'ghost'"),
    "no tool call": ("letta", {"agents": [{"messages": [{"role": "assistant", "tool_calls": ["x"]}]}]}, "a tool call must be"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_named_with_its_place_and_nothing_is_kept(memory: Memory, what: str) -> None:
    source, value, message = BAD[what]
    with pytest.raises(BadInput, match=rf"(?s)the file.*{message}"):
        brought(memory, source, value)
    assert memory.admin.namespaces() == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["results", "memory", "id", "created_at", "namespace", "key", "value", "content", "agents", "blocks", "messages",
             "role", "tool_calls", "function", "core_memory", "text", "passages", "label", "block_ids", "prefix"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(value=json_values, source=st.sampled_from(sorted(IMPORTERS)))
def test_any_json_is_read_or_refused_by_name(value: Any, source: str) -> None:
    find: Callable[..., Any] = IMPORTERS[source]
    try:
        raw = json.dumps(value).encode()
        find(io.BytesIO(raw), "the file")
    except BadInput as error:
        assert "the file" in str(error)  # noqa: PT017


def test_the_command_imports_them_and_tells_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["import", str(OTHERS / "letta.af"), "--from", "letta"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Imported 3 sessions, 3 pages, 2 items.")
    assert "Left out: 1 system prompts." in done.stdout
    told = CliRunner().invoke(app, ["import", str(OTHERS / "mem0.json"), "--from", "mem0", "--json"])
    assert json.loads(told.stdout)["new"]["item"] == 4
