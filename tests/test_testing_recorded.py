"""What a model replied once is replied again without it, though every run makes its page ids anew."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from model_server import ModelServer
from pydantic import BaseModel, SecretStr
from test_testing_scripted import suits_the_suite

from jitmem import Memory, Session
from jitmem.stores.records import new_id
from jitmem.stores.truth.embeddings import model_name
from jitmem.testing import (
    NotRecorded,
    RecordingEmbeddings,
    RecordingError,
    RecordingModel,
    ReplayedEmbeddings,
    ReplayedModel,
    ScriptedModel,
)

PAGE_ID = re.compile(r"\b(?=[a-z]*[0-9])[0-9a-hjkmnp-tv-z]{12}\b")
SESSIONS = [
    Session(text="Ana: I left the bank in May.\nBen: And now?\nAna: Now I bake bread.", id="news", time="2024-06-01"),
    Session(text="Ana: The bakery is called Moinho.\nBen: In Porto?\nAna: Yes.", id="name", time="2024-07-01"),
]
QUESTION = "Where does Ana work now?"
CALL = AIMessage(
    "Let me see.",
    tool_calls=[{"name": "weather", "args": {"place": "Porto", "days": [1, 2.5]}, "id": "call_1"}],
    usage_metadata={
        "input_tokens": 9,
        "output_tokens": 4,
        "total_tokens": 13,
        "input_token_details": {"cache_read": 2},
    },
    response_metadata={"finish_reason": "tool_calls", "headers": {"authorization": "Bearer sesame"}},
    id="msg_7",
)


@tool
def weather(place: str) -> str:
    """The weather at a place."""
    return f"Sun in {place}."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / "run.jsonl"


def recorder(path: Path, *lines: Any) -> RecordingModel:
    return RecordingModel(model=ScriptedModel(lines=list(lines)), path=path)


def step(name: str) -> Any:
    return {"metadata": {"jitmem_step": name}}


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def known(reply: BaseMessage) -> dict[str, Any]:
    """All of a message but the id of the run it came in, and what is never recorded."""
    values = reply.model_dump(exclude={"id", "type", "chunk_position", "tool_call_chunks"})
    values["response_metadata"].pop("headers", None)
    return values


def numbered(text: str) -> str:
    """The text with page ids by the order in which they appear."""
    seen: dict[str, int] = {}
    return PAGE_ID.sub(lambda match: f"page-{seen.setdefault(match.group(), len(seen) + 1)}", text)


def merged(chunks: list[Any]) -> AIMessageChunk:
    whole = chunks[0].__add__(chunks[1:]) if chunks[1:] else chunks[0]
    assert isinstance(whole, AIMessageChunk)
    return whole


# -- one exchange --------------------------------------------------------------------------------------------


def test_a_replayed_reply_equals_the_recorded_one(path: Path) -> None:
    recorded = recorder(path, CALL).bind_tools([weather]).invoke("Weather?", stop=["."])
    replayed = ReplayedModel(path=path).bind_tools([weather]).invoke("Weather?", stop=["."])
    assert known(replayed) == known(recorded)
    assert (replayed.id, replayed.tool_calls, replayed.usage_metadata) == (
        "msg_7",
        CALL.tool_calls,
        CALL.usage_metadata,
    )


def test_a_line_tells_step_request_options_and_reply(path: Path) -> None:
    bound = recorder(path, CALL).bind_tools([weather], tool_choice="auto")
    bound.invoke([HumanMessage("Weather?", id="h1")], step("plan"), stop=["."], timeout=3.0)
    (line,) = told(path)
    assert {name: line[name] for name in ("version", "kind", "step", "model")} == {
        "version": 1,
        "kind": "chat",
        "step": "plan",
        "model": "scripted",
    }
    assert [message["data"]["content"] for message in line["request"]["messages"]] == ["Weather?"]
    assert set(line["request"]["options"]) == {"tools", "tool_choice", "stop"}
    assert line["request"]["options"]["tools"][0]["function"]["name"] == "weather"
    assert line["reply"]["data"]["tool_calls"][0]["args"] == {"place": "Porto", "days": [1, 2.5]}


def test_no_key_and_no_header_is_ever_written(path: Path) -> None:
    secrets = {"api_key": "sesame", "extra_headers": {"X-Key": "sesame"}, "extra_body": {"auth": "sesame", "n": 1}}
    recorder(path, CALL).invoke("Weather?", **secrets)
    assert "sesame" not in path.read_text()
    assert told(path)[0]["request"]["options"] == {"extra_body": {"n": 1}}
    assert ReplayedModel(path=path).invoke("Weather?", api_key="another", extra_body={"n": 1}).id == "msg_7"


def test_the_same_request_gets_its_replies_in_their_order_and_no_more(path: Path) -> None:
    model = recorder(path, "One.", "Two.", "Other.")
    for text in ("same", "same", "other"):
        model.invoke(text, step("plan"))
    replayed = ReplayedModel(path=path)
    assert [replayed.invoke("same").content, replayed.invoke("same").content] == ["One.", "Two."]
    assert replayed.remaining() == {"plan": 1}
    with pytest.raises(NotRecorded, match=r"'plan' asked once more what .* has 2 time\(s\)"):
        replayed.invoke("same", step("plan"))
    assert replayed.invoke("other").content == "Other."
    assert replayed.remaining() == {}


def test_a_request_that_is_not_recorded_names_the_step_and_the_difference(path: Path) -> None:
    model = recorder(path, "A", "B", "C")
    lines = "\n".join(f"Line {number}." for number in range(50))
    model.invoke(f"{lines}\nAna bakes.", step("plan"))
    model.invoke("Something else.", step("plan"))
    model.invoke(f"{lines}\nAna rests.", step("reflect"))
    with pytest.raises(NotRecorded) as error:
        ReplayedModel(path=path).invoke(f"{lines}\nAna rests.", step("plan"), temperature=0)
    assert "The step 'plan' asked what is not recorded" in str(error.value)
    assert re.findall(r"^[+-].*", str(error.value), re.M) == [
        "--- recorded",
        "+++ asked now",
        "-Ana bakes.",
        "+Ana rests.",
        "+{",
        '+ "temperature": 0',
        "+}",
    ]


def test_tools_and_options_are_a_part_of_the_request_and_the_timeout_is_none(path: Path) -> None:
    recorder(path, "A").bind_tools([weather]).invoke("?", timeout=3, temperature=0.5)
    replayed = ReplayedModel(path=path)
    for unlike in (replayed, replayed.bind_tools([weather]), replayed.bind(temperature=0.5)):
        with pytest.raises(NotRecorded):
            unlike.invoke("?")
    assert replayed.bind_tools([weather]).invoke("?", timeout=60, temperature=0.5).content == "A"


def test_an_error_of_the_model_is_raised_and_not_recorded(path: Path) -> None:
    model = recorder(path, TimeoutError("slow"), "Here.")
    with pytest.raises(TimeoutError, match="slow"):
        model.invoke("?")
    assert model.invoke("?").content == "Here."
    assert [line["reply"]["data"]["content"] for line in told(path)] == ["Here."]


def test_the_model_gets_the_tools_as_they_were_bound_and_every_option(path: Path) -> None:
    got: list[Any] = []

    class Particular(ScriptedModel):
        def bind_tools(self, tools: Any, *, tool_choice: Any = None, **kwargs: Any) -> Any:
            assert all(isinstance(bound, BaseTool) for bound in tools)
            return self.bind(functions=[bound.name for bound in tools], choice=tool_choice, **kwargs)

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            got.append({"stop": stop, **kwargs})
            return super()._generate(messages, stop, run_manager, **kwargs)

    model = RecordingModel(model=Particular(lines=["A"]), path=path)
    model.bind_tools([weather], tool_choice="any", strict=True).invoke("?", step("plan"), stop=["."], timeout=3)
    options = {"functions": ["weather"], "choice": "any", "strict": True, "timeout": 3}
    assert got == [{"stop": ["."], "jitmem_step": "plan", **options}]


def test_a_model_without_tools_says_so_when_they_are_bound(path: Path) -> None:
    class Plain(ScriptedModel):
        bind_tools = BaseChatModel.bind_tools

    with pytest.raises(NotImplementedError):
        RecordingModel(model=Plain(lines=[]), path=path).bind_tools([weather])


def test_an_answer_in_a_form_is_recorded_and_replayed(path: Path) -> None:
    class Memo(BaseModel):
        memo: str

    model = recorder(path, Memo(memo="Ana."))
    assert model.with_structured_output(Memo).invoke("?") == Memo(memo="Ana.")
    assert ReplayedModel(path=path).with_structured_output(Memo).invoke("?") == Memo(memo="Ana.")


# -- page ids ------------------------------------------------------------------------------------------------


def test_page_ids_are_compared_by_their_order_and_translated_in_the_reply(path: Path) -> None:
    first, second, stranger = new_id(), new_id(), new_id()
    arguments = {"page_id": second, first: [stranger]}
    reply = AIMessage(
        f"See [{second}], then\n{first} and {stranger}.",
        tool_calls=[{"name": "open", "args": arguments, "id": f"call-{first}"}],
    )
    recorder(path, reply).invoke([("system", f"Pages: {first}"), ("user", json.dumps({"text": f"and\n{second}"}))])
    other, another = new_id(), new_id()
    replayed = ReplayedModel(path=path).invoke(
        [("system", f"Pages: {other}"), ("user", json.dumps({"text": f"and\n{another}"}))]
    )
    assert replayed.content == f"See [{another}], then\n{other} and {stranger}."
    assert replayed.tool_calls[0]["args"] == {"page_id": another, other: [stranger]}
    assert list(replayed.tool_calls[0]["args"]) == ["page_id", other]


def test_pages_in_another_order_are_another_request(path: Path) -> None:
    first, second = new_id(), new_id()
    recorder(path, "A").invoke(f"{first} {second} {first}")
    with pytest.raises(NotRecorded, match="page-1 page-2 page-2"):
        ReplayedModel(path=path).invoke(f"{first} {second} {second}")


def test_a_long_word_is_no_page_id(path: Path) -> None:
    recorder(path, "A").invoke("handmadebred")
    with pytest.raises(NotRecorded, match="handmadebeer"):
        ReplayedModel(path=path).invoke("handmadebeer")


# -- streams -------------------------------------------------------------------------------------------------


def test_a_stream_is_recorded_whole_and_replayed_in_pieces_or_at_once(path: Path) -> None:
    streamed = merged(list(recorder(path, CALL).bind_tools([weather]).stream("?")))
    pieces = list(ReplayedModel(path=path).bind_tools([weather]).stream("?"))
    assert len(pieces) > 1
    assert known(merged(pieces)) == known(streamed)
    assert known(ReplayedModel(path=path).bind_tools([weather]).invoke("?")) == known(streamed)


async def test_an_async_stream_is_recorded_with_its_step(path: Path) -> None:
    model = recorder(path, "Ana bakes bread at Moinho.")
    streamed = merged([chunk async for chunk in model.astream("?", step("plan"))])
    assert told(path)[0]["step"] == "plan"
    pieces = [chunk async for chunk in ReplayedModel(path=path).astream("?")]
    assert known(merged(pieces)) == known(streamed)


def test_a_stream_that_is_not_read_to_its_end_is_not_recorded(path: Path) -> None:
    stream = recorder(path, "Ana bakes bread at Moinho.").stream("?")
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert told(path) == []


def test_a_graph_that_streams_messages_hears_each_of_them_once(path: Path) -> None:
    def said(model: BaseChatModel) -> list[Any]:
        bound = model.bind_tools([weather])
        graph = StateGraph(MessagesState)
        graph.add_node("ask", lambda state: {"messages": [bound.invoke(state["messages"])]})
        graph.add_edge(START, "ask")
        parts = graph.compile().stream({"messages": [("user", "Hi")]}, stream_mode="messages")
        return [part.content for part, _ in parts]

    text = "Ana bakes bread at Moinho."
    assert "".join(said(recorder(path, text))) == text
    assert told(path)[0]["step"] == "ask"
    assert "".join(said(ReplayedModel(path=path))) == text


# -- a whole run ---------------------------------------------------------------------------------------------


def librarian(messages: list[BaseMessage]) -> dict[str, Any]:
    """Answers each step of jitmem from what it is shown, page ids and all."""
    system, shown = str(messages[0].content), str(messages[1].content)
    pages = list(dict.fromkeys(PAGE_ID.findall(shown)))
    if "Write the memo" in shown:
        page, _, _ = shown.partition("\n</history-")
        return {"memo": f"{len(pages)} pages before; now {page.splitlines()[-1]}"}
    if "worth remembering" in shown:
        return {"calls": []}
    if "plan searches" in system:
        texts = [{"tool": "keyword", "text": "Ana bakery Moinho"}, *({"tool": "page_id", "text": p} for p in pages)]
        return {"needs": ["Ana's work"], "queries": texts}
    if "decide whether" in system:
        return {"enough": "called Moinho" in shown, "missing": ["the name"], "request": "What is the bakery called?"}
    quotes = ["Now I bake bread.", "The bakery is called Moinho."]
    statements = [
        {"text": f"It says: {quote}", "sources": [{"page_id": page, "quote": quote}]}
        for page in pages
        for quote in quotes
        if quote in shown
    ]
    return {"statements": statements}


def run(folder: Path, model: BaseChatModel) -> dict[str, Any]:
    with Memory.open(folder, model=model) as memory:
        for session in SESSIONS:
            memory.memorize(session)
        return outcome(memory, memory.research(QUESTION))


async def arun(folder: Path, model: BaseChatModel) -> dict[str, Any]:
    async with Memory.open(folder, model=model) as memory:
        for session in SESSIONS:
            await memory.amemorize(session)
        return outcome(memory, await memory.aresearch(QUESTION))


def outcome(memory: Memory, result: Any) -> dict[str, Any]:
    ids = [*(page.id for page in memory.pages()), *(item.id for item in memory.items.list())]
    return {
        "memos": [page.memo for page in memory.pages()],
        "context": numbered(result.context),
        "citations": [(ids.index(cited.record_id), cited.start, cited.quote) for cited in result.citations],
        "rounds": numbered(json.dumps(result.rounds)),
        "tokens": (result.usage.calls, result.usage.prompt_tokens, result.usage.completion_tokens),
    }


def test_a_whole_run_comes_out_the_same_in_a_fresh_folder(tmp_path: Path, path: Path) -> None:
    recorded = run(tmp_path / "first", RecordingModel(model=ScriptedModel(lines=librarian), path=path))
    assert [quote for _, _, quote in recorded["citations"][:2]] == ["Now I bake bread.", "The bakery is called Moinho."]
    assert {line["step"] for line in told(path)} >= {"memorize", "plan", "integrate", "reflect"}
    model = ReplayedModel(path=path)
    assert run(tmp_path / "second", model) == recorded
    assert model.remaining() == {}


async def test_an_async_run_comes_out_the_same_as_the_sync_one_that_was_recorded(tmp_path: Path, path: Path) -> None:
    model = RecordingModel(model=ScriptedModel(lines=librarian), path=path)
    recorded = await asyncio.to_thread(run, tmp_path / "first", model)
    assert await arun(tmp_path / "second", ReplayedModel(path=path)) == recorded


async def test_an_async_run_is_recorded_too(tmp_path: Path, path: Path) -> None:
    recorded = await arun(tmp_path / "first", RecordingModel(model=ScriptedModel(lines=librarian), path=path))
    assert await arun(tmp_path / "second", ReplayedModel(path=path)) == recorded


def test_a_run_with_a_server_is_replayed_without_it(tmp_path: Path, path: Path) -> None:
    with ModelServer() as server:
        real = ChatOpenAI(model="gpt-4.1-mini", base_url=server.base_url, api_key=SecretStr("sesame"), max_retries=0)
        recorded = run(tmp_path / "first", RecordingModel(model=real, path=path))
    assert run(tmp_path / "second", ReplayedModel(path=path)) == recorded
    assert recorded["citations"]
    steps = [line["step"] for line in told(path)]
    assert steps == ["memorize", "curate", "memorize", "curate", "plan", "integrate", "reflect"]
    assert ReplayedModel(path=path).model_name == "gpt-4.1-mini"
    assert "sesame" not in path.read_text()


def test_a_run_that_goes_another_way_says_where(tmp_path: Path, path: Path) -> None:
    run(tmp_path / "first", RecordingModel(model=ScriptedModel(lines=librarian), path=path))
    with (
        Memory.open(tmp_path / "second", model=ReplayedModel(path=path)) as memory,
        pytest.raises(NotRecorded, match="The step 'memorize' asked what is not recorded"),
    ):
        memory.memorize(Session(text="Ana: I left the bakery.", id="news", time="2024-06-01"))


def searcher(messages: list[BaseMessage]) -> str | AIMessage:
    """An agent's model: searches once, then names the page that it found."""
    if isinstance(messages[-1], ToolMessage):
        return f"It is on page {PAGE_ID.findall(str(messages[-1].content))[0]}."
    call = {"name": "search_keyword", "args": {"query": "Moinho"}, "id": "call_1"}
    return AIMessage("", tool_calls=[call])


