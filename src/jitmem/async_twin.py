"""Derive the async twin of a method: `aflush = async_twin(flush)`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Params = ParamSpec("Params")
Result = TypeVar("Result")


def async_twin(
    verb: Callable[Concatenate[Owner, Params], Result],
) -> Callable[Concatenate[Owner, Params], Coroutine[Any, Any, Result]]:
    """The method with the same signature that runs `verb` in a worker thread, so that no event loop is blocked."""

    @functools.wraps(verb)
    async def twin(owner: Owner, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        return await asyncio.to_thread(verb, owner, *args, **kwargs)

    name = verb.__name__
    twin.__name__, twin.__qualname__ = f"a{name}", verb.__qualname__.removesuffix(name) + f"a{name}"
    twin.__doc__ = f"`{name}`, awaited."
    return twin
