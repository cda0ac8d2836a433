"""The forms in which a reply can be asked for, strictest first, and what each server was seen to refuse."""

from __future__ import annotations

import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from .retry import ATTEMPTS, ProviderFailure, RetryAction

OutputFormat = Literal["bounded_schema", "json_schema", "json_object", "function", "prompt"]
"""A JSON Schema with lengths; the same as OpenAI's strict mode takes it; JSON mode; a function call; words alone."""

_JSON: Collection[OutputFormat] = ("bounded_schema", "json_schema", "json_object")
_STRICT = {"type", "enum", "anyOf", "$ref", "description", "items"}
_BOUNDS = {"const", "maxLength", "maxItems"}
_LARGEST_BOUND = 1000  # llama.cpp turns a grammar down that repeats something 2,000 times
_MOST_CALLS = 10
_UNBOUNDED = {
    "array": ("maxItems", 8),
    "string": ("maxLength", 400),
}  # else a small model may repeat itself without end
LONGEST_ARGUMENT = 300  # characters
_MOST_SERVERS = 64
SYSTEM = "system role"
LEFT_OUT = (
    *("temperature", "seed", "top_p", "max_tokens", "max_completion_tokens", "frequency_penalty", "presence_penalty"),
    *("logit_bias", "logprobs", "top_logprobs", "verbosity"),
)
"""Parameters of a model that a server may refuse."""
_PARAMETERS = re.compile(
    r"\b(tool_choice|stream_options|parallel_tool_calls|reasoning[._]effort|chat_template_kwargs|"
    rf"{'|'.join(LEFT_OUT)})\b"
)
_OF_WORDS = {  # what a refusal means that does not name the parameter
    re.compile(r"support thinking", re.I): "reasoning_effort",
    re.compile(r"(?:system|developer) (?:role|message|prompt|instruction)|'system'|roles must alternate", re.I): SYSTEM,
}
_ADDRESSES = ("openai_api_base", "azure_endpoint", "anthropic_api_url", "base_url", "endpoint_url", "endpoint")


class ServerForms:
    """What one server does with the forms, learned from its replies, for the life of the process."""

    def __init__(self, formats: Iterable[OutputFormat]) -> None:
        self.formats: tuple[OutputFormat, ...] = tuple(formats)
        self.refused_parameters: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def refuse(self, formats: Collection[OutputFormat]) -> None:
        """It answers errors to these, and does answer in another."""
        with self._lock:
            self.formats = tuple(one for one in self.formats if one not in formats) or self.formats

    def prefer(self, output: OutputFormat) -> None:
        """It ignores stricter forms, and what it says in this one can be read: this one comes first."""
        with self._lock:
            self.formats = (output, *(one for one in self.formats if one != output))

    def refuse_parameter(self, message: str) -> bool:
        """Whether the error names a parameter that can be left out and was not yet; it will be from now on."""
        named = {name.replace(".", "_") for name in _PARAMETERS.findall(message)}
        named |= {name for words, name in _OF_WORDS.items() if words.search(message)}
        if "max_completion_tokens" in named and "max_tokens" in named:  # one is named as what to use instead
            named.discard(re.split(r"\W", message.partition("Use ")[2].strip("'`\" "))[0])
        with self._lock:
            new = named - self.refused_parameters
            self.refused_parameters |= new
        return bool(new)


