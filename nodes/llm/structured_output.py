"""Read a model's reply: the object of the form that was asked for, or tool calls, however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from ...stores.errors import ModelRefused
from .json_text import MAX_CHARS, decode_values, is_schema, repair_objects
from .near_form import fit
from .output_forms import OutputFormat
from .thinking_marks import strip_thinking
from .written_calls import calls_in_object, calls_in_text


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

_WRAPPERS = 3  # objects around an answer, at most
_ECHO = "The reply repeats the form instead of filling it in."
_CUT_OFF = re.compile(r"length|max_?(?:output_)?tokens|token_?limit", re.I)


class UnreadableReply(ValueError):
    """Why a reply could not be read, in words that help the model to repair it."""


def parse_reply(reply: AIMessage, answer: type[A]) -> A:
    """The first JSON object of the reply, or of a tool call, that fits the answer's form: as it is written, else repaired.

    `UnreadableReply` where there is none; `ModelRefused` where the model or a filter declined.
    """
    text = strip_thinking(str(reply.text)[:MAX_CHARS])
    _check_refusal(reply, text)
    problem = "The reply holds no JSON object."
    schema = answer.model_json_schema()
    for candidate in _candidates(reply, text):
        for form in _unwrap(candidate, schema):
            if is_schema(form):
                problem = _ECHO
                break
            try:
                return answer.model_validate(fit(form, schema))
            except ValidationError as error:
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
    text = strip_thinking(str(reply.text)[:MAX_CHARS])
    _check_refusal(reply, text)
    arguments_of = {str(tool["function"]["name"]): list(tool["function"]["parameters"]["properties"]) for tool in tools}
    calls: list[dict[str, Any]] = []
    for call in reply.tool_calls:
        inner = None if call["name"] in arguments_of else calls_in_object(call["args"], arguments_of)
        calls += [{"name": call["name"], "args": call["args"]}] if inner is None else inner
    for broken in reply.invalid_tool_calls:
        arguments = str(broken["args"] or "")
        found = [*([] if is_cut_off(reply) else repair_objects(arguments)), *decode_values(arguments), {}]
        calls.append({"name": broken["name"] or "", "args": found[0]})
    if calls:
        return answer.model_validate({"calls": calls})
    if is_cut_off(reply):
        return parse_reply(reply, answer)
    written = calls_in_text(text, arguments_of)
    if written is None and (output_format != "function" or any(True for _ in _candidates(reply, text))):
        return parse_reply(reply, answer)
    return answer.model_validate({"calls": written or []})


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
    """Whether the reply ended at the model's limit."""
    details = reply.response_metadata.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else _stop_reason(reply)
    return bool(_CUT_OFF.search(str(reason)))


def _candidates(reply: AIMessage, text: str) -> Iterator[Any]:
    """Every object of the reply as it is written, then every one that can be repaired. A reply that was cut off is not
    repaired: the end would be invented."""
    yield from (call["args"] for call in reply.tool_calls)
    texts = [*(str(call["args"] or "") for call in reply.invalid_tool_calls), text]
    cut_off = is_cut_off(reply)
    for written in texts:
        yield from decode_values(written, cut_off=cut_off)
    if not cut_off:
        for written in texts:
            yield from repair_objects(written)


def _unwrap(candidate: Any, schema: Mapping[str, Any], depth: int = _WRAPPERS) -> Iterator[Any]:
    """The object itself, and what it wraps: `{"name": …, "arguments": {…}}`, `{"Memo": {…}}`, `[{…}]`. A list is also
    the value of the form's only field that is a list of objects."""
    if isinstance(candidate, list):
        lists = [name for name, field in schema["properties"].items() if "$ref" in field.get("items", {})]
        if len(lists) == 1:
            yield {lists[0]: candidate}
        inner = candidate
    elif isinstance(candidate, dict):
        yield candidate
        inner = list(candidate.values())
    else:
        return
    for value in inner if depth else ():
        if isinstance(value, str):
            value = next(decode_values(value[:MAX_CHARS]), None) if "{" in value else None
        yield from _unwrap(value, schema, depth - 1)
