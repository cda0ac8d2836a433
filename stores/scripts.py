"""Words and stems of text that is no plain English: other scripts, accents, and the guess of a language."""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import chain, islice
from typing import Any, NamedTuple

import snowballstemmer

from .analyzer import GRAM, LONGEST_WORD, STOP_WORDS, TYPOGRAPHY, Term, english_stem

PAIRS, TRIPLES, LATIN, EMOJI = "pairs", "triples", "latin", "emoji"
"""What becomes of a run: pairs of characters (Chinese, Japanese, Korean), triples (Thai, Lao, Khmer, Burmese), or a word."""

_PAIRED = (
    r"\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_TRIPLED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_SCRIPTS = {
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "cyrillic": "\u0400-\u052f",
    "armenian": "\u0530-\u058f",
    "hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "devanagari": "\u0900-\u097f",
    "bengali": "\u0980-\u09ff",
    "tamil": "\u0b80-\u0bff",
    "other": "\u0980-\u0dff\u10a0-\u10ff\u1200-\u137f\u1c80-\u1cbf\u2d00-\u2d2f",
}
"""Scripts with words that are no Latin ones; those of the first alone that fits count."""


def _marks() -> str:
    """Every combining mark, as a character class."""
    blocks = chain(range(0x300, 0x1E00), range(0x20D0, 0x2100), range(0xA660, 0xAC00), range(0x11000, 0x12000))
    return "".join(chr(code) for code in blocks if unicodedata.category(chr(code)) in ("Mn", "Mc"))


_SIZES = {PAIRS: 2, TRIPLES: 3}
_MARKS = _marks()
_EMOJI = "[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff]"
_RUN = re.compile(
    rf"(?P<pairs>[{_PAIRED}]+)|(?P<triples>[{_TRIPLED}]+)|(?P<word>[^\W_{_PAIRED}{_TRIPLED}](?:[^\W_{_PAIRED}{_TRIPLED}]|[{_MARKS}])*)"
    rf"|(?P<emoji>{_EMOJI})"
)
_SCRIPT = re.compile("|".join(f"(?P<{name}>[{chars}])" for name, chars in _SCRIPTS.items()))
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]"
)
_MARK_RUN = re.compile(r"((?:[\u0300-\U0010ffff](?<![\w\s])){30})(?:[\u0300-\U0010ffff](?<![\w\s]))+")
_SPECIAL = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "œ": "oe",
    "æ": "ae",
    "ı": "i",
    "þ": "th",
    "ŀ": "l",
    "ё": "е",
}
_SPECIAL |= dict(zip("أإآٱىةؤئ", "اااايهوي", strict=True))
_DROPPED = "\u0640\u064b-\u065f\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u093c\u09bc"
_VOWEL_POINTS = re.compile(f"[{_DROPPED}]")


class Word(NamedTuple):
    """A run of one kind. `parts` are its n-grams where it has no spaces, else the word alone, casefolded."""

    written: str
    text: str
    kind: str
    parts: Sequence[str]


def plain_text(text: str) -> str:
    """Without invisible characters and skin tones, NFKC, typographic quotes and dashes as ASCII, digits of any script as
    0 to 9; case is kept."""
    text = _INVISIBLE.sub("", text.translate(TYPOGRAPHY))
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", _MARK_RUN.sub(r"\1", text))
    return re.sub(r"[^\D0-9]", lambda match: str(unicodedata.digit(match.group(), 0)), text)


def script_words(text: str) -> Iterator[Word]:
    """In order, stop words included; emoji are words."""
    for match in _RUN.finditer(plain_text(text)):
        written, kind = match.group(), str(match.lastgroup)
        run = _lower(written)
        if kind in _SIZES:
            yield Word(written, run, kind, _grams(run, _SIZES[kind]))
        else:
            yield Word(written, run, _script_of(run) if kind == "word" else kind, (run[:LONGEST_WORD],))


def _lower(text: str) -> str:
    """Casefolded; the dot of a Turkish capital is its letter's own."""
    return text.casefold().replace("i\u0307", "i")