class FormLadder:
    """The forms of one question: each reply and failure decides which comes next, and what is learned of the server.

    `form` is the next one, None at the end; `attempts` is how often a failing request for it is sent.
    """

    def __init__(self, server: ServerForms) -> None:
        self.form: OutputFormat | None
        self.form, *self._others = server.formats
        self.attempts = ATTEMPTS
        self._server = server
        self._refused: list[OutputFormat] = []
        self._ignored = False
        self._repaired = False
        self._outage: ProviderFailure | None = None

    def reject_request(self, failure: ProviderFailure) -> None:
        """The request failed; raises its error where no other form may help."""
        may_help = failure.action is RetryAction.NEXT_FORMAT
        if may_help and self._server.refuse_parameter(str(failure.error)):
            return
        if failure.action is RetryAction.RETRY and failure.status == 500 and self.form != "prompt":
            # Some servers answer a bare 500 to a form; if it is an outage, one request in each other form shows it.
            self._outage, self.attempts, may_help = self._outage or failure, 1, True
        if not may_help or not self._others:
            failure = self._outage or failure
            raise failure.error from failure.__cause__
        self._refused += [self.form] if self.form else []
        self.form = self._others.pop(0)

    def reject_reply(self, *, cut_off: bool) -> None:
        """The reply could not be read: one repair in the first form, then one try in each other."""
        self._note_answer()
        if not self._repaired:
            self._repaired = True
            return
        self._ignored |= self.form in _JSON and not cut_off
        # A server that ignores the lengths of a schema ignores the schema.
        others = [form for form in self._others if not (form == "json_schema" and self.form == "bounded_schema")]
        self.form, self._others = (others[0], others[1:]) if others else (None, [])

    def accept_reply(self) -> None:
        """The reply was read."""
        self._note_answer()
        if self._ignored and self.form:
            self._server.prefer(self.form)

    def _note_answer(self) -> None:
        self._server.refuse(self._refused)
        self._outage, self.attempts = None, ATTEMPTS


_servers: OrderedDict[tuple[type, str, str], ServerForms] = OrderedDict()
_lock = threading.Lock()


def server_forms(model: BaseChatModel) -> ServerForms:
    """Shared by every model object of the same class, address and name; a model without an address has its own."""
    address = _address(model)
    if not address:
        return ServerForms(supported_formats(model))
    key = type(model), address, str(getattr(model, "model_name", None) or getattr(model, "model", None))
    with _lock:
        forms = _servers.pop(key, None) or ServerForms(supported_formats(model))
        _servers[key] = forms
        if len(_servers) > _MOST_SERVERS:
            _servers.popitem(last=False)
    return forms


def forget_servers() -> None:
    """As in a new process."""
    with _lock:
        _servers.clear()


def supported_formats(model: BaseChatModel) -> tuple[OutputFormat, ...]:
    """The forms to try, strictest first. `prompt` works with every model: the form is in the system part in any case."""
    kinds = {kind.__name__ for kind in type(model).__mro__}
    if "BaseChatOpenAI" in kinds:
        others: tuple[OutputFormat, ...] = ("json_schema", "json_object", "function", "prompt")
        return others if _is_openai(_address(model)) else ("bounded_schema", *others)
    if "ChatOllama" in kinds:
        return "bounded_schema", "json_object", "function", "prompt"
    if type(model).bind_tools is not BaseChatModel.bind_tools:
        return "function", "prompt"
    return ("prompt",)


def bind_form(
    model: BaseChatModel,
    output_format: OutputFormat,
    answer: type[BaseModel],
    tools: Sequence[Mapping[str, Any]] = (),
    refused_parameters: Collection[str] = (),
) -> Runnable[Any, AIMessage]:
    """The model with the form of its reply, or with the tools that it may call, in the request."""
    model = _without(model, refused_parameters)
    if output_format == "prompt":
        return model
    if output_format == "function" and tools:
        return model.bind_tools([dict(tool) for tool in tools])
    schema = calls_schema(tools) if tools else answer.model_json_schema()
    schema = strict_schema(schema, _BOUNDS if output_format == "bounded_schema" else ())
    if output_format == "function":
        function = {"name": answer.__name__, "description": _first_line(answer), "parameters": schema}
        choice = {} if "tool_choice" in refused_parameters else {"tool_choice": answer.__name__}
        return model.bind_tools([{"type": "function", "function": function}], **choice)
    if "ChatOllama" in {kind.__name__ for kind in type(model).__mro__}:
        return model.bind(format="json" if output_format == "json_object" else schema)
    if output_format == "json_object":
        return model.bind(response_format={"type": "json_object"})
    # langchain-openai judges both by rules of OpenAI's own server.
    warnings.filterwarnings("ignore", message="This model does not support OpenAI's structured output")
    warnings.filterwarnings("ignore", message="Invalid schema for OpenAI's structured output")
    form = {"name": answer.__name__, "schema": schema, "strict": True}
    return model.bind(response_format={"type": "json_schema", "json_schema": form})


