"""What is forgotten is as if it had never been there: in rankings, items, versions, proposals, and work under way."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage
from typer.testing import CliRunner, Result

from jitmem import BadInput, ItemOptions, Memory, ModelOptions, Receipt, Session, SessionConflict, UnknownRecord
from jitmem.cli.app import app
from jitmem.stores.analyzer import HashedEmbeddings
from jitmem.testing import ScriptedModel

DAYS = [
    Session(id=f"day-{n}", time=f"2024-05-{n:02} 09:00", turns=[("Ana", text), ("Rui", f"Good, on day {n} I rest.")])
    for n, text in enumerate(
        [
            "I walked from Porto to the mill and bought bread.",
            "The mill in Viana was closed, so I read the paper.",
            "My sister Ines lives in Braga and bakes bread.",
            "The code of the safe is Xylophon, says Rui.",
            "We sold flour to the bakery in Porto.",
        ],
        start=1,
    )
]
QUERIES = ("bread", "the mill in Viana", "Porto flour", "code of the safe", "Ines", "day 4", "may 2024")


def ranking(memory: Memory) -> list[list[tuple[str, float]]]:
    return [[(hit.text, round(hit.score, 6)) for hit in memory.recall(query, k=50)] for query in QUERIES]


def said_of(memory: Memory) -> set[str]:
    return {item.content for item in memory.items.list()}


def item_scores(memory: Memory) -> list[list[tuple[str, float, str]]]:
    search = memory._runtime.item_search
    return [[(h.item.content, round(h.score, 6), h.scores) for h in search.search(query, k=50)] for query in QUERIES]


# -- as if it had never been there ---------------------------------------------------------------------------


@pytest.mark.parametrize("owner", [True, False], ids=["chroma", "exact"])
def test_rankings_and_scores_are_those_of_a_memory_that_never_had_the_page(
    folder: Path, tmp_path: Path, owner: bool
) -> None:
    with (
        Memory.open(folder) as first,
        Memory.open(folder) as second,
        Memory.open(tmp_path / "never") as its_owner,
        Memory.open(tmp_path / "never") as its_second,
    ):
        first.memorize_many(DAYS)
        its_owner.memorize_many([day for day in DAYS if day.id != "day-4"])
        first.flush()
        its_owner.flush()
        memory, never = (first, its_owner) if owner else (second, its_second)
        before = ranking(memory)
        first.forget(session_id="day-4")
        assert ranking(memory) == ranking(never) != before
        assert memory._runtime.archive.vectors.owner is owner
        assert said_of(memory) == said_of(never)
        assert item_scores(memory) == item_scores(never)
        for look in (memory, never):
            look.memorize(Session(id="day-6", time="2024-05-06", text="Ana: On the sixth day bread was free in Porto."))
        assert ranking(memory) == ranking(never)
        assert memory.stats() == never.stats()
        assert memory.research("Where does Ines live?").context.count("Braga") > 0
        assert (
            memory.research("What is the code of the safe?").stopped
            == never.research("What is the code of the safe?").stopped
        )


def test_what_is_forgotten_is_found_by_no_verb(memory: Memory) -> None:
    filed = [memory.memorize(day) for day in DAYS][3]
    page = filed.page_ids[0]
    memory.items.insert("The safe is in the cellar.")
    assert memory.recall("safe")
    receipt = memory.forget(query="safe")
    assert page in receipt.page_ids
    assert (len(memory.pages()), memory.pages(session_id="day-4"), memory.stats()["sessions"]) == (4, [], 4)
    assert not any("safe" in hit.text for hit in memory.recall("safe Xylophon", k=50))
    assert not any("safe" in item.content for item in memory.items.list())
    assert "safe" not in memory.research("Which day?", output="pages", context_tokens=9000).context
    tools = {tool.name: tool for tool in memory.tools()}
    assert "No page" in tools["read_page"].invoke({"page_id": page})
    assert "Xylophon" not in memory.tools(["search_page_id"])[0].invoke({"query": page})
    assert "cellar" not in tools["memory_search"].invoke({"query": "cellar safe"})
    for look in (lambda: memory.page(page), lambda: memory.forget(page_id=page)):
        with pytest.raises(UnknownRecord):
            look()


def test_a_session_that_was_forgotten_may_come_again_and_is_new(memory: Memory) -> None:
    first = memory.memorize(DAYS[0])
    memory.forget(session_id="day-1")
    again = memory.memorize(DAYS[0])
    assert (again.duplicate, again.session_id) == (False, "day-1")
    assert again.page_ids != first.page_ids
    assert memory.recall("bread")[0].page_id == again.page_ids[0]


def test_a_page_of_a_long_session_goes_and_the_others_are_a_session_of_their_own(memory: Memory) -> None:
    turns = [("Ana", f"Line {n} about the mill. " + "Flour and bread. " * 30) for n in range(60)]
    long = Session(id="long", turns=turns)
    pages = memory.memorize(long).page_ids
    assert len(pages) > 3
    receipt = memory.forget(page_id=pages[1])
    assert (receipt.session_ids, receipt.page_ids) == ((), (pages[1],))
    left = memory.pages(session_id="long")
    assert [page.id for page in left] == [pages[0], *pages[2:]]
    assert [(page.part, page.parts) for page in left] == [(n, len(left)) for n in range(1, len(left) + 1)]
    with pytest.raises(SessionConflict):
        memory.memorize(long)
    assert [page.id for page in memory.pages(session_id="long")] == [page.id for page in left]
    assert memory.forget(page_id=[page.id for page in left]).session_ids == ("long",)


# -- items and versions --------------------------------------------------------------------------------------


def test_an_item_that_stands_on_two_pages_stays_and_the_receipt_says_so(memory: Memory) -> None:
    one, two = (memory.memorize(Session(id=name, text=f"{name} of the mill.")).page_ids[0] for name in ("one", "two"))
    editor = memory._runtime.editor
    item = editor.insert("semantic", "The mill is closed.", page_ids=(one,)).item
    editor.update("semantic", "The mill is closed on Mondays.", item.id, page_ids=(two,))
    alone = editor.insert("semantic", "Only page one says this.", page_ids=(one,)).item
    receipt = memory.forget(page_id=one)
    assert receipt.item_ids == (alone.id,)
    assert [(kept.item_id, "other source pages" in kept.reason) for kept in receipt.kept] == [(item.id, True)]
    assert (memory.items.get(item.id).content, memory.items.get(item.id).page_ids) == (
        "The mill is closed on Mondays.",
        (two,),
    )
    assert [version.version for version in memory.items.history(item.id)] == [2]
    assert memory.items.undo(memory.items.get(item.id).change).status == "applied"  # nothing is left to go back to
    assert said_of(memory) == set()


def test_an_earlier_version_stands_again_under_a_number_nobody_has_seen(memory: Memory) -> None:
    item = memory.items.insert("Ana lives in Porto.").item
    page = memory.memorize("A page about trains.").page_ids[0]
    editor = memory._runtime.editor
    editor.update("semantic", "Ana lives in Lisbon.", item.id, page_ids=(page,))
    memory.flush()
    receipt = memory.forget(page_id=page)
    assert [kept.item_id for kept in receipt.kept] == [item.id]
    assert (receipt.item_ids, receipt.counts["versions"]) == ((), 1)
    assert (memory.items.get(item.id).content, memory.items.get(item.id).version) == ("Ana lives in Porto.", 3)
    assert memory.items.update(item.id, "Ana lives in Faro.", expected_version=2).status == "rejected"
    assert [hit.item.content for hit in memory._runtime.item_search.search("lives Porto")] == ["Ana lives in Porto."]
    assert [hit.item.content for hit in memory._runtime.item_search.search("Porto", method="vector")]
    assert memory.items.insert("Ana lives in Porto.").status == "duplicate"
    assert memory.items.insert("Ana lives in Lisbon.").status == "applied"


def test_an_earlier_version_that_was_never_embedded_is_embedded_when_it_stands_again(memory: Memory) -> None:
    page = memory.memorize("A page about trains.").page_ids[0]
    item = memory.items.insert("Ana drives a tram.").item
    memory._runtime.editor.update("semantic", "Ana drives a bus.", item.id, page_ids=(page,))
    memory.flush()  # the version before was replaced by then
    memory.forget(page_id=page)
    found = memory._runtime.item_search.search("Ana drives a tram", method="vector")
    assert [hit.item.content for hit in found] == ["Ana drives a tram."]


def test_an_earlier_version_that_another_item_says_does_not_stand_twice(memory: Memory) -> None:
    item = memory.items.insert("Ana lives in Porto.").item
    page = memory.memorize("A page about trains.").page_ids[0]
    memory._runtime.editor.update("semantic", "Ana lives in Lisbon.", item.id, page_ids=(page,))
    other = memory.items.insert("Ana lives in Porto.").item
    receipt = memory.forget(page_id=page)
    assert (receipt.item_ids, receipt.kept) == ((item.id,), ())
    assert [one.id for one in memory.items.list()] == [other.id]


def test_a_query_takes_the_versions_that_have_its_words_and_no_others(memory: Memory) -> None:
    item = memory.items.insert("Ana lives in Porto.").item
    memory.items.update(item.id, "Ana lives in Lisbon.")
    memory.items.update(item.id, "Ana lives in Faro.")
    changes = [version.change for version in memory.items.history(item.id)]
    receipt = memory.forget(query="lisbon LIVE")
    assert (receipt.counts["versions"], receipt.item_ids) == (1, ())
    assert [version.content for version in memory.items.history(item.id)] == [
        "Ana lives in Porto.",
        "Ana lives in Faro.",
    ]
    assert memory.items.undo(changes[2]).item.content == "Ana lives in Porto."
    with pytest.raises(UnknownRecord):
        memory.items.undo(changes[1])
    assert [one.content for one in memory.items.as_of("2100-01-01")] == ["Ana lives in Porto."]


def test_proposals_go_with_what_they_are_about(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        page = memory.memorize("A page about trains.").page_ids[0]
        editor = memory._runtime.editor
        editor.insert("semantic", "From the page.", page_ids=(page,))
        editor.insert("semantic", "From nowhere.")
        editor.insert("semantic", "From the page, approved.", page_ids=(page,))
        last = memory.admin.proposals()[-1].number
        memory.admin.approve(last)
        outcome = memory.items.insert("By a person.")
        item = memory.admin.approve(outcome.proposal).item
        memory.forget(page_id=page)
        told = [proposal.edit.content for proposal in memory.admin.proposals(waiting=False)]
        assert "From nowhere." in told
        assert not any("From the page" in (content or "") for content in told)
        memory.forget(item_id=item.id)
        assert "By a person." not in [proposal.edit.content for proposal in memory.admin.proposals(waiting=False)]


# -- choosing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"page_id": "a", "query": "b"},
        {"everything": True, "after": "2024"},
        {"page_id": []},
        {"page_id": [1]},
        {"query": "the"},
        {"query": "  "},
        {"after": "no time"},
        {"after": "2024-05-02", "before": "2024-05-01"},
        {"everything": False},
    ],
)
def test_what_is_not_said_in_one_way_is_refused_and_changes_nothing(memory: Memory, what: dict[str, Any]) -> None:
    memory.memorize(DAYS[0])
    with pytest.raises(BadInput):
        memory.forget(**what)
    assert len(memory.pages()) == 1


def test_an_unknown_id_among_others_changes_nothing(memory: Memory) -> None:
    pages = [memory.memorize(day).page_ids[0] for day in DAYS[:2]]
    others = memory.for_namespace("other").memorize(DAYS[2]).page_ids[0]
    memory.for_namespace("other").admin.share("default")
    assert memory.page(others).namespace == "other"
    for unknown in ("0m7vntb32623", others, "", "' OR 1=1 --"):
        with pytest.raises((UnknownRecord, BadInput)):
            memory.forget(page_id=[pages[0], unknown])
    for selector in (
        {"session_id": "day-3"},
        {"item_id": memory.for_namespace("other").items.insert("Theirs.").item.id},
    ):
        with pytest.raises(UnknownRecord):
            memory.forget(**selector)
    assert [page.id for page in memory.pages()] == pages
    assert len(memory.for_namespace("other").pages()) == 1


def test_a_span_of_time_takes_sessions_by_their_own_clock_and_leaves_those_without(memory: Memory) -> None:
    memory.memorize_many([*DAYS, Session(id="timeless", text="When was this?")])
    memory.accept(Session(id="waits", time="2024-05-03 23:00", text="It waits."))
    preview = memory.forget(after="2024-05-02 09:00", before="4 May 2024", preview=True)
    assert (preview.status, preview.session_ids) == ("preview", ("day-2", "day-3", "waits"))
    assert "without a time" in preview.note
    receipt = memory.forget(after="2024-05-02 09:00", before="4 May 2024")
    assert receipt.session_ids == ("day-2", "day-3", "waits")
    assert [page.session_id for page in memory.pages()] == ["day-1", "day-4", "day-5", "timeless"]
    assert memory.resume() == []
    assert memory.forget(before="2024-05-05").session_ids == ("day-1", "day-4")


def test_a_bound_with_a_zone_is_an_instant(memory: Memory) -> None:
    for name, when in (
        ("tokyo", "2024-05-03 20:00 UTC+09:00"),  # 11:00 UTC
        ("lisbon", "2024-05-03 12:30 Europe/Lisbon"),  # 11:30 UTC
        ("denver", "2024-05-03 06:00 UTC-06:00"),  # 12:00 UTC
        ("somewhere", "2024-05-03 11:45"),
    ):
        memory.memorize(Session(id=name, text=f"Written in {name}.", time=when))
    bounds = {"after": "2024-05-03 11:30Z", "before": "2024-05-03 17:30 UTC+05:30"}
    assert memory.forget(**bounds, preview=True).session_ids == ("lisbon", "somewhere")
    with pytest.raises(BadInput, match="after must be earlier"):
        memory.forget(after="2024-05-03 11:30Z", before="2024-05-03 12:00 UTC+05:30")


def test_a_session_of_a_month_is_before_a_time_only_when_the_month_is_over(memory: Memory) -> None:
    for name, when in (("april", "April 2024"), ("may", "May 2024"), ("year", "2024")):
        memory.memorize(Session(id=name, text=f"A letter of {name}.", time=when))
    assert memory.forget(before="20 May 2024", preview=True).session_ids == ("april",)
    assert memory.forget(before="2024-06-01 00:00Z", preview=True).session_ids == ("april", "may")
    assert memory.forget(after="May 2024", before="2025", preview=True).session_ids == ("may",)


def test_a_preview_says_what_goes_and_changes_nothing(memory: Memory) -> None:
    memory.memorize_many(DAYS)
    memory.items.insert("Ines bakes bread on Sundays.")
    before = (memory.pages(), memory.items.list(), memory.stats(), ranking(memory))
    preview = memory.forget(query="bake Ines", preview=True)
    assert preview.status == "preview"
    assert any("sister Ines" in words for words in preview.beginnings.values())
    assert "Ines bakes bread on Sundays." in preview.beginnings.values()
    assert (memory.pages(), memory.items.list(), memory.stats(), ranking(memory)) == before
    receipt = memory.forget(query="bake Ines")
    ids = ("counts", "session_ids", "page_ids", "item_ids", "kept")
    assert [getattr(receipt, name) for name in ids] == [getattr(preview, name) for name in ids]
    assert receipt.beginnings == {}


def test_a_query_means_every_word_in_titles_memos_dates_speakers_and_recalled_text_too(memory: Memory) -> None:
    from jitmem.stores.recall_markers import wrap_recalled

    memory.memorize_many(DAYS)
    recalled = memory.memorize(f"Ana: so it said {wrap_recalled('The harbour freezes.')} and that was all.").page_ids[0]
    assert memory.forget(query="harbour freezing", preview=True).page_ids == (recalled,)
    assert len(memory.forget(query="rui may 2024", preview=True).page_ids) == 5
    assert memory.forget(query="bread Viana", preview=True).page_ids == ()


def test_everything_of_one_namespace_leaves_the_others_as_they_are(memory: Memory) -> None:
    other = memory.for_namespace("other")
    for one in (memory, other):
        one.memorize_many(DAYS)
        one.items.insert("Bread is good.")
    before = (ranking(other), other.items.list(), other.stats())
    memory.admin.share("other")
    memory.forget(everything=True)
    assert (memory.stats()["pages"], memory.items.list(), memory.recall("bread"), memory.admin.shares()) == (
        0,
        [],
        [],
        [],
    )
    assert (ranking(other), other.items.list(), other.stats()) == before
    assert memory.forget(everything=True).counts == {}
    memory.memorize(DAYS[0])
    assert [page.session_id for page in memory.pages()] == ["day-1"]
    assert "Porto" in memory.recall("bread")[0].text


async def test_every_verb_has_an_awaited_twin(memory: Memory) -> None:
    page = (await memory.amemorize(DAYS[0])).page_ids[0]
    assert (await memory.aforget(page_id=page)).status == "erased"
    assert (
        await memory.admin.aset_retention(pages="3 days") == await memory.admin.aretention() == memory.admin.retention()
    )
    assert isinstance(await memory.admin.apurge(), Receipt)


# -- while others are at work --------------------------------------------------------------------------------


class Interrupting(Embeddings):
    """Hashed vectors; before a query is embedded, something else is done."""

    model = "interrupting"

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return HashedEmbeddings().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self.before()
        return HashedEmbeddings().embed_query(text)


@pytest.mark.parametrize("output", ["integration", "snippets", "pages"])
def test_a_research_goes_on_without_what_is_forgotten_meanwhile(folder: Path, output: Any) -> None:
    embeddings = Interrupting()
    with Memory.open(folder, embeddings=embeddings) as memory:
        memory.memorize_many(DAYS)
        secret = memory.pages(session_id="day-4")[0].id
        memory.flush()
        forgotten: list[Receipt] = []
        embeddings.before = lambda: forgotten or forgotten.append(memory.forget(page_id=secret))
        result = memory.research("What is the code of the safe at the mill in Viana?", output=output, depth=2)
        assert len(forgotten) == 1
        assert "Xylophon" not in result.context
        assert secret not in {*result.page_ids, *(citation.page_id for citation in result.citations)}


def test_a_model_that_thinks_while_its_evidence_is_forgotten_cites_it_nowhere(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many(DAYS)
        memory.flush()
    secret = ""

    def think(messages: list[Any]) -> Any:
        memory.forget(session_id="day-4") if memory.pages(session_id="day-4") else None
        source = {"page_id": secret, "quote": "The code of the safe is Xylophon"}
        return {"statements": [{"text": "The code is Xylophon.", "sources": [source]}], "enough": True, "missing": [],
                "request": "", "names": []}  # fmt: skip

    model = ScriptedModel(lines=think)
    with Memory.open(folder, model_options=ModelOptions(step_models={"integrate": model})) as memory:
        secret = memory.pages(session_id="day-4")[0].id
        result = memory.research("What is the code of the safe?", depth=2)
        assert model.seen
        assert "Xylophon" not in result.context
        assert secret not in result.page_ids


def test_a_curate_files_no_item_from_a_page_that_is_forgotten_meanwhile(folder: Path) -> None:
    lines: dict[str, Any] = {"memorize": [{"memo": "A page."}]}

    def think(messages: list[Any]) -> Any:
        if memory.pages(session_id="day-4") and lines["memorize"] == []:
            memory.forget(session_id="day-4")
        args = {"kind": "semantic", "content": "The code of the safe is Xylophon."}
        return AIMessage("", tool_calls=[{"name": "memory_insert", "args": args, "id": "1", "type": "tool_call"}])

    with Memory.open(folder, model_options=ModelOptions(step_models={"curate": ScriptedModel(lines=think)})) as memory:
        lines["memorize"].clear()
        filed = memory.memorize(DAYS[3])
        assert [edit["status"] for edit in filed.edits] == ["rejected"]
        assert "forgotten" in filed.edits[0]["reason"]
        assert (memory.items.list(), memory.pages(), memory.resume()) == ([], [], [])


def test_a_session_that_is_forgotten_while_it_is_filed_is_not_kept(folder: Path) -> None:
    def think(messages: list[Any]) -> Any:
        memory.forget(session_id="day-4")
        return {"memo": "The code."}

    with Memory.open(
        folder, model_options=ModelOptions(step_models={"memorize": ScriptedModel(lines=think)})
    ) as memory:
        filed = memory.memorize(DAYS[3])
        assert (filed.page_ids, filed.failures[0]["step"]) == ((), "file")
        assert memory.stats() == {"sessions": 0, "waiting": 0, "pages": 0, "passages": 0, "characters": 0}


def test_vectors_that_arrive_after_their_page_was_forgotten_are_not_kept(folder: Path) -> None:
    class Late(Interrupting):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            self.before()
            return super().embed_documents(texts)

    embeddings = Late()
    with Memory.open(folder, embeddings=embeddings) as memory:
        memory.memorize(DAYS[0])
        done: list[Receipt] = []
        embeddings.before = lambda: done or done.append(memory.forget(session_id="day-4"))
        assert memory.memorize(DAYS[3]).page_ids
        assert [page.session_id for page in memory.pages()] == ["day-1"]
        assert memory.recall("safe Porto bread")[0].text.startswith("Ana: I walked")


def test_another_memory_that_is_open_sees_it_at_once(folder: Path) -> None:
    with Memory.open(folder) as memory, Memory.open(folder) as other:
        memory.memorize_many(DAYS)
        memory.items.insert("The safe is green.")
        page = memory.pages(session_id="day-4")[0].id
        assert other.page(page)
        assert any("safe" in hit.text for hit in other.recall("safe"))
        assert "green" in other.tools(["memory_search"])[0].invoke({"query": "safe green"})
        memory.forget(query="safe")
        with pytest.raises(UnknownRecord):
            other.page(page)
        assert not any("safe" in hit.text for hit in other.recall("safe", k=50))
        assert "green" not in other.tools(["memory_search"])[0].invoke({"query": "safe green"})
        found = [[hit.text for hit in one.recall("bread and the mill in Porto", k=50)] for one in (other, memory)]
        assert found[0] == found[1] != []


# -- on the command line -------------------------------------------------------------------------------------


def jitmem(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--memory", str(folder)])


def test_the_command_shows_first_asks_and_tells_what_went(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many(DAYS)
    dry = jitmem(folder, "forget", "--query", "safe", "--dry-run")
    assert dry.exit_code == 0
    assert "Would be deleted: " in dry.stdout
    assert "The code of the safe" in dry.stdout
    unasked = jitmem(folder, "forget", "--query", "safe")
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (2, True)
    done = jitmem(folder, "forget", "--query", "safe", "--yes", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["status"], told["counts"]["pages"]) == (0, "erased", 1)
    with Memory.open(folder) as memory:
        assert len(memory.pages()) == 4
    assert jitmem(folder, "retention", "--pages", "90 days", "--core", "always").stdout.split() == [
        *("kind", "kept", "for", "pages", "90", "days", "core", "always"),
        *("semantic", "always", "episodic", "always"),
    ]
    purged = jitmem(folder, "purge", "--all")
    assert (purged.exit_code, purged.stdout) == (0, "Forgotten: nothing.\n")
    everything = jitmem(folder, "forget", "--everything", "--yes")
    assert (everything.exit_code, "1 namespace" in everything.stdout) == (0, True)
    assert "The bytes are erased." in everything.stdout


def test_the_command_ends_with_1_where_bytes_are_left(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many(DAYS)
    with closing(sqlite3.connect(folder / "truth.sqlite3", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM page").fetchone()
        done = jitmem(folder, "forget", "--session", "day-4", "--yes")
    assert (done.exit_code, "Pending: truth.sqlite3 is being read" in done.stdout) == (1, True)
    assert jitmem(folder, "purge").exit_code == 0


def test_forgetting_off_the_event_loop_blocks_nobody(memory: Memory) -> None:
    async def both() -> tuple[Receipt, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        receipt = await memory.aforget(session_id="day-1")
        ticking.cancel()
        return receipt, ticks

    memory.memorize_many(DAYS)
    receipt, ticks = asyncio.run(both())
    assert (receipt.status, ticks > 0) == ("erased", True)
