"""Run calls one after the other or in threads; the first exception ends all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_all(call: Callable[..., object], arguments: Iterable[tuple[Any, ...]], threads: int, name: str) -> None:
    """`call(*each)` for each of `arguments`; in this thread where `threads` is 1."""
    if threads == 1:
        for each in arguments:
            call(*each)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        futures = [pool.submit(call, *each) for each in arguments]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
