"""From text to index terms: ASCII English here, other scripts, languages and identifiers in modules of their own."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from importlib.resources import files
from typing import NamedTuple
from zlib import crc32

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from snowballstemmer.english_stemmer import EnglishStemmer

from .times import date_terms

STOP_WORDS, _ENGLISH, _FOREIGN = (
    frozenset(words.split())
    for words in files(__package__).joinpath("small_words.txt").read_text("utf-8").split("\n\n")
)
"""English words that tell nothing; short words in ASCII by which English and other languages are told apart."""

SENTENCE = re.compile(r"[^.!?…。．！？।॥؟۔\n]+[.!?…。．！？।॥؟۔]*[\"'”’)」』]*")
_WORD = re.compile(r"[^\W_]+")
_IDENTIFIER = re.compile(  # begins with what is rare, so that prose is passed over quickly
    r"""[-_./:@\\#+A-ZÀ-ÞΑ-ΩА-Я\d] (?: (?<=[^\W_][_./:@\\#+]) [-_./:@\\#+]* [^\W_] | (?<=\#)\w
      | (?<=[a-zß-ÿα-ωа-я][A-ZÀ-ÞΑ-ΩА-Я])
      | (?<=[^\W\d_]\d) | (?<=\d)(?:[^\W\d_] | [,'\ ]\d | \ (?:[mbtMтмल]|lakh|crore) | \d{6}) | (?<=1)9\d\d | (?<=2)0\d\d
      | (?<=[^\W_]-)\d | (?<=\d-)[^\W_] | (?<=\b\w-)\w | (?<=\b\w\w-)\w )""",
    re.X,
)
TYPOGRAPHY = str.maketrans("‘’‚‛“”„‟‐‑‒–—―…\u00a0\u2007\u202f\u2009", "''''\"\"\"\"------.    ")
LONGEST_WORD = 64  # characters; what is longer is a blob, and its beginning finds it

_stemmers = threading.local()  # a stemmer keeps its word in itself, so each thread has its own


@lru_cache(maxsize=1 << 16)
def english_stem(word: str) -> str:
    """Snowball's English stem of a lower-case word."""
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        stemmer = _stemmers.english = EnglishStemmer()
    return str(stemmer.stemWord(word))


def words(text: str) -> list[str]:
    """Lower-case words in order, stop words included, accents kept; runs without spaces give their n-grams."""
    found = _english_words(text)
    if found is not None:
        return found
    from .scripts import script_words

    return [part for word in script_words(text) for part in word.parts]


def is_english(text: str) -> bool:
    """Whether nothing but English letters and no small words of another language prevail in it."""
    return _english_words(text) is not None


def _english_words(text: str) -> list[str] | None:
    """Lower-case words in order; None for text that is not English."""
    if not text.isascii() and not (text := text.translate(TYPOGRAPHY).replace("·", " ")).isascii():
        return None
    found = [word[:LONGEST_WORD] for word in _WORD.findall(text.lower())]
    if len(found) < 2 or _FOREIGN.isdisjoint(found):
        return found
    return None if sum(word in _FOREIGN for word in found) > sum(word in _ENGLISH for word in found) else found


_SHORT = 400  # characters of a text whose stems are remembered for a moment: every step looks at the question


def base_stems(text: str) -> list[str]:
    """The stems of the single words, without the forms of a whole identifier; `[]` for stop words alone."""
    return list(_short_base_stems(text)) if len(text) <= _SHORT else _find_base_stems(text)


def stems(text: str) -> list[str]:
    """Index terms, repeated as often as they occur; `[]` for text with nothing but stop words.

    Each paragraph by itself: first its words in order, then its identifiers, amounts and dates as a whole.
    """
    return list(_short_stems(text)) if len(text) <= _SHORT else _find_stems(text)


@lru_cache(maxsize=16)
def _short_base_stems(text: str) -> Sequence[str]:
    return _find_base_stems(text)


@lru_cache(maxsize=64)
def _short_stems(text: str) -> Sequence[str]:
    return _find_stems(text)


def _find_base_stems(text: str) -> list[str]:
    return [stem for paragraph in text.split("\n\n") for stem in _paragraph_stems(paragraph)]


def _find_stems(text: str) -> list[str]:
    found: list[str] = []
    for paragraph in text.split("\n\n"):
        found += _paragraph_stems(paragraph)
        if _IDENTIFIER.search(paragraph):
            from .identifiers import whole_forms

            found += whole_forms(paragraph)
    return found


GRAM = "~"
"""Ends the n-grams of a word: they find what is inflected or compound, and are no words of their own."""


_RELATED = 0.4  # of the n-grams of a word: its compounds and derivations have as many


class Term(NamedTuple):
    """A word of a question or a query, as it is written, and what may stand for it: any of its `forms` whole, or this
    `share` of one where that is made of n-grams."""

    text: str
    forms: Sequence[frozenset[str]]
    share: float = 1.0

    def found_share(self, stems: Collection[str]) -> float:
        """1 where it is among some stems; else the share of its n-grams that are: words that are related have many in common.
        A form that is not made of n-grams is there or not."""
        if self.is_in(stems):
            return 1.0
        related = [form for form in self.forms if self.share < 1 or any(stem.endswith(GRAM) for stem in form)]
        share = max((sum(stem in stems for stem in form) / len(form) for form in related), default=0.0)
        return share if share >= _RELATED else 0.0

    def is_in(self, stems: Collection[str], *, whole: bool = False) -> bool:
        """Whether a form is among some stems; `whole`: all of it, and not by the n-grams of a word."""
        share = 1.0 if whole else self.share
        return any(
            sum(stem in stems or _is_within(stem, stems) for stem in form) >= share * len(form)
            for form in self.forms
            if not (whole and any(stem.endswith(GRAM) for stem in form))
        )


def _is_within(stem: str, stems: Collection[str]) -> bool:
    """Whether a lone Chinese or Japanese character is in one of the pairs by which a text is indexed."""
    return len(stem) == 1 and stem > "\u3000" and any(stem in pair for pair in stems)


def terms(text: str) -> list[Term]:
    """The words of a text and its identifiers, each once, without stop words."""
    found: dict[Sequence[frozenset[str]], Term] = {}
    for paragraph in text.split("\n\n"):
        for term in _paragraph_terms(paragraph):
            found.setdefault(tuple(term.forms), term)
    return list(found.values())


def _paragraph_terms(text: str) -> list[Term]:
    word_terms = _english_terms
    if not is_english(text):
        from .scripts import guess_language, script_terms

        word_terms = partial(script_terms, language=guess_language(text))  # holds around an identifier, too
    if _IDENTIFIER.search(text):
        from .identifiers import terms_around

        return terms_around(text, word_terms)
    return word_terms(text)


def _english_terms(text: str) -> list[Term]:
    found = [(match.group(), match.group().lower()[:LONGEST_WORD]) for match in _WORD.finditer(text)]
    return [Term(word, (frozenset((english_stem(low),)),)) for word, low in found if low not in STOP_WORDS]


def _paragraph_stems(text: str) -> list[str]:
    found = _english_words(text)
    if found is not None:
        return [english_stem(word) for word in found if word not in STOP_WORDS]
    from .scripts import script_stems

    return script_stems(text)


ANALYZER = "scripts-6"
"""Stands with the terms in the truth; change it when the terms of the same text change."""


class Analyzer:
    """What makes the terms of a memory's index. `extra` adds a language package: by a name with its version, a function
    from a text to further terms of it. They are indexed and searched beside our own, so nothing that was found before
    is lost. A memory that is opened with other packages than before makes its terms again; no text is embedded again.
    """

    def __init__(self, extra: Mapping[str, Callable[[str], Iterable[str]]] | None = None) -> None:
        self._extra = dict(extra or {})
        self.name = "+".join([ANALYZER, *sorted(self._extra)])

    def stems(self, text: str) -> list[str]:
        """As the function `stems`, then what the packages add."""
        found = stems(text)
        for terms in self._extra.values():
            found += [term.casefold() for more in terms(text) for term in more.split()]
        return found

    def passage_stems(self, text: str, said: datetime | None) -> list[str]:
        """The index terms of a passage: its stems, and a term for each date that it names, relative ones resolved at
        the time of its session."""
        found = self.stems(text)
        return [*found, *(term for term in date_terms(text, said) if term not in found)]


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
        self.model = f"hashed-{dim}-en-1"  # the vectors of English text are those of the first version

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text, the same as `embed_documents` gives."""
        counts = Counter(base_stems(text))
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
