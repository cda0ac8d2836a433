"""Read a model's reply: the object of the form that was asked for, or tool calls, however they are written."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import json_repair
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from ...stores.errors import ModelRefused
from .output_forms import OutputFormat
from .thinking_marks import strip_thinking


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


A = TypeVar("A", bound=BaseModel)

_MAX_CHARS = 200_000  # that are read
_MAX_REPAIRED_CHARS = 10_000  # json-repair needs quadratic time for the worst texts: 1 s for this many
_MAX_DEPTH = 50  # of an object that is repaired
_MAX_STARTS = 500  # braces that begin no object; Python counts the lines before each of them
_STRING_END = re.compile(r"\s*(?:[,:}\]#]|/[/*]|$)")  # what follows the quote that ends a string
_SCHEMA_KEYS = {"type", "$ref", "anyOf"}
_WRAPPERS = ("parameters", "arguments", "args", "input", "properties")  # of an answer


_ECHO = "The reply repeats the form instead of filling it in."
_ARGUMENTS = ("arguments", "parameters", "args", "input")  # of a call
_Arguments = Mapping[str, Collection[str]]
_NONE: _Arguments = {}
_LISTS = ("calls", "tool_calls")
_NAMES = ("name", "function", "tool", "tool_name")
_MAX_SCANNED = 200_000  # characters, for the ends of malformed objects
_PYTHON_CALL = re.compile(r"^\s*\[?\s*[A-Za-z_]\w*\(.*\)\s*\]?\s*,?\s*$")
_PYTHON_LIST = re.compile(r"\[\s*[A-Za-z_]\w*\(.*\)\s*,?\s*\]", re.S)


class UnreadableReply(ValueError):
    """Why a reply could not be read, in words that help the model to repair it."""


def parse_reply(reply: AIMessage, answer: type[A]) -> A:
    """The first JSON object of the reply, or of a tool call, that fits the answer's form: as it is written, else repaired.

    `UnreadableReply` where there is none; `ModelRefused` where the model or a filter declined.
    """
    text = strip_thinking(str(reply.text)[:_MAX_CHARS])
    _check_refusal(reply, text)
    problem = "The reply holds no JSON object."
    for candidate in _candidates(reply, text):
        for form in _unwrap(candidate):
            try:
                return answer.model_validate(form)
            except ValidationError as error:
                if _is_schema(form):
                    problem = _ECHO
                    break
                first = error.errors(include_url=False)[0]
                problem = f"{'.'.join(str(part) for part in first['loc']) or 'The object'}: {first['msg']}."
    if is_cut_off(reply):
        problem = f"The reply was cut off at the model's limit. Be much shorter. {problem}"
    raise UnreadableReply(problem)


def parse_tool_calls(
    reply: AIMessage, answer: type[A], output_format: OutputFormat, tools: Sequence[Mapping[str, Any]] = ()
) -> A:
    """An answer made of tool calls: those of the reply, or those that it writes in words. A reply without any to a model
    that may call tools means that there is nothing to call. Calls whose arguments cannot be read are kept with empty
    arguments, so that the tool answers them."""
    text = strip_thinking(str(reply.text)[:_MAX_CHARS])
    _check_refusal(reply, text)
    arguments_of = {str(tool["function"]["name"]): set(tool["function"]["parameters"]["properties"]) for tool in tools}
    calls: list[dict[str, Any]] = []
    for call in reply.tool_calls:
        inner = None if call["name"] in arguments_of else calls_in_object(call["args"], arguments_of)
        calls += [{"name": call["name"], "args": call["args"]}] if inner is None else inner
    for broken in reply.invalid_tool_calls:
        arguments = str(broken["args"] or "")
        found = [*([] if is_cut_off(reply) else _repair_objects(arguments)), *_decode_objects(arguments), {}]
        calls.append({"name": broken["name"] or "", "args": found[0]})
    if calls:
        return answer.model_validate({"calls": calls})
    if is_cut_off(reply):
        return parse_reply(reply, answer)
    written = calls_in_text(text, arguments_of)
    if written is None and (output_format != "function" or any(True for _ in _candidates(reply, text))):
        return parse_reply(reply, answer)
    return answer.model_validate({"calls": written or []})


def calls_in_text(text: str, arguments_of: _Arguments = _NONE) -> list[dict[str, Any]] | None:
    """The tool calls that a text holds, as `{"name", "args"}`; None for none, `[]` where it says that there are none.

    An object with a list of calls is the whole answer. Else every call counts that is written as an object (in a list,
    a fence or a `<tool_call>`), or as in Python, with literals only.
    """
    found: list[dict[str, Any]] | None = None
    for value in _read_objects(text):
        calls = calls_in_object(value, arguments_of)
        if calls is not None and any(name in value for name in _LISTS):
            return calls
        found = found if calls is None else [*(found or []), *calls]
    if found is None:
        found = _python_calls(text[:_MAX_REPAIRED_CHARS])
    return [] if found is None and re.sub(r"```\w*", "", text).strip() == "[]" else found


def calls_in_object(value: Any, arguments_of: _Arguments = _NONE) -> list[dict[str, Any]] | None:
    """The calls of one object: `{"name", "arguments"}` by any usual name, nested, flat, or a list of them; None where it
    is no call. `arguments_of` are those of each tool.

    A strict form makes a model fill in the arguments of every tool: in a flat call, an empty text and what belongs to
    other tools alone are no arguments.
    """
    if not isinstance(value, dict) or _is_schema(value):
        return None
    for key in _LISTS:
        if isinstance(value.get(key), list):
            calls = [calls_in_object(one, arguments_of) for one in value[key]]
            return None if None in calls else [call for one in calls for call in one or ()]
    if len(value) == 1 and (name := next(iter(value))) in arguments_of and isinstance(value[name], dict):
        return [{"name": name, "args": value[name]}]
    named = next((key for key in _NAMES if isinstance(value.get(key), dict | str) and value[key]), None)
    if named is None:
        return None
    if isinstance(value[named], dict):
        return calls_in_object(value[named], arguments_of)
    holder = next((name for name in _ARGUMENTS if name in value), None)
    if holder is None:
        own = arguments_of.get(value[named])
        others = set() if own is None else {name for names in arguments_of.values() for name in names} - set(own)
        flat = {name: one for name, one in value.items() if name not in (named, *others) and one not in ("", None)}
        if flat.get("type") == "function":
            del flat["type"]
        return [{"name": value[named], "args": flat}]
    args = value[holder]
    if isinstance(args, str):
        args = next(_read_objects(args[:_MAX_CHARS]), {})
    if not isinstance(args, dict) or _is_schema(args):  # the latter is the tool itself, repeated
        return None
    return [{"name": value[named], "args": args}]


def _read_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost object in order, each as it is written, else repaired; nothing after one that is never closed."""
    decoder = json.JSONDecoder(strict=False)
    room, remaining, starts = _MAX_SCANNED, _MAX_REPAIRED_CHARS, _MAX_STARTS
    at = text.find("{")
    while at >= 0 and starts and room > 0:
        value: Any = None
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            starts -= 1
            end = _end_of_object(text, at)
            room -= (end or len(text)) - at
            remaining -= end - at if end else 0
            if not end or remaining < 0:
                return
            try:
                value = json_repair.loads(text[at:end], skip_json_loads=True)
            except (ValueError, RecursionError):
                return
        if isinstance(value, dict):
            yield value
        at = text.find("{", end)