def _grams(run: str, size: int) -> list[str]:
    return [run] if len(run) <= size else [run[at : at + size] for at in range(len(run) - size + 1)]


def _script_of(word: str) -> str:
    if word.isascii():
        return LATIN
    match = _SCRIPT.search(word)
    return str(match.lastgroup) if match else LATIN


def script_stems(text: str, language: Language | None = None) -> list[str]:
    """The terms of a paragraph, in the order of its words; its language is guessed where none is given."""
    language = language or guess_language(text)
    return [term for _, terms in _analyze(text, language, unknown_inflects=not text.isascii()) for term in terms]


_TURKISH_ENDING = re.compile(r"(?<=\w)['’][^\W\d_]{1,8}\b")  # of a name: İzmir'deki


def _analyze(text: str, language: Language | None, *, unknown_inflects: bool) -> Iterator[tuple[Word, Sequence[str]]]:
    """Each word of a text with its terms; none for a stop word. `unknown_inflects`: with n-grams where the language
    could not be guessed."""
    if language is not None and language.code == "tr":
        text = _TURKISH_ENDING.sub("", text.replace("I", "ı").replace("İ", "i"))
    inflected = unknown_inflects if language is None else language.code != "en" and bool(language.stemmer)
    for word in script_words(text):
        if word.kind == PAIRS:
            yield word, _pair_terms(word)
        elif word.kind in (TRIPLES, EMOJI):
            yield word, word.parts
        else:
            yield word, word_terms(word.parts[0], word.kind, language, word.kind != LATIN or inflected)


GRAM_SHARE, WORD_SHARE = 0.5, 0.75
"""Of the n-grams of a run without spaces, or of a word, so many say that what it means is there."""


def script_terms(text: str, language: Language | None) -> list[Term]:
    """The words of a text in a language, as `analyzer.terms` gives them; a run without spaces is cut at its function words."""
    found: list[Term] = []
    for word, terms in _analyze(text, language, unknown_inflects=True):
        if word.kind in _SIZES:
            for part in _content_of_run(word.text, japanese=_KANA.search(text) is not None):
                found.append(Term(part, (frozenset(_grams(part, _SIZES[word.kind])),), GRAM_SHARE))
        elif terms:
            forms = [frozenset((term,)) for term in terms if not term.endswith(GRAM)]
            grams = [term for term in terms if term.endswith(GRAM)]
            if language is not None and language.prefix and len(grams) > 2:
                grams = grams[: language.prefix - _LATIN_GRAM + 1]
                found.append(Term(word.written, (*forms, frozenset(grams))))
                continue
            # Another ending, or the parts of a compound: most of its letters in a row say so.
            found.append(Term(word.written, (*forms, frozenset(grams)) if len(grams) > 2 else tuple(forms), WORD_SHARE))
    return found


def generic_stems(text: str) -> frozenset[str]:
    """The stems of the generic words of its language."""
    codes = [code for code, script in _RUN_SCRIPTS.items() if script.search(text)][:1]
    language = languages()[codes[0]] if codes else guess_language(text)
    return _generic(language.code) if language else frozenset()


@cache
def _generic(code: str) -> frozenset[str]:
    language = languages()[code]
    if code in _RUN_SCRIPTS:
        size = _SIZES[TRIPLES if code == "th" else PAIRS]
        return frozenset(gram for word in language.generic for gram in _grams(word, size))
    script = language.script
    return frozenset(term for word in language.generic for term in word_terms(word, script, language, False))


_RUN_SCRIPTS = {
    code: re.compile(f"[{chars}]")
    for code, chars in {
        "ko": "\uac00-\ud7af",
        "ja": "\u3040-\u30ff",
        "zh": "\u4e00-\u9fff",
        "th": "\u0e00-\u0e7f",
    }.items()
}
_KANA = re.compile(r"[\u3040-\u30ff]")
_LONE_HAN = re.compile(r"(?<![\u3400-\u9fff\u3005])[\u3400-\u9fff](?![\u3400-\u9fff\u3005])")
_HIRAGANA = re.compile(r"[\u3041-\u309f]+")
_LONGEST_ENDED = 4  # syllables
_HANGUL = re.compile(r"[\uac00-\ud7af]+")
_JAPANESE = re.compile(r"[\u3400-\u9fff\u3005-\u3007]+|[\u30a1-\u30ff]+")


