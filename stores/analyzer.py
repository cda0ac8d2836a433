"""From text to index terms: NFKC, lower case, unicode words, stop words out, Snowball stems; CJK runs as bigrams."""

from __future__ import annotations

import math
import re
import threading
import unicodedata
from collections import Counter
from datetime import datetime
from functools import lru_cache
from zlib import crc32

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from snowballstemmer.english_stemmer import EnglishStemmer

from .times import date_terms

ANALYZER = "en-2"  # kept with the stems in the truth; change it when the terms of the same text change

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
    if text.isascii():  # nothing to normalize
        return [word[:_LONGEST_WORD] for word in _WORD.findall(text.lower())]
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


def passage_stems(text: str, said: datetime | None) -> list[str]:
    """The index terms of a passage: its stems, and a term for each date that it names, relative ones resolved at the time
    of its session."""
    return [*stems(text), *date_terms(text, said)]


def title_key(title: str) -> str:
    """A title as it is looked up: its words, without a part in brackets at the end."""
    return " ".join(words(re.sub(r"\([^()]*\)$", "", title.rstrip())))


_GRAMS = (3, 4)
_GRAM_SHARE = 1.2  # what all n-grams of a word weigh together, against 1 for the word itself


class HashedEmbeddings(Embeddings):
    """Feature hashing with signs (Weinberger et al. 2009): (dim,) rows of length 1, or all 0 for no known word.

    The same text gives the same vector in every process.
    """

    lexical = True  # similarity of letters, not of meaning: fusion trusts it less

    def __init__(self, dim: int = 384) -> None:
        self.dim = dim
        self.model = f"hashed-{dim}-{ANALYZER}"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text, the same as `embed_documents` gives."""
        counts = Counter(stems(text))
        if not counts:
            return [0.0] * self.dim
        features = [_features(word, self.dim) for word in counts]
        weights = [(1 + math.log(n)) * values for n, (_, values) in zip(counts.values(), features, strict=True)]
        vector = np.bincount(
            np.concatenate([places for places, _ in features]), np.concatenate(weights), minlength=self.dim
        )
        length = float(np.linalg.norm(vector))
        result: list[float] = (vector / length if length else vector).tolist()
        return result


@lru_cache(maxsize=1 << 15)
def _features(word: str, dim: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in _GRAMS for i in range(len(marked) - n + 1)]
    hashes = [crc32(word.encode()), *(crc32(b"#" + gram.encode()) for gram in grams)]
    sizes = np.array([1.0] + [_GRAM_SHARE / math.sqrt(len(grams))] * len(grams))
    signs = np.array([1.0 if value >> 31 else -1.0 for value in hashes])
    return np.array([value % dim for value in hashes], dtype=np.int64), sizes * signs
