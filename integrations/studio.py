"""What `langgraph dev` serves, by langgraph.json: the Memorizer, the Researcher, and a chat agent with memory.

The memory is that of `Settings`: JITMEM_MEMORY and its like, from the environment or a `.env` file. It is opened when the
server first asks for a graph, once a process. A run works on the namespace of the user who is signed in (see
`jitmem.integrations.auth`), or on the one that its context names.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk.runtime import ServerRuntime
from pydantic import BaseModel, ConfigDict, Field, create_model

from ..env_file import load_env_file
from ..graphs.research_options import ResearchOptions
from ..memory import Memory
from ..models import chat_model
from ..nodes.options import MemorizeOptions
from ..settings import Settings
from ..stores.errors import BadInput
from .agent import AgentOptions, agent_with_memory
from .base_store import JitmemStore

Graph = CompiledStateGraph[Any, Any, Any, Any]

_log = logging.getLogger("jitmem")


class NamespaceFields(BaseModel):
    """What the server asks beside the tunables of a graph."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str | None = Field(
        default=None,
        description="Whose memory; unset: JITMEM_NAMESPACE, or that of the user who is signed in.",
    )
    model: str | None = Field(
        default=None,
        description="Who thinks, such as openai:gpt-4.1-mini; unset: JITMEM_MODEL, or rules where that is unset too.",
    )


class MemorizerPanel(MemorizeOptions, NamespaceFields):
    """How a session is filed, and whose it is."""


class ResearcherPanel(ResearchOptions, NamespaceFields):
    """How a question is researched, and in whose memory."""


class AgentPanel(AgentOptions, NamespaceFields):
    """How a turn is recalled and kept, and in whose memory."""


async def memorizer(runtime: ServerRuntime[dict[str, Any]]) -> Graph:
    """The Memorizer over the memory that the run is for."""
    return await asyncio.to_thread(_memory_graph, runtime, MemorizerPanel, lambda memory, _: memory.memorizer)


async def researcher(runtime: ServerRuntime[dict[str, Any]]) -> Graph:
    """The Researcher over the memory that the run is for."""
    return await asyncio.to_thread(_memory_graph, runtime, ResearcherPanel, lambda memory, _: memory.researcher)


async def agent(runtime: ServerRuntime[dict[str, Any]]) -> Graph:
    """The chat agent over the memory that the run is for."""
    return await asyncio.to_thread(_memory_graph, runtime, AgentPanel, _agent)


@asynccontextmanager
async def store() -> AsyncIterator[JitmemStore]:
    """The memory as the server's own store: `"store": {"path": "jitmem.integrations.studio.store"}` in langgraph.json."""
    memory = await asyncio.to_thread(lambda: _memory(_settings()))
    yield memory.as_store()


# The server calls the three above in its event loop, where nothing may block; what follows runs in a thread.

_lock = threading.Lock()
_memories: dict[Settings, Memory] = {}  # one, and another for each model that a context names


def _memory_graph(
    runtime: ServerRuntime[dict[str, Any]], panel: type[BaseModel], graph: Callable[[Memory, Settings], Graph]
) -> Graph:
    running = runtime.execution_runtime
    context = (running.context if running else None) or {}
    if isinstance(context, dict):
        others = {name for one in (MemorizerPanel, ResearcherPanel, AgentPanel) for name in one.model_fields}
        own = {name: value for name, value in context.items() if name in panel.model_fields or name not in others}
        _with_defaults(panel)(
            **own
        )  # one context may serve several graphs; the server itself drops what it does not know
    settings = _settings()
    if model := context.get("model"):
        settings = replace(settings, model=model, memorizer_model=None, researcher_model=None)
    user = runtime.user.identity if runtime.user else ""
    namespace = _namespace(user, context.get("namespace") or "") or settings.namespace
    memory = _memory(settings).for_namespace(namespace)
    return graph(memory, settings).copy(update={"context_schema": _with_defaults(panel)})


def _namespace(user: str, asked: str) -> str:
    """That of the user, where one is signed in, else the one that is asked for; none of both is empty."""
    if user and asked not in ("", user):
        raise BadInput(
            f"You are signed in as {user!r} and have a memory of your own; leave the namespace {asked!r} out."
        )
    return user or asked


def open_studio_memory() -> Memory:
    """The memory of the settings, which the graphs work on too."""
    return _memory(_settings())


def _memory(settings: Settings) -> Memory:
    with _lock:
        if settings not in _memories:
            opened = settings.open_memory(research_options=ResearchOptions(effort=settings.effort))
            atexit.register(opened.close)
            _memories[settings] = opened
        return _memories[settings]


def _agent(memory: Memory, settings: Settings) -> Graph:
    model = settings.model and chat_model(settings.model, base_url=settings.base_url, timeout_s=settings.timeout_s)
    options = AgentOptions(effort=settings.effort, on_model_failure=settings.on_model_failure or "raise")
    return agent_with_memory(memory, model or None, options)


@cache
def _settings() -> Settings:
    if report := load_env_file():
        _log.info("%s", report)
    return Settings.from_environment()


@cache
def _with_defaults(panel: type[BaseModel]) -> type[BaseModel]:
    """The panel with what the settings say where it would say what a memory without settings does."""
    changed: dict[str, Any] = {}
    for name in ("effort", "on_model_failure"):
        if field := panel.model_fields.get(name):
            default = getattr(_settings(), name) or field.default
            changed[name] = (field.annotation, Field(default, description=field.description))
    return create_model(panel.__name__, __base__=panel, __doc__=panel.__doc__, **changed)
