"""A call that is nearly right gets an error, or a hint, that says what is right."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from typer.testing import CliRunner

from jitmem import BadInput, Memory
from jitmem.cli.app import app
from jitmem.testing import ScriptedModel


@pytest.mark.parametrize("given", [{}, {"question": None}, {"question": 3}, {"question": " "}, {"query": "Who?"}])
def test_a_question_that_is_none_is_asked_for(given: Any, memory: Memory) -> None:
    with pytest.raises(BadInput, match=r"needs a question"):
        memory.researcher.invoke(given)


@pytest.mark.parametrize("given", [{}, {"text": "Ana: hi"}])
def test_a_session_that_is_none_is_asked_for(given: Any, memory: Memory) -> None:
    with pytest.raises(BadInput, match=r"Give the Memorizer a session"):
        memory.memorizer.invoke(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "a text, a Session, or messages, not NoneType"),
        (5, "a text, a Session, or messages, not int"),
        ([("Ana", "I sold the boat.")], r"Unexpected message type: 'Ana'. .*Session\(turns=\["),
        ([("Ana",)], r"Session\(turns=\["),
    ],
)
def test_what_is_no_session_is_answered_by_the_forms_of_one(given: Any, said: str, memory: Memory) -> None:
    with pytest.raises(BadInput, match=said):
        memory.memorize(given)


@pytest.mark.parametrize("given", [None, 5, b"boat", ["boat"], "", "  "])
def test_what_is_no_question_is_answered_by_what_is_one(given: Any, memory: Memory) -> None:
    for ask in (memory.research, memory.recall, memory.estimate):
        with pytest.raises(BadInput, match="is a text with at least one word"):
            ask(given)


def test_a_text_for_a_namespace_of_the_store_is_no_row_of_letters(memory: Memory) -> None:
    store = memory.as_store()
    wrong: Any = "users"
    for call in (lambda: store.put(wrong, "tea", {}), lambda: store.get(wrong, "tea"), lambda: store.search(wrong)):
        with pytest.raises(BadInput, match="tuple of labels"):
            call()


@pytest.mark.parametrize(
    ("options", "got"),
    [([], "none of them"), (["--query", "boat", "--page", "1"], "--page and --query")],
)
def test_what_is_to_be_forgotten_is_asked_for_by_the_names_of_the_options(
    options: list[str], got: str, memory: Memory, folder: Path
) -> None:
    memory.memorize("Ana: I sold the boat.")
    done = CliRunner().invoke(app, ["forget", *options, "--memory", str(folder)])
    assert (done.exit_code, "--session" in done.stderr, got in done.stderr) == (2, True, True)


@pytest.mark.parametrize(
    ("context", "said"),
    [({"dept": 3}, r"dept: .*there are effort, depth, "), ({"depth": 0}, "depth: "), ({"effort": "hard"}, "effort: ")],
)
def test_a_wrong_field_of_a_context_is_named(context: Any, said: str, memory: Memory) -> None:
    with pytest.raises(BadInput, match=said):
        memory.researcher.invoke({"question": "Who?"}, context=context)


async def test_awaited_it_is_the_same(memory: Memory) -> None:
    with pytest.raises(BadInput, match=r"page_tokns: .*there are curate, page_tokens"):
        await memory.memorizer.ainvoke({"session": "Ana: hi"}, context={"page_tokns": 3})


def test_the_journal_is_in_no_form(memory: Memory) -> None:
    assert set(memory.memorizer.get_input_jsonschema()["properties"]) == {"session"}
    assert set(memory.researcher.get_input_jsonschema()["properties"]) == {"question"}
    number = memory._runtime.archive.journal.accept(session_id=None, text="Ana: hi", turns=(), time=None, metadata={}).n
    assert memory.memorizer.invoke({"journal": number})["page_ids"]


def test_a_memory_as_middleware_is_answered_by_its_middleware(memory: Memory) -> None:
    wrong: Any = memory
    with pytest.raises(TypeError, match=r"middleware=\[memory\.middleware\(\)\]"):
        create_agent(ScriptedModel(lines=["Hello."]), middleware=[wrong])
    assert create_agent(ScriptedModel(lines=["Hello."]), tools=memory.tools(), middleware=[memory.middleware()])


def test_a_memory_as_a_store_is_answered_by_its_store_at_the_first_use(memory: Memory) -> None:
    def put(state: MessagesState, runtime: Runtime) -> dict[str, Any]:
        assert runtime.store is not None
        runtime.store.put(("users",), "tea", {"text": "green"})
        return {}

    builder = StateGraph(MessagesState).add_node("put", put).add_edge(START, "put")
    wrong: Any = memory
    with pytest.raises(AttributeError, match=r"no attribute 'put'. .*store=memory\.as_store\(\)"):
        builder.compile(store=wrong).invoke({"messages": []})
    builder.compile(store=memory.as_store()).invoke({"messages": []})
    assert memory.as_store().get(("users",), "tea") is not None


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("invoke", "as_retriever"),
        ("aget_relevant_documents", "as_retriever"),
        ("wrap_model_call", "middleware"),
        ("args_schema", "tools"),
        ("asearch", "recall"),
        ("add", "memorize"),
        ("get_all", "pages"),
        ("delete", "forget"),
        ("aget_tuple", "checkpointer"),
    ],
)
def test_what_a_memory_has_not_is_answered_by_what_has_it(name: str, right: str, memory: Memory) -> None:
    assert not hasattr(memory, name)
    with pytest.raises(AttributeError, match=f"'{name}'. .*{right}"):
        getattr(memory, name)


def test_any_other_attribute_gets_the_usual_words_alone(memory: Memory) -> None:
    with pytest.raises(AttributeError, match=r"^'Memory' object has no attribute 'colour'$"):
        _ = memory.colour  # type: ignore[attr-defined]
    assert inspect.signature(memory.tools) == inspect.signature(Memory.tools.__get__(memory))


@pytest.mark.parametrize("command", [["recall", "van"], ["research", "Who sold the van?"], ["pages"], ["items"]])
def test_a_mistyped_namespace_is_named_with_those_that_there_are(command: list[str], tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory", namespace="team") as memory:
        memory.memorize("Ana: I sold the van.")
    run = CliRunner().invoke(app, ["--memory", str(tmp_path / "memory"), "--namespace", "taem", *command])
    assert "Namespace taem is empty; this memory has team. Did you mean team?" in run.stderr
    right = CliRunner().invoke(app, ["--memory", str(tmp_path / "memory"), "--namespace", "team", *command])
    assert right.stderr == ""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("jitmem mem", "memorize"),
        ("jitmem memorize --form", "--format"),
        ("jitmem memorize --format whats", "whatsapp"),
    ],
)
def test_a_shell_completes_commands_options_and_formats(words: str, found: str) -> None:
    environment = {
        "_JITMEM_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    assert found in CliRunner().invoke(app, env=environment, prog_name="jitmem").stdout.split()


def test_a_shell_completes_the_namespaces_of_the_folder(tmp_path: Path) -> None:
    for name in ("team", "tools", "ana"):
        with Memory.open(tmp_path / "memory", namespace=name) as memory:
            memory.memorize("Ana: I sold the van.")
    words = f"jitmem --memory {tmp_path / 'memory'} --namespace t"
    environment = {"_JITMEM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "4"}
    assert CliRunner().invoke(app, env=environment, prog_name="jitmem").stdout.split() == ["team", "tools"]
