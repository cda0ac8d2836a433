"""What all routes of one server share: the memory, who may use which namespace of it, and what models cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from ..memory import Memory
from ..stores.errors import JitmemError, StoreReadOnly
from .callers import Caller, Callers
from .guard import CALLER, Limits


class NotAllowed(JitmemError):
    """The caller's token does not open this."""


@dataclass(slots=True)
class StepCost:
    """What one step cost with one model, since the server was started."""

    step: str
    model: str
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


class Service:
    """One memory behind one app. It is opened by the first request that needs it, in a thread."""

    def __init__(self, open_memory: Callable[[], Memory], callers: Callers, limits: Limits, *, read_only: bool) -> None:
        self.callers, self.limits, self.read_only = callers, limits, read_only
        self._open_memory = open_memory
        self._root: Memory | None = None
        self._opening = asyncio.Lock()
        self._memories: dict[str, Memory] = {}
        self._costs: dict[str, dict[tuple[str, str], StepCost]] = {}

    async def memory_for(self, caller: Caller, namespace: str | None) -> Memory:
        """`NotAllowed` for a namespace that is not the caller's."""
        if caller.namespace is not None and namespace not in (None, caller.namespace):
            raise NotAllowed("Your token opens another namespace.")
        root = await self.root()
        name = caller.namespace or namespace or root.namespace
        if name not in self._memories:
            self._memories[name] = await asyncio.to_thread(root.for_namespace, name)
        return self._memories[name]

    @property
    def is_open(self) -> bool:
        return self._root is not None

    async def root(self) -> Memory:
        if self._root is None:
            async with self._opening:
                if self._root is None:
                    self._root = await asyncio.to_thread(self._open_memory)
        return self._root

    def add_costs(self, memory: Memory, steps: Iterable[Mapping[str, Any]]) -> None:
        costs = self._costs.setdefault(memory.namespace, {})
        for step in steps:
            key = (step["step"], step["model"])
            cost = costs.setdefault(key, StepCost(*key))
            cost.calls += step["calls"]
            cost.prompt_tokens += step["prompt_tokens"]
            cost.completion_tokens += step["completion_tokens"]
            cost.seconds += step["seconds"]

    def costs(self, memory: Memory) -> list[StepCost]:
        return list(self._costs.get(memory.namespace, {}).values())


# Dependencies are async: FastAPI calls plain functions in a thread, which costs more than what they do.


async def service_of(request: Request) -> Service:
    return _service(request)


async def caller_of(request: Request) -> Caller:
    return _caller(request)


async def memory_of(
    request: Request,
    namespace: Annotated[
        str | None,
        Query(max_length=512, description="Of the owner: which namespace. A user has one, and may leave it out."),
    ] = None,
) -> Memory:
    return await _service(request).memory_for(_caller(request), namespace)


async def refuse_if_read_only(request: Request) -> None:
    if _service(request).read_only:
        raise StoreReadOnly("This server was started with --read-only.")


async def refuse_users(request: Request) -> None:
    if not _caller(request).is_owner:
        raise NotAllowed("This is about the whole folder: it needs the owner's token.")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _caller(request: Request) -> Caller:
    caller: Caller = request.scope[CALLER]
    return caller


OneService = Annotated[Service, Depends(service_of)]
OneCaller = Annotated[Caller, Depends(caller_of)]
OneMemory = Annotated[Memory, Depends(memory_of)]
WRITES = [Depends(refuse_if_read_only)]
OWNER_ONLY = [Depends(refuse_users)]
