"""Report rows of the truth that do not read back as they were written as `StoreDamaged`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from ..errors import JitmemError, StoreDamaged

DOCTOR = "`jitmem doctor` on this folder tells what is damaged and saves the rest."


@contextmanager
def read_back(what: str) -> Iterator[None]:
    """Around the reading of a row, also as a decorator: raise `StoreDamaged` if it cannot be decoded.

    The error does not show the row: its content belongs in no log.
    """
    try:
        yield
    except JitmemError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise StoreDamaged(
            f"{what} cannot be read back ({type(error).__name__}): the truth is damaged. {DOCTOR}"
        ) from None


def verify_text(page_id: str, text: str, digest: str) -> str:
    """The text of a page, if its hash is that of the text that was filed; else `StoreDamaged`."""
    if sha256(text.encode()).hexdigest() != digest:
        raise StoreDamaged(f"The text of page {page_id} is not what was filed: the truth is damaged. {DOCTOR}")
    return text
