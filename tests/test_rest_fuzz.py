"""Requests made at random from the OpenAPI schema, and against it: never a server's error, and no other namespace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra [server]")

import httpx
from http_service import OWNER, USERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitmem import Memory
from jitmem.server.callers import Callers
from jitmem.server.web_app import create_app

SECRET = "Xylophonia"
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [SECRET, "ana", "default", "2024-05-08", "core", "90 days", "../..", "%00", "\0", "' OR 1=1 --", ""]
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def values_of(schema: dict[str, Any], parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema of OpenAPI, as far as ours use it."""
    if "$ref" in schema:
        return values_of(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return st.one_of([values_of(one, parts) for one in schema[several]])
    match schema.get("type"):
        case "string":
            return TEXT
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "integer":
            low, high = schema.get("minimum", -(2**70)), schema.get("maximum", 2**70)
            return st.integers(low, min(high, low + 50) if "minimum" in schema else high)
        case "number":
            return st.floats(0.01, 1e6)
        case "array" if "prefixItems" in schema:
            return st.tuples(*(values_of(one, parts) for one in schema["prefixItems"]))
        case "array":
            return st.lists(values_of(schema.get("items", {}), parts), max_size=3)
        case "object" if "properties" in schema:
            required = set(schema.get("required", ()))
            fields = {name: values_of(one, parts) for name, one in schema["properties"].items()}
            return st.fixed_dictionaries(
                {name: one for name, one in fields.items() if name in required},
                optional={name: one for name, one in fields.items() if name not in required},
            )
        case "object":
            return st.dictionaries(TEXT, JSON, max_size=3)
    return JSON


APP = create_app(lambda: pytest.fail("not opened"), Callers(OWNER))
SCHEMA = APP.openapi()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Memory, dict[str, list[str]]]]:
    """A memory in which Ana has a secret word and Ben has not; ids of both."""
    with Memory.open(tmp_path_factory.mktemp("fuzz") / "memory") as memory:
        ids: dict[str, list[str]] = {"page_id": [], "item_id": ["core"], "number": []}
        for name, text in (("ana", f"Ana plays the {SECRET}."), ("ben", "Ben keeps bees.")):
            own = memory.for_namespace(name)
            ids["page_id"] += own.memorize(text).page_ids
            made = own.items.insert(f"{text} Often.")
            assert made.item is not None
            ids["item_id"].append(made.item.id)
            ids["number"].append(str(made.change))
        yield memory, ids


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[f"{one[0]} {one[1]}" for one in OPERATIONS])
def test_no_request_makes_a_servers_error_or_reads_another_namespace(
    shared: tuple[Memory, dict[str, list[str]]], method: str, path: str, operation: dict[str, Any]
) -> None:
    memory, ids = shared
    parts = SCHEMA["components"]["schemas"]
    content = operation.get("requestBody", {}).get("content", {})
    body = values_of(content["application/json"]["schema"], parts) if "application/json" in content else JSON
    queries = {
        one["name"]: values_of(one["schema"], parts) for one in operation.get("parameters", []) if one["in"] == "query"
    }
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
    places = {name: st.sampled_from(ids[name]) | st.text("abc019.-~\xe9", min_size=1, max_size=12) for name in names}
    app = create_app(lambda: memory, Callers(OWNER, USERS), close=False)

    @settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(sent=body | JSON, query=st.fixed_dictionaries({}, optional=queries), place=st.fixed_dictionaries(places))
    def send(sent: Any, query: dict[str, Any], place: dict[str, str]) -> None:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            headers = {"Authorization": f"Bearer {USERS['ben']}", "Content-Type": "application/json"}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
                raw = None if method == "GET" else json.dumps(sent).encode()
                where = path.format(**{name: httpx.URL(f"/{one}").raw_path[1:].decode() for name, one in place.items()})
                plain = {name: one for name, one in query.items() if one is not None}
                return await client.request(method, where, params=plain, content=raw)

        response = asyncio.run(ask())
        assert response.status_code < 500, response.text
        assert "plays the" not in response.text
        if response.status_code >= 400:
            assert set(response.json()) == {"kind", "message", "fix"}

    send()


def test_after_that_ana_has_what_she_had(shared: tuple[Memory, dict[str, list[str]]]) -> None:
    memory, ids = shared
    ana = memory.for_namespace("ana")
    assert [page.text for page in ana.pages()] == [f"Ana plays the {SECRET}."]
    assert ids["item_id"][1] in [item.id for item in ana.items.list()]
    assert ana.admin.shares() == []


def test_the_schema_has_values_for_every_route(tmp_path: Path) -> None:
    assert len(OPERATIONS) >= 33
    assert all("#/components/schemas/ErrorForm" in json.dumps(one["responses"]) for *_, one in OPERATIONS)
