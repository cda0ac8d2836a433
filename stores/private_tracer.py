"""LangSmith's tracer without texts, or without anything, in the place of the one that a run would have."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import tracing_v2_callback_var
from langchain_core.tracers.langchain import LangChainTracer
from langsmith.run_helpers import get_tracing_context

from .trace_guard import TraceLevel

_END = object()
_POST, _PATCH = "_persist_run_single", "_update_run_single"


class _SilentTracer(LangChainTracer):
    """Sees nothing; LangChain adds no other tracer beside it."""

    ignore_llm = ignore_retry = ignore_chain = ignore_agent = True
    ignore_retriever = ignore_chat_model = ignore_custom_event = True


class _NamesTracer(LangChainTracer):
    """Sends which step ran when, for how long, with how many tokens, and the kind of an error."""

    def _persist_run_single(self, run: Any) -> None:
        _remove_text(run)
        super()._persist_run_single(run)

    @staticmethod
    def _update_run_single(run: Any) -> None:
        _remove_text(run)
        LangChainTracer._update_run_single(run)


@contextmanager
def hide_text(level: TraceLevel, config: Any) -> Iterator[Any]:
    """The config, and for runs inside the one of the run around them, with the tracer of the level, in one of both."""
    # Where LangChain sends runs by other methods than these, nothing is better than everything.
    names = level == "names" and hasattr(LangChainTracer, _POST) and hasattr(LangChainTracer, _PATCH)
    kind = _NamesTracer if names else _SilentTracer
    made: dict[int, Any] = {}  # both configs may have the same tracer, and a run is sent once

    def replace(handler: Any) -> Any:
        if isinstance(handler, LangChainTracer):
            return made.setdefault(id(handler), _copy_as(kind, handler))
        return handler

    own, ambient = (_with_handlers(one or {}, replace) for one in (config, var_child_runnable_config.get()))
    if not made:
        handler = tracing_v2_callback_var.get()
        chosen = own if "callbacks" in own else ambient  # a tool looks at its own alone
        chosen["callbacks"] = _add_handler(
            chosen.get("callbacks"), _copy_as(kind, handler) if handler else _make_tracer(kind)
        )
    token = var_child_runnable_config.set(ambient)
    try:
        yield own
    finally:
        var_child_runnable_config.reset(token)


def guarded_stream(run: Callable[[Any], Any], level: TraceLevel, config: Any) -> Iterator[Any]:
    """A graph's stream; a run gets its callbacks at its first step."""
    with hide_text(level, config) as guarded:
        steps = run(guarded)
        first = next(steps, _END)
    try:
        if first is not _END:
            yield first
            yield from steps
    finally:
        steps.close()


async def guarded_astream(run: Callable[[Any], Any], level: TraceLevel, config: Any) -> AsyncIterator[Any]:
    """`guarded_stream`, awaited."""
    with hide_text(level, config) as guarded:
        steps = run(guarded)
        first = await anext(steps, _END)
    try:
        if first is not _END:
            yield first
            async for chunk in steps:
                yield chunk
    finally:
        await steps.aclose()


def _make_tracer(kind: type[LangChainTracer]) -> LangChainTracer:
    context = get_tracing_context()
    return kind(project_name=context["project_name"], client=context.get("client"), tags=context["tags"])


def _copy_as(kind: type[LangChainTracer], tracer: LangChainTracer) -> LangChainTracer:
    """Shares the runs of the tracer, so that a run of ours is a child of the host's."""
    made = copy.copy(tracer)
    made.__class__ = kind
    return made


def _with_handlers(config: RunnableConfig, replace: Any) -> RunnableConfig:
    callbacks: Any = config.get("callbacks")
    if isinstance(callbacks, list):
        return {**config, "callbacks": [replace(one) for one in callbacks]}
    if callbacks is None:
        return {**config}
    made = callbacks.copy()
    made.handlers = [replace(one) for one in made.handlers]
    made.inheritable_handlers = [replace(one) for one in made.inheritable_handlers]
    return {**config, "callbacks": made}


def _add_handler(callbacks: Any, handler: LangChainTracer) -> Any:
    if callbacks is None or isinstance(callbacks, list):
        return [*(callbacks or ()), handler]
    callbacks.add_handler(handler, inherit=True)  # a copy already
    return callbacks


def _remove_text(run: Any) -> None:
    run.inputs, run.events, run.serialized = {}, [], None
    run.outputs = None if run.outputs is None else {}
    run.error = run.error and run.error.partition("(")[0]
    for name in run.extra.keys() & {"invocation_params", "options"}:
        del run.extra[name]
