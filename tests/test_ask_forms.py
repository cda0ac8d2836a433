"""A step is asked in the strictest form that its server answers, and what a server refuses is learned once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from model_server import ModelServer

from jitmem import BadInput, MemorizeOptions, Memory, ModelOptions, ModelReplyError, ModelUnavailable, Session
from jitmem.models import without_thinking
from jitmem.nodes.llm.ask import StepSpec
from jitmem.nodes.llm.model_backend import ModelBackend
from jitmem.nodes.llm.output_forms import ServerForms, calls_schema, strict_schema, supported_formats
from jitmem.nodes.llm.sync_async import run_sync
from jitmem.nodes.llm.usage import UsageTracker
from jitmem.nodes.memorize import Memo, MemorizeQuestion
from jitmem.nodes.plan import SearchPlan
from jitmem.stores.index.snapshot import Snapshot
from jitmem.testing import ScriptedModel
from jitmem.tools.memory_specs import memory_specs

QUESTION = "Where does Ana work now?"
NEWS = Session(
    id="news", time="2024-06-01", text="Ana: I left the bank.\nBen: And now?\nAna: Now I bake bread at Moinho."
)
TOOLS = [spec.as_openai() for spec in memory_specs()]


def chat(server: ModelServer, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(model="m", base_url=server.base_url, api_key="x", max_retries=0, **options)  # type: ignore[arg-type]


def forms(server: ModelServer, step: str | None = None) -> list[str]:
    """The form of each request: its response_format, `bounded` with lengths, a function, required or not, or words."""
    names = []
    for request in server.requests():
        body = request["body"]
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema" and '"max' in json.dumps(form):
            names.append("bounded")
        elif form:
            names.append(form["type"])
        elif body.get("tools"):
            names.append("function" if body.get("tool_choice") else "tools")
        else:
            names.append("prompt")
    return [name for name, request in zip(names, server.requests(), strict=True) if step in (None, request["step"])]


def memorize(folder: Path, model: Any, curate: bool = False) -> Any:
    with Memory.open(folder, model=model, memorize_options=MemorizeOptions(curate=curate)) as memory:
        filed = memory.memorize(NEWS)
        return filed, memory.pages()[0].memo, [item.content for item in memory.items.list()]


LADDER = ["bounded", "json_schema", "json_object", "function", "prompt"]
REFUSALS = {
    "no lengths in a schema": (["no_bounds"], LADDER[:2]),
    "no schema": (["no_json_schema"], LADDER[:3]),
    "no schema, by 500": (["only_json_object"], LADDER[:3]),
    "no JSON mode either": (["no_json_schema", "no_json_object"], LADDER[:4]),
    "nothing but words": (["no_json_schema", "no_json_object", "no_tools"], LADDER),
}


@pytest.mark.parametrize(("faults", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_each_form_that_is_refused_leads_to_the_next_and_is_not_tried_again_by_anybody(
    server: ModelServer, tmp_path: Path, faults: list[str], expected: list[str]
) -> None:
    for fault in faults:
        server.fail(fault, times=None)
    filed, memo, _ = memorize(tmp_path / "a", chat(server))
    assert memo.startswith("Ana: I left the bank.")
    assert (forms(server), filed.failures) == (expected, ())
    memorize(tmp_path / "b", chat(server))
    assert forms(server) == [*expected, expected[-1]]


def test_a_form_that_gets_a_bare_500_is_left_once_the_next_is_answered(server: ModelServer, folder: Path) -> None:
    server.fail("bare_500", times=None)
    memorize(folder, chat(server))
    assert forms(server) == ["bounded"] * 5 + ["json_schema", "json_object", "function"]


def test_a_server_that_is_down_is_asked_once_in_each_form_and_nothing_is_learned(
    server: ModelServer, folder: Path
) -> None:
    server.fail("server_error", times=None)
    with pytest.raises(ModelUnavailable, match="status 500"):
        memorize(folder, chat(server))
    assert forms(server) == ["bounded"] * 5 + LADDER[1:]
    server.reset()
    with Memory.open(folder, model=chat(server), memorize_options=MemorizeOptions(curate=False)) as memory:
        memory.resume()
    assert forms(server) == ["bounded"]


def test_a_server_that_ignores_a_form_is_asked_first_in_the_one_that_it_keeps(
    server: ModelServer, tmp_path: Path
) -> None:
    server.fail("form_ignored", times=None)
    memorize(tmp_path / "a", chat(server))
    assert forms(server) == ["bounded", "bounded", "json_object", "function"]
    memorize(tmp_path / "b", chat(server))
    assert forms(server)[4:] == ["function"]


def test_a_reply_that_was_cut_off_says_nothing_of_the_form(server: ModelServer, tmp_path: Path) -> None:
    server.fail("truncated", times=2)
    memorize(tmp_path / "a", chat(server))
    memorize(tmp_path / "b", chat(server))
    assert forms(server)[-1] == "bounded"


@pytest.mark.parametrize("name", ["tool_choice", "stream_options", "parallel_tool_calls"])
def test_a_parameter_that_is_refused_by_name_is_left_out_from_then_on(
    server: ModelServer, tmp_path: Path, name: str
) -> None:
    for fault in ("no_json_schema", "no_json_object"):
        server.fail(fault, times=None)
    server.fail("no_parameter", times=None, name=name)
    own: dict[str, Any] = {}
    if name == "stream_options":
        own = {"streaming": True, "stream_usage": True}
    elif name == "parallel_tool_calls":
        own = {"model_kwargs": {"parallel_tool_calls": False}}
    _, memo, _ = memorize(tmp_path / "a", chat(server, **own))
    assert memo.startswith("Ana: I left the bank.")
    before = len(server.requests())
    memorize(tmp_path / "b", chat(server, **own))
    (last,) = server.requests()[before:]
    assert (last["fault"], name in last["body"]) == (None, False)
    assert last["body"]["tools"]


def test_a_refusal_that_no_form_can_mend_is_the_servers_message_at_once(server: ModelServer, folder: Path) -> None:
    server.fail("no_parameter", times=None, name="service_tier")
    with pytest.raises(ModelUnavailable, match="Unknown parameter: 'service_tier'"):
        memorize(folder, chat(server, service_tier="flex"))
    assert len(server.requests()) == 1


def test_a_model_by_name_answers_at_temperature_0_where_the_server_takes_one(
    server: ModelServer, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        with Memory.open(tmp_path / folder, model="openai:m", base_url=server.base_url) as memory:
            memory.memorize(NEWS)
        assert server.requests()[-1]["body"].get("temperature") == (0 if folder == "a" else None)
        server.fail("no_parameter", times=None, name="temperature")


THINKING = ("reasoning_effort", "chat_template_kwargs")


def test_only_the_steps_that_may_think_are_asked_without_the_switch(server: ModelServer, folder: Path) -> None:
    options = ModelOptions(thinking_steps=("reflect",))
    with Memory.open(folder, model=chat(server, extra_body={"top_k": 5}), model_options=options) as memory:
        memory.memorize(NEWS)
        memory.research(QUESTION, depth=2)
    bodies = {request["step"]: request["body"] for request in server.requests()}
    assert {"memorize", "curate", "plan", "integrate", "reflect"} <= bodies.keys()
    for step, body in bodies.items():
        switch = {} if step == "reflect" else {"enable_thinking": False, "thinking": False}
        assert (body.get("chat_template_kwargs") or {}, body["top_k"]) == (switch, 5), step
        assert body.get("reasoning_effort") == (None if step == "reflect" else "none"), step


@pytest.mark.parametrize("name", THINKING)
def test_a_server_without_the_switch_is_asked_without_it_from_then_on(
    server: ModelServer, tmp_path: Path, name: str
) -> None:
    server.fail("no_parameter", times=None, name=name)
    options = ModelOptions(thinking_steps=())
    for folder in ("a", "b"):
        with Memory.open(tmp_path / folder, model=chat(server), model_options=options) as memory:
            assert memory.memorize(NEWS).failures == ()
    refused = [request["fault"] for request in server.requests()]
    assert refused == ["no_parameter", *[None] * (len(refused) - 1)]
    assert all(other in server.requests()[-1]["body"] for other in THINKING if other != name)


def test_the_switch_is_the_one_that_the_provider_knows() -> None:
    hosted = without_thinking(ChatOpenAI(model="m", api_key="x"))  # type: ignore[arg-type]
    assert isinstance(hosted, ChatOpenAI)
    assert (hosted.reasoning_effort, hosted.extra_body) == ("minimal", None)
    scripted = ScriptedModel(lines=[])
    assert without_thinking(scripted) is scripted
    with pytest.raises(BadInput, match="thinking_steps: there is no step 'think'"):
        ModelOptions(thinking_steps=("think",)).models_by_step(scripted, None)


def test_openai_itself_is_not_asked_with_lengths() -> None:
    assert supported_formats(ChatOpenAI(model="m", api_key="x"))[0] == "json_schema"  # type: ignore[arg-type]
    azure = "https://me.openai.azure.com/openai/v1"
    assert supported_formats(ChatOpenAI(model="m", api_key="x", base_url=azure))[0] == "json_schema"  # type: ignore[arg-type]
    assert supported_formats(ScriptedModel(lines=[])) == ("function", "prompt")


def test_the_last_form_is_never_refused() -> None:
    forms = ServerForms(("json_object", "prompt"))
    forms.refuse(["json_object", "prompt"])
    assert forms.formats == ("json_object", "prompt")


# -- steps made of tool calls ---------------------------------------------------------------------------------


def test_a_call_is_one_flat_form_with_the_arguments_of_every_tool() -> None:
    schema = strict_schema(calls_schema(TOOLS), {"maxLength", "maxItems"})
    calls = schema["properties"]["calls"]
    assert calls["maxItems"] == 10
    call = calls["items"]
    assert call["required"] == ["name", "kind", "content", "time", "id"]
    assert call["properties"]["name"]["enum"] == ["memory_insert", "memory_update", "memory_delete"]
    assert call["properties"]["kind"]["enum"] == ["core", "semantic", "episodic"]
    assert call["properties"]["content"]["maxLength"] == 300
    assert '"max' not in json.dumps(strict_schema(calls_schema(TOOLS)))


def test_a_length_that_no_grammar_can_count_is_a_smaller_one() -> None:
    fields = {"short": {"type": "string", "maxLength": 600}, "long": {"type": "string", "maxLength": 2000}}
    schema = strict_schema({"type": "object", "properties": fields}, {"maxLength"})
    assert [field["maxLength"] for field in schema["properties"].values()] == [600, 1000]


def test_every_list_and_text_of_a_bounded_form_has_an_end() -> None:
    bounded = strict_schema(SearchPlan.model_json_schema(), {"const", "maxLength", "maxItems"})
    needs, queries = bounded["properties"]["needs"], bounded["properties"]["queries"]
    assert (needs["maxItems"], needs["items"]["maxLength"], queries["maxItems"]) == (8, 400, 8)
    assert bounded["$defs"]["Query"]["properties"]["text"]["maxLength"] == 400
    assert '"max' not in json.dumps(strict_schema(SearchPlan.model_json_schema()))


@pytest.mark.parametrize(("faults", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_memories_are_drawn_in_every_form(
    server: ModelServer, folder: Path, faults: list[str], expected: list[str]
) -> None:
    for fault in faults:
        server.fail(fault, times=None, step="curate")
    filed, memo, items = memorize(folder, chat(server), curate=True)
    assert items == [memo]
    assert ([edit["status"] for edit in filed.edits], filed.failures) == (["applied"], ())
    assert forms(server, "curate") == [form.replace("function", "tools") for form in expected]


def test_tool_calls_that_come_as_words_are_made(server: ModelServer, folder: Path) -> None:
    for fault in ("no_json_schema", "no_json_object"):
        server.fail(fault, times=None)
    server.fail("tools_ignored", times=None)
    _, memo, items = memorize(folder, chat(server), curate=True)
    assert items == [memo]


# -- replies that were seen -----------------------------------------------------------------------------------


def test_a_form_that_is_repeated_is_named_as_that_in_the_repair(server: ModelServer, folder: Path) -> None:
    server.fail("schema_echo")
    memorize(folder, chat(server))
    repair = server.requests()[1]["body"]["messages"][-1]["content"]
    assert repair.startswith("The reply repeats the form instead of filling it in.")


def test_a_reply_without_usage_is_counted_by_its_length(server: ModelServer, folder: Path) -> None:
    server.fail("no_usage")
    filed, _, _ = memorize(folder, chat(server))
    (entry,) = filed.usage.steps
    assert entry["prompt_tokens"] > 100
    assert entry["completion_tokens"] > 5


# -- checks ---------------------------------------------------------------------------------------------------


def ask(model: Any, archive: Snapshot) -> tuple[Memo, list[dict[str, Any]]]:
    """One memo, which may not be the page."""

    def check(question: MemorizeQuestion, memo: Memo) -> str:
        return "The memo is the page, copied." if memo.memo.strip() == question.text.strip() else ""

    tracker = UsageTracker()
    question = MemorizeQuestion("news", str(NEWS.text), archive)
    spec = StepSpec("memorize", MemorizeQuestion, Memo, check=check)
    return run_sync(ModelBackend(model).ask(spec, question, tracker)), tracker.entries


@pytest.fixture
def snapshot(memory: Memory) -> Snapshot:
    return memory._runtime.archive.snapshot()


def test_an_answer_that_fails_its_check_is_asked_for_once_more_in_the_same_form(
    server: ModelServer, snapshot: Snapshot
) -> None:
    server.fail("page_copied")
    memo, usage = ask(chat(server), snapshot)
    assert memo.memo != NEWS.text
    assert (forms(server), [entry["calls"] for entry in usage]) == (["bounded", "bounded"], [1, 1])
    assert server.requests()[1]["body"]["messages"][-1]["content"].startswith("The memo is the page, copied.\n")


def test_a_second_answer_that_fails_its_check_is_an_error_with_its_reason(
    server: ModelServer, snapshot: Snapshot
) -> None:
    server.fail("page_copied", times=None)
    with pytest.raises(ModelReplyError, match=r"The memo is the page, copied\."):
        ask(chat(server), snapshot)
    assert forms(server) == ["bounded", "bounded"]


# -- embeddings, and event loops ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413])
def test_a_batch_of_embeddings_that_is_refused_is_halved_and_the_cap_remembered(
    server: ModelServer, folder: Path, status: int
) -> None:
    server.fail("batch_cap", times=None, limit=16, status=status)
    text = "\n".join(f"Ana: On day {day} I baked {day * 3} loaves of bread for the mill." for day in range(60))
    with Memory.open(folder, embeddings="openai:e", base_url=server.base_url) as memory:
        memory.memorize(text)
        assert memory.stats()["waiting"] == 0
        assert "day 41 " in memory.recall("On day 41 I baked loaves", k=1)[0].text
        first = [request["fault"] for request in server.requests()]
        assert first.count("batch_cap") >= 1
        memory.memorize(text.replace("bread", "cake"))
        assert [r["fault"] for r in server.requests()[len(first) :]].count("batch_cap") == 0


def test_a_single_text_that_is_refused_is_an_error(server: ModelServer, folder: Path) -> None:
    server.fail("batch_cap", times=None, limit=0)
    with (
        Memory.open(folder, embeddings="openai:e", base_url=server.base_url) as memory,
        pytest.raises(ModelUnavailable, match="maximum allowed batch size 0"),
    ):
        memory.memorize("Ana: I bake.\nBen: I do not.")


@pytest.mark.parametrize("own", [True, False], ids=["our connections", "a model that the user made"])
def test_a_model_serves_several_event_loops_in_turn(server: ModelServer, folder: Path, own: bool) -> None:
    model: Any = "openai:m" if own else chat(server)
    options: dict[str, Any] = {"base_url": server.base_url} if own else {}
    with Memory.open(folder, model=model, memorize_options=MemorizeOptions(curate=False), **options) as memory:
        for number in range(3):
            asyncio.run(memory.amemorize(f"Ana: I baked {number} loaves."))
        assert len(memory.pages()) == 3
    assert len(server.requests()) == 3
    assert [r["fault"] for r in server.requests()] == [None] * 3


def test_embeddings_that_the_user_made_serve_several_event_loops_in_turn(server: ModelServer, folder: Path) -> None:
    made = OpenAIEmbeddings(
        model="e",
        base_url=server.base_url,
        api_key="x",
        max_retries=0,
        check_embedding_ctx_length=False,  # type: ignore[arg-type]
    )
    with Memory.open(folder, embeddings=made) as memory:
        for number in range(3):
            asyncio.run(memory.amemorize(f"Ana: I baked {number} loaves."))
        assert len(asyncio.run(memory.arecall("loaves"))) == 3