def _python_calls(text: str) -> list[dict[str, Any]] | None:
    """`[memory_insert(kind="core", content="…"), …]`, or such calls on lines of their own."""
    whole = _PYTHON_LIST.search(text)
    sources = (
        [whole[0]] if whole else [line.strip().rstrip(",") for line in text.splitlines() if _PYTHON_CALL.match(line)]
    )
    calls: list[dict[str, Any]] = []
    for source in sources:
        try:
            body = ast.parse(source, mode="eval").body
            nodes = body.elts if isinstance(body, ast.List) else [body]
            for node in nodes:
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
                    return None
                args = {word.arg or "": ast.literal_eval(word.value) for word in node.keywords}
                calls.append({"name": node.func.id, "args": args})
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            return None
    return calls or None


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


def is_cut_off(reply: AIMessage) -> bool:
    return _stop_reason(reply) in ("length", "max_tokens", "MAX_TOKENS")


def _candidates(reply: AIMessage, text: str) -> Iterator[Any]:
    """Every object of the reply as it is written, then every one that can be repaired. A reply that was cut off is not
    repaired: the end would be invented."""
    yield from (call["args"] for call in reply.tool_calls)
    texts = [*(str(call["args"] or "") for call in reply.invalid_tool_calls), text]
    for written in texts:
        yield from _decode_objects(written)
    if not is_cut_off(reply):
        for written in texts:
            yield from _repair_objects(written)


def _is_schema(value: Any) -> bool:
    """Whether this is a JSON Schema: the form, repeated; but not an answer that stands under `properties`."""
    if not isinstance(value, dict):
        return False
    fields = value.get("properties")
    return "$defs" in value or (
        isinstance(fields, dict)
        and any(isinstance(field, dict) and not _SCHEMA_KEYS.isdisjoint(field) for field in fields.values())
    )


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
