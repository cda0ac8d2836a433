"""Wait for a provider with patience and an end: retries with backoff and jitter, within one deadline."""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..stores.errors import ModelUnavailable
from .faults import Cure, Fault, fault
from .secrets import cover
from .step import Steps, Wait

T = TypeVar("T")

ATTEMPTS = 5
FIRST_SHARE = 0.6  # of the timeout for the first attempt, so that one lost connection is not the end
_FIRST_PAUSE_S = 0.5
_MOMENT_S = 0.01


class Failed(Exception):
    """A provider failed for good; `fault.cure` tells whether asking otherwise may help. Never leaves the nodes."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.error)
        self.fault = fault


def patiently(
    wait: Wait[T],
    model: str,
    timeout_s: float,
    on_retry: Callable[[str, float, float], None] = lambda why, pause_s, took_s: None,
    asked: object = None,
) -> Steps[T]:
    """The result of `wait`, tried up to `ATTEMPTS` times. Everything, pauses included, ends after `timeout_s`, of which
    the first attempt may take a part.

    The pause is what the server asks for (`Retry-After`), else it doubles from half a second, of which a random part
    is taken off. `Failed` when it stays broken; what is no provider's fault rises as it is.
    `on_retry` is told why, how long the pause is, and how many seconds the attempt took. `asked` is the model, whose
    secrets are taken out of what is raised and told.
    """
    deadline = time.monotonic() + timeout_s
    for attempt in range(1, ATTEMPTS + 1):
        started = time.monotonic()
        longest = timeout_s * FIRST_SHARE if attempt == 1 else deadline - started
        try:
            result: T = yield within(wait, longest)
        except Exception as error:
            now = time.monotonic()
            clean = cover(error, asked)
            found = fault(error, model)
            if found is None:
                raise
            if now >= deadline - _MOMENT_S:
                found = Fault(
                    Cure.NONE, ModelUnavailable(f"{model} did not answer within {timeout_s:.3g} s."), late=True
                )
            pause = _pause(attempt) if found.wait_s is None else found.wait_s
            if found.cure is not Cure.AGAIN or attempt == ATTEMPTS:
                raise Failed(found) from (error if clean else None)
            if now + pause >= deadline:
                late = (
                    f"{found.error} The next attempt in {pause:.0f} s would be past the timeout of {timeout_s:.3g} s."
                )
                raise Failed(Fault(Cure.NONE, ModelUnavailable(late), late=True)) from (error if clean else None)
            on_retry(str(found.error), pause, now - started)
            yield Wait(lambda: time.sleep(pause), lambda: asyncio.sleep(pause))  # noqa: B023 (waited for at once)
        else:
            return result
    raise AssertionError("the last attempt returns or raises")


def within(wait: Wait[T], seconds: float) -> Wait[T]:
    """The same wait, ended by `TimeoutError` after so many seconds, whatever the provider's package does.

    A blocking call cannot be ended from outside: it is left behind in a daemon thread, whose result nobody reads.
    """
    return Wait(lambda: _in_time(wait.now, seconds), lambda: asyncio.wait_for(wait.later(), seconds))


def _in_time(call: Callable[[], T], seconds: float) -> T:
    outcome: list[Any] = []
    done = threading.Event()
    context = contextvars.copy_context()  # callbacks and traces of the run

    def run() -> None:
        try:
            outcome.append((True, context.run(call)))
        except BaseException as error:
            outcome.append((False, error))
        finally:
            done.set()

    threading.Thread(target=run, name="jitmem-call", daemon=True).start()
    if not done.wait(max(0.0, seconds)):
        raise TimeoutError
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


def _pause(attempt: int) -> float:
    return float(_FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
