"""Words that belong to the words of an English question: members of a class, other forms of a verb, other words of the same sense."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from .analyzer import stems

_MOST = 40  # words of a query


def related_words(text: str, names: Collection[str]) -> str:
    """What belongs to the words of a text and is not in it, as the text of a query; "" for nothing. `names` are stems that name
    somebody: these have no class."""
    own = dict.fromkeys(stems(text))
    found = {word: None for stem in own if stem not in names for word in _related().get(stem, ())}
    return " ".join([word for word, stem in _stemmed(found) if stem not in own and stem not in names][:_MOST])


def _stemmed(found: Collection[str]) -> list[tuple[str, str]]:
    return [(word, stem) for word in found for stem in stems(word)[:1]]


@cache
def _related() -> dict[str, tuple[str, ...]]:
    """By stem the words that belong to it."""
    related: dict[str, dict[str, None]] = {}
    for line in files(__package__).joinpath("related_words.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        of_class, colon, members = line.partition(":")
        group = (members if colon else line).split()
        for stem in stems(of_class):
            related.setdefault(stem, {}).update(dict.fromkeys(group))
    return {stem: tuple(words) for stem, words in related.items()}