def agent(model: BaseChatModel, tools: list[BaseTool]) -> Any:
    bound = model.bind_tools(tools)
    graph = StateGraph(MessagesState)
    graph.add_node("agent", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile()


def test_an_agent_with_tools_is_recorded_and_replayed(tmp_path: Path, path: Path) -> None:
    def last_words(folder: Path, model: BaseChatModel) -> tuple[str, list[str]]:
        with Memory.open(folder) as memory:
            filed = [page for session in SESSIONS for page in memory.memorize(session).page_ids]
            result = agent(model, memory.tools()).invoke({"messages": [("user", "Where is Moinho named?")]})
        return str(result["messages"][-1].content), filed

    said, filed = last_words(tmp_path / "first", RecordingModel(model=ScriptedModel(lines=searcher), path=path))
    assert said == f"It is on page {filed[1]}."
    assert [line["step"] for line in told(path)] == ["agent", "agent"]
    said, others = last_words(tmp_path / "second", ReplayedModel(path=path))
    assert said == f"It is on page {others[1]}."
    assert set(filed) & set(others) == set()


# -- the file ------------------------------------------------------------------------------------------------


def test_threads_record_whole_lines(path: Path) -> None:
    model = RecordingModel(model=ScriptedModel(lines=lambda messages: f"{messages[-1].text}!"), path=path)
    texts = [f"{number} " + "x" * 20_000 for number in range(64)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(model.invoke, texts))
    replayed = ReplayedModel(path=path)
    assert [replayed.invoke(text).content for text in texts] == [f"{text}!" for text in texts]


def test_two_processes_record_to_one_file(path: Path, start: Callable[..., Popen[str]]) -> None:
    script = """
import sys
from jitmem.testing import RecordingModel, ScriptedModel
model = RecordingModel(model=ScriptedModel(lines=lambda messages: "x" * 20_000), path=sys.argv[1])
for number in range(50):
    model.invoke(f"{sys.argv[2]} {number}")
"""
    children = [start(script, path, name) for name in ("a", "b")]
    assert [child.wait(60) for child in children] == [0, 0]
    replayed = ReplayedModel(path=path)
    assert {len(str(replayed.invoke(f"{name} {number}").content)) for name in "ab" for number in range(50)} == {20_000}


def test_every_character_comes_back(path: Path) -> None:
    odd = "a\u2028b\x85c\x0bd\ud800e\x00f😀\r\n"
    recorder(path, odd).invoke(odd)
    assert ReplayedModel(path=path).invoke(odd).content == odd


def test_a_cut_last_line_is_left_out_with_a_warning_and_must_go_before_more_is_recorded(path: Path) -> None:
    model = recorder(path, "A", "B")
    model.invoke("1")
    model.invoke("2")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(UserWarning, match="is cut and was left out"):
        replayed = ReplayedModel(path=path)
    assert replayed.invoke("1").content == "A"
    with pytest.raises(NotRecorded):
        replayed.invoke("2")
    with pytest.raises(RecordingError, match="is cut; take it out"):
        recorder(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"There is no recording at .*; make one with RecordingModel\("),
        ("{\n{}\n", "Line 1 of .* is not JSON"),
        ('{"version": 2, "kind": "chat"}\n', "Line 1 of .* is not an exchange of version 1"),
    ],
    ids=["missing", "damaged", "another version"],
)
def test_a_file_that_cannot_be_replayed_says_why(path: Path, content: str | None, message: str) -> None:
    path.parent.mkdir()
    if content is not None:
        path.write_text(content)
    with pytest.raises(RecordingError, match=message):
        ReplayedModel(path=path)


