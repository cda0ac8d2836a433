"""What a question may cost, before it is asked: the prompts are written over the memory, and nobody is sent them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from .nodes.ask import A, Answerer, Model, Q, Task
from .nodes.integrate import INTEGRATE, Conclusion
from .nodes.meter import Meter, tokens
from .nodes.prompt import render
from .nodes.reflect import Reflection
from .nodes.step import Steps
from .results import Estimate


class Experience:
    """What calls of each step have needed so far: the mean is what the next one is expected to."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int, float]] = {}

    def add(self, steps: Iterable[Mapping[str, Any]]) -> None:
        """The steps of a usage."""
        for step in steps:
            calls, completion, seconds = self._sums.get(step["step"], (0, 0, 0.0))
            calls += step["calls"]
            self._sums[step["step"]] = (calls, completion + step["completion_tokens"], seconds + step["seconds"])

    def mean(self, step: str) -> tuple[float, float] | None:
        """Completion tokens and seconds of a call; None before the first."""
        calls, completion, seconds = self._sums.get(step, (0, 0, 0.0))
        return (completion / calls, seconds / calls) if calls else None


class Reckoner:
    """In a model's place: counts the prompt, answers by rules, and is never satisfied, so that every round comes."""

    def __init__(self, rules: Answerer, model: Model) -> None:
        self._rules = rules
        self._model = model

    def ask(self, task: Task[Q, A], question: Q, meter: Meter) -> Steps[A]:
        """Sends nothing; the meter is told of a call whose reply is empty."""
        system, human = render(task.name, question.shown(1.0), task.answer, words=self._model.words.get(task.name))
        size = tokens([SystemMessage(system), HumanMessage(human)])
        counted = {"input_tokens": size, "output_tokens": 0, "total_tokens": size}
        meter.add(task.name, self._model.name, 0.0, size, AIMessage("", usage_metadata=counted))
        asked: Any = question
        more = {"enough": False, "missing": [], "request": f"{asked.question} {len(meter.entries)}"}
        if task.answer is Conclusion:
            integration = yield from self._rules.ask(INTEGRATE, asked, meter)
            return task.answer.model_validate({**integration.model_dump(), **more})
        answer = yield from self._rules.ask(task, question, meter)
        if isinstance(answer, Reflection):
            return task.answer.model_validate({**answer.model_dump(), **more, "names": answer.names})
        return answer


def estimate(steps: Sequence[Mapping[str, Any]], experience: Experience) -> Estimate:
    """From the usage of a run that was answered by reckoners throughout."""
    first_round = [n for n, step in enumerate(steps) if step["step"] in ("reflect", "conclude")]
    answers = [step for step in steps if step["step"] == "answer"]
    least = [*steps[: first_round[0] + 1], *answers] if first_round else list(steps)
    runs = (least, list(steps))
    means = [[experience.mean(step["step"]) for step in run] for run in runs]
    known = [[mean for mean in run if mean is not None] for run in means]
    whole = all(mean is not None for mean in means[1])
    return Estimate(
        calls=(len(least), len(steps)),
        prompt_tokens=_pair(sum(step["prompt_tokens"] for step in run) for run in runs),
        completion_tokens=_pair(round(sum(mean[0] for mean in run)) for run in known) if whole else None,
        seconds=_pair(sum(mean[1] for mean in run) for run in known) if whole else None,
        steps=tuple({key: step[key] for key in ("step", "model", "prompt_tokens")} for step in steps),
    )


def _pair(values: Iterable[Any]) -> tuple[Any, Any]:
    least, most = values
    return least, most
