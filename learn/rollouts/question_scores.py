"""Answer a task's questions from its memory, score the answers, and see how much of the gold the memory items hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from langchain_core.runnables import RunnableLambda

from ...evals.datasets.benchmark_records import Question
from ...evals.metrics.answer_judge import AnswerJudge
from ...evals.metrics.text_metrics import normalize_answer
from ...evals.scores import ADVERSARIAL, score_answer
from ...evals.systems.chunks import BM25Ranking, Chunk
from ...evals.systems.context_reader import ContextReader
from ...evals.systems.setups import CONTEXT_TOKENS, SystemAnswer, pack_context
from ...memory import Memory
from ...nodes.answer import ANSWER, Answer, AnswerQuestion
from ...nodes.llm.sync_async import Computation, Wait, run_async, run_sync
from ...nodes.llm.usage import UsageTracker
from ...stores.analyzer import stems
from ...stores.errors import ModelError, ModelRefused, ModelReplyError, ModelUnavailable
from ...stores.times import format_iso_time
from ..rewards.reward_input import OWN_FAULTS
from ..rollout_records import Item, ScoredAnswer, SessionText, current_items
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

    def read_question(question: Question, graph_config: Mapping[str, Any]) -> Computation[tuple[str, str]]:
        context, _ = yield from found(question, graph_config)
        return context, reader.read(question, SystemAnswer(context)).text or ""

    return read_question


def _research_reader(memory: Memory, config: RolloutConfig) -> QuestionReader:
    context = config.research_options()

    def read_question(question: Question, graph_config: Mapping[str, Any]) -> Computation[tuple[str, str]]:
        graph: Any = memory.researcher
        given = {"question": question.text}
        out = yield Wait(
            lambda: graph.invoke(given, graph_config, context=context),
            lambda: graph.ainvoke(given, graph_config, context=context),
        )
        raise_failure(out["failures"], all_of_them=context.answer)
        return out["context"], out["answer"]

    return read_question


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
    others = [item for item in items if item.kind != "core"]
    ranked = BM25Ranking(
        [Chunk(item.id, f"{item.content} ({item.time[:10]})" if item.time else item.content) for item in others]
    )
    backends = memory._runtime.backends
    answerer = backends.by_step.get("answer", backends.rules)

    def read_question(question: Question, graph_config: Mapping[str, Any]) -> Computation[tuple[str, str]]:
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

        def ask(_: Any) -> Computation[Answer]:
            return answerer.ask(ANSWER, question_values, UsageTracker())

        async def ask_async(given: Any) -> Answer:
            return await run_async(ask(given))

        # Within a runnable, the model's requests have the config's callbacks and metadata.
        runnable: Any = RunnableLambda(lambda given: run_sync(ask(given)), afunc=ask_async, name="answer")
        given: Answer = yield Wait(
            lambda: runnable.invoke(None, graph_config), lambda: runnable.ainvoke(None, graph_config)
        )
        return context, " ".join(given.answer.split())

    return read_question


def item_coverage(question: Question, items: Sequence[Item]) -> float | None:
    """0 to 1; None for a question without gold evidence, or without an answer.

    The pages hold every turn verbatim, whatever the Memorizer does, so only items count. An item need not repeat the
    turn. A question is covered when an item holds

    - the gold text, whole and verbatim, or
    - a right answer as whole words, together with another word of the question ("Ana lives in Lisbon" covers "Where
      does Ana live now?"; a list of all cities does not). The date of an item counts as part of it. Where each of
      several answers is asked for, it is the share of them.

    Case, punctuation, articles and inflection are ignored. Whether a newer item contradicts this one is not checked:
    the answer shows that.
    """
    if not question.evidence or not question.answers or question.category == ADVERSARIAL:
        return None
    texts = [f" {normalize_answer(_dated_content(item))} " for item in items]
    golds = [normalize_answer(gold) for gold in question.evidence]
    verbatim = sum(any(f" {gold} " in text for text in texts) for gold in golds if gold) / len(golds)
    found = [_states_answer(question, answer, items, texts) for answer in question.answers]
    answered = sum(found) / len(found) if question.all_needed else float(any(found))
    return max(verbatim, answered)


def _states_answer(question: Question, answer: str, items: Sequence[Item], texts: Sequence[str]) -> bool:
    right = normalize_answer(answer)
    if not right:
        return False
    other = _content_stems(question.text) - _content_stems(answer)
    return any(
        f" {right} " in text and (not other or other & _content_stems(_dated_content(item)))
        for item, text in zip(items, texts, strict=True)
    )


def _dated_content(item: Item) -> str:
    return f"{item.content} ({format_iso_time(item.time)})" if item.time else item.content


@lru_cache(maxsize=20_000)
def _content_stems(text: str) -> frozenset[str]:
    """Without stop words."""
    return frozenset(stems(text))


def answer_from_items(
    memory: Memory,
    questions: Sequence[Question],
    sources: Sequence[SessionText] = (),
    *,
    config: RolloutConfig | None = None,
) -> tuple[ScoredAnswer, ...]:
    """Answers from the memory's items alone, whatever `config.reading` says; by rules without a `config`.

    Nothing is filed or recorded. `ModelUnavailable` when the reader cannot be reached.
    """
    by = replace(config or RolloutConfig(), reading="memory")
    items = current_items(memory)
    read = question_reader(memory, items, by)
    return tuple(run_sync(score_question(question, items, read, by, {})) for question in questions)


def score_question(
    question: Question,
    items: Sequence[Item],
    read: QuestionReader,
    config: RolloutConfig,
    graph_config: Mapping[str, Any],
) -> Computation[ScoredAnswer]:
    """One question, with LangChain's config. An unreadable reply, or a judge without a verdict, becomes its `error`,
    and it has no scores; an unreachable model raises."""
    coverage = item_coverage(question, items)
    result = ScoredAnswer(question.id, question.text, question.answers, question.category, "", None, {}, coverage)
    try:
        context, text = yield from read(question, graph_config)
    except ModelError as failure:
        if type(failure).__name__ not in OWN_FAULTS:
            raise
        return replace(result, error=f"{type(failure).__name__}: {failure}")
    result = replace(result, context=context, answer=text)
    scores = score_answer("conversation", question, SystemAnswer(context, text=text))
    if config.judge is not None:
        judge = AnswerJudge(config.chat_model(config.judge), config.timeout_s)
        verdict = judge.judge(question.text, question.answers, text, all_needed=question.all_needed)
        if verdict.correct is None:
            return replace(result, error=f"judge: {verdict.error}")
        scores["judge"] = float(verdict.correct)
    return replace(result, scores={name: scores[name] for name in config.metrics if name in scores})
