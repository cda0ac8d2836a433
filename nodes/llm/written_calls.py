"""Read tool calls that a model writes in words, in every usual form."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .json_text import MAX_CHARS, MAX_REPAIRED_CHARS, is_schema, read_objects

Calls = list[dict[str, Any]]
Arguments = Mapping[str, Collection[str]]
_NONE: Arguments = {}
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs", "params", "action_input", "tool_input")
_LISTS = ("calls", "tool_calls", "function_calls", "functions", "actions")
_NAMES = ("name", "function", "tool", "tool_name", "function_call", "tool_call", "action", "call")
_SURE_NAMES = _NAMES[:4]  # whose text is a tool's name even where no tool has it
_BEFORE = 80  # characters between a tool's name and the object with its arguments
_MAX_ENDS = 30  # parentheses that may end a call
_PAIR = re.compile(r"(\w+)\s*[:=]\s*(\"[^\"]*\"|'[^']*')")
_KEY_AND_VALUE = re.compile(r"<arg_key>\s*(\w+)\s*</arg_key>\s*<arg_value>\s*(.*?)\s*</arg_value>", re.S)
_TAGS = re.compile(r"<(?:parameter(?:=|\s+name=)[\"']?)?(\w+)[\"']?>\s*([^<]*?)\s*</(?:parameter|\1)>")
_LINES = re.compile(r"^[\s*-]*[\"']?(\w+)[\"']?[ \t]*[:=][ \t]*(\S.*)$", re.M)


def calls_in_text(text: str, arguments_of: Arguments = _NONE) -> Calls | None:
    """The tool calls that a text holds, as `{"name", "args"}`; None for none, `[]` where it says that there are none.

    An object with a list of calls is the whole answer. Else every call counts that is written as an object, alone or
    with the tool's name before it; else every tool's name with arguments as in Python (literals only), tags or lines.
    """
    text = text.replace('<|"|>', '"')
    found: Calls | None = None
    read_to = 0
    for value, start, end in read_objects(text):
        calls = calls_in_object(value, arguments_of)
        if calls is not None and any(name in value for name in _LISTS):
            return calls
        if calls is None:
            before = list(_names_in(text[max(read_to, start - _BEFORE) : start], arguments_of))
            if before and not is_schema(value) and set(value) & set(arguments_of.get(before[-1][0], ())):
                calls = [{"name": before[-1][0], "args": value}]
        found = found if calls is None else [*(found or []), *calls]
        read_to = end
    if found is None:
        found = list(_calls_by_name(text[:MAX_REPAIRED_CHARS], arguments_of)) or None
    return [] if found is None and re.sub(r"```\w*", "", text).strip() == "[]" else found


def calls_in_object(value: Any, arguments_of: Arguments = _NONE) -> Calls | None:
    """The calls of one object: `{"name", "arguments"}` by any usual name, nested, flat, or a list of them; None where it
    is no call. `arguments_of` are those of each tool, in order.

    A strict form makes a model fill in the arguments of every tool: in a flat call, an empty text and what belongs to
    other tools alone are no arguments.
    """
    if not isinstance(value, dict) or is_schema(value):
        return None
    if all(str(key).lower() not in value for key in value):
        value = {str(key).lower(): one for key, one in value.items()}
    for key in _LISTS:
        if isinstance(value.get(key), list):
            inner = [calls_in_object(one, arguments_of) for one in value[key]]
            return None if None in inner else [call for one in inner for call in one or ()]
    if value and all(_tool(key, arguments_of) in arguments_of for key in value):
        pairs = [(key, one) for key, given in value.items() for one in (given if isinstance(given, list) else [given])]
        calls = [{"name": _tool(key, arguments_of), "args": one} for key, one in pairs if isinstance(one, dict)]
        return calls if len(calls) == len(pairs) else None
    named = next((key for key in _NAMES if _names_a_tool(key, value.get(key), arguments_of)), None)
    if named is None:
        return calls_in_object(next(iter(value.values())), arguments_of) if len(value) == 1 else None
    if isinstance(value[named], dict):
        return calls_in_object(value[named], arguments_of)
    name = _tool(value[named], arguments_of)
    holder = next((key for key in _ARGUMENTS if key in value), None)
    if holder is None:
        own = arguments_of.get(name)
        others = set() if own is None else {one for names in arguments_of.values() for one in names} - set(own)
        flat = {key: one for key, one in value.items() if key not in (named, *others) and one not in ("", None)}
        if flat.get("type") == "function":
            del flat["type"]
        return [{"name": name, "args": flat}]
    args = value[holder]
    if isinstance(args, str):
        args = next((one for one, _, _ in read_objects(args[:MAX_CHARS])), {})
    if not isinstance(args, dict) or is_schema(args):  # the latter is the tool itself, repeated
        return None
    return [{"name": name, "args": args}]


def _names_a_tool(key: str, value: Any, arguments_of: Arguments) -> bool:
    if isinstance(value, str) and value:
        return key in _SURE_NAMES or _tool(value, arguments_of) in arguments_of
    return isinstance(value, dict) and bool(value)


def _tool(name: Any, arguments_of: Arguments) -> str:
    """`memory_insert` for `functions.memory-insert:0`, where there is such a tool."""
    plain = re.sub(r":\d+$", "", str(name).rpartition(".")[2]).replace("-", "_").strip().lower()
    return plain if plain in arguments_of else str(name)


def _names_in(text: str, arguments_of: Arguments) -> Iterator[tuple[str, int, int]]:
    """Each mention of a tool with its span; of anything that is called where no tools are known."""
    names = "|".join(map(re.escape, arguments_of)) or r"[A-Za-z_]\w*(?=\()"
    for match in re.finditer(rf"(?<!\w)(?:{names})(?!\w)", text):
        yield match[0], match.start(), match.end()


def _calls_by_name(text: str, arguments_of: Arguments) -> Iterator[dict[str, Any]]:
    mentions = list(_names_in(text, arguments_of))
    for (name, _, end), (_, until, _) in zip(mentions, [*mentions, ("", len(text), 0)][1:], strict=True):
        args = _arguments_in(text[end:until], arguments_of.get(name, ()))
        if args:
            yield {"name": name, "args": args}


def _arguments_in(text: str, names: Collection[str]) -> dict[str, Any] | None:
    """What stands after a tool's name: `(kind="core", …)`, `<parameter=kind>core</parameter>`, or `kind: core` on a line
    of its own."""
    text = text.removeprefix(".call")
    if text.startswith("("):
        ends = [match.end() for match, _ in zip(re.finditer(r"\)", text), range(_MAX_ENDS), strict=False)]
        called = next((args for end in ends if (args := _python_arguments(text[:end])) is not None), None)
        if called is None and ends and names:
            called = {key: one[1:-1] for key, one in _PAIR.findall(text) if key in names}
        return called
    tags = [*_KEY_AND_VALUE.findall(text), *_TAGS.findall(text)]
    if "<parameter" in text or "<arg_key" in text or tags:
        opened = len(re.findall(r"<(?:parameter[\s=]|arg_value)", text))
        return {key: one for key, one in tags if key in names} if opened <= len(tags) else None
    return {key: one.strip().strip("\"'`,") for key, one in _LINES.findall(text) if key in names}


def _python_arguments(text: str) -> dict[str, Any] | None:
    try:
        call = ast.parse(f"f{text}", mode="eval").body
        if not isinstance(call, ast.Call):
            return None
        given = [ast.literal_eval(one) for one in call.args]
        named = {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    if len(given) == 1 and isinstance(given[0], dict):
        return given[0]
    return None if given or "" in named else named