def test_an_empty_recording_says_that_it_is(path: Path) -> None:
    recorder(path)
    with pytest.raises(NotRecorded, match="holds no exchange with a chat model"):
        ReplayedModel(path=path).invoke("?")


# -- LangChain's own suites ----------------------------------------------------------------------------------


class Recorded:
    @pytest.fixture(autouse=True)
    def _place(self, path: Path) -> None:
        self.path = path

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RecordingModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": ScriptedModel(lines=suits_the_suite), "path": self.path}


class TestRecorderUnit(Recorded, ChatModelUnitTests):
    pass


class TestRecorderIntegration(Recorded, ChatModelIntegrationTests):
    pass


# -- embeddings ----------------------------------------------------------------------------------------------


class Letters(Embeddings):
    """Vectors that no short decimal writes exactly; documents and queries differ."""

    model = "letters-1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[len(text) / 3, math.pi / (1 + ord(text[0])), 1e-17] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [-number for number in self.embed_documents([text])[0]]


def test_vectors_read_back_exactly(path: Path) -> None:
    real, model = Letters(), RecordingEmbeddings(Letters(), path)
    assert model.embed_documents(["Ana", "Ben"]) == real.embed_documents(["Ana", "Ben"])
    assert model.embed_query("Ana") == real.embed_query("Ana")
    replayed = ReplayedEmbeddings(path)
    assert replayed.embed_documents(["Ben", "Ana", "Ben"]) == real.embed_documents(["Ben", "Ana", "Ben"])
    assert replayed.embed_query("Ana") == real.embed_query("Ana")


