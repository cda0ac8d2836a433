"""A jitmem memory with one sample in it, shared by the systems that ask it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ...memory import Memory
from ...nodes.options import MemorizeOptions
from ...stores.errors import ModelError
from ...stores.records import Usage
from ...testing import ScriptedModel
from ..datasets.benchmark_records import Sample
from .chunks import session_name
from .eval_models import SystemContext
from .setups import CONTEXT_TOKENS, Preparation, Setup

_NO_MODEL = "nobody"


class SharedMemory:
    """Opened once for each `Setup.memory_key`. `session_of` maps a page id to its session."""

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        size: dict[str, Any] = {} if setup.page_tokens is None else {"page_tokens": setup.page_tokens}
        # Without memos, a scripted model answers the step with an empty memo.
        silent: dict[str, Any] = {"step_models": {"memorize": ScriptedModel(lines=_empty_memo, model=_NO_MODEL)}}
        self.memory = Memory.open(
            context.folder / "memory",
            curate=setup.curate,
            memorize_options=MemorizeOptions(**size),
            **({} if setup.memos else silent),
            **context.models.memory_arguments(),
        )
        self.session_of: dict[str, str] = {}

    def prepare(self, sample: Sample) -> Preparation:
        """File every session; a session that a stopped run has filed is not filed again."""
        started = time.perf_counter()
        sessions = list(sample.sessions)
        filed = self.memory.memorize_many(sessions)
        if failed := [failure for one in filed for failure in one.failures]:
            raise ModelError(f"{len(failed)} steps failed while {sample.name} was filed; first: {failed[0]['message']}")
        self.memory.flush()
        for at, (session, one) in enumerate(zip(sessions, filed, strict=True)):
            self.session_of |= dict.fromkeys(one.page_ids, session_name(session, at))
        steps = [step for one in filed for step in one.usage.steps if step["model"] != _NO_MODEL]
        return Preparation(time.perf_counter() - started, Usage.of(steps))

    def sources(self, page_ids: Iterable[str]) -> tuple[str, ...]:
        """The sessions of pages, each once, in their order."""
        return tuple(dict.fromkeys(self.session_of[page_id] for page_id in page_ids if page_id in self.session_of))


class JitmemSystem:
    """What the systems have in common that ask a jitmem memory."""

    def __init__(self, setup: Setup, context: SystemContext, shared: SharedMemory | None = None) -> None:
        self.shared = shared or SharedMemory(setup, context)
        self.budget = setup.context_tokens or CONTEXT_TOKENS
        self.pages = setup.pages

    def prepare(self, sample: Sample) -> Preparation:
        return self.shared.prepare(sample)

    def close(self) -> None:
        self.shared.memory.close()


def _empty_memo(messages: Any) -> Mapping[str, Any]:
    return {"memo": "-"}
