"""From text to index terms: NFKC, lower case, unicode words, stop words out, Snowball stems; CJK runs as bigrams."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer

ANALYZER = "en-1"  # kept with the stems in the truth; change it when the terms of the same text change

STOP_WORDS = frozenset(
    """
    a about after again all also am an and any are as at be because been before being both but by can could
    did do does doing don down during each either few for from further had has have having he her here hers
    herself him himself his how i if in into is it its itself just let ll me more most my myself no nor not now
    of off on once only or other our ours ourselves out over own re s same shall she should so some such t than
    that the their theirs them themselves then there these they this those through to too under until up ve very
    was we were what when where whether which while who whom whose why will with would you your yours yourself
    yourselves
    """.split()
)

_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_MARKS = re.compile(r"((?:[\u0300-\U0010ffff](?<![\w\s])){30})(?:[\u0300-\U0010ffff](?<![\w\s]))+")
_LONGEST_WORD = 64  # characters; what is longer is a blob, and its beginning finds it

_stemmers = threading.local()  # a stemmer keeps its word in itself, so each thread has its own


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        stemmer = _stemmers.english = EnglishStemmer()
    return str(stemmer.stemWord(word))


def words(text: str) -> list[str]:
    """Lower-case words in order, stop words included; a CJK run gives its bigrams (or its one character)."""
    found: list[str] = []
    text = _MARKS.sub(r"\1", text)
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if word.isascii() or not _CJK.search(word):
            found.append(word[:_LONGEST_WORD])
            continue
        last = 0
        for run in _CJK.finditer(word):
            if run.start() > last:
                found.append(word[last : run.start()][:_LONGEST_WORD])
            chars = run.group()
            found.extend([chars] if len(chars) == 1 else [chars[i : i + 2] for i in range(len(chars) - 1)])
            last = run.end()
        if last < len(word):
            found.append(word[last:][:_LONGEST_WORD])
    return found


def stems(text: str) -> list[str]:
    """Index terms in order, repeated as often as they occur; `[]` for text with nothing but stop words."""
    return [_stem(word) for word in words(text) if word not in STOP_WORDS]
