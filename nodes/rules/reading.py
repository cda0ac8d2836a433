"""What the rules see in a text: names, the terms that a question turns on, and titles of known pages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...stores.analyzer import STOP_WORDS, stems
from ...stores.archive import Archive, title_key

_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*[\w]"  # a word that begins with a capital letter, of two characters or more
_NAME = re.compile(rf"{_CAPITAL}(?:(?:\s+(?:of|the|de|da|do|von|van|and)){{0,2}}\s+{_CAPITAL})*")
_WORD = re.compile(r"[\w'’]+")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“]\s*)$")

# Words that a question is made of, but that the answer need not repeat.
_GENERIC = frozenset(
    stem
    for word in """
    ask begin call come different everyone everything find first get give go happen happened kind know last learn like
    list long look lot main make many mention much name need new number often old part people person place plan
    possible recent say something sort start take tell thing time type use want way word work
    year month week day date today when yesterday
    """.split()
    for stem in stems(word)
)


def names(text: str) -> list[str]:
    """Capitalised words and runs of them, in order, without repetition. A sentence's first word counts as part of a
    longer name only, unless it is no common word (the caller checks how rare it is)."""
    found: dict[str, None] = {}
    for match in _NAME.finditer(text):
        parts = match.group().split()
        if _SENTENCE_START.search(text, max(0, match.start() - 3), match.start()):
            while parts and parts[0].lower().replace("’", "'").split("'")[0] in STOP_WORDS:
                parts.pop(0)
        while parts and not parts[0][0].isupper():
            parts.pop(0)
        if parts:
            found.setdefault(re.sub(r"['’]s$", "", " ".join(parts)))
    return [name for name in found if name.lower() not in STOP_WORDS]


def terms(archive: Archive, question: str) -> dict[str, str]:
    """Stem → word for what the question turns on: no stop words, no question words, none of the speakers."""
    speakers = {stem for speaker in archive.speakers for stem in stems(speaker)}
    found: dict[str, str] = {}
    for word in _WORD.findall(question):
        for stem in stems(re.sub(r"['’]s$", "", word)):
            if stem not in _GENERIC and stem not in speakers:
                found.setdefault(stem, word)
    return found


def titles(archive: Archive, text: str) -> list[str]:
    """The titles of known pages that the text names, as they stand in it, the longest at each place, in order."""
    if not archive.titles:
        return []
    spots = [(m.group(), m.start()) for m in _WORD.finditer(text)]
    found: dict[str, None] = {}
    at = 0
    while at < len(spots):
        step = 1
        if text[spots[at][1]].isupper() or text[spots[at][1]].isdigit():
            for length in range(min(8, len(spots) - at), 0, -1):
                key = title_key(" ".join(word for word, _ in spots[at : at + length]))
                if key in archive.titles and key not in STOP_WORDS:
                    end = spots[at + length - 1]
                    found.setdefault(text[spots[at][1] : end[1] + len(end[0])])
                    step = length
                    break
        at += step
    return list(found)


def rare(archive: Archive, name: str, share: float = 0.05) -> bool:
    """Whether a name tells something: each of its words in the memory, the rarest in few passages."""
    counts = [archive.frequency(stem) for stem in stems(name)]
    return bool(counts) and 0 < min(n for n, _ in counts) <= max(3, share * counts[0][1])


def covered(wanted: Iterable[str], texts: Iterable[str]) -> set[str]:
    """Which of the stems occur in the texts."""
    here = {stem for text in texts for stem in stems(text)}
    return {stem for stem in wanted if stem in here}
