"""Ask: research with rounds of thought, recall without any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from ..stores.records import Hit
from .opened import Opened, asked, positive

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from ..graphs.options import ResearchOptions
    from ..nodes.meter import Budget
    from ..nodes.options import Effort, OnModelFailure, Output
    from ..results import Estimate, Research

    Graph = CompiledStateGraph[Any, Any, Any, Any]

_MODES: list[Literal["custom", "values"]] = ["custom", "values"]


class Asking(TypedDict, total=False):
    """How a question is researched; what is not given is as the memory was opened with."""

    effort: Effort | None
    depth: int | None
    output: Output | None
    context_tokens: int | None
    pages: int | None
    tools: Sequence[str] | None
    budget: Budget | None
    answer: bool | None
    on_model_failure: OnModelFailure | None


class Researching(Opened):
    """Verbs that ask."""

    @property
    def researcher(self) -> Graph:
        """The compiled graph: `{"question": …}` in, the fields of `Research` out."""
        return self._parts.researcher

    def research(self, question: str, **options: Unpack[Asking]) -> Research:
        """Plan, search, integrate and reflect until it is enough or `depth` rounds (3) are used.

        `effort`: "recall" (one round without a model), "fast" (one call to plan, one to integrate and reflect), or
        "deep" (a call for each; the default). `output`: "integration" (the statements alone), "snippets" (then the
        best passages), or "pages" (then whole pages), up to `context_tokens` (2000), counted by
        `count_tokens_approximately`. `pages`: how many pages may speak. `tools`: a subset of "keyword", "vector",
        "page_id". `budget=Budget(calls=…, tokens=…, seconds=…)`: when it is used up, the best context so far comes
        back. `answer=True`: a short answer from the context as well. `on_model_failure`: as for `open`.

        `BadInput` for an empty question or a bad option; `ModelError` when a model fails and nothing comes of it.
        """
        wanted, context = asked(question), self._options(options)
        return self._researched(self._called.invoke({"question": wanted}, context=context), context)

    async def aresearch(self, question: str, **options: Unpack[Asking]) -> Research:
        """`research`, awaited."""
        wanted, context = asked(question), self._options(options)
        return self._researched(await self._called.ainvoke({"question": wanted}, context=context), context)

    def stream(self, question: str, **options: Unpack[Asking]) -> Iterator[dict[str, Any]]:
        """`research`, step by step: dicts whose "event" tells what happened.

        planned (request, needs, queries), found (tool, query, hits), ranked (hits, new, reranked), integrated (statements), reflected (round,
        enough, missing), retrying (step, why, pause_s), failed (step, error, message), answered (answer), and at the
        end done, with the `Research` as "result".
        """
        wanted, context = asked(question), self._options(options)
        state: dict[str, Any] = {}
        events: Iterator[Any] = self._called.stream({"question": wanted}, context=context, stream_mode=_MODES)
        for mode, said in events:
            if mode == "custom":
                yield said
            else:
                state = said
        yield {"event": "done", "result": self._researched(state, context)}

    async def astream(self, question: str, **options: Unpack[Asking]) -> AsyncIterator[dict[str, Any]]:
        """`stream`, awaited."""
        wanted, context = asked(question), self._options(options)
        state: dict[str, Any] = {}
        events: AsyncIterator[Any] = self._called.astream({"question": wanted}, context=context, stream_mode=_MODES)
        async for mode, said in events:
            if mode == "custom":
                yield said
            else:
                state = said
        yield {"event": "done", "result": self._researched(state, context)}

    def estimate(self, question: str, **options: Unpack[Asking]) -> Estimate:
        """What `research` with these options may cost: model calls and tokens, least and most. No chat model is asked;
        an embedding model, where one is named, embeds the question."""
        from ..estimate import estimate

        wanted, context = asked(question), self._options(options).model_copy(update={"budget": None})
        return estimate(
            self._parts.reckoning.invoke({"question": wanted}, context=context)["usage"], self._parts.experience
        )

    async def aestimate(self, question: str, **options: Unpack[Asking]) -> Estimate:
        """`estimate`, awaited."""
        return await asyncio.to_thread(lambda: self.estimate(question, **options))

    def recall(self, query: str, k: int = 10) -> list[Hit]:
        """The best passages by words and likeness, with no model call; at most `k`, best first.

        `ModelUnavailable` when the embedding model, where one is named, cannot be reached.
        """
        found: list[Hit] = self._parts.hybrid.search(asked(query), positive(k))
        return found

    async def arecall(self, query: str, k: int = 10) -> list[Hit]:
        """`recall`, awaited."""
        found: list[Hit] = await self._parts.hybrid.asearch(asked(query), positive(k))
        return found

    @property
    def _called(self) -> Graph:
        """The graph for a call, whose state stays out of the checkpoints of a host in whose run it is called."""
        return self.researcher.copy(update={"checkpointer": False})

    def _options(self, changes: Mapping[str, Any]) -> ResearchOptions:
        from ..nodes.options import changed

        return changed(self._parts.research_options, changes)

    def _researched(self, state: Mapping[str, Any], options: ResearchOptions) -> Research:
        from ..results import Research

        result = Research.from_state(state, answered=options.answer)
        self._parts.experience.add(result.usage.steps)
        return result
