"""The faults of the model server: every kind, the requests it applies to, and its effect on a reply."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from threading import Lock
from typing import Any, NamedTuple

from .step_replies import ANSWERS, STEPS, ModelRequest, Reply, history_after

Value = dict[str, Any]


def _always(request: ModelRequest, options: Mapping[str, Any]) -> bool:
    return True


def _in(*steps: str) -> Callable[[ModelRequest, Mapping[str, Any]], bool]:
    return lambda request, options: request.step in steps


def _chat(request: ModelRequest, options: Mapping[str, Any]) -> bool:
    return request.step not in ("embeddings", "models")


def _step(request: ModelRequest, options: Mapping[str, Any]) -> bool:
    return request.step not in ("embeddings", "models", "other")


def _form_asked(request: ModelRequest, options: Mapping[str, Any]) -> bool:
    return bool(request.body.get("response_format"))


def _schema_asked(request: ModelRequest, options: Mapping[str, Any]) -> bool:
    return (request.body.get("response_format") or {}).get("type") == "json_schema"


class Kind(NamedTuple):
    """A summary of a fault, the requests it applies to, and its options with their defaults."""

    says: str
    strikes: Callable[[ModelRequest, Mapping[str, Any]], bool] = _always
    options: Mapping[str, Any] = {}


KINDS = {
    "rate_limit": Kind("429, with a Retry-After header where `retry_after` is given", options={"retry_after": None}),
    "server_error": Kind("500"),
    "unavailable": Kind("503"),
    "unauthorized": Kind("401"),
    "no_model": Kind("404, code model_not_found"),
    "quota": Kind("429, code insufficient_quota"),
    "slow": Kind("waits `seconds`, then answers", options={"seconds": 1.0}),
    "hang": Kind("never answers; holds the connection until the client goes or the server stops"),
    "drip": Kind("sends headers, then one byte of the body every 0.2 s without end"),
    "cut": Kind("declares the whole length, sends half of the body, resets the connection"),
    "cut_stream": Kind("half of a stream's events and no end; cut where nothing is streamed"),
    "refuse_connection": Kind("closes the connection before any byte of a response"),
    "refusal": Kind("no content, and a refusal", _chat),
    "content_filter": Kind("empty content, finish_reason content_filter", _chat),
    "content_filter_400": Kind("400, code content_filter", _chat),
    "context_length": Kind(
        "400, code context_length_exceeded, for a prompt of more than `limit` tokens",
        lambda request, options: request.tokens > options["limit"],
        {"limit": 8192},
    ),
    "no_json_schema": Kind("400 for a response_format of type json_schema", _schema_asked),
    "no_tools": Kind("400 for a request with tools", lambda request, _: bool(request.body.get("tools"))),
    "only_json_object": Kind("500 for a response_format of type json_schema, as llama-cpp-python", _schema_asked),
    "no_json_object": Kind(
        "400 for a response_format of type json_object",
        lambda request, _: (request.body.get("response_format") or {}).get("type") == "json_object",
    ),
    "bare_500": Kind("500 that does not say why, for a response_format", _form_asked),
    "no_bounds": Kind(
        "400 for a schema with lengths, as OpenAI's strict mode",
        lambda request, _: _schema_asked(request, _) and '"max' in json.dumps(request.body["response_format"]),
    ),
    "no_parameter": Kind(
        "400 for a request with the parameter `name`",
        lambda request, options: request.body.get(options["name"]) is not None,
        {"name": "tool_choice"},
    ),
    "garbage": Kind(
        "200 with a body that is no JSON, said to be of `content_type`", options={"content_type": "text/html"}
    ),
    "not_json": Kind("content is prose", _chat),
    "truncated": Kind("content is cut in half, finish_reason length", _chat),
    "wrong_types": Kind("the right keys with the wrong types: a number for a list, lists in a list for a text", _step),
    "think": Kind("a think block with another answer stands before the content", _chat),
    "fences": Kind("content stands in a ```json fence with words around it", _chat),
    "trailing_commas": Kind("a comma before every closing bracket", _step),
    "as_tool_call": Kind("a tool call although none was asked for", lambda a, o: _chat(a, o) and not a.function),
    "as_text": Kind("text although a tool call was asked for", lambda a, o: _chat(a, o) and bool(a.function)),
    "schema_echo": Kind("content is the JSON Schema of the form", _step),
    "page_copied": Kind("the memo is the page", _in("memorize")),
    "form_ignored": Kind("prose although a response_format was asked for", _form_asked),
    "tools_ignored": Kind("a tool call as words in a fence", lambda a, o: _chat(a, o) and bool(a.function)),
    "no_usage": Kind("no usage", _chat),
    "empty": Kind("content is the empty text", _chat),
    "unknown_page": Kind(
        "sources name a page that is not there, and words that stand nowhere", _in("integrate", "conclude")
    ),
    "false_quote": Kind("quotes are words that stand nowhere", _in("integrate", "conclude")),
    "unknown_tool": Kind("the plan has a query more, of a tool web_search", _in("plan")),
    "enough_text": Kind("enough is the text false", _in("reflect", "conclude")),
    "batch_cap": Kind(
        "`status` for more than `limit` texts in a request",
        lambda request, options: request.step == "embeddings" and len(request.inputs) > options["limit"],
        {"limit": 16, "status": 413},
    ),
    "not_enough": Kind("enough is false, and something is missing", _in("reflect", "conclude")),
    "wrong_count": Kind("one vector too few", _in("embeddings")),
    "wrong_dimension": Kind("vectors of half the dimension", _in("embeddings")),
    "nan": Kind("the first value of every vector is null, or NaN in base64", _in("embeddings")),
}
FAULTS: Mapping[str, str] = {name: kind.says for name, kind in KINDS.items()}
# The client learns nothing from such a reply and asks again.
UNHEARD = {"cut", "cut_stream", "refusal", "content_filter", "not_json", "truncated", "wrong_types", "empty"}
UNHEARD |= {"schema_echo", "form_ignored"}


@dataclass
class Fault:
    """A pending fault; `times` is the number of requests it will still apply to, None for all."""

    kind: str
    times: int | None = 1
    step: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"No fault {self.kind!r}; there are {', '.join(KINDS)}.")
        known = KINDS[self.kind].options
        if unknown := set(self.options) - set(known):
            raise ValueError(f"{self.kind} has no option {sorted(unknown)[0]!r}; it has {', '.join(known) or 'none'}.")
        if self.step is not None and self.step not in STEPS:
            raise ValueError(f"No step {self.step!r}; there are {', '.join(STEPS)}.")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times must be 1 or more, or None for ever, not {self.times}.")
        self.options = {**known, **self.options}

    def strikes(self, request: ModelRequest) -> bool:
        """Whether it applies to this request."""
        return self.step in (None, request.step) and KINDS[self.kind].strikes(request, self.options)

    def plain(self) -> dict[str, Any]:
        """Its fields, for JSON."""
        return asdict(self)


class Faults:
    """The pending faults, first in, first out; a request gets the first that applies to it."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Add a fault at the end."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._waiting.clear()

    def take(self, request: ModelRequest) -> Fault | None:
        """The fault of this request; it is removed after its last time."""
        with self._lock:
            fault = next((fault for fault in self._waiting if fault.strikes(request)), None)
            if fault and fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
            return fault


