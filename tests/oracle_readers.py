"""Readers that know the right answers: with them a harness can be shown to measure what it says."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from langchain_core.messages import BaseMessage

from jitmem.evals.datasets.benchmark_records import DataSet, Question
from jitmem.evals.systems.context_reader import NOT_FOUND
from jitmem.testing import ScriptedModel

Wording = Callable[[str], str]
Citing = Callable[[list[int], int], list[int]]
"""From the marks that hold the evidence, and the last mark there is, to the marks that are named."""

_HISTORY = re.compile(r"<history(?:-\w+)?>\n(.*)\n</history(?:-\w+)?>", re.S)
_QUESTION = re.compile(r"<question(?:-\w+)?>\n(.*)\n</question(?:-\w+)?>", re.S)
_MARK = re.compile(r"\[(\d+)\]")
_NOISE = "lantern gravel ninety velvet orchard copper".split()


def perfect_reader(data: DataSet) -> ScriptedModel:
    """Gives the right answer and names the marks that hold its evidence, where all of that is in the context; else says
    that it is not mentioned. For data whose evidence is text."""
    return _oracle_reader(data, lambda answer: answer, lambda marks, last: marks)


def noisy_reader(data: DataSet, *, noise: float = 0.5, seed: int = 0) -> ScriptedModel:
    """The same, with each word of an answer replaced by another in so many cases; the same for the same answer."""

    def spoil(answer: str) -> str:
        draw = random.Random(f"{seed} {answer}")
        return " ".join(draw.choice(_NOISE) if draw.random() < noise else word for word in answer.split())

    return _oracle_reader(data, spoil, lambda marks, last: marks)


def misciting_reader(data: DataSet) -> ScriptedModel:
    """Right answers that name a mark beside the right ones instead of them."""

    def cite_beside(marks: list[int], last: int) -> list[int]:
        return [next(one for one in range(1, last + 2) if one not in marks)]

    return _oracle_reader(data, lambda answer: answer, cite_beside)


def _oracle_reader(data: DataSet, worded: Wording, citing: Citing) -> ScriptedModel:
    known = {question.text: question for sample in data.samples for question in sample.questions}

    def read(messages: list[BaseMessage]) -> str:
        said = str(messages[-1].text)
        context, asked = _inside_tag(_HISTORY, said), _inside_tag(_QUESTION, said)
        question = known[asked]
        marks = [_mark_behind(context, gold) for gold in question.evidence]
        found = [mark for mark in marks if mark]
        if not question.answers or len(found) < len(marks):
            return NOT_FOUND
        last = max((int(number) for number in _MARK.findall(context)), default=0)
        named = citing(list(dict.fromkeys(found)), last) if found else []
        return f"{worded(_right_answer(question))} {''.join(f'[{mark}]' for mark in named)}"

    return ScriptedModel(lines=read, model="a reader that knows")


def _right_answer(question: Question) -> str:
    return ", ".join(question.answers) if question.all_needed else question.answer


def _inside_tag(fence: re.Pattern[str], text: str) -> str:
    found = fence.search(text)
    assert found is not None, "the reader's prompt fences its context and its question"
    return found[1]


def _mark_behind(context: str, gold: str) -> int:
    """The mark that the text stands before; 0 where it is not there."""
    at = context.find(gold)
    mark = _MARK.search(context, at + len(gold)) if at >= 0 else None
    return int(mark[1]) if mark else 0
