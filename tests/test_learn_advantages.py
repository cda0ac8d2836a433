"""Advantages within a group, role by role, and what separate baselines are worth."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import pytest

from jitmem import BadInput
from jitmem.cli import main
from jitmem.evals.jsonl_log import JsonlLog, read_log
from jitmem.learn.advantages import EPSILON, RewardUnit, advantages, by_task
from jitmem.learn.rollout_records import RecordedStep, Role, Rollout

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from baselines import BASELINES, ROLES, World, exact_variance, sampled_variance

MANY = range(10)


def step(key: str, role: Role, total: float | None, about: str = "s1") -> RecordedStep:
    return RecordedStep(key, role, key, about, (), rewards={"total": total})


def run(n: int, *steps: RecordedStep, total: float | None = None, task: str = "t") -> Rollout:
    return Rollout(task, n, n, steps, (), (), (), 0, 0, rewards={"total": total})


def turns(*rewards: float | None, task: str = "t") -> list[Rollout]:
    """A run of one curate turn for each reward."""
    return [run(n, step("c", "memorizer", reward), task=task) for n, reward in enumerate(rewards)]


def test_an_advantage_is_the_distance_from_the_mean_in_standard_deviations() -> None:
    # mean 2, sum of squares 1 + 0 + 1, over n − 1 = 2: std 1
    found = advantages(turns(1.0, 2.0, 3.0))
    assert [one.advantage for one in found.values] == pytest.approx([-1 / (1 + EPSILON), 0.0, 1 / (1 + EPSILON)])
    assert {(one.mean, one.std, one.size) for one in found.values} == {(2.0, 1.0, 3)}
    assert [one.advantage for one in advantages(turns(1.0, 2.0, 3.0), std=False).values] == [-1.0, 0.0, 1.0]


def test_a_group_of_equal_rewards_gives_zeros_and_is_told() -> None:
    found = advantages(turns(0.1 + 0.2, 0.3, 0.3))
    assert [one.advantage for one in found.values] == [0.0, 0.0, 0.0]
    (told,) = found.equal_groups
    assert (told.group, told.reward, told.size) == (("t", "memorizer", "c"), pytest.approx(0.3), 3)


def test_a_step_that_one_run_alone_has_taken_teaches_nothing() -> None:
    more = run(2, step("c", "memorizer", 1.0), step("c2", "memorizer", 5.0))
    found = advantages([*turns(1.0, 2.0), more])
    assert found.values[-1].advantage == 0.0
    assert [(told.group, told.size) for told in found.equal_groups] == [(("t", "memorizer", "c2"), 1)]


def test_what_has_no_reward_is_in_no_group() -> None:
    found = advantages(turns(1.0, None, 3.0))
    assert [(one.unit.n, one.mean, one.size) for one in found.values] == [(0, 2.0, 2), (2, 2.0, 2)]
    assert found.left_out == 1


def test_tasks_are_never_compared() -> None:
    found = advantages([*turns(1.0, 3.0, task="a"), *turns(101.0, 103.0, task="b")], std=False)
    assert [one.advantage for one in found.values] == [-1.0, 1.0, -1.0, 1.0]


def both(n: int, memorizer: float, researcher: float) -> Rollout:
    """A turn of the Memorizer, then two steps of the Researcher about a question; a reader, and somebody else's."""
    return run(
        n,
        step("c", "memorizer", memorizer),
        step("p", "researcher", researcher, "q1"),
        step("i", "researcher", researcher, "q1"),
        step("a", "reader", researcher, "q1"),
        step("x", "other", None, "q1"),
        total=memorizer,
    )


def test_each_role_has_its_own_baseline_unless_the_key_says_otherwise() -> None:
    runs = [both(0, 2.0, 0.0), both(1, 1.0, 1.0)]
    apart = advantages(runs, by="trajectory", std=False)
    assert [(one.unit.role, one.advantage) for one in apart.values] == [
        ("memorizer", 0.5),
        ("researcher", -0.5),
        ("memorizer", -0.5),
        ("researcher", 0.5),
    ]
    together = advantages(runs, by="trajectory", key=by_task, std=False)
    assert [one.advantage for one in together.values] == [1.0, -1.0, 0.0, 0.0]


def test_a_trajectory_is_paid_once_and_gives_its_steps_what_it_got() -> None:
    runs = [both(0, 2.0, 0.0), both(1, 1.0, 1.0)]
    found = advantages(runs, by="trajectory", std=False)
    assert [one.unit.steps for one in found.values[:2]] == [("c",), ("p", "i")]
    assert found.by_step() == {
        ("t", 0, "c"): 0.5, ("t", 0, "p"): -0.5, ("t", 0, "i"): -0.5,
        ("t", 1, "c"): -0.5, ("t", 1, "p"): 0.5, ("t", 1, "i"): 0.5,
    }  # fmt: skip


