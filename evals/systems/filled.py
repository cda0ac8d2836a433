"""A jitmem memory with one sample in it, as the systems that ask it share it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...memory import Memory
from ...nodes.options import MemorizeOptions
from ...stores.errors import ModelError
from ...stores.records import Usage
from ...testing import ScriptedModel
from ..datasets.records import Sample
from .answer import Prepared, Setup
from .chunks import name
from .open import Opening

_EMPTY_MEMO = "-"
_NOBODY = "nobody"


class Filled:
    """Opened once for each way of taking a sample in. `session_of` tells from which session a page came."""

    def __init__(self, setup: Setup, opening: Opening) -> None:
        size: dict[str, Any] = {} if setup.page_tokens is None else {"page_tokens": setup.page_tokens}
        # Without memos, the step is answered by a model that says nothing: the pages stay as they are.
        silent = None if setup.memos else {"memorize": ScriptedModel(lines=_nothing, model=_NOBODY)}
        self.memory = Memory.open(
            opening.folder / "memory",
            memorize_options=MemorizeOptions(**size, curate=setup.curate),
            **opening.models.memory(silent),
        )
        self.session_of: dict[str, str] = {}

    def prepare(self, sample: Sample) -> Prepared:
        """File every session; those that a stopped run has filed are known already."""
        started = time.perf_counter()
        sessions = list(sample.sessions)
        filed = self.memory.memorize_many(sessions)
        if failed := [failure for one in filed for failure in one.failures]:
            first = failed[0]
            raise ModelError(f"{len(failed)} steps failed while {sample.name} was taken in; first: {first['message']}")
        self.memory.flush()
        for at, (session, one) in enumerate(zip(sessions, filed, strict=True)):
            self.session_of |= dict.fromkeys(one.page_ids, name(session, at))
        steps = [step for one in filed for step in one.usage.steps if step["model"] != _NOBODY]
        return Prepared(time.perf_counter() - started, Usage.of(steps))

    def sources(self, page_ids: Any) -> tuple[str, ...]:
        """The sessions of pages, each once, in their order."""
        return tuple(dict.fromkeys(self.session_of[page_id] for page_id in page_ids if page_id in self.session_of))

    def close(self) -> None:
        """Let go of the files."""
        self.memory.close()


def _nothing(messages: Any) -> Mapping[str, Any]:
    return {"memo": _EMPTY_MEMO}
