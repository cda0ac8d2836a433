"""Run the Researcher for one question: validate it, run the graph, and build a `Research` from its state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from .stores.errors import BadInput

if TYPE_CHECKING:
    from .graphs.research_options import Output
    from .nodes.llm.ask import Budget
    from .nodes.options import Breadth, Effort, OnModelFailure
    from .results import Estimate, Research
    from .runtime import MemoryRuntime

_STREAM_MODES: list[Literal["custom", "values"]] = ["custom", "values"]


class ResearchChanges(TypedDict, total=False):
    """The options of one question; the others are as in the memory's `ResearchOptions`."""

    effort: Effort | None
    depth: int | None
    output: Output | None
    context_tokens: int | None
    pages: int | None
    tools: Sequence[str] | None
    budget: Budget | None
    breadth: Breadth | None
    answer: bool | None
    known_text: str | None
    on_model_failure: OnModelFailure | None
    now: str | datetime | None


class ResearchRun:
    """A question with its options; `BadInput` if they are invalid."""

    def __init__(self, runtime: MemoryRuntime, question: str, changes: Mapping[str, Any]) -> None:
        from .nodes.options import with_changes

        self._runtime = runtime
        self._input = {"question": validate_question(question)}
        self._options = with_changes(runtime.research_options, changes)

    def invoke(self) -> Research:
        return self._result(self._runtime.nested_researcher.invoke(self._input, context=self._options))

    async def ainvoke(self) -> Research:
        return self._result(await self._runtime.nested_researcher.ainvoke(self._input, context=self._options))

    def stream(self) -> Iterator[dict[str, Any]]:
        graph, state = self._runtime.nested_researcher, dict[str, Any]()
        events: Iterator[Any] = graph.stream(self._input, context=self._options, stream_mode=_STREAM_MODES)
        for mode, value in events:
            if mode == "custom":
                yield value
            else:
                state = value
        yield {"event": "done", "result": self._result(state)}

    async def astream(self) -> AsyncIterator[dict[str, Any]]:
        graph, state = self._runtime.nested_researcher, dict[str, Any]()
        events: AsyncIterator[Any] = graph.astream(self._input, context=self._options, stream_mode=_STREAM_MODES)
        async for mode, value in events:
            if mode == "custom":
                yield value
            else:
                state = value
        yield {"event": "done", "result": self._result(state)}

    def estimate(self) -> Estimate:
        """Estimate the cost, without a budget; no chat model is called."""
        from .estimate import estimate

        options = self._options.model_copy(update={"budget": None})
        state = self._runtime.estimator.invoke(self._input, context=options)
        return estimate(state["usage"], self._runtime.call_statistics)

    def _result(self, state: Mapping[str, Any]) -> Research:
        from .results import Research

        result = Research.from_state(state, answered=self._options.answer)
        self._runtime.call_statistics.add(result.usage.steps)
        return result


def validate_question(question: str) -> str:
    if not isinstance(question, str) or not question.strip():
        got = "" if isinstance(question, str) else f"; got {question!r:.40}"
        raise BadInput(f"A question is a text with at least one word{got}.")
    return question


def validate_count(count: int) -> int:
    if not isinstance(count, int) or count < 1:
        raise BadInput(f"A count is a whole number, 1 or more; got {count!r:.60}.")
    return count
