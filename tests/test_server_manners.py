"""A server that refuses something is asked without it, and the next request leaves it out at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from jitmem import MemorizeOptions, Memory
from jitmem.nodes.llm.output_forms import forget_servers

Body = dict[str, Any]
_MEMO = json.dumps({"memo": "Ana pays 640 euros for her flat."})


class Strict(ThreadingHTTPServer):
    """Answers each request with a memo, or with an error where `refuses` says so; `bodies` are all requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[Body] = []
        self.refuses: Callable[[Body, int], bool] = lambda body, number: False
        self.error: tuple[int, Body] = 400, {}

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Strict

    def log_message(self, *words: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        message = {"role": "assistant", "content": _MEMO}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        status, said = 200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        if self.server.refuses(body, len(self.server.bodies)):
            status, said = self.server.error
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def strict() -> Iterator[Strict]:
    forget_servers()
    with Strict() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def has_system(body: Body) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


REFUSALS: dict[str, tuple[Callable[[Body], bool], int, str, str | None, dict[str, Any]]] = {
    "a system role": (has_system, 400, "System role not supported", None, {}),
    "a template without it": (has_system, 500, "Conversation roles must alternate user/assistant/user/…", None, {}),
    "a developer instruction": (has_system, 400, "Developer instruction is not enabled for m", None, {}),
    "a value": (
        lambda body: "reasoning_effort" in body,
        400,
        "Invalid value: 'none'.",
        "reasoning_effort",
        {"reasoning_effort": "none"},
    ),
    "thinking": (
        lambda body: "reasoning_effort" in body,
        400,
        '"m" does not support thinking',
        None,
        {"reasoning_effort": "none"},
    ),
    "a seed": (lambda body: "seed" in body, 400, "Unsupported parameter: 'seed'", "seed", {"seed": 1}),
    "a new limit": (
        lambda body: "max_completion_tokens" in body,
        422,
        "Extra inputs are not permitted: max_completion_tokens",
        None,
        {"max_tokens": 300},
    ),
    "an old limit": (
        lambda body: "max_tokens" in body,
        400,
        "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        {"extra_body": {"max_tokens": 300}},
    ),
    "a form, with 404": (
        lambda body: "response_format" in body,
        404,
        "This model does not support response_format",
        None,
        {},
    ),
}


@pytest.mark.parametrize(("refused", "status", "message", "param", "own"), REFUSALS.values(), ids=REFUSALS)
def test_what_a_server_refuses_is_left_out_from_then_on(
    tmp_path: Path,
    strict: Strict,
    refused: Callable[[Body], bool],
    status: int,
    message: str,
    param: str | None,
    own: dict[str, Any],
) -> None:
    strict.refuses = lambda body, number: refused(body)
    strict.error = status, {"error": {"message": message, "param": param, "type": "invalid_request_error"}}
    model: Any = ChatOpenAI(model="m", base_url=strict.base_url, api_key="none", max_retries=0, **own)
    options = MemorizeOptions(curate=False, on_model_failure="raise")
    with Memory.open(tmp_path, model=model, memorize_options=options) as memory:
        memory.memorize("Ana: My flat costs 640 euros.")
        first = len(strict.bodies)
        memory.memorize("Ana: My flat still costs 640 euros.")
    assert len(strict.bodies) == first + 1
    assert "keep the memory" in json.dumps(strict.bodies[-1]["messages"])
    if message.startswith("Extra inputs"):
        assert strict.bodies[-1]["max_tokens"] == 300


@pytest.mark.parametrize(
    "message",
    [
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
        "max_tokens is too large: -904",
        "Range of input length should be [1, 30720]",
        "prompt token count of 5000 exceeds the limit of 4096",
        "Prompt exceeds max length",
        "exceed_context_size_error",
    ],
)
def test_a_prompt_without_room_is_shortened_in_the_same_form(tmp_path: Path, strict: Strict, message: str) -> None:
    strict.refuses, strict.error = lambda body, number: number == 1, (400, {"error": {"message": message}})
    options = MemorizeOptions(curate=False, on_model_failure="raise")
    with Memory.open(tmp_path, model="openai:m", base_url=strict.base_url, memorize_options=options) as memory:
        memory.memorize("Ana: My flat costs 640 euros.")
    assert len({json.dumps(body["response_format"]) for body in strict.bodies}) == 1
    assert len(strict.bodies) == 2


def test_an_answer_without_a_choice_is_asked_for_again(tmp_path: Path, strict: Strict) -> None:
    strict.refuses = lambda body, number: number == 1
    strict.error = 200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    options = MemorizeOptions(curate=False, on_model_failure="raise")
    with Memory.open(tmp_path, model="openai:m", base_url=strict.base_url, memorize_options=options) as memory:
        memory.memorize("Ana: My flat costs 640 euros.")
    assert len(strict.bodies) == 2
