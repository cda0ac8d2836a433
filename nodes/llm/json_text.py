"""Find the JSON objects in a text, as they are written or repaired."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import json_repair

MAX_CHARS = 200_000  # that are read
MAX_REPAIRED_CHARS = 10_000  # json-repair needs quadratic time for the worst texts: 1 s for this many
_MAX_DEPTH = 50  # of an object that is repaired
_MAX_STARTS = 500  # brackets that begin nothing; Python counts the lines before each of them
_STRING_END = re.compile(r"\s*(?:[,:}\]#]|/[/*]|$)")  # what follows the quote that ends a string
_START = re.compile(r"[{\[]")
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda name: None)  # NaN is no value
SCHEMA_KEYS = frozenset(("type", "$ref", "anyOf"))


def is_schema(value: Any) -> bool:
    """Whether this is a JSON Schema: the form, repeated; but not an answer that stands under `properties`."""
    if not isinstance(value, dict):
        return False
    fields = value.get("properties")
    return "$defs" in value or (
        isinstance(fields, dict)
        and any(isinstance(field, dict) and not SCHEMA_KEYS.isdisjoint(field) for field in fields.values())
    )


def decode_values(text: str, *, cut_off: bool = False) -> Iterator[Any]:
    """Every outermost JSON object in the text and every list of objects that stands in none, in order; of a text that was
    cut off, nothing after the bracket that is never closed."""
    starts, inside = _MAX_STARTS, False
    start = _START.search(text)
    while start and starts:
        at = start.start()
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            if cut_off and not end_of_object(text, at):
                return
            value, end = None, at + 1
            starts -= 1
            inside |= text[at] == "{"
        if isinstance(value, list) and (inside or not any(isinstance(one, dict | list) for one in value)):
            end = at + 1
        elif value is not None:
            yield value
        start = _START.search(text, end)


def repair_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost object that is closed but malformed: single quotes, `True`, comments, missing commas, quotes
    within strings, keys without quotes. One that is never closed was cut off, and is left out."""
    remaining = MAX_REPAIRED_CHARS
    start = text.find("{")
    while start >= 0 and (end := end_of_object(text, start)) and (remaining := remaining - (end - start)) >= 0:
        try:
            value = json_repair.loads(text[start:end], skip_json_loads=True)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            yield value
        start = text.find("{", end)


def read_objects(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Every outermost object in order with its span, each as it is written, else repaired; nothing after one that is never
    closed."""
    room, remaining, starts = MAX_CHARS, MAX_REPAIRED_CHARS, _MAX_STARTS
    at = text.find("{")
    while at >= 0 and starts and room > 0:
        value: Any = None
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            starts -= 1
            end = end_of_object(text, at)
            room -= (end or len(text)) - at
            remaining -= end - at if end else 0
            if not end or remaining < 0:
                return
            try:
                value = json_repair.loads(text[at:end], skip_json_loads=True)
            except (ValueError, RecursionError):
                return
        if isinstance(value, dict):
            yield value, at, end
        at = text.find("{", end)


def end_of_object(text: str, start: int) -> int:
    """Where the object that begins at `start` ends, 0 where it is not closed, or too deep. Braces within strings do not
    count, and a quote ends a string only if a separator, a bracket or a comment follows."""
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
