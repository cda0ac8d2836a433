"""Begin a research: nothing is known yet, whatever an earlier question on the same thread has left in the state."""

from __future__ import annotations

import time
from typing import Any

from langgraph.types import Overwrite

from .states import ResearcherState


def begin(state: ResearcherState) -> dict[str, Any]:
    """The node: a question → the state of a run that has just begun, and when that was."""
    return {
        "started": time.time(),
        "stop_reason": "",
        "request": state["question"],
        "names": [],
        "searches": Overwrite([]),
        "evidence": [],
        "fresh": [],
        "read": [],
        "statements": [],
        "asked": [],
        "rounds": Overwrite([]),
        "usage": Overwrite([]),
        "failures": Overwrite([]),
        "answer": "",
        "answer_citations": [],
    }
