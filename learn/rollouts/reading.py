"""Answer a question from a memory: by research over everything, or from the memory items alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableLambda

from ...evals.datasets.records import Question
from ...evals.systems.answer import Answer as Read
from ...evals.systems.answer import walked
from ...evals.systems.bm25 import Ranked
from ...evals.systems.chunks import Chunk
from ...evals.systems.reader import Reader
from ...memory import Memory
from ...nodes.answer import ANSWER, Answer, AnswerQuestion
from ...nodes.meter import Meter
from ...nodes.step import Steps, Wait, afinish, finish
from ...stores.errors import ModelRefused, ModelReplyError, ModelUnavailable
from ..records import Item
from ..rewards.outcome import OWN_FAULTS
from .making import Making

CONTEXT_TOKENS = 2000
ITEMS = 20
"""How many items may speak, as in Mem-α."""

Reads = Callable[[Question, Mapping[str, Any]], Steps[tuple[str, str]]]
"""From a question and LangChain's config to `(context, answer)`; a `ModelError` where none came of it."""


def reads(memory: Memory, items: Sequence[Item], making: Making) -> Reads:
    """As `making.reading` and `making.reader` say."""
    found = _research(memory, making) if making.reading == "research" else _from_items(memory, items, making)
    if making.reader is None:
        return found
    reader = Reader(making.chat(making.reader), making.timeout_s)

    def read(question: Question, config: Mapping[str, Any]) -> Steps[tuple[str, str]]:
        context, _ = yield from found(question, config)
        return context, reader.read(question, Read(context)).text or ""

    return read


def _research(memory: Memory, making: Making) -> Reads:
    context = making.asking()

    def read(question: Question, config: Mapping[str, Any]) -> Steps[tuple[str, str]]:
        graph: Any = memory.researcher
        given = {"question": question.text}
        out = yield Wait(
            lambda: graph.invoke(given, config, context=context), lambda: graph.ainvoke(given, config, context=context)
        )
        raise_failure(out["failures"], all_of_them=context.answer)
        return out["context"], out["answer"]

    return read


def raise_failure(failures: Sequence[Mapping[str, Any]], *, all_of_them: bool) -> None:
    """What a graph has noted and gone on without: a model that could not be reached, and on demand what a model has
    done itself, by an error of the same name."""
    for one in failures:
        told = f"{one['step']}: {one['message']}"
        if one["error"] not in OWN_FAULTS:
            raise ModelUnavailable(told)
        if all_of_them:
            raise (ModelRefused if one["error"] == "ModelRefused" else ModelReplyError)(told)


def _from_items(memory: Memory, items: Sequence[Item], making: Making) -> Reads:
    core = [(item.id, item.content) for item in items if item.kind == "core"]
    ranked = Ranked([Chunk(item.id, _dated(item)) for item in items if item.kind != "core"])
    answerers = memory._runtime.answerers
    answerer = answerers.by_step.get("answer", answerers.rules)

    def read(question: Question, config: Mapping[str, Any]) -> Steps[tuple[str, str]]:
        best = [(chunk.source, chunk.text) for chunk in ranked.best(question.text, ITEMS)]
        context, marks = walked([*core, *best], making.context_tokens or CONTEXT_TOKENS)
        if making.reader is not None:
            return context, ""
        cited = [{"page_id": mark.source, "start": 0, "end": len(mark.text), "quote": mark.text} for mark in marks]
        told = [{"text": one["quote"], "citations": [one]} for one in cited]
        asked = AnswerQuestion(question.text, context, told, cited)

        def now(_: Any) -> Answer:
            return finish(answerer.ask(ANSWER, asked, Meter()))

        async def later(_: Any) -> Answer:
            return await afinish(answerer.ask(ANSWER, asked, Meter()))

        # Within a runnable, what the model is asked has the callbacks and the metadata of the config.
        runnable: Any = RunnableLambda(now, afunc=later, name="answer")
        given: Answer = yield Wait(lambda: runnable.invoke(None, config), lambda: runnable.ainvoke(None, config))
        return context, " ".join(given.answer.split())

    return read


def _dated(item: Item) -> str:
    return f"{item.content} ({item.time[:10]})" if item.time else item.content
