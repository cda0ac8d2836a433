"""The tasks of RULER: what is hidden in a text of a given length, the question, and its answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from ...stores.errors import BadInput
from .benchmark_records import DataSet
from .haystack import add_distractors, hide_needles, invent_facts, made_up_words, text_chars


@dataclass(frozen=True, slots=True)
class SyntheticText:
    """A text as paragraphs, joined by `joint`, with one question. With `all_needed` each answer is asked for."""

    parts: Sequence[str]
    question: str
    answers: tuple[str, ...]
    evidence: tuple[str, ...]
    all_needed: bool = True
    joint: str = "\n\n"


_LIKE = (
    "amber brisk calm dusty eager faint gentle hollow icy jolly keen lofty mellow nimble odd proud rusty sly".split()
)
_THING = (
    "otter falcon walrus badger heron lynx magpie newt panda quail raven stoat tapir viper weasel yak zebra".split()
)
_NEEDLE = "One of the special magic numbers for {key} is: {value}."

CHAINS, HOPS = 1, 4  # RULER's variable tracking: so many chains, each of a value and so many copies
COMMON, OFTEN, SELDOM = 10, 30, 3  # its common words: how many, how often each occurs, how often all others occur
ALPHA, TOP = 2.0, 3  # its frequent words: the exponent of Zipf's law, and how many are asked for
NEEDLES = 4  # keys, values or queries of its multi-needle tasks


def hide_numbers(
    chance: random.Random, tokens: int, *, keys: int = 1, values: int = 1, asked_keys: int = 1
) -> SyntheticText:
    """Keys with so many numbers each, some of which are asked for; the others are distractors."""
    names = chance.sample([f"{like}-{thing}" for like in _LIKE for thing in _THING], keys)
    numbers = iter(_random_numbers(chance, keys * values))
    pairs = [(name, next(numbers)) for name in names for _ in range(values)]
    chosen = set(chance.sample(names, asked_keys))
    chance.shuffle(pairs)
    parts = hide_needles(chance, [_NEEDLE.format(key=key, value=value) for key, value in pairs], tokens)
    right = [(key, value) for key, value in pairs if key in chosen]
    listed = _join_names([name for name in names if name in chosen])
    what = "is the special magic number" if len(right) == 1 else "are all the special magic numbers"
    question = f"What {what} for {listed} mentioned in the text?"
    evidence = tuple(_NEEDLE.format(key=key, value=value) for key, value in right)
    return SyntheticText(parts, question, tuple(value for _, value in right), evidence)


def variable_tracking(chance: random.Random, tokens: int) -> SyntheticText:
    """A variable is assigned a value, others are assigned the variable before them: which of them hold the value?"""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names: dict[str, None] = {}
    while len(names) < CHAINS * (HOPS + 1):
        names["".join(chance.choice(letters) for _ in range(5))] = None
    pool, values = list(names), _random_numbers(chance, CHAINS, digits=5)
    chains = [pool[at * (HOPS + 1) : (at + 1) * (HOPS + 1)] for at in range(CHAINS)]
    lines = [
        [f"VAR {chain[0]} = {value}.", *(f"VAR {b} = VAR {a}." for a, b in pairwise(chain))]
        for chain, value in zip(chains, values, strict=True)
    ]
    order = [at for at, chain in enumerate(lines) for _ in chain]
    chance.shuffle(order)
    waiting = [iter(chain) for chain in lines]
    parts = hide_needles(chance, [next(waiting[at]) for at in order], tokens)
    question = f"Find all variables that are assigned the value {values[0]} in the text, directly or through others."
    return SyntheticText(parts, question, tuple(chains[0]), tuple(lines[0]))


def common_words(chance: random.Random, tokens: int) -> SyntheticText:
    """A numbered list in which ten words occur thirty times each, and all others three times."""
    space = text_chars(tokens)
    words = made_up_words(chance, COMMON + space // 24, syllables=2)
    common, others = words[:COMMON], words[COMMON:]
    entries = common * OFTEN
    left = space - sum(len(f"{number}. {word}\n") for number, word in enumerate(entries, start=1))
    for word in others:
        cost = SELDOM * (len(word) + len(f"{len(entries) + SELDOM}. \n"))
        if left < cost:
            break
        entries += [word] * SELDOM
        left -= cost
    chance.shuffle(entries)
    lines = [f"{number}. {word}" for number, word in enumerate(entries, start=1)]
    question = f"What are the {COMMON} most common words in the numbered list?"
    return SyntheticText(lines, question, tuple(common), (), joint="\n")


def frequent_words(chance: random.Random, tokens: int) -> SyntheticText:
    """Made-up words by Zipf's law: the k-th occurs k to the power of −`ALPHA` times as often as the first."""
    space = text_chars(tokens)
    words = made_up_words(chance, 2000, syllables=2)
    weights = [(rank + 1) ** -ALPHA for rank in range(len(words))]
    per_unit = sum(weight * (len(word) + 1) for weight, word in zip(weights, words, strict=True))
    entries: list[str] = []
    for weight, word in zip(weights, words, strict=True):
        entries += [word] * int(weight * space / per_unit)
    left = space - sum(len(word) + 1 for word in entries)
    for word in reversed(words):  # the law gives less than 1 for the last of them: they occur once
        if left < len(word) + 1:
            break
        entries.append(word)
        left -= len(word) + 1
    chance.shuffle(entries)
    lines = [" ".join(entries[at : at + 12]) for at in range(0, len(entries), 12)]
    question = f"What are the {TOP} words that appear most frequently in the coded text?"
    return SyntheticText(lines, question, tuple(words[:TOP]), (), joint="\n")


