"""Remove a reasoning model's thinking from its text, in every usual mark."""

from __future__ import annotations

import re

_NAMES = (
    "think|thinking|reasoning|thoughts?|antthinking|scratchpad|chain_of_thought|seed:think"
    "|(?:inner|internal)_(?:monologue|thoughts?)"
)
_MARK = re.compile(
    rf"<(?P<tag>/?)(?:{_NAMES})(?: [^<>]{{0,80}})?>|\[(?P<bracket>/?)THINK\]|◁(?P<kimi>/?)think▷"
    r"|<\|(?P<pipe>/?)think(?:ing)?\|>"
    r"|<\|(?P<word>begin|end|start)_(?:of_)?(?:thought|thinking)\|>|<\|inner_(?P<inner>prefix|suffix)\|>",
    re.I,
)
_QUOTES = "`'\"“”«»"
# Gemma's channel, and what it says in its place where tokens have no names.
_CHANNEL = re.compile(
    r"<\|channel>\s{0,9}thought\b.*?(?:<channel\|>|\Z)|<unused94>thought\b.*?(?:<unused95>|\Z)", re.S | re.I
)
_GRANITE = re.compile(r"\A\s*Here is my thought process:.*?Here is my response:\s*", re.S)
# OpenAI's harmony: a message of any other channel than `analysis` is part of the reply.
_HARMONY = re.compile(
    r"(?:<\|start\|>(?P<from>[^<|]{0,80}))?<\|channel\|>\s{0,9}(?P<channel>\w{1,30})(?P<to>[^|]{0,200}?)(?:<\|constrain\|>\s{0,9}\w{1,30}\s{0,9})?<\|message\|>"
    r"(?P<said>.*?)(?:<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)|\Z)",
    re.S | re.I,
)
_HARMONY_TOOL = re.compile(r"to=([\w.-]+)")
_HARMONY_WITHOUT_MARKS = re.compile(r"\A\s*analysis.*?assistantfinal", re.S)


def strip_thinking(text: str) -> str:
    """The text without blocks of thinking, closed or not, and without what precedes a lone end mark.

    A mark in quotes or backticks, and one that is not closed and does not begin its line, is a mention and stays.
    """
    text = _HARMONY.sub(_harmony_message, text)
    for pattern in (_HARMONY_WITHOUT_MARKS, _CHANNEL, _GRANITE):
        text = pattern.sub("", text)
    parts: list[str] = []
    at = depth = opening = 0
    for mark in _MARK.finditer(text):
        if depth == 0 and _is_quoted(text, mark):
            continue
        if _is_end(mark):
            if depth == 0:
                parts.clear()
            depth = max(0, depth - 1)
        else:
            if depth == 0:
                parts.append(text[at : mark.start()])
                opening = mark.start()
            depth += 1
        at = mark.end()
    if depth == 0:
        return "".join(parts) + text[at:]
    begins_its_line = not text[text.rfind("\n", 0, opening) + 1 : opening].strip()
    return "".join(parts) + ("" if begins_its_line else text[opening:])


def _harmony_message(match: re.Match[str]) -> str:
    """What a message says, after the tool that it calls."""
    if match["channel"].lower() == "analysis":
        return ""
    tool = _HARMONY_TOOL.search(f"{match['from']}{match['to']}")
    return f"{tool[1]} {match['said']}" if tool else match["said"]


def spoken_text(text: str) -> str:
    """As `strip_thinking`, and trimmed where something was cut."""
    return text if (said := strip_thinking(text)) == text else said.strip()


def _is_end(mark: re.Match[str]) -> bool:
    slashes = (mark["tag"], mark["bracket"], mark["kimi"], mark["pipe"])
    return "/" in slashes or (mark["word"] or "").lower() == "end" or mark["inner"] == "suffix"


def _is_quoted(text: str, mark: re.Match[str]) -> bool:
    before, after = text[mark.start() - 1 : mark.start()], text[mark.end() : mark.end() + 1]
    return bool(before and after) and before in _QUOTES and after in _QUOTES
