"""Rollouts as rows for other trainers: SFT, KTO and verl, one JSON object a line; see docs/training.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..stores.errors import BadInput
from .rollout_records import ROLES, RecordedStep, Role, Rollout, step_key

Format = Literal["sft", "kto", "verl"]
TOTAL = "total"
"""The reward that combines all others."""


def sft_rows(rollouts: Iterable[Rollout], *, best: int = 1, least: float | None = None) -> Iterator[dict[str, Any]]:
    """The replies of the `best` rollouts of each task, a row for each reply that could be parsed: `{"messages",
    "tools"}`.

    Rollouts with an error, without a reward, or with one below `least` are skipped; of equal ones the first wins. The
    last message is the reply, with the arguments of its calls as objects.
    """
    for rollout in _best_rollouts(rollouts, best, least):
        for _, prompt, reply, tools in _replies(rollout):
            yield {"messages": [*prompt, reply], "tools": tools}


def kto_rows(rollouts: Iterable[Rollout], *, least: float | None = None) -> Iterator[dict[str, Any]]:
    """Every reply with whether it was desirable: `{"prompt", "completion", "label", "tools"}`.

    With `least` the label is whether the rollout's reward reaches it; without, whether it is above the mean of
    its task's rollouts: the sign of its advantage. A rollout at the mean is left out.
    """
    for group in _group_by_task(rollouts):
        rewarded = [(one, reward) for one in group if (reward := one.rewards.get(TOTAL)) is not None]
        mean = sum(reward for _, reward in rewarded) / max(1, len(rewarded))
        for rollout, reward in rewarded:
            if least is None and abs(reward - mean) < 1e-9:
                continue
            label = reward > mean if least is None else reward >= least
            for _, prompt, reply, tools in _replies(rollout):
                yield {"prompt": prompt, "completion": [reply], "label": label, "tools": tools}


def verl_rows(rollouts: Iterable[Rollout], *, source: str = "jitmem") -> Iterator[dict[str, Any]]:
    """A row for each prompt, in the columns of verl's RLHF data sets: `data_source`, `prompt`, `ability`,
    `reward_model` (style "rule", with the right answers as `ground_truth`) and `extra_info`.

    A prompt that several rollouts share has one row; `extra_info` has its best known reply and reward. verl reads
    parquet: `datasets.load_dataset("json", data_files=…)["train"].to_parquet(…)` converts the lines.
    """
    rows: dict[str, dict[str, Any]] = {}
    for rollout in rollouts:
        gold = [{"id": one.id, "question": one.text, "answers": list(one.gold)} for one in rollout.answers]
        for step, prompt, reply, tools in _replies(rollout):
            key = json.dumps([prompt, tools], sort_keys=True)
            reward = rollout.rewards.get(TOTAL)
            known = rows.get(key)
            best = known["extra_info"]["reward"] if known else None
            if known and (reward is None or (best is not None and reward <= best)):
                continue
            rows[key] = {
                "data_source": f"{source}/{step.name}",
                "prompt": prompt,
                "ability": step.role,
                "reward_model": {"style": "rule", "ground_truth": json.dumps(gold, ensure_ascii=False)},
                "extra_info": {
                    "index": known["extra_info"]["index"] if known else len(rows),
                    "task": rollout.task,
                    "about": step.about,
                    "step": step.name,
                    "tools": json.dumps(tools, ensure_ascii=False),
                    "reply": json.dumps(reply, ensure_ascii=False),
                    "reward": reward,
                },
            }
    yield from rows.values()


FORMATS: Mapping[Format, Callable[..., Iterator[dict[str, Any]]]] = {
    "sft": sft_rows,
    "kto": kto_rows,
    "verl": verl_rows,
}


def export_rows(
    rollouts: Iterable[Rollout],
    path: Path,
    form: Format,
    *,
    steps: Collection[str] = (),
    roles: Collection[Role] = (),
    **options: Any,
) -> int:
    """Write rows into a new file; returns their number. `steps` and `roles` filter, where given.

    `options` are the format's own. `BadInput` for unknown names, an existing file, and where no row fits.
    """
    if form not in FORMATS:
        raise BadInput(f"There is no form {form!r}; there are {', '.join(FORMATS)}.")
    for what, given, known in (("step", steps, tuple(ROLES)), ("role", roles, get_args(Role))):
        if unknown := sorted(set(given) - set(known)):
            raise BadInput(f"There is no {what} {unknown[0]!r}; there are {', '.join(known)}.")
    if path.exists():
        raise BadInput(f"{path} is there already; give a new name, an export never goes over a file.")

    def is_chosen(step: RecordedStep) -> bool:
        return (not steps or step.name in steps) and (not roles or step.role in roles)

    chosen = [replace(one, steps=tuple(filter(is_chosen, one.steps))) for one in rollouts]
    rows = list(FORMATS[form](chosen, **options))
    if not rows:
        raise BadInput(
            f"Nothing to export: {len(chosen)} rollouts hold no reply that fits. Rollouts are made with a model"
            " (`jitmem learn rollout --model …`), and sft takes those that have a reward and no error."
        )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return len(rows)


def _best_rollouts(rollouts: Iterable[Rollout], best: int, least: float | None) -> Iterator[Rollout]:
    if best < 1:
        raise BadInput(f"best is how many rollouts of a task are taken, 1 or more; got {best}.")
    for group in _group_by_task(rollouts):
        rewarded = [(reward, one) for one in group if not one.error and (reward := one.rewards.get(TOTAL)) is not None]
        fit = [pair for pair in rewarded if least is None or pair[0] >= least]
        yield from (one for _, one in sorted(fit, key=lambda pair: -pair[0])[:best])


def _group_by_task(rollouts: Iterable[Rollout]) -> list[list[Rollout]]:
    """In order of first appearance."""
    groups: dict[str, list[Rollout]] = {}
    for one in rollouts:
        groups.setdefault(one.task, []).append(one)
    return list(groups.values())


def _replies(rollout: Rollout) -> Iterator[tuple[RecordedStep, list[Any], dict[str, Any], list[Any]]]:
    """Step, messages, reply and tools where the reply was parsed: of the last attempt of each step, and of a turn of
    calls only if the calls were parsed."""
    last = {step_key(step.key): step for step in rollout.steps}
    for step in last.values():
        if step.reply is not None and not step.error and not (step.tools and step.calls is None):
            prompt, tools = [dict(one) for one in step.messages], [dict(one) for one in step.tools]
            yield step, prompt, _reply_message(step.reply), tools


def _reply_message(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The reply as a message of a chat template, with arguments of calls as objects and without their ids."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.get("content") or ""}
    calls = []
    for call in reply.get("tool_calls") or ():
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        calls.append({"type": "function", "function": {"name": name, "arguments": arguments}})
    return message | ({"tool_calls": calls} if calls else {})
