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
    found = {word: None for stem in own if stem not in names for word in _read_groups().get(stem, ())}
    new = [word for word in found if not any(stem in own or stem in names for stem in stems(word))]
    return " and ".join(new[:_MOST])  # by "and" a list with "van" or "mal" is still taken for English


@cache
def _read_groups() -> dict[str, tuple[str, ...]]:
    """By stem the words that belong to it."""
    groups: dict[str, dict[str, None]] = {}
    for line in files(__package__).joinpath("related_words.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        of_class, colon, members = line.partition(":")
        for stem in stems(" and ".join(of_class.split())):
            groups.setdefault(stem, {}).update(dict.fromkeys((members if colon else line).split()))
    return {stem: tuple(words) for stem, words in groups.items()}