def _content_of_run(run: str, *, japanese: bool) -> list[str]:
    """What a run is about: Korean words without their endings; of Japanese what is no hiragana; Chinese and Thai
    between their function words."""
    if _HANGUL.match(run):
        stem = _without_ending(run)
        return [] if {run, stem} & _run_words("ko") else [stem]
    if japanese:
        return [part for part in _JAPANESE.findall(run) if part not in _run_words("ja")]
    code = "zh" if _JAPANESE.match(run) else "th"
    # A function word's character within another word is that word's own.
    return _function_words(code).sub(lambda match: match[1] or " ", run).split()


def _pair_terms(word: Word) -> list[str]:
    """The pairs of a run, of Japanese without those of function words, and its words of one character where it says where
    they end: a Chinese character between kana, and a Korean syllable with an ending. Pairs alone would tie such a
    word to the particle behind it."""
    run = word.text
    if _KANA.search(run):
        stop = _run_words("ja")
        pairs = [pair for pair in word.parts if pair not in stop or not _HIRAGANA.fullmatch(pair)]
        return [*pairs, *(one for one in _LONE_HAN.findall(run) if one not in stop)]
    stem = _without_ending(run) if len(run) <= _LONGEST_ENDED and _HANGUL.fullmatch(run) else run
    return [*word.parts, stem] if len(stem) == 1 < len(run) and stem not in _run_words("ko") else list(word.parts)


def _without_ending(word: str) -> str:
    for ending in languages()["ko"].endings:
        if word.endswith(ending) and len(word) > len(ending):
            return word.removesuffix(ending)
    return word


def _run_words(code: str) -> frozenset[str]:
    return languages()[code].stop


@cache
def _function_words(code: str) -> re.Pattern[str]:
    kept, stop = ("|".join(sorted(some, key=len, reverse=True)) for some in (languages()[code].kept, _run_words(code)))
    return re.compile(f"({kept or '(?!)'})|{stop}")


@dataclass(frozen=True, slots=True)
class Language:
    """`letters` are those that tell it from others; `stemmer` is Snowball's name for it. Words of most of its verbs begin
    with the same `prefix` letters in every form (as Can et al. 2008 found for Turkish); `generic` are words that a question
    is made of, but that the answer need not repeat; `kept` are words that have the characters of a stop word in them."""

    code: str
    script: str
    stemmer: str
    letters: frozenset[str]
    stop: frozenset[str]
    endings: tuple[str, ...] = ()
    prefix: int = 0
    generic: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


