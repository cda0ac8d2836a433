"""Estimate what a question may cost: render the prompts over the memory, and send them to no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from .nodes.llm.ask import A, Backend, Q, StepSpec
from .nodes.llm.model_backend import ModelBackend
from .nodes.llm.prompt import count_tokens, render_prompt
from .nodes.llm.sync_async import Computation
from .nodes.llm.usage import UsageTracker
from .nodes.run_step import Backends
from .nodes.steps import STEPS
from .results import CallStatistics, Estimate


class EstimateBackend:
    """In place of a model: counts the prompt, answers by rules, and requests every further round."""

    def __init__(self, rules: Backend, model: ModelBackend) -> None:
        self.share = model.share
        self._rules = rules
        self._model = model

    def ask(self, step: StepSpec[Q, A], question: Q, tracker: UsageTracker) -> Computation[A]:
        """Sends nothing; records a call with an empty reply."""
        override = self._model.overrides.get(step.name)
        system, human = render_prompt(
            step.name, question.prompt_values(self.share), override=override, small=self.share < 1
        )
        size = count_tokens([SystemMessage(system), HumanMessage(human)])
        usage = {"input_tokens": size, "output_tokens": 0, "total_tokens": size}
        tracker.add(step.name, self._model.name, 0.0, size, AIMessage("", usage_metadata=usage))
        answer: A = yield from self._rules.ask(step, question, tracker)
        if another_round := STEPS[step.name].another_round:
            asked: Any = question
            return cast("A", another_round(answer, f"{asked.question} {len(tracker.entries)}"))
        return answer


def estimate_backends(backends: Backends) -> Backends:
    """The same, which count the prompts of models and send none."""
    models = {
        step: EstimateBackend(backends.rules, model)
        for step, model in backends.by_step.items()
        if isinstance(model, ModelBackend)
    }
    return Backends(models, backends.rules)


def estimate(steps: Sequence[Mapping[str, Any]], statistics: CallStatistics) -> Estimate:
    """From the usage of a run in which every model was an `EstimateBackend`. The least cost is one round and the steps
    after the last round."""
    ends = [n for n, step in enumerate(steps) if STEPS[step["step"]].another_round]
    least = [*steps[: ends[0] + 1], *steps[ends[-1] + 1 :]] if ends else list(steps)
    runs = (least, list(steps))
    means = [[statistics.mean(step["step"]) for step in run] for run in runs]
    known = [[mean for mean in run if mean is not None] for run in means]
    complete = all(mean is not None for mean in means[1])
    return Estimate(
        calls=(len(least), len(steps)),
        prompt_tokens=_pair(sum(step["prompt_tokens"] for step in run) for run in runs),
        completion_tokens=_pair(round(sum(mean[0] for mean in run)) for run in known) if complete else None,
        seconds=_pair(sum(mean[1] for mean in run) for run in known) if complete else None,
        steps=tuple({key: step[key] for key in ("step", "model", "prompt_tokens")} for step in steps),
    )


def _pair(values: Iterable[Any]) -> tuple[Any, Any]:
    least, most = values
    return least, most
