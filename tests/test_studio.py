"""The real `langgraph dev` serves the graphs as LangGraph Studio uses them: offline, without a key."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient as Client
from langgraph_sdk.errors import NotFoundError
from model_server import ModelServer

from jitmem import Memory, ModelOptions, ModelUnavailable
from jitmem.integrations.agent import AgentOptions, agent_with_memory
from jitmem.stores.recall_markers import wrap_recalled
from jitmem.testing import ScriptedModel

CONFIG = Path(__file__).parents[1] / "langgraph.json"
TUNABLES = {
    "effort": "deep",
    "breadth": "auto",
    "depth": 3,
    "output": "snippets",
    "context_tokens": 2000,
    "pages": None,
    "tools": ["keyword", "vector", "page_id"],
    "k": 200,
    "answer": False,
    "known_text": "",
    "now": None,
    "budget": None,
    "on_model_failure": "rules",
}
ROUND = ("search_items", "search_keyword", "search_page_id", "search_vector")
USERS = {"ana": "a long secret", "ben": "another long secret"}
WITH_SERVER = pytest.mark.skipif(
    find_spec("langgraph_api") is None, reason="langgraph dev is not installed: pip install 'jitmem[studio]'"
)


@contextmanager
def serving(folder: Path, config: Path = CONFIG, **settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`langgraph dev` with a fresh memory in the folder, on a free port: its address and its process.

    It runs in the folder, which has no `.env`, and every way out of this machine leads to a closed port.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ours = ("JITMEM_", "LANG", "OPENAI_", "HTTP", "http", "NO_PROXY", "no_proxy")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "JITMEM_MEMORY": str(folder / "memory"),
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        "LANGGRAPH_NO_VERSION_CHECK": "1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        **settings,
    }
    words = ["dev", "--no-browser", "--no-reload", "--n-jobs-per-worker", "8", "--port", str(port)]
    command = [sys.executable, "-m", "langgraph_cli", *words, "--config", str(config)]
    log = folder / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url), server, log)
        yield url, server
    finally:
        end(server)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ok", trust_env=False).json()["ok"] is True
    except httpx.TransportError:
        return False


def wait_for(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    end_at = time.monotonic() + 300
    while not ready():
        if server.poll() is not None or time.monotonic() > end_at:
            pytest.fail(f"langgraph dev did not get ready:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def end(server: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does; what is left after that is killed."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(300)
    if is_there(server.pid):
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def is_there(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def client_of(url: str, **headers: str) -> Client:
    return get_sync_client(url=url, headers=headers, api_key=None)


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer) -> Iterator[str]:
    """Of a server for all tests; each uses a namespace of its own."""
    settings = {"JITMEM_BASE_URL": model_server.base_url, "JITMEM_ON_MODEL_FAILURE": "rules"}
    with serving(tmp_path_factory.mktemp("studio"), **settings) as (url, _):
        yield url


@pytest.fixture
def client(address: str) -> Client:
    return client_of(address)


@pytest.fixture
def whose(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A context that names a namespace of this test's own."""
    return {"namespace": request.node.name}


def said(output: Any) -> str:
    """The last message of the agent's output."""
    return str(output["messages"][-1]["content"])