def qa(chance: random.Random, tokens: int) -> SyntheticText:
    """A one-hop or two-hop question on invented people and firms, a paragraph each."""
    parts, question, answer, evidence = invent_facts(chance, tokens)
    return SyntheticText(parts, question, (answer,), evidence, all_needed=False)


TaskMaker = Callable[[random.Random, int], SyntheticText]


def qa_over(data: DataSet) -> TaskMaker:
    """The task `qa` over the paragraphs of a data set, without yes/no questions, whose answer any text holds."""
    choices = [
        (sample, question)
        for sample in data.samples
        for question in sample.questions
        if question.evidence and question.answers and question.answer.lower() not in ("yes", "no")
    ]
    if data.kind != "paragraphs" or not choices:
        raise BadInput(f"{data.name} has no questions with gold paragraphs; HotpotQA and MuSiQue have.")

    def make_text(chance: random.Random, tokens: int) -> SyntheticText:
        sample, question = chance.choice(choices)
        texts = {str(session.id): str(session.text) for session in sample.sessions}
        gold = [texts.pop(id) for id in question.evidence]
        if sum(len(text) + 2 for text in gold) > text_chars(tokens):
            raise BadInput(
                f"The gold paragraphs of {question.id} do not fit into {tokens} tokens; ask for longer texts."
            )
        parts = add_distractors(chance, gold, list(texts.values()), tokens)
        return SyntheticText(parts, question.text, question.answers, tuple(gold), all_needed=False)

    return make_text


TASKS: Mapping[str, tuple[str, TaskMaker]] = {
    "niah_single": ("retrieval", hide_numbers),
    "niah_multikey": ("retrieval", partial(hide_numbers, keys=NEEDLES)),
    "niah_multivalue": ("retrieval", partial(hide_numbers, values=NEEDLES)),
    "niah_multiquery": ("retrieval", partial(hide_numbers, keys=NEEDLES, asked_keys=NEEDLES)),
    "variable_tracking": ("multi-hop tracing", variable_tracking),
    "common_words": ("aggregation", common_words),
    "frequent_words": ("aggregation", frequent_words),
    "qa": ("question answering", qa),
}


def _random_numbers(chance: random.Random, count: int, digits: int = 7) -> list[str]:
    """All different, and of the same length, so that none is a part of another."""
    return [str(number) for number in chance.sample(range(10 ** (digits - 1), 10**digits), count)]


def _join_names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}"
