"""Read a model's reply as the answer of a step, past think blocks, fences and malformed JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from ...stores.errors import ModelRefused

A = TypeVar("A", bound=BaseModel)

_LONGEST = 200_000  # characters that are read
_MOST_STARTS = 500  # braces that begin no object; Python counts the lines before each of them
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_THINKING = re.compile(r"<(/?)think(?:ing)?>", re.I)
_WRAPPERS = ("parameters", "arguments", "args", "input")  # of a tool call that is written as text


class UnreadableReply(ValueError):
    """Why a reply could not be read, in words that help the model to repair it."""


def parse_reply(reply: AIMessage, answer: type[A]) -> A:
    """The first JSON object of the reply, or of a tool call, that fits the answer's form.

    `Unreadable` where there is none; `ModelRefused` where the model or a filter declined.
    """
    text = _said(str(reply.text)[:_LONGEST])
    _check_refusal(reply, text)
    candidates: list[Any] = [call["args"] for call in reply.tool_calls]
    candidates += [found for call in reply.invalid_tool_calls for found in _objects(str(call["args"] or ""))]
    candidates += _objects(text)
    problem = "The reply holds no JSON object."
    for candidate in candidates:
        for form in _unwrapped(candidate):
            try:
                return answer.model_validate(form)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                problem = f"{'.'.join(str(part) for part in first['loc']) or 'The object'}: {first['msg']}."
    if _is_cut(reply):
        problem = f"The reply was cut off at the model's limit. Be much shorter. {problem}"
    raise UnreadableReply(problem)


def parse_tool_calls(reply: AIMessage, answer: type[A], method: str) -> A:
    """An answer made of tool calls: those of the reply, or those that it writes as JSON. A reply in words to a model
    that may call tools means that there is nothing to call. Calls whose arguments cannot be read are handed on as
    they are, for somebody to answer."""
    text = _said(str(reply.text)[:_LONGEST])
    _check_refusal(reply, text)
    calls: list[dict[str, Any]] = [{"name": call["name"], "args": call["args"]} for call in reply.tool_calls]
    for broken in reply.invalid_tool_calls:
        found = _objects(str(broken["args"] or ""))
        calls.append({"name": broken["name"] or "", "args": found[0] if found else {}})
    if calls:
        return answer.model_validate({"calls": calls})
    if method == "prompt" or _objects(text) or _is_cut(reply):
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


def _is_cut(reply: AIMessage) -> bool:
    return _stop_reason(reply) in ("length", "max_tokens", "MAX_TOKENS")


def _said(text: str) -> str:
    """Without what the model only thought: think blocks, closed or not, and what stands before a lone end mark."""
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


def _unwrapped(candidate: Any) -> Iterator[Any]:
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
            yield from _objects(value[:_LONGEST])


def _objects(text: str) -> list[dict[str, Any]]:
    """Every outermost JSON object in the text, in order; commas are mended only where nothing can be read as it is."""
    return _decoded(text) or _decoded(_TRAILING_COMMA.sub("", text))


def _decoded(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    decoder = json.JSONDecoder(strict=False)
    left = _MOST_STARTS
    at = text.find("{")
    while at >= 0 and left:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
            left -= 1
        else:
            found.append(value)
        at = text.find("{", end)
    return found
