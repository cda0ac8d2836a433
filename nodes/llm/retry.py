"""Call a provider with retries, backoff and jitter, within one deadline."""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from ...stores.errors import ModelError, ModelUnavailable
from .sync_async import Computation, Wait

T = TypeVar("T")

ATTEMPTS = 5
FIRST_SHARE = 0.6  # of the timeout for the first attempt, so that one lost connection is not the end
_FIRST_PAUSE_S = 0.5
_MOMENT_S = 0.01


class RetryAction(Enum):
    """What may help after a failure."""

    RETRY = "the same request, a little later"
    SHORTER_PROMPT = "a shorter prompt"
    NEXT_FORMAT = "the same prompt without the output format that the server does not know"
    GIVE_UP = "nothing that can be done here"


class ProviderFailure(Exception):
    """A failed call. `error` is raised to the caller when no action helps. Caught by everyone who calls `with_retries`.

    `wait_s` is the pause that the server asks for, None where it names none; `late` is set where only time was missing;
    `status` is that of HTTP.
    """

    def __init__(
        self,
        action: RetryAction,
        message: str,
        kind: type[ModelError] = ModelUnavailable,
        *,
        wait_s: float | None = None,
        late: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.action = action
        self.error = kind(message)
        self.wait_s = wait_s
        self.late = late
        self.status = status


def with_retries(
    wait: Wait[T],
    name: str,
    timeout_s: float,
    on_retry: Callable[[str, float, float], None] = lambda reason, pause_s, took_s: None,
    *,
    secrets_of: object = None,
    attempts: int = ATTEMPTS,
) -> Computation[T]:
    """The result of `wait`, tried up to `attempts` times. Everything, pauses included, ends after `timeout_s`, of which
    the first attempt may take a part.

    The pause is what the server asks for (`Retry-After`), else it doubles from half a second, minus a random part.
    `ProviderFailure` when no retry helps; an error that is not a provider's rises as it is. `on_retry` gets the reason,
    the pause, and how many seconds the attempt took. The secrets of `secrets_of` (the model) are redacted everywhere.
    """
    deadline = time.monotonic() + timeout_s
    for attempt in range(1, attempts + 1):
        started = time.monotonic()
        longest = timeout_s * FIRST_SHARE if attempt == 1 < attempts else deadline - started
        try:
            result: T = yield with_timeout(wait, longest)
        except Exception as error:
            from .provider_errors import classify_error  # needed after a failure only
            from .redaction import redact_error

            now = time.monotonic()
            cause = error if redact_error(error, secrets_of) else None
            failure = classify_error(error, name)
            if failure is None:
                raise
            if now >= deadline - _MOMENT_S:
                failure = _late(f"{name} did not answer within {timeout_s:.3g} s.")
            pause = _pause(attempt) if failure.wait_s is None else failure.wait_s
            if failure.action is not RetryAction.RETRY or attempt == attempts:
                raise failure from cause
            if now + pause >= deadline:
                next_attempt = f"The next attempt in {pause:.0f} s would be past the timeout of {timeout_s:.3g} s."
                raise _late(f"{failure.error} {next_attempt}") from cause
            on_retry(str(failure.error), pause, now - started)
            yield Wait(lambda: time.sleep(pause), lambda: asyncio.sleep(pause))  # noqa: B023 (waited for at once)
        else:
            return result
    raise AssertionError("the last attempt returns or raises")


def with_timeout(wait: Wait[T], seconds: float) -> Wait[T]:
    """The same wait, ended by `TimeoutError` after so many seconds, whatever the provider's package does.

    A blocking call cannot be stopped from outside: it continues in a daemon thread, whose result is dropped.
    """
    return Wait(lambda: _call_in_thread(wait.now, seconds), lambda: asyncio.wait_for(wait.later(), seconds))


def _call_in_thread(call: Callable[[], T], seconds: float) -> T:
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


def _late(message: str) -> ProviderFailure:
    return ProviderFailure(RetryAction.GIVE_UP, message, late=True)


def _pause(attempt: int) -> float:
    return float(_FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
