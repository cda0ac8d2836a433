"""Structured output: ask for it by a JSON schema, a function call or the prompt alone, and parse the reply."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import json_repair
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ValidationError

from ...stores.errors import ModelRefused

OutputFormat = Literal["json_schema", "function", "prompt"]

_KEPT = {"type", "enum", "anyOf", "$ref", "description", "items"}


def supported_formats(model: BaseChatModel) -> tuple[OutputFormat, ...]:
    """The output formats to try, strictest first. `prompt` works with every model: the form is in the system part in any
    case."""
    if any(kind.__name__ == "BaseChatOpenAI" for kind in type(model).__mro__):
        return "json_schema", "function", "prompt"
    if type(model).bind_tools is not BaseChatModel.bind_tools:
        return "function", "prompt"
    return ("prompt",)


def bind_form(
    model: BaseChatModel, output_format: OutputFormat, answer: type[BaseModel], tools: Sequence[Mapping[str, Any]] = ()
) -> Runnable[Any, AIMessage]:
    """The model with the form of its reply, or with the tools that it may call, in the request."""
    if tools:
        return model.bind_tools([dict(tool) for tool in tools]) if output_format == "function" else model
    schema = strict_schema(answer.model_json_schema())
    if output_format == "json_schema":
        warnings.filterwarnings("ignore", message="This model does not support OpenAI's structured output")
        form = {"name": answer.__name__, "schema": schema, "strict": True}
        return model.bind(response_format={"type": "json_schema", "json_schema": form})
    if output_format == "function":
        function = {"name": answer.__name__, "description": _first_line(answer), "parameters": schema}
        return model.bind_tools([{"type": "function", "function": function}], tool_choice=answer.__name__)
    return model


def describe_tools(tools: Sequence[Mapping[str, Any]], output_format: OutputFormat) -> str:
    """What the system part says of the form, where the answer is made of tool calls."""
    if output_format == "function":
        return "Answer with tool calls alone, all of them at once; with none where nothing is to be done."
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    form = '{"calls": [{"name": "…", "args": {…}}]}'
    return f"Answer with one JSON object of the form {form}, with no calls where nothing is to be done. The tools are:\n{lines}"


def truncated_reply(error: Exception) -> AIMessage | None:
    """The reply that the openai package raises instead of returning it, because it reached the model's limit."""
    completion: Any = getattr(error, "completion", None)
    if type(error).__name__ != "LengthFinishReasonError" or completion is None:
        return None
    spent = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    if completion.usage is not None:
        asked, answered = completion.usage.prompt_tokens, completion.usage.completion_tokens
        spent = {"input_tokens": asked, "output_tokens": answered, "total_tokens": asked + answered}
    text = completion.choices[0].message.content or ""
    return AIMessage(text, response_metadata={"finish_reason": "length"}, usage_metadata=spent)


def strict_schema(schema: Any) -> Any:
    """A JSON schema as strict servers want it: every property required, none other allowed, no limits and defaults
    (which some servers turn down); pydantic checks those when the reply is read."""
    if isinstance(schema, list):
        return [strict_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: strict_schema(value) for key, value in schema.items() if key in _KEPT}
    for group in ("properties", "$defs"):
        if group in schema:
            kept[group] = {name: strict_schema(part) for name, part in schema[group].items()}
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept


def _first_line(answer: type[BaseModel]) -> str:
    return (answer.__doc__ or answer.__name__).strip().splitlines()[0]


A = TypeVar("A", bound=BaseModel)

_MAX_CHARS = 200_000  # that are read
_MAX_REPAIRED_CHARS = 10_000  # json-repair needs quadratic time for the worst texts: 1 s for this many
_MAX_DEPTH = 50  # of an object that is repaired
_MAX_STARTS = 500  # braces that begin no object; Python counts the lines before each of them
_STRING_END = re.compile(r"\s*(?:[,:}\]#]|/[/*]|$)")  # what follows the quote that ends a string
_THINKING = re.compile(r"<(/?)think(?:ing)?>", re.I)
_WRAPPERS = ("parameters", "arguments", "args", "input")  # of a tool call that is written as text


class UnreadableReply(ValueError):
    """Why a reply could not be read, in words that help the model to repair it."""


def parse_reply(reply: AIMessage, answer: type[A]) -> A:
    """The first JSON object of the reply, or of a tool call, that fits the answer's form: as it is written, else repaired.

    `UnreadableReply` where there is none; `ModelRefused` where the model or a filter declined.
    """
    text = _without_thinking(str(reply.text)[:_MAX_CHARS])
    _check_refusal(reply, text)
    problem = "The reply holds no JSON object."
    for candidate in _candidates(reply, text):
        for form in _unwrap(candidate):
            try:
                return answer.model_validate(form)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                problem = f"{'.'.join(str(part) for part in first['loc']) or 'The object'}: {first['msg']}."
    if _is_cut_off(reply):
        problem = f"The reply was cut off at the model's limit. Be much shorter. {problem}"
    raise UnreadableReply(problem)


