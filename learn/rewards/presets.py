"""How the four rewards become one: Mem-α's way to the letter, and ours, which cannot be gamed as easily."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .answer import answered
from .calls import executed, sound
from .cases import ContentJudge
from .compression import saved
from .content import fitting, founded
from .judge_rules import ByForm, BySource
from .outcome import Outcome, Reward

WEIGHTS: Mapping[str, float] = {"r1": 1.0, "r2": 1.0, "r3": 0.05, "r4": 0.1}
COLD = 0.1
"""How much of r2 to r4 counts at first, before anything that was asked is held."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Four rewards, their weights, and the judge whose verdicts r4 counts.

    `cold` is None where r2 to r4 count in full. Else they count as far as the memory covers what was asked, but never
    less than `cold`, which sinks to 0 as `progress` goes from 0 to 1: a policy that covers nothing yet must learn from
    something. `free` says whether what does not apply counts as if it were 1: nobody pays for what there was no call
    for. Otherwise it adds nothing.
    """

    name: str
    rewards: Mapping[str, Reward]
    judge: ContentJudge
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    cold: float | None = None
    free: bool = False

    def of(self, outcome: Outcome, progress: float = 0.0) -> dict[str, float | None]:
        """r1 to r4, `covered`, and their `total`, which is None without r1, and where no call could be judged."""
        made: dict[str, float | None] = {name: reward(outcome) for name, reward in self.rewards.items()}
        return {**made, "covered": outcome.covered, "total": self._total(made, outcome, progress)}

    def share(self, covered: float | None, progress: float = 0.0) -> float:
        """Which part of r2 to r4 counts."""
        if self.cold is None:
            return 1.0
        least = self.cold * (1 - progress)
        return least + (1 - least) * (covered or 0.0)

    def _total(self, made: Mapping[str, float | None], outcome: Outcome, progress: float) -> float | None:
        first = made["r1"]
        if first is None or (outcome.calls and made["r4"] is None):
            return None
        missing = 1.0 if self.free else 0.0
        rest = sum(
            self.weights[name] * (missing if value is None else value) for name, value in made.items() if name != "r1"
        )
        return self.weights["r1"] * first + self.share(outcome.covered, progress) * rest


MEM_ALPHA = Preset("mem-alpha", {"r1": answered, "r2": executed, "r3": saved, "r4": fitting}, judge=ByForm())
"""R = r1 + r2 + 0.05 r3 + 0.1 r4, as the reference code of Mem-α counts each of them."""

DEFAULT = Preset(
    "default", {"r1": answered, "r2": sound, "r3": saved, "r4": founded}, judge=BySource(), cold=COLD, free=True
)
"""The same weights; what can be gamed is mended."""

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (DEFAULT, MEM_ALPHA)}
