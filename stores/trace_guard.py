"""Keep texts of the memory out of LangSmith's traces, even if the host has turned these on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

TraceLevel = Literal["none", "names", "content"]
"""What a trace shows of a run: nothing, its steps with times and counts, or these with their texts."""


@contextmanager
def guard_traces(level: TraceLevel, config: Any = None) -> Iterator[Any]:
    """Runs that start inside, with the config that is yielded, are traced up to the level.

    It holds for LangSmith's tracer: of the environment, of a context, of the run that this one is a part of, and of the
    config. Other callbacks are their owner's choice and see everything.
    """
    if level == "content" or not is_traced(config):
        yield config
        return
    from .private_tracer import hide_text

    with hide_text(level, config) as guarded:
        yield guarded


def is_traced(config: Any) -> bool:
    """Whether LangSmith would be sent a run with this config here."""
    from langchain_core.runnables.config import var_child_runnable_config
    from langchain_core.tracers.context import tracing_v2_callback_var
    from langchain_core.tracers.langchain import LangChainTracer
    from langsmith.utils import tracing_is_enabled

    found: list[Any] = [(one or {}).get("callbacks") for one in (config, var_child_runnable_config.get())]
    given = any(isinstance(one, LangChainTracer) for some in found for one in getattr(some, "handlers", some) or ())
    return given or tracing_v2_callback_var.get() is not None or bool(tracing_is_enabled())
