"""Python sleeps by `clock_nanosleep` until a time, which libfaketime 0.9.10 refuses (EINVAL); `select` it lets through."""

import select
import time


def sleep(seconds: float, /) -> None:
    """As `time.sleep`."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