class Failure(NamedTuple):
    """An error as OpenAI sends it."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None

    def body(self) -> Value:
        """For JSON."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def no_model(name: object) -> Failure:
    """The 404 of a model that the server does not have."""
    return Failure(404, f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found")


_FAILURES = {
    "rate_limit": Failure(429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    "server_error": Failure(500, "The server had an error while processing your request.", "server_error"),
    "unavailable": Failure(503, "The engine is currently overloaded, please try again later.", "service_unavailable"),
    "unauthorized": Failure(401, "Incorrect API key provided.", code="invalid_api_key"),
    "quota": Failure(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "content_filter_400": Failure(
        400, "The prompt triggered the content filter.", code="content_filter", param="prompt"
    ),
    "no_json_schema": Failure(
        400, "'response_format' of type 'json_schema' is not supported with this model.", param="response_format"
    ),
    "only_json_object": Failure(500, "[{'type': 'literal_error', 'msg': \"Input should be 'text' or 'json_object'\"}]"),
    "no_json_object": Failure(400, "'response_format.type' must be 'json_schema' or 'text'"),
    "bare_500": Failure(500, "Internal Server Error", "server_error"),
    "no_bounds": Failure(
        400, "Invalid schema for response_format: 'maxLength' is not permitted.", param="response_format"
    ),
    "no_tools": Failure(400, "This model does not support tools.", param="tools"),
}


def failure_of(fault: Fault, request: ModelRequest) -> Failure | None:
    """The error response of a fault; None if it has another effect."""
    if fault.kind == "no_model":
        return no_model(request.body.get("model"))
    if fault.kind == "context_length":
        told = f"This model's maximum context length is {fault.options['limit']} tokens. However, your messages "
        told += f"resulted in {request.tokens} tokens. Please reduce the length of the messages."
        return Failure(400, told, code="context_length_exceeded", param="messages")
    if fault.kind == "no_parameter":
        name = fault.options["name"]
        return Failure(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    if fault.kind == "batch_cap":
        status, limit = fault.options["status"], fault.options["limit"]
        return Failure(status, f"batch size {len(request.inputs)} > maximum allowed batch size {limit}")
    return _FAILURES.get(fault.kind)


def spoil_reply(kind: str, reply: Reply, request: ModelRequest) -> Reply:
    """The reply as changed by a fault; unchanged if the fault has another effect."""
    if kind == "as_tool_call":
        forms = {step: form for form, step in ANSWERS.items()}
        return Reply(None, forms.get(request.step, "answer"), _object(reply.content), finish="tool_calls")
    if kind == "schema_echo":
        return Reply(json.dumps(request.schema))
    if kind == "page_copied":
        page = history_after("Page:", request.said_by("user")).partition("\n\n")[2]
        return _answer(lambda memo: {**memo, "memo": page})(reply)
    return _SPOILED[kind](reply) if kind in _SPOILED else reply


def spoil_vectors(kind: str, vectors: list[list[float]]) -> list[list[float]]:
    """The vectors as changed by a fault; unchanged if the fault has another effect."""
    if kind == "wrong_count":
        return vectors[:-1]
    if kind == "wrong_dimension":
        return [vector[: len(vector) // 2] for vector in vectors]
    if kind == "nan":
        return [[math.nan, *vector[1:]] for vector in vectors]
    return vectors


def _object(text: str | None) -> str:
    """Arguments of a call must be an object."""
    return text if text and text.startswith("{") else json.dumps({"text": text})


def _text(change: Callable[[str], str]) -> Callable[[Reply], Reply]:
    """Changes the text of a reply, which may be the arguments of a call."""

    def change_reply(reply: Reply) -> Reply:
        if reply.function:
            return replace(reply, arguments=change(reply.arguments))
        return replace(reply, content=change(reply.content or ""))

    return change_reply


def _answer(change: Callable[[Value], Value]) -> Callable[[Reply], Reply]:
    """Changes the answer that is in the text of a reply."""
    return _text(lambda text: json.dumps(change(json.loads(text)), ensure_ascii=False))


def _call_in_words(reply: Reply) -> Reply:
    call = {"name": reply.function, "arguments": json.loads(reply.arguments)}
    return Reply(f"```json\n{json.dumps(call, ensure_ascii=False)}\n```")


def _think(reply: Reply) -> Reply:
    block = '<think>Let me see. {"memo": "wrong"} It may be so.</think>'
    return replace(reply, content=f"{block}\n{reply.content or ''}".rstrip())


def _cut_short(reply: Reply) -> Reply:
    return replace(_text(lambda text: text[: len(text) // 2])(reply), finish="length")


def _wrong_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _wrong_types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return len(value)
    return [[value]] if isinstance(value, str) else value


def _with_commas(value: Any) -> str:
    """JSON with trailing commas."""
    if isinstance(value, dict) and value:
        return "{" + " ".join(f"{json.dumps(key)}: {_with_commas(inner)}," for key, inner in value.items()) + "}"
    if isinstance(value, list) and value:
        return "[" + " ".join(f"{_with_commas(inner)}," for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _sources(**false: str) -> Callable[[Value], Value]:
    def change_answer(answer: Value) -> Value:
        statements = [
            {**one, "sources": [{**source, **false} for source in one["sources"]]} for one in answer["statements"]
        ]
        return {**answer, "statements": statements}

    return change_answer


def _with_a_web_search(plan: Value) -> Value:
    return {**plan, "queries": [*plan["queries"], {"tool": "web_search", "text": plan["needs"][0]}]}


_NOWHERE = "Seven purple zebras yodel in Xanadu at midnight."
_SPOILED: dict[str, Callable[[Reply], Reply]] = {
    "refusal": lambda reply: Reply(None, refusal="I cannot help with that."),
    "content_filter": lambda reply: Reply("", finish="content_filter"),
    "not_json": lambda reply: Reply("I would rather tell it in my own words: it is a long story."),
    "empty": lambda reply: Reply(""),
    "form_ignored": lambda reply: Reply("I would rather tell it in my own words: it is a long story."),
    "tools_ignored": _call_in_words,
    "no_usage": lambda reply: replace(reply, counted=False),
    "as_text": lambda reply: Reply(reply.arguments),
    "truncated": _cut_short,
    "think": _think,
    "fences": _text(lambda text: f"Here is what you asked for:\n```json\n{text}\n```\nI hope that it helps."),
    "trailing_commas": _text(lambda text: _with_commas(json.loads(text))),
    "wrong_types": _answer(_wrong_types),
    "unknown_page": _answer(_sources(page_id="zzzzzzzzzzzz", quote=_NOWHERE)),
    "false_quote": _answer(_sources(quote=_NOWHERE)),
    "unknown_tool": _answer(_with_a_web_search),
    "not_enough": _answer(
        lambda answer: {**answer, "enough": False, "missing": ["more"], "request": "What more is known?"}
    ),
    "enough_text": _answer(lambda answer: {**answer, "enough": "false"}),
}
