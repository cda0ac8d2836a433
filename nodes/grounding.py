"""Check what a model wrote against its source: names and numbers that are not there, long copies, words of the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..stores.analyzer import is_english

_WORD = re.compile(r"[^\W_]+(?:['’.,:/-][^\W_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;\n]\s*|[\"“”«»(]\s*)$")
_POSSESSIVE = re.compile(r"['’]s$|['’]$")
_PLACEHOLDER = re.compile(r"<[^<>\n]{1,40}>|\{\{\w+\}\}|…$")
_ABOUT_THE_PROMPT = re.compile(
    r"\b(?:this|the) (?:page|header|core paragraph|conversation|session|history marks?)\b", re.I
)
_PROMPT_WORDS = (
    "there is none yet",
    "there are none yet",
    "nothing is in memory yet",
    "nothing yet",
    "the question itself",
)
_CALENDAR = frozenset(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug"
    " sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday i i'm i've i'll i'd".split()
)
_DAY_OR_YEAR = re.compile(r"\d{1,2}(?:st|nd|rd|th|[日号號일月월])?|(?:19|20)\d\d[年년]?|(?:19|20)\d\d-\d\d(?:-\d\d)?")
_RUN = 6  # words
_INFLECTED = frozenset("ru uk pl cs fi hu tr el ro hy".split())  # languages in which a name has endings
_NAME_STEM = 0.7  # of an inflected name's letters


def foreign_terms(text: str, *sources: str) -> list[str]:
    """Names and numbers of a text that none of its sources holds, in the text's order.

    A name is a capitalized word that does not begin a sentence; months, weekdays and "I" are none. Numbers of
    at most two digits, and years, pass where a source holds a date: a relative expression may have been resolved. Of
    German, which capitalizes its nouns, only numbers are checked; where names have endings, how they begin.
    """
    source = "\n".join(sources)
    words = set(_WORD.findall(_lower(source)))
    known = {form for word in words for form in (*re.split(r"['’.,:/-]", word), word, _without_separators(word))}
    known |= {amount for word in known for amount in _amounts_in(word)}
    dated = bool(re.search(r"\b\d{4}\b", source))
    language = _language_of(f"{text}\n{source}")
    found = []
    for word, initial in _words(text):
        lower = _without_separators(_POSSESSIVE.sub("", _lower(word)))
        if any(character.isdigit() for character in word):
            unknown = [amount for amount in _amounts_in(lower) or [lower] if amount not in known]
            missing = not all(dated and _DAY_OR_YEAR.fullmatch(amount) for amount in unknown)
        elif language == "de" or initial or not word[0].isupper():
            missing = False
        elif language in _INFLECTED:
            stem = re.split("['’]", lower)[0]
            stem = stem[: max(3, round(_NAME_STEM * len(stem)))]
            missing = not any(form.startswith(stem) for form in known | _CALENDAR)
        else:
            missing = not {lower, lower.removesuffix("s")} & (known | _CALENDAR)
        if missing:
            found.append(word)
    return list(dict.fromkeys(found))


def copied_share(text: str, source: str) -> float:
    """The share of a text's runs of six words that stand in its source, from 0 to 1; 0 for a shorter text."""
    words, there = (" ".join(_WORD.findall(one.lower())) for one in (text, source))
    split = words.split()
    runs = [" ".join(split[at : at + _RUN]) for at in range(len(split) - _RUN + 1)]
    return sum(run in there for run in runs) / len(runs) if runs else 0.0


def is_placeholder(text: str) -> bool:
    """Whether a text is one of our prompts' own: "<one sentence>", "There is none yet."."""
    return bool(_PLACEHOLDER.fullmatch(text.strip())) or text.strip(" .").lower() in _PROMPT_WORDS


def is_about_the_prompt(text: str) -> bool:
    """Whether a text speaks of "the page" or "the core paragraph" instead of what is in it."""
    return bool(_ABOUT_THE_PROMPT.search(text))


def whole_sentences(text: str, characters: int) -> str:
    """The first sentences that fit, or, of one longer sentence, its first words. A text that fills the room to the last
    character was cut off there by a grammar."""
    text = " ".join(text.split())
    if len(text) < characters:
        return text
    end = max(text.rfind(f"{mark} ", 0, characters) for mark in ".!?…。！？।")
    return text[: end + 1] if end > 0 else text[: text.rfind(" ", 0, characters)]


def list_words(words: Iterable[str]) -> str:
    """`Trier, 82,000 and Otto`, the first five of them."""
    *head, last = list(words)[:5]
    return f"{', '.join(head)} and {last}" if head else last


def without_names(text: str) -> str:
    """A text without its capitalized words; the first word of a sentence stays."""
    return " ".join(word for word, initial in _words(text) if initial or not word[0].isupper())


def _words(text: str) -> Iterable[tuple[str, bool]]:
    """Each word, and whether it begins a sentence."""
    for match in _WORD.finditer(text):
        yield match.group(), bool(_SENTENCE_START.search(text[max(0, match.start() - 8) : match.start()]))


def _lower(text: str) -> str:
    return text.lower().replace("i\u0307", "i")  # of a Turkish capital


def _amounts_in(word: str) -> list[str]:
    """`["3시"]` of `3시이다`: the numbers in a run of a script without capitals, each with the unit that follows it."""
    return re.findall(r"\d[\d.,:]*[\u0590-\u1fff\u3040-\ud7a3]", word)


def _language_of(text: str) -> str:
    """Its code; "en" where nothing tells."""
    if is_english(text):
        return "en"
    from ..stores.scripts import guess_language

    language = guess_language(text)
    return language.code if language else "en"


def _without_separators(word: str) -> str:
    """`8,300` as `8300`."""
    return re.sub(r"(?<=\d)[.,](?=\d)", "", word)