@cache
def language_table() -> dict[str, dict[str, Any]]:
    """`languages.json`: by code the stop words, letters, months and so on of a language."""
    table = resources.files(__package__).joinpath("languages.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(table)
    return found


@cache
def languages() -> dict[str, Language]:
    """By code, those of the table."""
    return {
        code: Language(
            code,
            one.get("script", LATIN),
            one.get("stemmer", ""),
            frozenset(one.get("letters", "")),
            frozenset(_lower(unicodedata.normalize("NFKC", one["stop"])).split())
            | (STOP_WORDS if code == "en" else frozenset()),
            tuple(one.get("endings", "").split()),
            one.get("prefix", 0),
            frozenset(_lower(unicodedata.normalize("NFKC", one.get("generic", ""))).split()),
            frozenset(one.get("kept", "").split()),
        )
        for code, one in language_table().items()
    }


@cache
def _stop_weights() -> dict[str, list[tuple[str, float]]]:
    """By stop word the languages that have it, with one word's weight shared among them."""
    owners: dict[str, list[str]] = {}
    for code, language in languages().items():
        for word in language.stop:
            owners.setdefault(word, []).append(code)
    return {word: [(code, 1 / len(codes)) for code in codes] for word, codes in owners.items()}


_SURE = 1.2  # how much more the best language must weigh than the second
_LETTERS = 2.0  # what letters of one language alone weigh
_LEAST = 0.3
_REPEATED = 2  # so often counts a word: "Los" of Los Angeles is no Spanish
_LOOKED_AT = 200  # words


def guess_language(text: str) -> Language | None:
    """By stop words and letters; None where nothing tells. The language of most words, where a text has several."""
    first = islice(script_words(text), _LOOKED_AT)
    spoken = [word.text for word in first if word.kind not in (PAIRS, TRIPLES, EMOJI)]
    letters = "" if text.isascii() else "".join(sorted(set(_lower(text[: 10 * _LOOKED_AT]))))
    return _guess(tuple(spoken), letters)


@lru_cache(maxsize=4096)
def _guess(words: tuple[str, ...], letters: str) -> Language | None:
    weights = dict.fromkeys(languages(), 0.0)
    for word, count in Counter(words).items():
        for code, weight in _stop_weights().get(word, ()):
            weights[code] += weight * min(count, _REPEATED)
    for code, language in languages().items():
        own = len(language.letters.intersection(letters))
        weights[code] += min(1, own / 3) * _LETTERS
    (best, most), (_, second) = sorted(weights.items(), key=lambda pair: -pair[1])[:2]
    return languages()[best] if most >= _LEAST and most >= _SURE * second else None


_LATIN_GRAM, _OTHER_GRAM = 4, 3  # characters
_SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
)  # where a keyboard has no such letter


@lru_cache(maxsize=1 << 16)
def word_terms(word: str, script: str, language: Language | None, inflects: bool) -> tuple[str, ...]:
    """The terms of a word, stems first; none for a stop word.

    A Latin word gives its folded English stem, by which it is found whatever language is guessed; then its stem in that
    language, with its accents: they tell words apart. N-grams follow where the word `inflects`.
    """
    own = language if language is not None and language.script == script else _of_script(script)
    if word in (STOP_WORDS if own is None else own.stop):
        return ()
    folded = fold(word)
    spelled = word.translate(_SPELLED_OUT)
    if script != LATIN:
        stems: tuple[str, ...] = (folded, fold(_stem(word, own.stemmer)) if own else folded)
    elif own is None or own.code == "en":
        stems = (english_stem(folded), english_stem(word))
    else:
        stems = (english_stem(folded), _stem(word, own.stemmer))
    if spelled != word:
        stems = (*stems, english_stem(fold(spelled)))
    size = _LATIN_GRAM if script == LATIN else _OTHER_GRAM
    grams = [gram + GRAM for gram in _grams(folded, size)] if inflects and len(folded) > size else []
    return tuple(dict.fromkeys((*stems, *grams)))


@cache
def _of_script(script: str) -> Language | None:
    """The first language that is listed with a script; none for Latin, where a guess decides."""
    return (
        None
        if script == LATIN
        else next((language for language in languages().values() if language.script == script), None)
    )


_stemmers = threading.local()


def _stem(word: str, name: str) -> str:
    if not name:
        return word
    stemmer = getattr(_stemmers, name, None)
    if stemmer is None:
        stemmer = snowballstemmer.stemmer(name)
        setattr(_stemmers, name, stemmer)
    return str(stemmer.stemWord(word)) or word


class _Folded(dict[int, str]):
    """Letters without their accents, for `str.translate`; only of scripts in which an accent makes no other letter."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        folded = _SPECIAL.get(letter, letter)
        if letter not in _SPECIAL and (code < 0x400 or 0x1E00 <= code < 0x2000):
            parts = unicodedata.normalize("NFD", letter)
            folded = "".join(_SPECIAL.get(part, part) for part in parts if not 0x300 <= ord(part) < 0x370)
        self[code] = folded
        return folded


_FOLDED = _Folded()


def fold(word: str) -> str:
    """A word without accents and vowel points: João, joao; Ёлка, елка. A mark that is part of its letter stays."""
    return word if word.isascii() else _VOWEL_POINTS.sub("", word.translate(_FOLDED)) or word
