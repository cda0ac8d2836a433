"""The model server speaks the OpenAI protocol, thinks enough for every step, and fails in every way it promises."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from model_server import FAULTS, ModelServer

from jitmem import Memory, Session

TESTS = Path(__file__).parent
QUESTION = "Where does Ana work now?"
PAGE = "01hy2m4k9qrs"
MEMORIZE = "Page:\n<history>\n8 May 2023 · news · Ana\n\nAna left the bank. Now she bakes bread.\n</history>"
PLAN = f"Question: {QUESTION}\nRequest of this round: the question itself\nTools: keyword, vector"
EVIDENCE = f"[{PAGE}] 8 May 2023 · news · Ana, Ben\nBen: It rains in Porto.\nAna: I work at the mill now, Ben.\nBen: Good for you."
INTEGRATE = f"Passages:\n<history>\n{EVIDENCE}\n</history>\n\nKnown so far:\nNothing yet.\n\nQuestion: {QUESTION}"
REFLECT = f"Known so far:\n<history>\n- Ana left the bank.\n</history>\n\nQuestion: {QUESTION}"
ANSWER = f"Context:\n<history>\n- Ana works at the mill and bakes bread every day. [1]\n- More.\n</history>\n\nQuestion: {QUESTION}"
PROMPTS = {
    "Memo": MEMORIZE,
    "SearchPlan": PLAN,
    "Integration": INTEGRATE,
    "Reflection": REFLECT,
    "Conclusion": INTEGRATE,
    "Answer": ANSWER,
}
STEPS = dict(zip(PROMPTS, ["memorize", "plan", "integrate", "reflect", "conclude", "answer"], strict=True))
STATEMENTS = [
    {"text": text, "sources": [{"page_id": PAGE, "quote": text}]}
    for text in ["Ana: I work at the mill now, Ben.", "Ben: It rains in Porto.", "Ben: Good for you."]
]
ENOUGH = {"enough": True, "missing": [], "request": "", "names": []}
THOUGHTS: dict[str, dict[str, Any]] = {
    "Memo": {"memo": "Ana left the bank. Now she bakes bread."},
    "SearchPlan": {
        "needs": [QUESTION],
        "queries": [{"tool": "keyword", "text": QUESTION}, {"tool": "vector", "text": QUESTION}],
    },
    "Integration": {"statements": STATEMENTS},
    "Reflection": ENOUGH,
    "Conclusion": {"statements": STATEMENTS, **ENOUGH},
    "Answer": {"answer": "- Ana works at the mill and bakes", "citations": [1]},
}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def client(server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0, timeout=120) as made:
        yield made


def chat(client: openai.OpenAI, form: str | None = None, prompt: str | None = None, **more: Any) -> Any:
    """The reply to a prompt, of the step whose form is named."""
    if form:
        more["response_format"] = {"type": "json_schema", "json_schema": {"name": form, "schema": {}}}
    messages: Any = [{"role": "user", "content": prompt or PROMPTS.get(form or "", "Hello, how are you?")}]
    return client.chat.completions.create(model="m", messages=messages, **more)


def call(client: openai.OpenAI, form: str, **more: Any) -> Any:
    """The reply to the same prompt where the form is a function that must be called."""
    choice = {"type": "function", "function": {"name": form}}
    return chat(client, prompt=PROMPTS[form], **{"tools": [tool(form)], "tool_choice": choice, **more})


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def message(reply: Any) -> Any:
    return reply.choices[0].message


def thought(reply: Any) -> Any:
    return json.loads(message(reply).content)


def embed(client: openai.OpenAI, *texts: str, **more: Any) -> list[list[float]]:
    reply = client.embeddings.create(model="e", input=list(texts), **more)
    return [one.embedding for one in reply.data]


def eventually(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 120
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


# What it thinks


@pytest.mark.parametrize("form", THOUGHTS)
def test_every_step_gets_a_useful_answer(client: openai.OpenAI, server: ModelServer, form: str) -> None:
    assert thought(chat(client, form)) == THOUGHTS[form]
    assert [request["step"] for request in server.requests()] == [STEPS[form]]


@pytest.mark.parametrize("form", THOUGHTS)
def test_the_answer_comes_as_a_tool_call_where_one_is_required(client: openai.OpenAI, form: str) -> None:
    reply = call(client, form)
    (made,) = message(reply).tool_calls
    assert (made.function.name, json.loads(made.function.arguments)) == (form, THOUGHTS[form])
    assert (message(reply).content, reply.choices[0].finish_reason) == (None, "tool_calls")


@pytest.mark.parametrize("place", ["system", "user"])
@pytest.mark.parametrize("form", THOUGHTS)
def test_a_step_is_known_by_the_example_in_its_prompt(client: openai.OpenAI, form: str, place: str) -> None:
    filled_in = {"kind": "needle", **THOUGHTS[form]} if form == "SearchPlan" else THOUGHTS[form]
    example = f"Do it {{well}}.\n\nAnswer with one JSON object of this form:\n{json.dumps(filled_in)}"
    system, user = ("Do it.", f"{PROMPTS[form]}\n\n{example}") if place == "user" else (example, PROMPTS[form])
    messages: list[Any] = [
        {"role": "system", "content": system},
        {"role": "user", "content": [{"type": "text", "text": user}]},
    ]
    assert thought(client.chat.completions.create(model="m", messages=messages)) == THOUGHTS[form]


def test_a_request_that_is_no_step_gets_ok(client: openai.OpenAI) -> None:
    assert message(chat(client)).content == "ok"
    assert message(chat(client, tools=[tool("weather")])).content == "ok"
    assert thought(chat(client, response_format={"type": "json_object"})) == {}


def test_an_agent_with_the_tools_of_a_memory_is_answered_in_words(folder: Path, server: ModelServer) -> None:
    from langchain.agents import create_agent
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=server.base_url, api_key="x")  # type: ignore[arg-type]
    with Memory.open(folder) as memory:
        agent = create_agent(model, memory.tools())
        said = agent.invoke({"messages": [("user", "Remember that I sold the van.")]})["messages"]
    assert [one.type for one in said] == ["human", "ai"]
    assert said[-1].content == "ok"


def test_a_memo_ends_with_a_sentence_and_is_short(client: openai.OpenAI) -> None:
    words = "Ana went to the market and bought a fish. " * 9
    prompt = f"Page:\n<history>\nheader\n\n{words}\n</history>\n\nMemos:\n<history>\nanother page\n</history>"
    assert thought(chat(client, "Memo", prompt))["memo"] == ("Ana went to the market and bought a fish. " * 4).strip()


@pytest.mark.parametrize(
    "request_", ["the mill", "\n<history-7f3a>\nthe mill\n</history-7f3a>", "<history-7f3a>\nthe mill\n</history-7f3a>"]
)
def test_a_plan_searches_for_the_request_of_the_round(client: openai.OpenAI, request_: str) -> None:
    prompt = f"Outline:\n<history>\nx\n</history>\n\nQuestion: {QUESTION}\nRequest of this round: {request_}\n\nPlan."
    assert thought(chat(client, "SearchPlan", prompt))["needs"] == ["the mill"]


def test_a_long_line_is_quoted_as_it_begins(client: openai.OpenAI) -> None:
    line = "Ana: " + "working " * 60
    prompt = f"Passages:\n<history>\n[{PAGE}] header\n{line}\n</history>\n\nQuestion: {QUESTION}"
    (statement,) = thought(chat(client, "Integration", prompt))["statements"]
    quote = statement["sources"][0]["quote"]
    assert line.startswith(quote)
    assert (quote[-7:], 150 < len(quote) <= 200) == ("working", True)


def test_without_new_passages_what_was_known_stays_known(client: openai.OpenAI) -> None:
    prompt = f"Known so far:\n<history>\n- Ana bakes. ({PAGE}: “she bakes”)\n</history>\n\nQuestion: {QUESTION}"
    known = [{"text": "Ana bakes.", "sources": [{"page_id": PAGE, "quote": "she bakes"}]}]
    assert thought(chat(client, "Integration", prompt)) == {"statements": known}


@pytest.mark.parametrize("form", ["Reflection", "Conclusion"])
def test_a_question_takes_as_many_rounds_as_the_server_was_told(
    client: openai.OpenAI, server: ModelServer, form: str
) -> None:
    server.set(rounds=2)
    other = INTEGRATE.replace(QUESTION, "Who is Ben?")
    told = [thought(chat(client, form, prompt)) for prompt in (PROMPTS[form], other, *[PROMPTS[form]] * 2)]
    assert [one["enough"] for one in told] == [False, False, True, False]
    assert told[0]["request"] == f"What else is known about: {QUESTION} (part 1)"
    assert (len(told[0]["missing"]), told[2]["missing"]) == (1, [])
    server.reset()
    assert thought(chat(client, form))["enough"] is False


def test_a_round_whose_answer_was_lost_is_answered_again(client: openai.OpenAI, server: ModelServer) -> None:
    server.set(rounds=2)
    for kind in ("not_json", "cut", "server_error"):
        server.fail(kind)
    with pytest.raises(ValueError, match="Expecting"):
        thought(chat(client, "Reflection"))
    for error in (openai.APIConnectionError, openai.InternalServerError):
        with pytest.raises(error):
            chat(client, "Reflection")
    assert [thought(chat(client, "Reflection"))["enough"] for _ in range(2)] == [False, True]


def test_a_memory_with_this_model_memorizes_and_researches(folder: Path, server: ModelServer) -> None:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=server.base_url, api_key="x")  # type: ignore[arg-type]
    server.set(rounds=2)
    with Memory.open(folder, model=model) as memory:
        memory.memorize(Session(text="Ana: I left the bank.\nBen: And now?\nAna: I work at the mill now.", id="news"))
        result = memory.research(QUESTION)
        assert [page.memo for page in memory.pages()] == [
            "Ana: I left the bank. Ben: And now? Ana: I work at the mill now."
        ]
    assert (result.stopped, len(result.rounds)) == ("enough", 2)
    assert "Ana: I work at the mill now." in [citation.quote for citation in result.citations]
    assert {request["step"] for request in server.requests()} >= {"memorize", "plan"}


# How it says it


def test_usage_counts_four_characters_a_token_and_three_a_message(client: openai.OpenAI, server: ModelServer) -> None:
    usage = chat(client, prompt="x" * 41).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (13, 3, 16)
    assert server.requests()[0]["prompt_tokens"] == 13


def test_a_streamed_reply_says_the_same_in_pieces(client: openai.OpenAI) -> None:
    plain = chat(client, "Integration")
    *told, last = chat(client, "Integration", stream=True, stream_options={"include_usage": True})
    assert "".join(event.choices[0].delta.content or "" for event in told) == message(plain).content
    assert len(told) > 4
    assert [event.choices[0].finish_reason for event in told[-2:]] == [None, "stop"]
    assert (last.choices, last.usage) == ([], plain.usage)
    assert all(event.usage is None for event in chat(client, "Integration", stream=True))


def test_a_streamed_tool_call_says_the_same_in_pieces(client: openai.OpenAI) -> None:
    made = [one for event in call(client, "Memo", stream=True) for one in event.choices[0].delta.tool_calls or []]
    assert made[0].function.name == "Memo"
    assert json.loads("".join(one.function.arguments for one in made)) == THOUGHTS["Memo"]


def test_vectors_are_the_same_every_time_and_alike_for_texts_that_share_words(client: openai.OpenAI) -> None:
    mill, same, near, far = embed(client, "the old water mill", "the old water mill", "an old mill", "quantum physics")
    assert (mill, len(mill)) == (same, 64)
    assert math.hypot(*mill) == pytest.approx(1.0)
    assert math.dist(mill, near) < math.dist(mill, far)
    assert embed(client, "the old water mill", encoding_format="float")[0] == pytest.approx(mill, abs=1e-6)
    assert len(embed(client, "mill", dimensions=256)[0]) == 256


def test_embeddings_name_their_model_and_take_a_text_or_token_numbers(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(model="e", input="four words stand here")
    assert (reply.model, reply.usage.prompt_tokens, len(reply.data)) == ("e", 5, 1)
    assert [len(client.embeddings.create(model="e", input=given).data) for given in ([1, 2], [[1], [2]])] == [1, 2]


def test_a_server_of_certain_models_does_not_know_others() -> None:
    with (
        ModelServer(models=["m", "n"]) as server,
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
    ):
        assert [model.id for model in client.models.list()] == ["m", "n"]
        assert message(chat(client)).content == "ok"
        with pytest.raises(openai.NotFoundError) as caught:
            embed(client, "text")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/nothing", b"{}", 404, "Unknown request URL: /v1/nothing."),
        ("/chat/completions", b"{", 400, "We could not parse the JSON body of your request."),
        ("/chat/completions", b'{"model": "m"}', 400, "Missing required parameter: 'messages'."),
        ("/embeddings", b'{"model": "e", "input": []}', 400, "Missing required parameter: 'input'."),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    server: ModelServer, path: str, body: bytes, status: int, message: str
) -> None:
    head, _, said = raw(server, path, body).partition(b"\r\n\r\n")
    assert (int(head.split()[1]), json.loads(said)["error"]["message"]) == (status, message)


# How it fails

ERRORS: dict[str, tuple[type[openai.APIStatusError], int, str | None]] = {
    "rate_limit": (openai.RateLimitError, 429, "rate_limit_exceeded"),
    "server_error": (openai.InternalServerError, 500, None),
    "unavailable": (openai.InternalServerError, 503, None),
    "unauthorized": (openai.AuthenticationError, 401, "invalid_api_key"),
    "no_model": (openai.NotFoundError, 404, "model_not_found"),
    "quota": (openai.RateLimitError, 429, "insufficient_quota"),
    "content_filter_400": (openai.BadRequestError, 400, "content_filter"),
    "context_length": (openai.BadRequestError, 400, "context_length_exceeded"),
    "no_json_schema": (openai.BadRequestError, 400, None),
    "no_tools": (openai.BadRequestError, 400, None),
    "only_json_object": (openai.InternalServerError, 500, None),
    "bare_500": (openai.InternalServerError, 500, None),
    "no_parameter": (openai.BadRequestError, 400, "unknown_parameter"),
}
HALF_A_MEMO = '{"memo": "Ana left the ba'
SPOILED: dict[str, tuple[str, Callable[[Any], bool]]] = {  # the form asked for, and what is true of the choice
    "refusal": ("Memo", lambda c: (c.message.content, c.message.refusal) == (None, "I cannot help with that.")),
    "content_filter": ("Memo", lambda c: (c.message.content, c.finish_reason) == ("", "content_filter")),
    "not_json": ("Memo", lambda c: "{" not in c.message.content),
    "truncated": ("Memo", lambda c: (c.message.content, c.finish_reason) == (HALF_A_MEMO, "length")),
    "wrong_types": ("SearchPlan", lambda c: json.loads(c.message.content) == {"needs": 1, "queries": 2}),
    "think": ("Memo", lambda c: c.message.content.startswith("<think>") and '{"memo": "wrong"}' in c.message.content),
    "fences": ("Memo", lambda c: "\n```json\n{" in c.message.content and "}\n```\n" in c.message.content),
    "trailing_commas": ("Answer", lambda c: c.message.content.endswith('"citations": [1,],}')),
    "as_tool_call": ("Memo", lambda c: json.loads(c.message.tool_calls[0].function.arguments) == THOUGHTS["Memo"]),
    "schema_echo": ("Memo", lambda c: json.loads(c.message.content) == {"type": "object", "properties": {}}),
    "empty": ("Memo", lambda c: c.message.content == ""),
    "unknown_page": ("Conclusion", lambda c: PAGE not in c.message.content and "zebras" in c.message.content),
    "false_quote": ("Integration", lambda c: PAGE in c.message.content and "zebras" in c.message.content),
    "unknown_tool": ("SearchPlan", lambda c: json.loads(c.message.content)["queries"][2]["tool"] == "web_search"),
    "enough_text": ("Reflection", lambda c: json.loads(c.message.content)["enough"] == "false"),
    "not_enough": ("Reflection", lambda c: json.loads(c.message.content)["enough"] is False),
}
VECTORS: dict[str, Callable[[list[list[float]]], bool]] = {
    "wrong_count": lambda vectors: len(vectors) == 1,
    "wrong_dimension": lambda vectors: [len(vector) for vector in vectors] == [32, 32],
    "nan": lambda vectors: [math.isnan(vector[0]) for vector in vectors] == [True, True],
}
ELSEWHERE = {"slow", "hang", "drip", "cut", "cut_stream", "refuse_connection", "garbage", "as_text"}
ELSEWHERE |= {"tools_ignored", "no_usage", "batch_cap", "form_ignored", "page_copied", "no_bounds", "no_json_object"}


def test_every_fault_has_a_description_and_a_test() -> None:
    assert set(FAULTS) == set(ERRORS) | set(SPOILED) | set(VECTORS) | ELSEWHERE
    assert all(FAULTS.values())


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_has_its_status_its_code_and_a_body_as_openai_sends_it(
    client: openai.OpenAI, server: ModelServer, kind: str
) -> None:
    error, status, code = ERRORS[kind]
    options: dict[str, Any] = {"limit": 10} if kind == "context_length" else {}
    server.fail(kind, **options)

    def ask() -> Any:
        return chat(client, "Memo", tools=[tool("Memo")], tool_choice="none")

    with pytest.raises(error) as caught:
        ask()
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert isinstance(caught.value.body, dict)
    assert set(caught.value.body) == {"message", "type", "param", "code"}
    assert thought(ask()) == THOUGHTS["Memo"]


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_reply_is_spoiled_as_described_and_the_next_is_whole(
    client: openai.OpenAI, server: ModelServer, kind: str
) -> None:
    form, described = SPOILED[kind]
    server.fail(kind)
    assert described(chat(client, form).choices[0])
    assert thought(chat(client, form)) == THOUGHTS[form]


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_reply_is_spoiled_in_a_stream_and_in_a_call_too(
    client: openai.OpenAI, server: ModelServer, kind: str
) -> None:
    form, _ = SPOILED[kind]
    whole = [(event.choices[0].delta, event.choices[0].finish_reason) for event in chat(client, form, stream=True)]
    server.fail(kind)
    assert [(e.choices[0].delta, e.choices[0].finish_reason) for e in chat(client, form, stream=True)] != whole
    if kind != "as_tool_call":
        server.fail(kind)
        made = message(call(client, form))
        assert (
            made.content or not made.tool_calls or made.tool_calls[0].function.arguments != json.dumps(THOUGHTS[form])
        )


@pytest.mark.parametrize("kind", VECTORS)
def test_spoiled_vectors_are_spoiled_as_described(client: openai.OpenAI, server: ModelServer, kind: str) -> None:
    server.fail(kind)
    assert VECTORS[kind](embed(client, "one", "two"))
    assert [len(vector) for vector in embed(client, "one", "two")] == [64, 64]


def test_a_vector_with_nan_has_null_where_it_is_sent_as_numbers(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("nan")
    assert embed(client, "one", encoding_format="float")[0][0] is None


def test_text_comes_although_a_call_was_required(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("as_text")
    assert thought(chat(client, "Memo")) == THOUGHTS["Memo"]
    reply = call(client, "Memo")
    assert (thought(reply), message(reply).tool_calls) == (THOUGHTS["Memo"], None)
    assert message(call(client, "Memo")).tool_calls


def test_a_rate_limit_says_when_to_come_again_where_that_is_given(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("rate_limit")
    server.fail("rate_limit", retry_after=7)
    told = []
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as caught:
            chat(client)
        told.append(caught.value.response.headers.get("retry-after"))
    assert told == [None, "7"]


def test_a_prompt_that_fits_the_context_passes_and_uses_nothing_up(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("context_length", limit=100)
    assert message(chat(client)).content == "ok"
    for send in (lambda: chat(client, prompt="long " * 100), lambda: embed(client, "long " * 100)):
        with pytest.raises(openai.BadRequestError, match="maximum context length is 100 tokens"):
            send()
        server.fail("context_length", limit=100)


@pytest.mark.parametrize("kind", ["no_json_schema", "no_tools"])
def test_what_a_server_does_not_know_it_refuses_and_all_else_passes(
    client: openai.OpenAI, server: ModelServer, kind: str
) -> None:
    server.fail(kind, times=None)
    with pytest.raises(openai.BadRequestError):
        chat(client, "Memo") if kind == "no_json_schema" else call(client, "Memo")
    assert call(client, "Memo") if kind == "no_json_schema" else chat(client, "Memo")
    assert message(chat(client)).content == "ok"


def test_a_schema_with_lengths_and_json_mode_are_refused_where_the_server_has_none(
    client: openai.OpenAI, server: ModelServer
) -> None:
    bounded = {"name": "Memo", "schema": {"properties": {"memo": {"type": "string", "maxLength": 9}}}}
    for kind, form in (
        ("no_bounds", {"type": "json_schema", "json_schema": bounded}),
        ("no_json_object", {"type": "json_object"}),
    ):
        server.reset()
        server.fail(kind, times=None)
        assert chat(client, "Memo")
        with pytest.raises(openai.BadRequestError):
            chat(client, response_format=form)


def test_a_form_is_ignored_in_prose_and_a_tool_call_comes_as_words(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("form_ignored")
    assert "{" not in message(chat(client, "Memo")).content
    server.fail("tools_ignored")
    made = message(call(client, "Memo"))
    assert made.tool_calls is None
    fenced = made.content.removeprefix("```json\n").removesuffix("\n```")
    assert json.loads(fenced) == {"name": "Memo", "arguments": THOUGHTS["Memo"]}


def test_a_page_comes_back_as_its_memo_and_a_reply_without_usage(client: openai.OpenAI, server: ModelServer) -> None:
    words = "Ana went to the market and bought a fish. " * 9
    server.fail("page_copied")
    copied = thought(chat(client, "Memo", f"Page:\n<history>\nheader\n\n{words}\n</history>"))["memo"]
    assert copied.strip() == words.strip()
    server.fail("no_usage", times=2)
    assert chat(client, "Memo").usage is None
    assert all(event.usage is None for event in chat(client, stream=True, stream_options={"include_usage": True}))


def test_a_batch_of_texts_beyond_the_cap_is_refused(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("batch_cap", times=None, limit=2)
    with pytest.raises(openai.APIStatusError, match="maximum allowed batch size 2"):
        embed(client, "a", "b", "c")
    assert len(embed(client, "a", "b")) == 2


def test_a_body_that_is_no_json_comes_with_status_200(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("garbage")
    server.fail("garbage", content_type="application/json")
    assert str(chat(client)).startswith("<html>")
    with pytest.raises((ValueError, openai.OpenAIError)):
        chat(client)


def test_a_slow_answer_comes_late(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("slow", seconds=0.4)
    started = time.monotonic()
    assert message(chat(client)).content == "ok"
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_client_that_waits_in_vain_runs_into_its_timeout(
    client: openai.OpenAI, server: ModelServer, kind: str
) -> None:
    server.fail(kind, step="embeddings")
    assert message(chat(client)).content == "ok"
    if kind == "hang":
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.3).embeddings.create(model="e", input="x")
    else:
        with connected(server, "/embeddings", b'{"model": "e", "input": "x"}') as sock:
            said = [sock.recv(1000) for _ in range(4)]
        assert said[0].startswith(b"HTTP/1.1 200")
        assert set(said[-2:]) == {b"1\r\n \r\n"}
    assert len(embed(client, "x")) == 1


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_connection_that_is_held_is_let_go_when_the_client_goes(server: ModelServer, kind: str) -> None:
    before = threading.active_count()
    server.fail(kind)
    with connected(server, "/chat/completions", ask_body()):
        assert eventually(lambda: len(server.requests()) == 1)
        assert eventually(lambda: threading.active_count() == before + 1)
    assert eventually(lambda: threading.active_count() == before)


def test_a_cut_reply_promises_more_than_it_sends_and_ends_in_a_reset(
    client: openai.OpenAI, server: ModelServer
) -> None:
    server.fail("cut", times=4)
    with connected(server, "/chat/completions", ask_body()) as sock:
        said = until_reset(sock)
    head, _, body = said.partition(b"\r\n\r\n")
    (promised,) = (int(line.split()[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    assert len(body) == promised // 2
    for send in (lambda: chat(client), lambda: list(chat(client, stream=True)), lambda: embed(client, "x")):
        with pytest.raises((openai.APIConnectionError, httpx.ReadError)):  # openai 2 does not name what cuts a stream
            send()


def test_a_cut_stream_has_half_of_its_events_and_no_end(client: openai.OpenAI, server: ModelServer) -> None:
    whole = raw(server, "/chat/completions", ask_body(stream=True))
    server.fail("cut_stream", times=2)
    half = raw(server, "/chat/completions", ask_body(stream=True))
    assert (whole.count(b"data: "), whole.count(b"[DONE]"), whole.endswith(b"0\r\n\r\n")) == (4, 1, True)
    assert (half.count(b"data: "), half.count(b"[DONE]"), half.endswith(b"0\r\n\r\n")) == (2, 0, False)
    with pytest.raises(openai.APIConnectionError):
        chat(client)


def test_a_refused_connection_ends_without_a_byte(client: openai.OpenAI, server: ModelServer) -> None:
    server.fail("refuse_connection", times=2)
    assert raw(server, "/chat/completions", ask_body()) == b""
    with pytest.raises(openai.APIConnectionError):
        chat(client)
    assert message(chat(client)).content == "ok"


@pytest.mark.parametrize(
    "kind", ["server_error", "rate_limit", "unauthorized", "unavailable", "cut", "refuse_connection"]
)
def test_embeddings_fail_as_chat_does(client: openai.OpenAI, server: ModelServer, kind: str) -> None:
    server.fail(kind, step="embeddings")
    assert message(chat(client)).content == "ok"
    with pytest.raises(openai.APIError):
        embed(client, "x")
    assert len(embed(client, "x")) == 1


def test_faults_strike_in_the_order_of_their_coming_each_its_own_requests(
    client: openai.OpenAI, server: ModelServer
) -> None:
    server.fail("server_error", times=2, step="plan")
    server.fail("empty", times=None)
    server.fail("wrong_count")
    chat(client, "Memo")
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            chat(client, "SearchPlan")
    chat(client, "SearchPlan")
    embed(client, "x", "y")
    server.forgive()
    chat(client, "SearchPlan")
    assert [(request["step"], request["fault"]) for request in server.requests()] == [
        ("memorize", "empty"),
        ("plan", "server_error"),
        ("plan", "server_error"),
        ("plan", "empty"),
        ("embeddings", "wrong_count"),
        ("plan", None),
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"kind": "flood"}, f"No fault 'flood'; there are {', '.join(FAULTS)}."),
        ({"kind": "slow", "second": 1}, "slow has no option 'second'; it has seconds."),
        ({"kind": "slow", "step": "planning"}, "No step 'planning'; there are memorize, curate, plan, "),
        ({"kind": "slow", "times": 0}, "times must be 1 or more, or None for ever, not 0."),
    ],
    ids=["kind", "option", "step", "times"],
)
def test_a_fault_that_cannot_be_is_refused_to_the_caller(server: ModelServer, said: Any, told: str) -> None:
    with pytest.raises(ValueError, match=r"flood|slow|planning|times") as caught:
        server.fail(**said)
    assert str(caught.value).startswith(told)


# What it tells, and how it runs


def test_every_request_is_told_with_its_body_its_time_and_its_connection(
    client: openai.OpenAI, server: ModelServer
) -> None:
    chat(client, "Memo")
    embed(client, "some words", dimensions=8)
    first, second = server.requests()
    assert {name: first[name] for name in ("path", "step", "model", "fault")} == {
        "path": "/v1/chat/completions",
        "step": "memorize",
        "model": "m",
        "fault": None,
    }
    assert first["body"]["messages"] == [{"role": "user", "content": MEMORIZE}]
    assert (second["body"]["input"], second["prompt_tokens"]) == (["some words"], 2)
    assert 0 <= first["at"] <= second["at"]
    server.reset()
    assert (server.requests(), server.connections) == ([], 0)


def test_one_client_keeps_its_connection_and_another_has_its_own(client: openai.OpenAI, server: ModelServer) -> None:
    chat(client)
    server.fail("server_error")
    with pytest.raises(openai.InternalServerError):
        chat(client)
    list(chat(client, stream=True))
    assert server.connections == 1
    with openai.OpenAI(base_url=server.base_url, api_key="x") as other:
        chat(other)
    assert (server.connections, [request["connection"] for request in server.requests()]) == (2, [1, 1, 1, 2])


def test_64_requests_at_once_wait_together(client: openai.OpenAI, server: ModelServer) -> None:
    server.set(latency_s=0.2)
    with ThreadPoolExecutor(64) as threads:
        replies = list(threads.map(lambda _: message(chat(client)).content, range(64)))
    assert replies == ["ok"] * 64
    assert server.connections > 8  # a client that has an answer asks again on the same connection


@pytest.mark.parametrize("kind", [None, "hang", "drip", "slow"])
def test_no_thread_is_left_when_the_server_stops(kind: str | None) -> None:
    before = set(threading.enumerate())
    with ModelServer() as server:
        if kind:
            options: dict[str, Any] = {"seconds": 60} if kind == "slow" else {}
            server.fail(kind, **options)
        sock = connected(server, "/chat/completions", ask_body())
        assert eventually(lambda: bool(server.requests()))
        port = int(server.base_url.split(":")[2].split("/")[0])
    assert set(threading.enumerate()) - before == set()
    sock.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(RuntimeError, match="with ModelServer"):
        _ = server.base_url


def test_a_server_apart_does_the_same_in_its_own_process_and_ends_with_the_block() -> None:
    with (
        ModelServer.apart(rounds=2, dimensions=16, models=["m", "e"]) as server,
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
    ):
        assert thought(chat(client, "Reflection"))["enough"] is False
        assert len(embed(client, "x")[0]) == 16
        assert [model.id for model in client.models.list()] == ["m", "e"]
        server.fail("server_error")
        with pytest.raises(openai.InternalServerError):
            chat(client)
        assert [request["step"] for request in server.requests()] == ["reflect", "embeddings", "models", "other"]
        url = server.base_url
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0])))


@pytest.mark.parametrize("how", ["stdin closes", "SIGTERM"])
def test_the_process_serves_until_it_is_told_to_end(how: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "model_server", "--latency", "0.01"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )
    assert child.stdout
    url = json.loads(child.stdout.readline())["base_url"]
    with openai.OpenAI(base_url=url, api_key="x") as client:
        assert message(chat(client)).content == "ok"
        if how == "SIGTERM":
            os.kill(child.pid, signal.SIGTERM)
            child.wait(120)
    assert child.communicate(timeout=120) == ("", "")
    assert child.returncode == 0


def test_a_port_that_is_taken_is_an_error_in_both_ways(server: ModelServer) -> None:
    port = int(server.base_url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match="in use"), ModelServer(port=port):
        pass
    with pytest.raises(RuntimeError, match="did not start"), ModelServer.apart(port=port):
        pass


def test_the_help_names_every_option() -> None:
    command = [sys.executable, "-m", "model_server", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TESTS).stdout
    assert [name for name in ("--port", "--latency", "--rounds", "--dimensions", "--model") if name not in told] == []


def ask_body(**more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}], **more}).encode()


def connected(server: ModelServer, path: str, body: bytes) -> socket.socket:
    """A connection on which a request was sent."""
    host, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    sock = socket.create_connection((host, int(port)), timeout=120)
    head = f"POST /v1{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    sock.sendall(head.encode() + body)
    return sock


def until_reset(sock: socket.socket) -> bytes:
    """What comes before the connection is reset; it must be."""
    parts: list[bytes] = []
    with pytest.raises(ConnectionResetError):
        parts.extend(iter(lambda: sock.recv(65_536), b""))
    return b"".join(parts)


def raw(server: ModelServer, path: str, body: bytes) -> bytes:
    """Every byte that is sent back."""
    with connected(server, path, body) as sock:
        return b"".join(iter(lambda: sock.recv(65_536), b""))