def calls_schema(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An answer made of tool calls as one flat form: each call has the tool's `name` and every argument that a tool has."""
    arguments: dict[str, Any] = {}
    for tool in tools:
        for name, schema in tool["function"]["parameters"]["properties"].items():
            bound = {"maxLength": LONGEST_ARGUMENT} if schema.get("type") == "string" and "enum" not in schema else {}
            arguments.setdefault(name, {**bound, **schema})
    names = {"type": "string", "enum": [tool["function"]["name"] for tool in tools]}
    call = {"type": "object", "properties": {"name": names, **arguments}}
    return {
        "type": "object",
        "properties": {"calls": {"type": "array", "items": call, "maxItems": _MOST_CALLS}},
    }


def strict_schema(schema: Any, bounds: Collection[str] = ()) -> Any:
    """A JSON schema as strict servers want it: every property required, none other allowed, no defaults, and of limits
    (which some servers turn down) these `bounds`, usual ones where the schema has none; pydantic checks those of the schema
    when the reply is read."""
    if isinstance(schema, list):
        return [strict_schema(part, bounds) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: strict_schema(value, bounds) for key, value in schema.items() if key in _STRICT or key in bounds}
    limit, usual = _UNBOUNDED.get(str(schema.get("type")), ("", 0))
    if limit in bounds and not {"enum", "const"} & schema.keys():
        strict.setdefault(limit, usual)
    strict |= {key: min(strict[key], _LARGEST_BOUND) for key in ("maxLength", "maxItems") if key in strict}
    for group in ("properties", "$defs"):
        if group in schema:
            strict[group] = {name: strict_schema(part, bounds) for name, part in schema[group].items()}
    if "properties" in strict:
        strict |= {"required": list(strict["properties"]), "additionalProperties": False}
    return strict


def _without(model: BaseChatModel, parameters: Collection[str]) -> BaseChatModel:
    """The model without those of its own parameters that the server refuses."""
    changes: dict[str, Any] = {}
    if "stream_options" in parameters and getattr(model, "stream_usage", None):
        changes["stream_usage"] = False
    for name in {"reasoning_effort", *LEFT_OUT} & {*parameters}:
        if getattr(model, name, None) is not None:
            changes[name] = None
    for group in ("model_kwargs", "extra_body"):
        own: dict[str, Any] = getattr(model, group, None) or {}
        if own.keys() & set(parameters):
            changes[group] = {name: value for name, value in own.items() if name not in parameters}
    limit = getattr(model, "max_tokens", None)
    if limit and "max_completion_tokens" in parameters:  # as langchain-openai calls it; older servers know the other
        body = changes.get("extra_body", getattr(model, "extra_body", None) or {})
        other = {} if "max_tokens" in parameters else {"max_tokens": limit}
        changes |= {"max_tokens": None, "extra_body": {**body, **other}}
    return model.model_copy(update=changes) if changes else model


def _address(model: BaseChatModel) -> str:
    """Where a model's requests go, "" where that is not known. The openai package reads the environment."""
    client = getattr(model, "root_client", None)
    places = [getattr(client, "base_url", None), *(getattr(model, name, None) for name in _ADDRESSES)]
    return next((str(place) for place in places if place), "")


def _is_openai(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return f".{host}".endswith((".openai.com", ".openai.azure.com"))


def _first_line(answer: type[BaseModel]) -> str:
    return (answer.__doc__ or answer.__name__).strip().splitlines()[0]