async def test_async_vectors_are_the_same(path: Path) -> None:
    model = RecordingEmbeddings(Letters(), path)
    vectors = await model.aembed_documents(["Ana"]), await model.aembed_query("Ben")
    replayed = ReplayedEmbeddings(path)
    assert (await replayed.aembed_documents(["Ana"]), await replayed.aembed_query("Ben")) == vectors


def test_vectors_are_filed_under_the_name_of_the_model_that_made_them(path: Path) -> None:
    recording = RecordingEmbeddings(Letters(), path)
    recording.embed_query("Ana")
    assert model_name(recording) == "RecordingEmbeddings:Letters:letters-1"
    assert model_name(ReplayedEmbeddings(path)) == "ReplayedEmbeddings:Letters:letters-1"


def test_a_text_that_has_no_recorded_vector_shows_the_nearest_that_has(path: Path) -> None:
    RecordingEmbeddings(Letters(), path).embed_documents(["Ana bakes bread", "Ben sleeps"])
    replayed = ReplayedEmbeddings(path)
    with pytest.raises(NotRecorded, match=r"recorded:  'Ana bakes bread'\nasked now: 'Ana bakes cake'"):
        replayed.embed_documents(["Ana bakes cake"])
    with pytest.raises(NotRecorded, match="no vector of a query by Letters:letters-1"):
        replayed.embed_query("Ana bakes bread")


def test_one_of_several_models_is_named(path: Path) -> None:
    other = Letters()
    other.model = "letters-2"
    for real in (Letters(), other):
        RecordingEmbeddings(real, path).embed_query("Ana")
    with pytest.raises(RecordingError, match="has vectors of Letters:letters-1, Letters:letters-2; name one"):
        ReplayedEmbeddings(path)
    assert ReplayedEmbeddings(path, model="Letters:letters-2").model == "Letters:letters-2"


def test_chat_and_vectors_share_a_file_and_a_run(tmp_path: Path, path: Path) -> None:
    def context(folder: Path, model: BaseChatModel, embeddings: Embeddings) -> str:
        with Memory.open(tmp_path / folder, model=model, embeddings=embeddings) as memory:
            memory.memorize(SESSIONS[0])
            return numbered(memory.research(QUESTION).context)

    real = RecordingModel(model=ScriptedModel(lines=librarian), path=path), RecordingEmbeddings(Letters(), path)
    recorded = context(tmp_path / "first", *real)
    assert {line["kind"] for line in told(path)} == {"chat", "embedding"}
    assert context(tmp_path / "second", ReplayedModel(path=path), ReplayedEmbeddings(path)) == recorded