def parse_tool_calls(reply: AIMessage, answer: type[A], output_format: str) -> A:
    """An answer made of tool calls: those of the reply, or those that it writes as JSON. A reply in words to a model
    that may call tools means that there is nothing to call. Calls whose arguments cannot be read are kept with empty
    arguments, so that the tool answers them."""
    text = _without_thinking(str(reply.text)[:_MAX_CHARS])
    _check_refusal(reply, text)
    calls: list[dict[str, Any]] = [{"name": call["name"], "args": call["args"]} for call in reply.tool_calls]
    for broken in reply.invalid_tool_calls:
        arguments = str(broken["args"] or "")
        found = [*([] if _is_cut_off(reply) else _repair_objects(arguments)), *_decode_objects(arguments), {}]
        calls.append({"name": broken["name"] or "", "args": found[0]})
    if calls:
        return answer.model_validate({"calls": calls})
    if output_format == "prompt" or _is_cut_off(reply) or any(True for _ in _candidates(reply, text)):
        return parse_reply(reply, answer)
    return answer.model_validate({"calls": []})


def _check_refusal(reply: AIMessage, text: str) -> None:
    refusal = reply.additional_kwargs.get("refusal")
    blocks = reply.content if isinstance(reply.content, list) else []
    refusal = refusal or next((b["refusal"] for b in blocks if isinstance(b, dict) and b.get("refusal")), None)
    if refusal:
        raise ModelRefused(f"The model declined: {' '.join(str(refusal).split())[:300]}")
    if str(_stop_reason(reply)).lower() in ("content_filter", "refusal", "safety", "prohibited_content"):
        raise ModelRefused("A content filter stopped the model's reply.")


def _stop_reason(reply: AIMessage) -> Any:
    metadata = reply.response_metadata
    return metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")


def _is_cut_off(reply: AIMessage) -> bool:
    return _stop_reason(reply) in ("length", "max_tokens", "MAX_TOKENS")


def _without_thinking(text: str) -> str:
    """Without think blocks, closed or not, and without what precedes a lone end tag."""
    kept: list[str] = []
    at = depth = 0
    for mark in _THINKING.finditer(text):
        if mark[1]:
            if depth == 0:
                kept.clear()
            depth = max(0, depth - 1)
        else:
            if depth == 0:
                kept.append(text[at : mark.start()])
            depth += 1
        at = mark.end()
    return "".join(kept) + (text[at:] if depth == 0 else "")


def _candidates(reply: AIMessage, text: str) -> Iterator[Any]:
    """Every object of the reply as it is written, then every one that can be repaired. A reply that was cut off is not
    repaired: the end would be invented."""
    yield from (call["args"] for call in reply.tool_calls)
    texts = [*(str(call["args"] or "") for call in reply.invalid_tool_calls), text]
    for written in texts:
        yield from _decode_objects(written)
    if not _is_cut_off(reply):
        for written in texts:
            yield from _repair_objects(written)


def _unwrap(candidate: Any) -> Iterator[Any]:
    """The object itself, and what it wraps: `{"name": …, "arguments": {…}}` or `{"Memo": {…}}`."""
    yield candidate
    if not isinstance(candidate, dict):
        return
    inner = [candidate[name] for name in _WRAPPERS if name in candidate]
    inner += list(candidate.values()) if len(candidate) == 1 else []
    for value in inner:
        if isinstance(value, dict):
            yield value
        elif isinstance(value, str):
            yield from _decode_objects(value[:_MAX_CHARS])


def _decode_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object in the text, in order."""
    decoder = json.JSONDecoder(strict=False)
    starts = _MAX_STARTS
    at = text.find("{")
    while at >= 0 and starts:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
            starts -= 1
        else:
            yield value
        at = text.find("{", end)


def _repair_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost object that is closed but malformed: single quotes, `True`, comments, missing commas, quotes
    within strings, keys without quotes. One that is never closed was cut off, and is left out."""
    remaining = _MAX_REPAIRED_CHARS
    start = text.find("{")
    while start >= 0 and (end := _end_of_object(text, start)) and (remaining := remaining - (end - start)) >= 0:
        try:
            value = json_repair.loads(text[start:end], skip_json_loads=True)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            yield value
        start = text.find("{", end)


def _end_of_object(text: str, start: int) -> int:
    """Where the object that begins at `start` ends, 0 where it is not closed, or too deep. Braces within strings do not count, and a
    quote ends a string only if a separator, a bracket or a comment follows."""
    depth, quote, before = 0, "", ""
    at = start
    while at < len(text):
        character = text[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote and _STRING_END.match(text, at + 1):
                quote = ""
        elif character in "\"'" and before in ("{", "[", ",", ":"):
            quote = character
        elif character in "{[":
            depth += 1
            if depth > _MAX_DEPTH:
                return 0
        elif character in "}]":
            depth -= 1
            if depth == 0:
                return at + 1
        if not character.isspace():
            before = character
        at += 1
    return 0
