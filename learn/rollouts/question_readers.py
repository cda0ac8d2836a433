"""Answer a question from a memory: by research over everything, or from the memory items alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableLambda

from ...evals.datasets.benchmark_records import Question
from ...evals.systems.chunks import BM25Ranking, Chunk
from ...evals.systems.context_reader import ContextReader
from ...evals.systems.setups import CONTEXT_TOKENS, pack_context
from ...evals.systems.setups import SystemAnswer as Read
from ...memory import Memory
from ...nodes.answer import ANSWER, Answer, AnswerQuestion
from ...nodes.llm.ask import UsageTracker
from ...nodes.llm.sync_async import Computation, Wait, run_async, run_sync
from ...stores.errors import ModelRefused, ModelReplyError, ModelUnavailable
from ..rewards.reward_input import OWN_FAULTS
from ..rollout_records import Item
from .rollout_config import RolloutConfig

ITEMS = 20
"""The most items in a context, as in Mem-α."""

QuestionReader = Callable[[Question, Mapping[str, Any]], Computation[tuple[str, str]]]
"""From a question and LangChain's config to `(context, answer)`; else a `ModelError`."""


def question_reader(memory: Memory, items: Sequence[Item], config: RolloutConfig) -> QuestionReader:
    """As `config.reading` and `config.reader` say."""
    found = _research_reader(memory, config) if config.reading == "research" else _items_reader(memory, items, config)
    if config.reader is None:
        return found
    reader = ContextReader(config.chat_model(config.reader), config.timeout_s)

    def read(question: Question, graph_config: Mapping[str, Any]) -> Computation[tuple[str, str]]:
        context, _ = yield from found(question, graph_config)
        return context, reader.read(question, Read(context)).text or ""

    return read


def _research_reader(memory: Memory, config: RolloutConfig) -> QuestionReader:
    context = config.research_options()

    def read(question: Question, graph_config: Mapping[str, Any]) -> Computation[tuple[str, str]]:
        graph: Any = memory.researcher
        given = {"question": question.text}
        out = yield Wait(
            lambda: graph.invoke(given, graph_config, context=context),
            lambda: graph.ainvoke(given, graph_config, context=context),
        )
        raise_failure(out["failures"], all_of_them=context.answer)
        return out["context"], out["answer"]

    return read


def raise_failure(failures: Sequence[Mapping[str, Any]], *, all_of_them: bool) -> None:
    """Raise what a graph noted and skipped: an unreachable model always, a model's own fault, by an error of the same
    name, with `all_of_them`."""
    for one in failures:
        text = f"{one['step']}: {one['message']}"
        if one["error"] not in OWN_FAULTS:
            raise ModelUnavailable(text)
        if all_of_them:
            raise (ModelRefused if one["error"] == "ModelRefused" else ModelReplyError)(text)


def _items_reader(memory: Memory, items: Sequence[Item], config: RolloutConfig) -> QuestionReader:
    core = [(item.id, item.content) for item in items if item.kind == "core"]
    ranked = BM25Ranking([Chunk(item.id, _item_line(item)) for item in items if item.kind != "core"])
    backends = memory._runtime.backends
    answerer = backends.by_step.get("answer", backends.rules)

    def read(question: Question, graph_config: Mapping[str, Any]) -> Computation[tuple[str, str]]:
        best = [(chunk.source, chunk.text) for chunk in ranked.best(question.text, ITEMS)]
        context, marks = pack_context([*core, *best], config.context_tokens or CONTEXT_TOKENS)
        if config.reader is not None:
            return context, ""
        cited = [
            {"page_id": None, "item_id": mark.source, "start": 0, "end": len(mark.text), "quote": mark.text}
            for mark in marks
        ]
        statements = [{"text": one["quote"], "citations": [one]} for one in cited]
        question_values = AnswerQuestion(question.text, context, statements, cited, memory._runtime.archive.snapshot())

        def ask_now(_: Any) -> Answer:
            return run_sync(answerer.ask(ANSWER, question_values, UsageTracker()))

        async def ask_async(_: Any) -> Answer:
            return await run_async(answerer.ask(ANSWER, question_values, UsageTracker()))

        # Within a runnable, the model's requests have the config's callbacks and metadata.
        runnable: Any = RunnableLambda(ask_now, afunc=ask_async, name="answer")
        given: Answer = yield Wait(
            lambda: runnable.invoke(None, graph_config), lambda: runnable.ainvoke(None, graph_config)
        )
        return context, " ".join(given.answer.split())

    return read


def _item_line(item: Item) -> str:
    return f"{item.content} ({item.time[:10]})" if item.time else item.content
