"""Read a model's reply as the answer that a step needs: think blocks, fences and trailing commas forgiven."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

A = TypeVar("A", bound=BaseModel)

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.S | re.I)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")


class Unreadable(ValueError):
    """Why a reply could not be read, in words that help the model to mend it."""


def parse(reply: AIMessage, answer: type[A]) -> A:
    """The first JSON object of the reply, or of a tool call, that fits the answer's form; `Unreadable` for none."""
    candidates = [call["args"] for call in reply.tool_calls] or _objects(_THINKING.sub("", str(reply.text)))
    problem = "The reply holds no JSON object."
    for candidate in candidates:
        try:
            return answer.model_validate(candidate)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            problem = f"{'.'.join(str(part) for part in first['loc']) or 'The object'}: {first['msg']}."
    raise Unreadable(problem)


def _objects(text: str) -> list[dict[str, Any]]:
    """Every outermost JSON object in the text, in order; commas are mended only where nothing can be read as it is."""
    return _decoded(text) or _decoded(_TRAILING_COMMA.sub("", text))


def _decoded(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    decoder = json.JSONDecoder(strict=False)
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found.append(value)
        at = text.find("{", end)
    return found
