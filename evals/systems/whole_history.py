"""The whole history in the prompt: the baseline for every memory, as long as it fits."""

from __future__ import annotations

import time

from ..datasets.benchmark_records import Question, Sample
from ..metrics.text_metrics import context_tokens
from .chunks import Chunk, session_chunks
from .setups import CitedText, Preparation, Setup, SystemAnswer, SystemContext


class WholeHistory:
    """Every session, oldest first; with `history_tokens`, the newest that fit, as a chat would be truncated."""

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        self._budget = setup.history_tokens
        self._sessions: list[Chunk] = []

    def prepare(self, sample: Sample) -> Preparation:
        started = time.perf_counter()
        self._sessions = session_chunks(sample.sessions)
        return Preparation(time.perf_counter() - started)

    def answer(self, question: Question) -> SystemAnswer:
        started = time.perf_counter()
        shown = self._sessions
        if self._budget is not None:
            room = self._budget
            fitting = 0
            for chunk in reversed(shown):
                room -= context_tokens(chunk.text) + 4
                if room < 0:
                    break
                fitting += 1
            shown = shown[len(shown) - fitting :]
        context = "\n\n".join(f"{chunk.text} [{number}]" for number, chunk in enumerate(shown, start=1))
        marks = tuple(CitedText(chunk.source, chunk.text) for chunk in shown)
        sources = tuple(dict.fromkeys(mark.source for mark in marks))
        return SystemAnswer(context, marks, sources, seconds=time.perf_counter() - started)

    def close(self) -> None: ...