def test_by_step_every_step_is_compared_with_those_in_its_place() -> None:
    runs = [
        run(0, step("c1", "memorizer", 1.0), step("c2", "memorizer", 5.0)),
        run(1, step("c1", "memorizer", 3.0), step("c2", "memorizer", 4.0)),
    ]
    found = advantages(runs, std=False)
    assert [(one.unit.key, one.advantage) for one in found.values] == [
        ("c1", -1.0),
        ("c2", 0.5),
        ("c1", 1.0),
        ("c2", -0.5),
    ]


def test_one_key_says_what_is_compared() -> None:
    def by_about(unit: RewardUnit) -> str:
        return unit.about

    runs = [run(0, step("c1", "memorizer", 1.0, "s1"), step("c2", "memorizer", 3.0, "s1"))]
    assert [one.advantage for one in advantages(runs, key=by_about, std=False).values] == [-1.0, 1.0]


def test_the_reader_and_others_are_left_out_unless_they_learn_too() -> None:
    runs = [both(0, 2.0, 0.0), both(1, 1.0, 1.0)]
    assert {one.unit.role for one in advantages(runs).values} == {"memorizer", "researcher"}
    assert [one.unit.key for one in advantages(runs, roles=("reader",)).values] == ["a", "a"]


def test_there_is_no_third_way() -> None:
    with pytest.raises(BadInput, match="by step or by trajectory"):
        advantages([], by="token")  # type: ignore[arg-type]


def test_a_line_of_json_has_the_unit_and_its_advantage() -> None:
    line = json.loads(json.dumps(advantages(turns(1.0, 3.0), std=False).values[0].as_dict()))
    assert line == {
        "task": "t",
        "n": 0,
        "role": "memorizer",
        "about": "s1",
        "key": "c",
        "steps": ["c"],
        "reward": 1.0,
        "mean": 2.0,
        "std": pytest.approx(2**0.5),
        "size": 2,
        "advantage": -1.0,
    }


# -- variance ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def variances() -> Mapping[int, Mapping[str, Mapping[Role, float]]]:
    return {seed: {base: exact_variance(World.random(seed), base) for base in BASELINES} for seed in MANY}


def test_a_shared_baseline_beats_none_and_separate_ones_beat_it(
    variances: Mapping[int, Mapping[str, Mapping[Role, float]]],
) -> None:
    """Of both roles together in every world; of each role on the average over ten."""
    for seed in MANY:
        none, common, separate = (sum(variances[seed][base].values()) for base in BASELINES)
        assert none > common > separate
    for role in ROLES:
        none, common, separate = (fmean(variances[seed][base][role] for seed in MANY) for base in BASELINES)
        assert none > 1.5 * common > 1.5 * 1.3 * separate


def test_what_advantages_give_has_the_variance_that_was_computed() -> None:
    for base in BASELINES:
        measured, computed = sampled_variance(World.random(0), base, groups=400), exact_variance(World.random(0), base)
        for role in ROLES:
            assert measured[role] == pytest.approx(computed[role], rel=0.1)


# -- the command ------------------------------------------------------------------------------------------------------


def commanded(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, str]:
    """Exit code, and what was printed."""
    monkeypatch.setattr("sys.argv", ["jitmem", "learn", "advantages", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out + told.err


def test_the_command_writes_a_line_for_each_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with JsonlLog(tmp_path / "rollouts.jsonl") as lines:
        for n, (kept, found) in enumerate([(2.0, 0.0), (1.0, 1.0), (1.5, 0.5)]):
            lines.append(both(n, kept, found).as_dict())
    code, told = commanded(capsys, monkeypatch, tmp_path)
    assert code == 0, told
    made = list(read_log(tmp_path / "advantages.jsonl"))
    assert [(line["n"], line["role"], line["key"]) for line in made[:3]] == [
        (0, "memorizer", "c"),
        (0, "researcher", "p"),
        (0, "researcher", "i"),
    ]
    code, told = commanded(capsys, monkeypatch, tmp_path, "--by", "trajectory", "--baseline", "shared", "--json")
    assert (code, json.loads(told)["count"], json.loads(told)["roles"]) == (0, 6, {"memorizer": 3, "researcher": 3})
    code, told = commanded(capsys, monkeypatch, tmp_path, "--by", "token")
    assert (code, "by step or by trajectory" in told) == (2, True)


def test_the_command_says_when_there_is_nothing_to_learn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with JsonlLog(tmp_path / "rollouts.jsonl") as lines:
        for one in turns(1.0, 1.0, None):
            lines.append(one.as_dict())
    code, told = commanded(capsys, monkeypatch, tmp_path)
    assert (code, "1 group collapsed" in told, "1 left out" in told) == (1, True, True), told