def person(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def thread_of(client: Client) -> str:
    return str(client.threads.create()["thread_id"])


def assistant(client: Client, graph: str) -> str:
    return str(client.assistants.search(graph_id=graph)[0]["assistant_id"])


# -- what Studio shows -------------------------------------------------------------------------------------------------


@WITH_SERVER
def test_langgraph_finds_the_configuration_valid() -> None:
    command = [sys.executable, "-m", "langgraph_cli", "validate", "--config", str(CONFIG)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=300).returncode == 0


@WITH_SERVER
def test_there_are_three_assistants(client: Client) -> None:
    found = client.assistants.search()
    assert {one["graph_id"] for one in found} == {"agent", "memorizer", "researcher"}
    assert [one["graph_id"] for one in found if not one["description"]] == []  # the texts of the server's MCP tools


@WITH_SERVER
def test_the_panel_of_the_researcher_shows_every_tunable_with_its_default_and_what_it_does(client: Client) -> None:
    schema = client.assistants.get_schemas(assistant(client, "researcher"))["context_schema"]
    assert schema is not None
    fields = schema["properties"]
    assert {name: field["default"] for name, field in fields.items()} == {"namespace": None, "model": None, **TUNABLES}
    assert [name for name, field in fields.items() if not field.get("description")] == []


@WITH_SERVER
@pytest.mark.parametrize(
    ("graph", "own"), [("memorizer", {"curate", "page_tokens", "on_model_failure"}), ("agent", {*TUNABLES, "remember"})]
)
def test_the_other_panels_have_their_own_and_whose_memory_it_is(client: Client, graph: str, own: set[str]) -> None:
    schema = client.assistants.get_schemas(assistant(client, graph))["context_schema"]
    assert schema is not None
    assert set(schema["properties"]) == {"namespace", "model", *own}
    assert [name for name, field in schema["properties"].items() if not field.get("description")] == []


@WITH_SERVER
def test_the_agent_has_a_chat_mode(client: Client) -> None:
    schema = client.assistants.get_schemas(assistant(client, "agent"))["input_schema"]
    assert schema is not None
    assert list(schema["properties"]) == ["messages"]


@WITH_SERVER
@pytest.mark.parametrize(("graph", "fields"), [("memorizer", {"session"}), ("researcher", {"question"})])
def test_the_input_of_the_other_graphs_is_a_form(client: Client, graph: str, fields: set[str]) -> None:
    schema = client.assistants.get_schemas(assistant(client, graph))["input_schema"]
    assert schema is not None
    assert set(schema["properties"]) == fields


@WITH_SERVER
def test_the_researcher_draws_as_its_steps_follow_one_another(client: Client) -> None:
    edges = {
        (edge["source"], edge["target"])
        for edge in client.assistants.get_graph(assistant(client, "researcher"))["edges"]
    }
    assert edges == {
        ("__start__", "begin"),
        ("begin", "plan"),
        *(("plan", search) for search in (*ROUND, "rank")),
        *((search, "rank") for search in ROUND),
        ("rank", "integrate"),
        ("integrate", "reflect"),
        ("reflect", "plan"),
        ("reflect", "present"),
        ("present", "answer"),
        ("present", "__end__"),
        ("answer", "__end__"),
    }


# -- running them ------------------------------------------------------------------------------------------------------


@WITH_SERVER
def test_what_is_memorized_is_found_again_on_one_thread_question_by_question(
    client: Client, whose: dict[str, Any]
) -> None:
    for session in ("Ana bought the mill in Porto.", "Ben keeps bees in Lagos."):
        client.runs.wait(None, "memorizer", input={"session": session}, context=whose)
    thread = thread_of(client)
    for question, answer in (("Where is Ana's mill?", "Ana bought the mill in Porto."), ("Who keeps bees?", "Ben")):
        found: Any = client.runs.wait(thread, "researcher", input={"question": question}, context=whose)
        assert found["question"] == question
        assert found["context"].startswith(f"- {answer}")
        assert len(found["rounds"]) == 1


@WITH_SERVER
def test_two_sessions_memorized_on_one_thread_are_both_kept(client: Client, whose: dict[str, Any]) -> None:
    thread = thread_of(client)
    outputs: list[Any] = [
        client.runs.wait(thread, "memorizer", input={"session": session}, context=whose)
        for session in ("Ana bought the mill in Porto.", "Ben keeps bees in Lagos.")
    ]
    assert [output["duplicate"] for output in outputs] == [False, False]


@WITH_SERVER
def test_a_namespace_does_not_see_another(client: Client, whose: dict[str, Any]) -> None:
    client.runs.wait(None, "memorizer", input={"session": "Zoe lives in Oslo."}, context=whose)
    asked = {"question": "Where does Zoe live?"}
    mine: Any = client.runs.wait(None, "researcher", input=asked, context=whose)
    other: Any = client.runs.wait(None, "researcher", input=asked, context={"namespace": "somebody else"})
    assert mine["context"] == "- Zoe lives in Oslo. [1]"
    assert (other["stopped"], other["citations"]) == ("no_evidence", [])


@WITH_SERVER
def test_the_steps_of_a_research_are_streamed(client: Client, whose: dict[str, Any]) -> None:
    client.runs.wait(None, "memorizer", input={"session": "Zoe lives in Oslo."}, context=whose)
    stream = client.runs.stream(
        None, "researcher", input={"question": "Where does Zoe live?"}, context=whose, stream_mode=["custom", "updates"]
    )
    parts = list(stream)
    events = [part.data["event"] for part in parts if part.event == "custom"]
    steps = [next(iter(part.data)) for part in parts if part.event == "updates"]
    assert events == ["planned", *["found"] * events.count("found"), "ranked", "integrated", "reflected"]
    assert events.count("found") >= 2
    assert steps[:2] == ["begin", "plan"]
    assert sorted(steps[2:5]) == [search for search in ROUND if search != "search_page_id"]  # no query is for it
    assert steps[5:] == ["rank", "integrate", "reflect", "present"]


@WITH_SERVER
def test_threads_that_run_at_once_keep_apart(client: Client, whose: dict[str, Any]) -> None:
    places = {"Ana": "Porto", "Ben": "Lagos", "Zoe": "Oslo", "Tom": "Turku"}
    for name, place in places.items():
        client.runs.wait(None, "memorizer", input={"session": f"{name} lives in {place}."}, context=whose)

    def ask(name: str) -> Any:
        asked = {"question": f"Where does {name} live?"}
        return client.runs.wait(thread_of(client), "researcher", input=asked, context=whose)

    with ThreadPoolExecutor() as pool:
        found = dict(zip(places, pool.map(ask, places), strict=True))
    starts = {name: output["context"].partition(".")[0] for name, output in found.items()}
    assert starts == {name: f"- {name} lives in {place}" for name, place in places.items()}


@WITH_SERVER
def test_the_agent_remembers_on_another_thread_without_a_model(client: Client, whose: dict[str, Any]) -> None:
    thread = thread_of(client)
    client.runs.wait(thread, "agent", input=person("My van is called Rosinante."), context=whose)
    same: Any = client.runs.wait(thread, "agent", input=person("And what is my van called?"), context=whose)
    other: Any = client.runs.wait(None, "agent", input=person("What is my van called?"), context=whose)
    for output in (same, other):
        assert "No model is set" in said(output)
        assert "My van is called Rosinante. [" in said(output)
        assert f"[1] page {output['recalled']['citations'][0]['page_id']} (" in said(output)
    assert len(same["messages"]) == 4


def rpc(url: str, method: str, **params: Any) -> Any:
    """The result of a call of JSON-RPC over HTTP, whichever way the server streams it."""
    headers = {"Accept": "application/json, text/event-stream"}
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    reply = httpx.post(url, json=call, headers=headers, timeout=120, trust_env=False, follow_redirects=True)
    text = reply.text
    if text.startswith(("event:", "data:")):
        text = next(line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:"))
    answer = json.loads(text)
    assert "error" not in answer, answer
    return answer["result"]


@WITH_SERVER
def test_the_servers_mcp_offers_the_graphs_as_described_tools(client: Client, address: str) -> None:
    url = f"{address}/mcp"
    tools = {tool["name"]: tool for tool in rpc(url, "tools/list")["tools"]}
    described = {name: one["description"] for name, one in json.loads(CONFIG.read_text())["graphs"].items()}
    assert {name: tools[name]["description"] for name in described} == described
    assert set(tools["memorizer"]["inputSchema"]["properties"]) == {"session"}
    rpc(url, "tools/call", name="memorizer", arguments={"session": "Ana: The mill of the server opens in May."})
    found = rpc(url, "tools/call", name="researcher", arguments={"question": "When does the mill of the server open?"})
    assert "opens in May" in json.dumps(found)


@WITH_SERVER
def test_the_servers_a2a_talks_with_the_agent(client: Client, address: str) -> None:
    url = f"{address}/a2a/{assistant(client, 'agent')}"
    client.runs.wait(None, "memorizer", input={"session": "Ana: The ferry of the server leaves at nine."})
    message = {
        "role": "user",
        "messageId": "1",
        "parts": [{"kind": "text", "text": "When does the ferry of the server leave?"}],
    }
    assert "leaves at nine" in json.dumps(rpc(url, "message/send", message=message))


@WITH_SERVER
def test_the_memory_is_the_servers_store_where_langgraph_json_says_so(tmp_path: Path) -> None:
    config = {**json.loads(CONFIG.read_text()), "store": {"path": "jitmem.integrations.studio.store"}}
    config["dependencies"] = [str(CONFIG.parent)]
    (tmp_path / "langgraph.json").write_text(json.dumps(config))
    with serving(tmp_path, tmp_path / "langgraph.json") as (url, _):
        client = client_of(url)
        client.store.put_item(("users", "ana"), "tea", {"text": "Ana takes her tea with cardamom."})
        assert client.store.get_item(("users", "ana"), "tea")["value"] == {"text": "Ana takes her tea with cardamom."}
        found: Any = client.runs.wait(None, "researcher", input={"question": "How does Ana take her tea?"})
        assert "cardamom" in found["context"]
    with Memory.open(tmp_path / "memory", create=False) as memory:
        assert [one.key for one in memory.as_store().search(("users",))] == ["tea"]


@WITH_SERVER
@pytest.mark.parametrize("graph", ["researcher", "memorizer", "agent"])
def test_a_wrong_context_fails_the_run_and_says_what_there_is(graph: str, client: Client) -> None:
    given: dict[str, Any] = {
        "researcher": {"question": "Who?"},
        "memorizer": {"session": "Ana: hi"},
        "agent": person("Hi"),
    }
    output: Any = client.runs.wait(None, graph, input=given[graph], context={"dept": 3}, raise_error=False)
    assert output["__error__"]["error"] == "BadInput"
    assert "dept: " in output["__error__"]["message"]
    assert "there are" in output["__error__"]["message"]


@WITH_SERVER
def test_a_model_that_the_panel_names_answers(client: Client, whose: dict[str, Any], model_server: ModelServer) -> None:
    chosen = {**whose, "model": "openai:scripted"}
    client.runs.wait(None, "memorizer", input={"session": "Zoe lives in Oslo."}, context=whose)
    model_server.reset()
    output: Any = client.runs.wait(None, "agent", input=person("Where does Zoe live?"), context=chosen)
    asked = model_server.requests()
    assert {request["model"] for request in asked} == {"scripted"}
    assert {"plan", "integrate", "other"} <= {request["step"] for request in asked}
    system, *_, shown = next(request["body"]["messages"] for request in asked if request["step"] == "other")
    assert (system["role"], shown["role"]) == ("system", "user")
    assert "<recalled-memory id=" in shown["content"]
    assert "Zoe lives in Oslo." in shown["content"]
    assert [message["type"] for message in output["messages"]] == ["human", "ai"]


@WITH_SERVER
def test_the_agents_words_are_streamed_and_of_the_research_its_events(client: Client, whose: dict[str, Any]) -> None:
    chosen = {**whose, "model": "openai:scripted"}
    client.runs.wait(None, "memorizer", input={"session": "Zoe lives in Oslo."}, context=whose)
    given = person("Where does Zoe live?")
    parts = list(
        client.runs.stream(
            None,
            "agent",
            input=given,
            context=chosen,
            stream_mode=["messages-tuple", "custom"],
            stream_subgraphs=True,
        )
    )
    words = [part.data[0]["content"] for part in parts if part.event.startswith("messages")]
    events = [part.data["event"] for part in parts if part.event.startswith("custom|recall")]
    assert "".join(words) == "ok"
    assert events == ["planned", "found", "found", "ranked", "integrated", "reflected"]


@WITH_SERVER
def test_what_was_said_in_a_turn_that_was_interrupted_by_the_next_is_memorized_with_it(
    client: Client, whose: dict[str, Any], model_server: ModelServer
) -> None:
    chosen = {**whose, "model": "openai:scripted", "effort": "recall"}
    thread = thread_of(client)
    model_server.reset()
    model_server.fail("hang", 1, "other")
    client.runs.create(thread, "agent", input=person("My van is called Rosinante."), context=chosen)
    until = time.monotonic() + 300
    while not model_server.requests():
        assert time.monotonic() < until
        time.sleep(0.1)
    again = person("Are you there?")
    client.runs.wait(thread, "agent", input=again, context=chosen, multitask_strategy="interrupt")
    asked = {"question": "What is the van called?"}
    found: Any = client.runs.wait(None, "researcher", input=asked, context={**whose, "output": "pages"})
    assert len(found["page_ids"]) == 1
    assert "user: My van is called Rosinante." in found["context"]
    assert "user: Are you there?\nassistant: ok" in found["context"]


@WITH_SERVER
def test_a_model_that_is_none_fails_the_run_and_says_what_would_be_right(client: Client, whose: dict[str, Any]) -> None:
    output: Any = client.runs.wait(
        None, "researcher", input={"question": "Who?"}, context={**whose, "model": "gpt"}, raise_error=False
    )
    assert output["__error__"]["error"] == "BadInput"
    assert "openai:gpt-4.1-mini" in output["__error__"]["message"]


@WITH_SERVER
def test_a_run_that_a_model_failed_goes_on_where_it_stopped(
    client: Client, whose: dict[str, Any], model_server: ModelServer
) -> None:
    chosen = {**whose, "model": "openai:scripted", "on_model_failure": "raise"}
    thread = thread_of(client)
    model_server.reset()
    model_server.fail("unauthorized", 1, "memorize")
    given = {"session": "Zoe lives in Oslo."}
    failed: Any = client.runs.wait(thread, "memorizer", input=given, context=chosen, raise_error=False)
    assert failed["__error__"]["error"] == "ModelUnavailable"
    assert client.threads.get_state(thread)["next"] == ["memorize"]
    filed: Any = client.runs.wait(thread, "memorizer", input=None, context=chosen)
    again: Any = client.runs.wait(thread, "memorizer", input=given, context=chosen)
    assert (len(filed["page_ids"]), filed["duplicate"]) == (1, False)
    assert (again["page_ids"], again["duplicate"]) == (filed["page_ids"], True)


# -- a server that is killed -------------------------------------------------------------------------------------------
#
# The development server writes its threads, runs and checkpoints to a folder every ten seconds, and no sooner. What it
# has written it goes on with by itself when it is started again; what it has not is gone, but for what stands in memory.

SAVED = ".langgraph_api"


@dataclass
class Killed:
    """A server that was killed and started again, the runs that it was amid (thread and run), and what its model was
    asked since."""

    client: Client
    memory: Memory
    runs: dict[str, tuple[str, str]]
    model: ModelServer

    def output(self, run: str) -> Any:
        """Of a run, once it is over."""
        return self.client.runs.join(*self.runs[run])


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """Amid four runs that the server has written down, one of which has come further since, and one that it has not."""
    folder = tmp_path_factory.mktemp("killed")
    context = {"namespace": "home", "model": "openai:scripted", "effort": "deep"}
    with Memory.open(folder / "memory", namespace="home") as memory, ModelServer() as model:
        memory.memorize("Ana bought the mill in Porto.")
        with serving(folder, JITMEM_BASE_URL=model.base_url) as (url, server):
            client, runs = client_of(url), {}

            def begin(name: str, graph: str, given: Any) -> None:
                thread = thread_of(client)
                runs[name] = thread, client.runs.create(thread, graph, input=given, context=context)["run_id"]

            def asked(step: str, times: int = 1) -> None:
                wait_for(lambda: [one["step"] for one in model.requests()].count(step) >= times, server, folder / "log")

            model.fail("slow", 1, "memorize", seconds=30)
            begin("ahead", "memorizer", {"session": "Zoe lives in Oslo."})
            asked("memorize")
            for step in ("memorize", "curate", "integrate", "other"):
                model.fail("hang", None, step)
            begin("session", "memorizer", {"session": "Ben keeps bees in Lagos."})
            begin("question", "researcher", {"question": "Where did Ana buy the mill?"})
            context["effort"] = "recall"
            begin("turn", "agent", person("In which city is Ana's mill?"))
            asked("memorize", 2)
            asked("integrate")
            asked("other")
            amid = time.time()
            wait_for(lambda: written(folder / SAVED) > amid, server, folder / "log")
            shutil.copytree(folder / SAVED, folder / "written")
            asked("curate")
            begin("unwritten", "memorizer", {"session": "Tom sails from Turku."})
            asked("memorize", 3)
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        # Should it have written again meanwhile, on a slow machine: it is killed before that.
        shutil.rmtree(folder / SAVED)
        (folder / "written").rename(folder / SAVED)
        model.reset()
        with serving(folder, JITMEM_BASE_URL=model.base_url) as (url, _):
            yield Killed(client_of(url), memory, runs, model)


def written(folder: Path) -> float:
    """When the server has written the last of its files for the last time."""
    times = [file.stat().st_mtime for file in folder.glob("*.pckl")]
    return min(times) if len(times) >= 5 else 0


def texts(memory: Memory) -> list[str]:
    return [page.text for page in memory.pages()]


@WITH_SERVER
def test_a_session_that_was_being_filed_is_filed_once_when_the_server_is_back(killed: Killed) -> None:
    filed = killed.output("session")
    assert killed.client.runs.get(*killed.runs["session"])["status"] == "success"
    assert [page.text for page in killed.memory.pages(session_id=filed["session_id"])] == ["Ben keeps bees in Lagos."]
    assert texts(killed.memory).count("Ben keeps bees in Lagos.") == 1


@WITH_SERVER
def test_a_session_that_was_filed_after_the_server_last_wrote_is_not_filed_again(killed: Killed) -> None:
    filed = killed.output("ahead")
    assert filed["duplicate"] is True
    assert [page.text for page in killed.memory.pages(session_id=filed["session_id"])] == ["Zoe lives in Oslo."]
    assert texts(killed.memory).count("Zoe lives in Oslo.") == 1
    assert [item.content for item in killed.memory.items.list()].count("Zoe lives in Oslo.") == 1


@WITH_SERVER
def test_a_question_is_answered_from_the_step_on_that_was_cut_off(killed: Killed) -> None:
    found = killed.output("question")
    assert found["context"].startswith("- Ana bought the mill in Porto. [1]")
    assert (found["stopped"], len(found["rounds"])) == ("enough", 1)
    assert "plan" not in [request["step"] for request in killed.model.requests()]


@WITH_SERVER
def test_a_turn_of_the_agent_is_answered_and_memorized_once(killed: Killed) -> None:
    messages = killed.output("turn")["messages"]
    assert [(message["type"], message["content"]) for message in messages] == [
        ("human", "In which city is Ana's mill?"),
        ("ai", "ok"),
    ]
    [shown] = [request["body"]["messages"] for request in killed.model.requests() if request["step"] == "other"]
    assert "Ana bought the mill in Porto." in shown[-1]["content"]
    assert texts(killed.memory).count("user: In which city is Ana's mill?\nassistant: ok") == 1


@WITH_SERVER
def test_a_thread_of_a_run_that_was_killed_goes_on(killed: Killed) -> None:
    killed.output("turn")
    thread, _ = killed.runs["turn"]
    context = {"namespace": "home", "effort": "recall"}
    done: Any = killed.client.runs.wait(thread, "agent", input=None, context=context)
    assert len(done["messages"]) == 2
    more: Any = killed.client.runs.wait(thread, "agent", input=person("Who keeps bees?"), context=context)
    assert len(more["messages"]) == 4
    assert "Ben keeps bees in Lagos." in said(more)


@WITH_SERVER
def test_a_run_that_the_server_had_not_written_is_gone_with_its_thread_and_its_session_waits_in_the_journal(
    killed: Killed,
) -> None:
    for run in ("ahead", "session", "question", "turn"):
        killed.output(run)
    with pytest.raises(NotFoundError):
        killed.client.threads.get(killed.runs["unwritten"][0])
    assert killed.memory.stats()["waiting"] == 1
    [filed] = killed.memory.resume()
    again: Any = killed.client.runs.wait(
        None, "memorizer", input={"session": "Tom sails from Turku."}, context={"namespace": "home"}
    )
    assert (again["page_ids"], again["duplicate"]) == ([*filed.page_ids], True)
    assert texts(killed.memory).count("Tom sails from Turku.") == 1
    assert killed.memory.stats()["waiting"] == 0


# -- users, and the end --------------------------------------------------------------------------------------------------


@WITH_SERVER
def test_two_users_never_see_each_other_and_the_server_leaves_no_process(tmp_path: Path) -> None:
    config = tmp_path / "langgraph.json"
    auth = {"path": "jitmem.integrations.auth:auth", "disable_studio_auth": True}
    config.write_text(json.dumps({**json.loads(CONFIG.read_text()), "auth": auth}))
    with serving(tmp_path, config, JITMEM_USERS=json.dumps(USERS)) as (url, server):
        ana, ben = (client_of(url, Authorization=f"Bearer {secret}") for secret in USERS.values())
        hers = thread_of(ana)
        ana.runs.wait(hers, "agent", input=person("My van is called Rosinante."))
        asked = person("What is my van called?")
        assert "Rosinante" in said(ana.runs.wait(None, "agent", input=asked))
        assert "Rosinante" not in said(ben.runs.wait(None, "agent", input=asked))
        assert ben.threads.search() == []
        assert [thread["thread_id"] for thread in ana.threads.search()] == [hers]
        for refused, status in (
            (lambda: ben.threads.get_state(hers), 404),
            (lambda: ben.runs.wait(hers, "agent", input=asked), 404),
            (lambda: ben.assistants.create("agent"), 403),
            (lambda: ben.store.search_items(("memories",)), 403),
            (lambda: client_of(url).threads.search(), 401),
            (lambda: client_of(url, Authorization="Bearer wrong").threads.search(), 401),
            (lambda: client_of(url, **{"x-auth-scheme": "langsmith"}).threads.search(), 401),
        ):
            with pytest.raises(httpx.HTTPStatusError) as error:
                refused()
            assert error.value.response.status_code == status
        theirs: Any = ben.runs.wait(None, "agent", input=asked, context={"namespace": "ana"}, raise_error=False)
        assert "signed in as 'ben'" in theirs["__error__"]["message"]
        server.send_signal(signal.SIGINT)
        assert server.wait(300) == 0
        assert not is_there(server.pid)
    with Memory.open(tmp_path / "memory", create=False) as memory:
        assert [memory.for_namespace(name).stats()["sessions"] for name in ("ana", "ben", "default")] == [2, 1, 0]


# -- REST and the inspector in the same process -------------------------------------------------------------------------


@WITH_SERVER
@pytest.mark.skipif(find_spec("fastapi") is None, reason="the server needs the extra [server]")
def test_rest_and_the_inspector_are_served_beside_the_graphs_over_their_memory(tmp_path: Path) -> None:
    config = tmp_path / "langgraph.json"
    mounts = {
        "http": {"app": "jitmem.integrations.studio_http:app"},
        "auth": {"path": "jitmem.integrations.auth:auth", "disable_studio_auth": True},
    }
    config.write_text(json.dumps({**json.loads(CONFIG.read_text()), **mounts}))
    users = {"ana": "anas-own-long-token", "ben": "bens-own-long-token"}
    with serving(tmp_path, config, JITMEM_USERS=json.dumps(users)) as (url, _):
        ana, ben = ({"Authorization": f"Bearer {token}"} for token in users.values())
        with httpx.Client(base_url=f"{url}/memory", timeout=60, trust_env=False) as http:
            graphs = client_of(url, **ana)
            filed: Any = graphs.runs.wait(None, "memorizer", input={"session": "Zoe lives in Oslo."})
            page = http.get(f"/v1/pages/{filed['page_ids'][0]}", headers=ana).json()
            assert page["page"]["text"] == "Zoe lives in Oslo."
            http.post("/v1/items", json={"content": "Zoe sails."}, headers=ana).raise_for_status()
            asked = {"question": "Where does Zoe live?"}
            found: Any = graphs.runs.wait(None, "researcher", input=asked)
            assert found["context"] == http.post("/v1/research", json=asked, headers=ana).json()["context"]
            streamed = http.post("/v1/research/stream", json=asked, headers=ana).text
            assert [line for line in streamed.splitlines() if line.startswith("event: ")][-1] == "event: done"
            assert http.get("/v1/stats", headers=ben).json()["pages"] == 0
            assert http.get("/v1/stats").status_code == 401
            assert http.get("/v1/stats", headers={**ana, "Host": "evil.example"}).status_code == 403
            assert "inspector/main.js" in http.get("/").text
            assert http.get("/inspector/main.js").headers["content-type"].startswith("text/javascript")
            signed_in = http.post("/signin", json={"secret": users["ana"]})
            assert "path=/memory/" in signed_in.headers["set-cookie"].lower()
            assert http.get("/v1/stats").json()["pages"] == 1
        with pytest.raises(httpx.HTTPStatusError):
            client_of(url).threads.search()
    assert "BlockingError" not in (tmp_path / "log").read_text()


# -- the agent without a server ------------------------------------------------------------------------------------------


def test_the_model_is_shown_what_was_recalled_and_only_what_was_said_is_memorized(memory: Memory) -> None:
    memory.memorize("Zoe lives in Oslo.")
    model = ScriptedModel(lines=["In Oslo [1]."])
    output = agent_with_memory(memory, model).invoke({"messages": [HumanMessage("Where does Zoe live?")]})
    (_, shown), *_ = model.seen
    assert "Oslo" not in shown[0].text
    assert wrap_recalled("- Zoe lives in Oslo. [1]") in shown[-1].text
    assert [message.text for message in output["messages"]] == ["Where does Zoe live?", "In Oslo [1]."]
    assert [page.text for page in memory.pages()] == [
        "Zoe lives in Oslo.",
        "user: Where does Zoe live?\nassistant: In Oslo [1].",
    ]


async def test_the_agent_is_the_same_awaited(memory: Memory) -> None:
    await memory.amemorize("Zoe lives in Oslo.")
    output = await agent_with_memory(memory).ainvoke({"messages": [HumanMessage("Where does Zoe live?")]})
    assert "- Zoe lives in Oslo. [1]" in output["messages"][-1].text
    assert [page.text for page in memory.pages()] == ["Zoe lives in Oslo.", "user: Where does Zoe live?"]


def test_a_turn_without_words_and_one_that_is_not_to_be_kept_leave_nothing(memory: Memory) -> None:
    agent = agent_with_memory(memory)
    agent.invoke({"messages": [HumanMessage("")]})
    agent.invoke({"messages": [HumanMessage(" \n")]})
    agent.invoke({"messages": [AIMessage("Hello.")]})
    agent.invoke({"messages": [HumanMessage("My PIN is 1234.")]}, context=AgentOptions(remember=False))
    assert memory.pages() == []


def test_a_turn_that_no_model_answered_is_part_of_the_next(memory: Memory) -> None:
    model = ScriptedModel(lines=[ModelUnavailable("Nobody answers."), "Ah, a van."])
    agent = agent_with_memory(memory, model).copy(update={"checkpointer": InMemorySaver()})
    thread: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(ModelUnavailable):
        agent.invoke({"messages": [HumanMessage("My van is called Rosinante.")]}, thread)
    agent.invoke({"messages": [HumanMessage("Are you there?")]}, thread)
    [page] = memory.pages()
    assert page.text == "user: My van is called Rosinante.\nuser: Are you there?\nassistant: Ah, a van."


def test_a_step_that_is_run_again_memorizes_the_turn_once(memory: Memory) -> None:
    agent = agent_with_memory(memory, ScriptedModel(lines=["Hello."])).copy(update={"checkpointer": InMemorySaver()})
    thread: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [HumanMessage("Good morning.")]}, thread)
    [before] = [state for state in agent.get_state_history(thread) if state.next == ("memorize",)]
    agent.invoke(None, before.config)
    assert [page.text for page in memory.pages()] == ["user: Good morning.\nassistant: Hello."]


def test_the_agent_streams_its_own_words_and_none_of_the_memorys(folder: Path) -> None:
    thinker = ScriptedModel(lines=lambda messages: {"needs": ["Zoe"], "queries": []})
    with Memory.open(folder, model_options=ModelOptions(researcher_model=thinker, on_model_failure="rules")) as memory:
        memory.memorize("Zoe lives in Oslo.")
        given = {"messages": [HumanMessage("Where does Zoe live?")]}
        agent = agent_with_memory(memory, ScriptedModel(lines=["In Oslo."]), AgentOptions(on_model_failure="rules"))
        pieces = list(agent.stream(given, stream_mode=["messages", "custom"], subgraphs=True))
        words = [piece[0].text for _, mode, piece in pieces if mode == "messages"]
        assert thinker.seen != []
        assert "".join(words) == "In Oslo."
        assert "planned" in [piece["event"] for _, mode, piece in pieces if mode == "custom"]
