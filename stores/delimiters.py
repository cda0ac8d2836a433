"""Delimiters that say where data begins and ends, such as `<history>`: found in a text in any spelling, and escaped."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, partial

# What a reader may take for "<" and ">": their look-alikes, and how HTML and JSON write them.
_LIKE_LESS, _LIKE_GREATER = "<≮＜﹤〈⟨❮˂", ">≯＞﹥〉⟩❯˃"
_LESS = rf"(?:[{_LIKE_LESS}]|&(?:lt|#0*60|#x0*3c);?|\\u003c)"
_GREATER = rf"(?:[{_LIKE_GREATER}]|&(?:gt|#0*62|#x0*3e);?|\\u003e)"
_TAG_LESS = "\U000e003c"  # "<" in letters that are never shown; no flag is spelled with it
_ALIKE = {  # letters of our marks to those that look like them and have no normal form in common
    "a": "аα",
    "c": "сϲ",
    "d": "ԁ",
    "e": "еεҽ",
    "h": "һհнηʜ",
    "i": "іıιӏɪ1l",
    "l": "ӏɩ1iʟ",
    "m": "мᴍ",
    "n": "пոɴ",
    "o": "оοσօᴏ0",
    "q": "ԛգ",
    "r": "гʀ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υսᴜ",
    "y": "уүγυʏ",
}


def escape_delimiters(text: str, *names: str, brackets: str = "‹›") -> str:
    """The text with other `brackets` around every mark of these names, beginning or end.

    A mark counts in any case and with attributes, with look-alikes for its letters and brackets, with spaces and what
    cannot be seen between them, and without its closing bracket. Time is linear in the text.
    """
    text = text.replace(_TAG_LESS, brackets[0])
    for name in names:
        letters = [character for character in name if character.isalpha()]
        text = _pattern(len(letters)).sub(partial(_replace_brackets, letters, brackets), text)
    return text


@cache
def _pattern(letters: int) -> re.Pattern[str]:
    """A bracket, then so many letters with nothing but signs before and between them. No part can match what the next
    one does, so that nothing is tried twice."""
    sign = rf"[^\w{_LIKE_LESS}&\\]"
    between = rf"(?:_|[^\w{_LIKE_LESS}{_LIKE_GREATER}&\\])"
    return re.compile(
        rf"{_LESS}(?P<before>{sign}*)(?P<name>(?:[^\W_]{between}*){{{letters}}})(?!\w)"
        rf"(?:(?P<rest>[^{_LIKE_LESS}{_LIKE_GREATER}&\\]{{0,200}}){_GREATER})?",
        re.I,
    )


def _replace_brackets(letters: list[str], brackets: str, found: re.Match[str]) -> str:
    if not _reads(found["name"], letters):
        return found[0]
    opening = f"{brackets[0]}{found['before']}{found['name']}"
    return opening if found["rest"] is None else (opening + found["rest"]).rstrip() + brackets[1]


def _reads(name: str, letters: list[str]) -> bool:
    seen = [character.casefold() for character in unicodedata.normalize("NFKD", name) if character.isalnum()]
    return len(seen) == len(letters) and all(
        one == letter or one in _ALIKE.get(letter, "") for one, letter in zip(seen, letters, strict=True)
    )
