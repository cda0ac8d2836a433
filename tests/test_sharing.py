"""A namespace that is shared is read by others as their own, and edited by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitmem import BadInput, Memory, UnknownRecord

ANA = "Ana: I keep the spare key of the mill under the third flowerpot."
TEAM = "Rui: The team orders flour from Viana every second Monday."


@pytest.fixture
def team(folder: Path) -> Memory:
    """A folder with a team and two of its members."""
    with Memory.open(folder, namespace="team") as memory:
        memory.memorize(TEAM)
        memory.items.insert("The bakery closes on Mondays.")
        memory.for_namespace("team/ana").memorize(ANA)
        memory.for_namespace("team/rui").memorize("Rui: I dream of mountains.")
        yield memory


def found(memory: Memory, query: str) -> set[str]:
    return {hit.text for hit in memory.recall(query) if hit.score}


def test_a_name_below_another_shares_nothing_by_itself(team: Memory) -> None:
    assert found(team.for_namespace("team/ana"), "flour Viana Monday") == {ANA}
    assert found(team, "spare key mill") == {TEAM}


def test_what_is_shared_is_found_by_the_reader_beside_its_own(team: Memory) -> None:
    ana = team.for_namespace("team/ana")
    assert found(ana, "flour and the spare key") == {ANA}
    team.admin.share("team/ana")
    assert found(ana, "flour and the spare key") == {ANA, TEAM}
    assert ana.research("Where does the team order flour?").citations
    assert found(team.for_namespace("team/rui"), "flour") == set()


def test_all_below_a_name_may_read_and_names_that_look_alike_may_not(team: Memory) -> None:
    team.admin.share("team/*")
    for name in ("team/ana", "team/rui/work"):
        assert TEAM in found(team.for_namespace(name), "flour"), name
    for name in ("team2", "teams/ana", "other/team/ana", "TEAM/ana"):
        assert found(team.for_namespace(name), "flour") == set(), name


def test_the_ranking_of_a_reader_is_that_of_one_who_has_filed_it_all(team: Memory, tmp_path: Path) -> None:
    team.admin.share("team/ana")
    with Memory.open(tmp_path / "alone") as alone:
        alone.memorize_many([TEAM, ANA])
        for query in ("flour", "the key of the mill", "Monday flowerpot"):
            shared = [(hit.text, round(hit.score, 6)) for hit in team.for_namespace("team/ana").recall(query)]
            assert shared == [(hit.text, round(hit.score, 6)) for hit in alone.recall(query)]


def test_what_is_taken_back_is_gone_at_once(team: Memory) -> None:
    ana = team.for_namespace("team/ana")
    team.admin.share("team/ana")
    page, item = team.pages()[0].id, team.items.list()[0].id
    assert (ana.page(page).namespace, ana.items.get(item).namespace) == ("team", "team")
    assert team.admin.unshare("team/ana") is True
    assert team.admin.unshare("team/ana") is False
    assert found(ana, "flour") == {ANA}
    assert ana.tools(["memory_search"])[0].invoke({"query": "bakery Mondays"}).count("closes") == 0
    for look in (lambda: ana.page(page), lambda: ana.items.get(item), lambda: ana.items.history(item)):
        with pytest.raises(UnknownRecord):
            look()


def test_a_reader_lists_and_edits_only_what_is_its_own(team: Memory) -> None:
    ana = team.for_namespace("team/ana")
    team.admin.share("team/ana")
    item = team.items.list()[0]
    assert [page.namespace for page in ana.pages()] == ["team/ana"]
    assert (ana.items.list(), ana.stats()["pages"]) == ([], 1)
    assert ana.items.update(item.id, "The bakery never closes.").status == "unknown_id"
    assert ana.items.delete(item.id).status == "unknown_id"
    with pytest.raises(UnknownRecord):
        ana.items.undo(item.change)
    assert team.items.list() == [item]
    assert ana.tools(["memory_search"])[0].invoke({"query": "bakery Mondays"}).count("closes") == 1


def test_a_share_with_nobody_is_refused(team: Memory) -> None:
    for reader in ("team", "", "a\0b", "x" * 600):
        with pytest.raises(BadInput):
            team.admin.share(reader)
    assert team.admin.shares() == []


def test_every_name_in_a_folder_is_listed(team: Memory, folder: Path) -> None:
    with Memory.open(folder) as memory:
        assert memory.admin.namespaces() == ["team", "team/ana", "team/rui"]
