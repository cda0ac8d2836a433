"""One run over one task: a fresh memory, its sessions filed, its questions answered, every step recorded."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...evals.datasets.benchmark_records import Sample
from ...evals.systems.chunks import session_name
from ...memory import Memory
from ...nodes.llm.sync_async import Computation, Wait, run_async, run_sync
from ...stores.errors import ModelError
from ...stores.times import format_time
from ..capture import ABOUT, ROLLOUT, Recorder
from ..rewards import PRESETS, add_rewards
from ..rollout_records import (
    Item,
    MemoryToolCall,
    RecordedStep,
    Rollout,
    ScoredAnswer,
    SessionText,
    current_items,
    memory_tokens,
    source_tokens,
    step_key,
)
from .question_scores import question_reader, raise_failure, score_question
from .rollout_config import RolloutConfig

_EDIT_FIELDS = ("name", "args", "status", "reason", "item_id", "page_id")


def run_rollout(sample: Sample, n: int, config: RolloutConfig, *, folder: Path | None = None) -> Rollout:
    """The `n`-th run over a task, with rewards.

    It has a memory of its own in a new folder (in `folder`, else the system's temporary folder), which is deleted
    afterwards. Sessions and questions go one after the other through `memory.memorizer` and `memory.researcher`, the
    compiled graphs, unchanged but for a callback.

    When a model cannot be reached, or a session cannot be filed, the run ends: `error` says why, and there are no
    rewards. A question without a readable reply has an `error` of its own.
    """
    return run_sync(_run(sample, n, config, folder))


async def arun_rollout(sample: Sample, n: int, config: RolloutConfig, *, folder: Path | None = None) -> Rollout:
    """`run_rollout`, awaited."""
    return await run_async(_run(sample, n, config, folder))


def _run(sample: Sample, n: int, config: RolloutConfig, folder: Path | None) -> Computation[Rollout]:
    started = time.perf_counter()
    seed = config.seed + n
    with (
        tempfile.TemporaryDirectory(prefix="rollout-", dir=folder) as place,
        Memory.open(Path(place) / "memory", **config.run_arguments(seed)) as memory,
    ):
        run = _RolloutRun(sample, f"{sample.name}/{n}", config, memory)
        error = ""
        try:
            yield from run.file_sessions()
            yield from run.answer_questions()
        except ModelError as failure:
            error = f"{type(failure).__name__}: {failure}"
        items = run.items or current_items(memory)
    result = Rollout(
        task=sample.name,
        n=n,
        seed=seed,
        steps=_with_calls(run.recorder.take_steps(run.id), run.filed),
        answers=tuple(run.answers),
        items=items,
        sources=tuple(run.sources),
        memory_tokens=memory_tokens(items),
        source_tokens=source_tokens(run.sources),
        seconds=time.perf_counter() - started,
        error=error,
    )
    return result if config.rewards is None else add_rewards(result, PRESETS[config.rewards])


class _RolloutRun:
    """The state of the run."""

    def __init__(self, sample: Sample, id: str, config: RolloutConfig, memory: Memory) -> None:
        self.id = id
        self.recorder = Recorder()
        self.filed: dict[str, Mapping[str, Any]] = {}
        self.sources: list[SessionText] = []
        self.items: tuple[Item, ...] = ()
        self.answers: list[ScoredAnswer] = []
        self._sample, self._config, self._memory = sample, config, memory

    def file_sessions(self) -> Computation[None]:
        """In their order, since the items of one depend on those before."""
        graph: Any = self._memory.memorizer
        for at, session in enumerate(self._sample.sessions):
            about, given = session_name(session, at), {"session": session}
            graph_config = self._graph_config(about)
            out = yield Wait(
                lambda: graph.invoke(given, graph_config),  # noqa: B023 (waited for at once)
                lambda: graph.ainvoke(given, graph_config),  # noqa: B023
            )
            self.filed[about] = out
            pages = [self._memory.page(page_id) for page_id in out["page_ids"]]
            when = format_time(pages[0].time) if pages else ""
            self.sources.append(SessionText(about, "".join(page.text for page in pages), tuple(out["page_ids"]), when))
            raise_failure(out["failures"], all_of_them=False)

    def answer_questions(self) -> Computation[None]:
        self.items = current_items(self._memory)
        read = question_reader(self._memory, self.items, self._config)
        for question in self._sample.questions:
            graph_config = self._graph_config(question.id)
            self.answers.append((yield from score_question(question, self.items, read, self._config, graph_config)))

    def _graph_config(self, about: str) -> dict[str, Any]:
        return {"callbacks": [self.recorder], "metadata": {ROLLOUT: self.id, ABOUT: about}}


def _with_calls(steps: Sequence[RecordedStep], filed: Mapping[str, Mapping[str, Any]]) -> tuple[RecordedStep, ...]:
    """Assign the edits of a page to the reply that made them: the last of its curate step, if it was parsed.

    Pages are curated in their order, and none after one at which the model failed.
    """
    calls: dict[str, tuple[MemoryToolCall, ...]] = {}
    for about, out in filed.items():
        replies: dict[str, str] = {}  # of each page's step, the key of its last reply
        for step in steps:
            if step.name == "curate" and step.about == about and step.reply is not None:
                replies[step_key(step.key)] = step.key
        read = list(zip(replies.values(), out["page_ids"], strict=False))
        if any(one["step"] == "curate" for one in out["failures"]):
            read = read[:-1]
        for key, page_id in read:
            edits = [edit for edit in out.get("edits") or () if edit["page_id"] == page_id]
            calls[key] = tuple(MemoryToolCall(**{name: edit[name] for name in _EDIT_FIELDS}) for edit in edits)
    return tuple(replace(step, calls=calls[step.key]) if step.key in calls else step for step in steps)
