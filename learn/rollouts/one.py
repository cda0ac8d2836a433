"""One run over one task: a fresh memory, its sessions filed, its questions asked, every step and score written down."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...evals.datasets.records import Sample
from ...evals.systems.chunks import name
from ...memory import Memory
from ...nodes.llm.step import Steps, Wait, afinish, finish
from ...stores.errors import ModelError
from ...stores.times import show
from ..capture import ABOUT, ROLLOUT, Recorder
from ..capture.places import step_key
from ..records import Answered, Call, Item, Rollout, Source, Step
from ..rewards import PRESETS, rewarded
from ..sizes import items_of, memory_tokens, source_tokens
from .asking import answered
from .making import Making
from .reading import raise_failure, reads


def rollout(sample: Sample, n: int, making: Making, *, folder: Path | None = None) -> Rollout:
    """The `n`-th run over a task, with rewards.

    It has a memory of its own in a new folder (in `folder`, else where temporary files are), which is gone afterwards.
    The sessions are filed one after the other, then the questions asked, by `memory.memorizer` and `memory.researcher`,
    the compiled graphs, to which nothing is done but that a callback listens.

    When a model cannot be reached, or a session cannot be filed, the run ends: `error` says why, and there are no
    rewards. A question to which the model gave no reply that could be read has an `error` of its own.
    """
    return finish(_run(sample, n, making, folder))


async def arollout(sample: Sample, n: int, making: Making, *, folder: Path | None = None) -> Rollout:
    """`rollout`, awaited."""
    return await afinish(_run(sample, n, making, folder))


def _run(sample: Sample, n: int, making: Making, folder: Path | None) -> Steps[Rollout]:
    started = time.perf_counter()
    seed = making.seed + n
    with (
        tempfile.TemporaryDirectory(prefix="rollout-", dir=folder) as place,
        Memory.open(Path(place) / "memory", **making.opening(seed)) as memory,
    ):
        run = _Run(sample, f"{sample.name}/{n}", making, memory)
        error = ""
        try:
            yield from run.file()
            yield from run.ask()
        except ModelError as failure:
            error = f"{type(failure).__name__}: {failure}"
        items = run.items or items_of(memory)
    made = Rollout(
        task=sample.name,
        n=n,
        seed=seed,
        steps=_with_calls(run.recorder.take(run.id), run.filed),
        answers=tuple(run.answers),
        items=items,
        sources=tuple(run.sources),
        memory_tokens=memory_tokens(items),
        source_tokens=source_tokens(run.sources),
        seconds=time.perf_counter() - started,
        error=error,
    )
    return made if making.rewards is None else rewarded(made, PRESETS[making.rewards])


class _Run:
    """What has come of it so far."""

    def __init__(self, sample: Sample, id: str, making: Making, memory: Memory) -> None:
        self.id = id
        self.recorder = Recorder()
        self.filed: dict[str, Mapping[str, Any]] = {}
        self.sources: list[Source] = []
        self.items: tuple[Item, ...] = ()
        self.answers: list[Answered] = []
        self._sample, self._making, self._memory = sample, making, memory

    def file(self) -> Steps[None]:
        """Every session in its order, since what is drawn from one depends on what was drawn before."""
        graph: Any = self._memory.memorizer
        for at, session in enumerate(self._sample.sessions):
            about, given = name(session, at), {"session": session}
            config = self._config(about)
            out = yield Wait(
                lambda: graph.invoke(given, config),  # noqa: B023 (waited for at once)
                lambda: graph.ainvoke(given, config),  # noqa: B023
            )
            self.filed[about] = out
            pages = [self._memory.page(page_id) for page_id in out["page_ids"]]
            when = show(pages[0].time) if pages else ""
            self.sources.append(Source(about, "".join(page.text for page in pages), tuple(out["page_ids"]), when))
            raise_failure(out["failures"], all_of_them=False)

    def ask(self) -> Steps[None]:
        """Every question."""
        self.items = items_of(self._memory)
        read = reads(self._memory, self.items, self._making)
        for question in self._sample.questions:
            config = self._config(question.id)
            self.answers.append((yield from answered(question, self.items, read, self._making, config)))

    def _config(self, about: str) -> dict[str, Any]:
        return {"callbacks": [self.recorder], "metadata": {ROLLOUT: self.id, ABOUT: about}}


def _with_calls(steps: Sequence[Step], filed: Mapping[str, Mapping[str, Any]]) -> tuple[Step, ...]:
    """The edits of a page go to the reply that made them: the last of its curate step, if that could be read.

    Pages are curated in their order, and none after one at which the model failed.
    """
    calls: dict[str, tuple[Call, ...]] = {}
    for about, out in filed.items():
        replies: dict[str, str] = {}  # of each page's step, the key of its last reply
        for step in steps:
            if step.name == "curate" and step.about == about and step.reply is not None:
                replies[step_key(step.key)] = step.key
        read = list(zip(replies.values(), out["page_ids"], strict=False))
        if any(one["step"] == "curate" for one in out["failures"]):
            read = read[:-1]
        for key, page_id in read:
            calls[key] = tuple(_call(edit) for edit in out.get("edits") or () if edit["page_id"] == page_id)
    return tuple(replace(step, calls=calls[step.key]) if step.key in calls else step for step in steps)


def _call(edit: Mapping[str, Any]) -> Call:
    told = {name: edit[name] for name in ("name", "args", "status", "reason", "item_id", "page_id")}
    return Call(**told)
