"""The four rewards, each by two rules, and how they are combined: as Mem-α does, and in a way that is harder to game."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..rollout_records import MemoryToolCall
from .judge_cases import ContentJudge
from .judge_rules import FormJudge, SourceJudge
from .reward_input import Reward, RewardInput

WEIGHTS: Mapping[str, float] = {"r1": 1.0, "r2": 1.0, "r3": 0.05, "r4": 0.1}
COLD = 0.1
"""The factor of r2 to r4 at the beginning, while nothing is covered."""


def mean_answer_score(given: RewardInput) -> float | None:
    """r1: the mean score over the questions; None where none was scored."""
    return sum(given.scores) / len(given.scores) if given.scores else None


def executed_share(given: RewardInput) -> float | None:
    """r2 as Mem-α counts: calls that ran without an error, of all calls; 0 where there was none.

    A duplicate ran, and so did the deletion of an unknown id.
    """
    return None if given.calls is None else _share([_is_executed(call) for call in given.calls])


def sound_share(given: RewardInput) -> float | None:
    """r2: calls that changed the memory and that no judge found false, of all calls.

    Unknown ids and duplicates are failures. Without a call: None if there was nothing to keep, 0 if something was
    missed.
    """
    if given.calls is None or not (given.calls or given.missed):
        return None
    return _share([call.has_effect and call.valid is not False for call in given.calls])


def compression(given: RewardInput) -> float | None:
    """r3: 1 - tokens of the memory / tokens of the sessions. Below 0 for a memory longer than its sessions; None
    without sessions."""
    return 1 - given.memory_tokens / given.source_tokens if given.source_tokens else None


def valid_share(given: RewardInput) -> float | None:
    """r4 as Mem-α counts: calls whose content a judge finds valid for its kind, of all calls; 0 where there was none.

    A deletion has no content, and counts as 0. Calls without a verdict are left out.
    """
    if given.calls is None:
        return None
    found = [call.valid is True and call.op != "delete" for call in given.calls if call.valid is not None]
    return _share(found) if found or not given.calls else None


def grounded_share(given: RewardInput) -> float | None:
    """r4: calls that a judge who saw the source finds right, deletions too, of all calls.

    A call that changed nothing counts as wrong. Calls without a verdict are left out; None where that is every call.
    Without a call: None if there was nothing to keep, 0 if something was missed.
    """
    if given.calls is None or not (given.calls or given.missed):
        return None
    found = [
        call.has_effect and call.valid is True for call in given.calls if call.valid is not None or not call.has_effect
    ]
    return _share(found) if found or not given.calls else None


def _is_executed(call: MemoryToolCall) -> bool:
    return call.has_effect or call.status == "duplicate" or (call.status == "unknown_id" and call.op == "delete")


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 0.0


@dataclass(frozen=True, slots=True)
class RewardPreset:
    """Four rewards, their weights, and the judge whose verdicts r4 counts.

    `cold` is None where r2 to r4 count in full. Else they are scaled by the coverage, but at least by `cold`, which
    decreases to 0 as `progress` goes from 0 to 1: a policy that covers nothing yet must learn from something. `free`
    says whether a reward that does not apply counts as 1: no penalty where no call was needed. Otherwise it adds
    nothing.
    """

    name: str
    rewards: Mapping[str, Reward]
    judge: ContentJudge
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    cold: float | None = None
    free: bool = False

    def rewards_of(self, outcome: RewardInput, progress: float = 0.0) -> dict[str, float | None]:
        """r1 to r4, `coverage`, and their `total`, which is None without r1, and where no call could be judged."""
        rewards: dict[str, float | None] = {name: reward(outcome) for name, reward in self.rewards.items()}
        return {**rewards, "coverage": outcome.coverage, "total": self._total(rewards, outcome, progress)}

    def coverage_scale(self, coverage: float | None, progress: float = 0.0) -> float:
        """The factor of r2 to r4."""
        if self.cold is None:
            return 1.0
        least = self.cold * (1 - progress)
        return least + (1 - least) * (coverage or 0.0)

    def _total(self, rewards: Mapping[str, float | None], outcome: RewardInput, progress: float) -> float | None:
        first = rewards["r1"]
        if first is None or (outcome.calls and rewards["r4"] is None):
            return None
        missing = 1.0 if self.free else 0.0
        others = {name: missing if value is None else value for name, value in rewards.items() if name != "r1"}
        rest = sum(self.weights[name] * value for name, value in others.items())
        return self.weights["r1"] * first + self.coverage_scale(outcome.coverage, progress) * rest


MEM_ALPHA = RewardPreset(
    "mem-alpha",
    {"r1": mean_answer_score, "r2": executed_share, "r3": compression, "r4": valid_share},
    judge=FormJudge(),
)
"""R = r1 + r2 + 0.05 r3 + 0.1 r4, as the reference code of Mem-α counts each of them."""

DEFAULT = RewardPreset(
    "default",
    {"r1": mean_answer_score, "r2": sound_share, "r3": compression, "r4": grounded_share},
    judge=SourceJudge(),
    cold=COLD,
    free=True,
)
"""The same weights, with rewards that cannot be gamed in the known ways."""

PRESETS: Mapping[str, RewardPreset] = {preset.name: preset for preset in (DEFAULT, MEM_ALPHA)}
