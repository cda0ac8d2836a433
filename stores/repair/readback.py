"""What comes out of the truth is what went in, or it is named as damaged: never a bare error, never quietly wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from ..errors import JitmemError, StoreDamaged

DOCTOR = "`jitmem doctor` on this folder tells what is damaged and saves the rest."


@contextmanager
def read_back(what: str) -> Iterator[None]:
    """Around the reading of a row, also as a decorator: what cannot be read as it was written is `StoreDamaged`.

    The error does not show the row: what is kept there belongs in no log.
    """
    try:
        yield
    except JitmemError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise StoreDamaged(
            f"{what} cannot be read back ({type(error).__name__}): the truth is damaged. {DOCTOR}"
        ) from None


def checked(page_id: str, text: str, digest: str) -> str:
    """The text of a page, if it is the one that was filed."""
    if sha256(text.encode()).hexdigest() != digest:
        raise StoreDamaged(f"The text of page {page_id} is not what was filed: the truth is damaged. {DOCTOR}")
    return text
