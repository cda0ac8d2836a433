"""Agents, curate, the trainer and clients of MCP see the same tools: one specification, with the same words and schemas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from jitmem import ItemOptions, Memory, ModelOptions
from jitmem.stores.errors import BadInput
from jitmem.stores.records import KINDS
from jitmem.testing import ScriptedModel
from jitmem.tools.memory_specs import TOOL_NAMES, memory_specs
from jitmem.tools.tools_of_run import jitmem_tools

KIND_SETS = [KINDS, ("core",), ("semantic", "episodic"), ("semantic",)]


def specified(kinds: Sequence[str] = KINDS, core_tokens: int = 512) -> list[dict[str, Any]]:
    return [spec.as_openai() for spec in memory_specs(kinds, core_tokens)]


def described(spec: dict[str, Any], argument: str) -> str:
    return str(spec["function"]["parameters"]["properties"][argument]["description"])


@pytest.mark.parametrize("kinds", KIND_SETS, ids="+".join)
def test_an_agent_sees_the_specification(folder: Path, kinds: tuple[str, ...]) -> None:
    with Memory.open(folder, item_options=ItemOptions(kinds=kinds)) as memory:
        assert [convert_to_openai_tool(tool) for tool in memory.tools(TOOL_NAMES)] == specified(kinds)


def test_an_agent_that_finds_its_memory_at_run_time_sees_the_specification() -> None:
    assert [convert_to_openai_tool(tool) for tool in jitmem_tools(TOOL_NAMES)] == specified()


@pytest.mark.parametrize("kinds", KIND_SETS, ids="+".join)
def test_the_model_that_curates_sees_the_specification(folder: Path, kinds: tuple[str, ...]) -> None:
    model = ScriptedModel(lines={"curate": [AIMessage("Nothing.")]})
    with Memory.open(
        folder, model_options=ModelOptions(step_models={"curate": model}), item_options=ItemOptions(kinds=kinds)
    ) as memory:
        memory.memorize("Ana: I bake in Porto.")
    assert model.bound_tools == [specified(kinds)]


def test_the_model_that_is_trained_sees_the_specification() -> None:
    transformers = pytest.importorskip("transformers.utils")
    from jitmem.learn.training.environment import MemoryEnvironment

    environment = MemoryEnvironment()
    assert [transformers.get_json_schema(getattr(environment, name)) for name in TOOL_NAMES] == specified()


def test_the_methods_of_the_training_environment_say_what_the_specification_says() -> None:
    """What `transformers` makes a schema of: signature and docstring, read here without it."""
    from jitmem.learn.training.environment import MemoryEnvironment

    for spec in specified():
        function = spec["function"]
        method = getattr(MemoryEnvironment, function["name"])
        fields = function["parameters"]["properties"]
        lines = method.__doc__.splitlines()
        assert lines[0] == function["description"]
        assert lines[3:] == [f"    {name}: {field['description']}" for name, field in fields.items()]
        assert {name: list(get_args(of)) for name, of in method.__annotations__.items() if of is not str} == {
            "kind": fields["kind"]["enum"]
        }


async def test_a_client_of_mcp_sees_the_specification(memory: Memory) -> None:
    mcp = pytest.importorskip("mcp")
    from jitmem.integrations.mcp import server

    async with mcp.Client(server(memory)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": tools[name].description,
                "parameters": tools[name].input_schema,
            },
        }
        for name in TOOL_NAMES
    ] == specified()


def test_lengths_are_numbers_that_the_editor_enforces(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(core_tokens=25)) as memory:
        insert, update, _ = memory._runtime.editor.schemas
        assert described(insert, "content").endswith("; for core one paragraph of at most 100 characters.")
        assert described(update, "content").endswith("; for core one paragraph of at most 100 characters.")
        editor = memory._runtime.editor
        assert not editor.insert("core", "x" * 101).ok
        assert editor.insert("core", "x" * 100).ok


def test_kinds_that_cannot_be_edited_are_not_spoken_of() -> None:
    for kinds in KIND_SETS:
        words = str(specified(kinds))
        assert {kind for kind in KINDS if kind in words} == set(kinds)


def test_an_unknown_kind_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="no kind 'dreams'"):
        Memory.open(folder, item_options=ItemOptions(kinds=("dreams",)))
