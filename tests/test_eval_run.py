"""A run asks every question once, whatever stops it, and an error is never an answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import typer
from langchain_core.messages import BaseMessage
from model_server import ModelServer
from oracle_readers import perfect_reader
from typer.testing import CliRunner

from jitmem.cli.app import app
from jitmem.evals import eval_presets
from jitmem.evals.bench_card import begin_card
from jitmem.evals.datasets.benchmark_records import DataSet, Sample
from jitmem.evals.jsonl_log import JsonlLog, read_log
from jitmem.evals.report import write_report
from jitmem.evals.run import MAX_FAILURES_IN_A_ROW, MeansProgress, RunPlan, run_plan
from jitmem.evals.run_plan import CostLimitReached, Prices
from jitmem.evals.small import small_data
from jitmem.evals.small.__main__ import print_differences
from jitmem.evals.small.regression_gate import compare_with_baseline, measure_small, read_baseline
from jitmem.evals.summary import mean_with_error
from jitmem.evals.systems import EvalModels, Setup
from jitmem.evals.systems.setups import restrict_setup
from jitmem.stores.errors import BadInput, ModelRefused, ModelUnavailable
from jitmem.testing import ScriptedModel

Child = Popen[str]

SETUPS = (Setup("recall", context_tokens=200, curate=False), Setup(depth=2, context_tokens=200, curate=False))
RUN = """
import itertools, sys, time
from pathlib import Path
from jitmem.evals.run import RunPlan, run_plan
from jitmem.evals.systems import EvalModels
from jitmem.testing import ScriptedModel
sys.path.insert(0, sys.argv[2])
from oracle_readers import perfect_reader
from test_eval_run import SETUPS, made
data = made(12)
knows = perfect_reader(data).lines
asked = itertools.count()
def stuck(messages):
    if next(asked) >= 16:
        time.sleep(600)
    return knows(messages)
models = EvalModels(reader=ScriptedModel(lines=stuck))
run_plan(RunPlan(data, SETUPS, Path(sys.argv[1]), models, concurrency=3), lambda done, total, means: print(done, flush=True))
"""


def made(questions: int = 6) -> DataSet:
    """One sample of a conversation, with its first questions."""
    data = small_data.small_data()
    sample = data.samples[1]
    return DataSet(
        "small", data.kind, (Sample(sample.name, sample.sessions[:8], sample.questions[:questions]),), data.source
    )


def scores(folder: Path) -> dict[tuple[str, str], Any]:
    return {(line["setup"], line["question"]): line["scores"] for line in read_log(folder / "answers.jsonl")}


def lines_of(folder: Path, name: str = "answers.jsonl") -> list[dict[str, Any]]:
    return list(read_log(folder / name))


def test_every_question_is_asked_once_under_every_setup_and_told_of_as_it_is_answered(tmp_path: Path) -> None:
    data, told = made(), []
    setups = (Setup("recall", context_tokens=300), Setup(depth=1, context_tokens=300))
    tell: MeansProgress = lambda done, total, means: told.append((done, total, means["evidence_recall"]))  # noqa: E731
    ran = run_plan(RunPlan(data, setups, tmp_path / "card"), tell)
    assert (ran.answered, ran.already_answered, ran.failed) == (12, 0, 0)
    asked = [(line["setup"], line["question"]) for line in lines_of(tmp_path / "card")]
    assert sorted(asked) == sorted((s.name, q.id) for s in setups for q in data.samples[0].questions)
    recalls = [one["evidence_recall"] for one in scores(tmp_path / "card").values()]
    assert told[-1] == (12, 12, pytest.approx(sum(recalls) / 12))
    again = run_plan(RunPlan(data, setups, tmp_path / "card"))
    assert (again.answered, again.already_answered) == (0, 12)


def test_a_run_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    tmp_path: Path, start: Callable[..., Child]
) -> None:
    data = made(12)
    plan = RunPlan(data, SETUPS, tmp_path / "whole", EvalModels(reader=perfect_reader(data)))
    torn = replace(plan, folder=tmp_path / "torn")
    child = start(RUN, torn.folder, Path(__file__).parent)
    assert child.stdout is not None
    for said in child.stdout:
        if int(said) >= 14:  # the second setup has begun
            break
    with pytest.raises(BadInput, match="another run is at work"):
        run_plan(torn)
    child.kill()
    child.wait()
    before = lines_of(torn.folder)
    with (torn.folder / "answers.jsonl").open("a") as file:
        file.write('{"setup": "recall", "sam')  # what a kill in the middle of a write leaves
    resumed, whole = run_plan(torn), run_plan(plan)
    assert (resumed.already_answered, resumed.answered, resumed.failed) == (len(before), 24 - len(before), 0)
    assert 14 <= len(before) <= 16
    after = lines_of(torn.folder)
    assert after[: len(before)] == before
    assert len(after) == len(scores(torn.folder)) == whole.answered == 24
    assert scores(torn.folder) == scores(plan.folder)
    assert not (torn.folder / "work").exists()


def test_an_error_is_written_down_as_an_error_and_asked_again(tmp_path: Path) -> None:
    data = made()
    knows, failing = perfect_reader(data).lines, {data.samples[0].questions[2].text}

    def reads(messages: list[BaseMessage]) -> Any:
        asked = str(messages[-1].text)
        return ModelRefused("Declined.") if any(text in asked for text in failing) else knows(messages)

    plan = RunPlan(data, (Setup("whole-history"),), tmp_path / "card", EvalModels(reader=ScriptedModel(lines=reads)))
    ran = run_plan(plan)
    assert (ran.answered, ran.failed) == (5, 1)
    (error,) = lines_of(tmp_path / "card", "errors.jsonl")
    assert (error["question"], error["step"], error["error"]) == (
        data.samples[0].questions[2].id,
        "read",
        "ModelRefused",
    )
    assert error["question"] not in {question for _, question in scores(tmp_path / "card")}
    failing.clear()
    again = run_plan(plan)
    assert (again.answered, again.already_answered, again.failed) == (1, 5, 0)
    assert len(lines_of(tmp_path / "card")) == 6


def test_when_nothing_is_answered_any_more_the_run_stops_and_says_so(tmp_path: Path) -> None:
    def refuses(messages: list[BaseMessage]) -> Any:
        return ModelRefused("Declined.")

    models = EvalModels(reader=ScriptedModel(lines=refuses))
    with pytest.raises(ModelUnavailable, match=f"{MAX_FAILURES_IN_A_ROW} questions failed.*Declined"):
        run_plan(RunPlan(made(30), (Setup("whole-history"),), tmp_path / "card", models, concurrency=1))
    assert len(lines_of(tmp_path / "card", "errors.jsonl")) == MAX_FAILURES_IN_A_ROW


def test_a_session_that_no_server_can_file_is_an_error_of_its_questions(tmp_path: Path) -> None:
    def is_down(messages: list[BaseMessage]) -> Any:
        return ModelUnavailable("Nobody answers.")

    models = EvalModels(memorizer_model=ScriptedModel(lines=is_down))
    ran = run_plan(RunPlan(made(), (Setup(curate=False),), tmp_path / "card", models))
    assert (ran.answered, ran.failed) == (0, 6)
    assert {line["step"] for line in lines_of(tmp_path / "card", "errors.jsonl")} == {"prepare"}


def test_memos_that_rules_wrote_in_a_models_place_are_counted_in_the_card(tmp_path: Path) -> None:
    def refuses(messages: list[BaseMessage]) -> Any:
        return ModelRefused("Declined.")

    models = EvalModels(memorizer_model=ScriptedModel(lines=refuses))
    plan = RunPlan(made(), (Setup(curate=False),), tmp_path / "card", models)
    begin_card(plan)
    assert run_plan(plan).failed == 0
    failures = [one for line in lines_of(tmp_path / "card", "offline.jsonl") for one in line["failures"]]
    assert {one["step"] for one in failures} == {"memorize"}
    replaced = f"While filing, rules answered {len(failures)} times in the model's place."
    (one,) = write_report(tmp_path / "card")["setups"].values()
    assert one["replaced"] == len(failures)
    assert replaced in (tmp_path / "card" / "report.md").read_text(encoding="utf-8")


def test_a_run_stops_when_its_money_is_spent_and_goes_on_with_more(tmp_path: Path) -> None:
    data = made()
    models = EvalModels(reader=perfect_reader(data))

    def plan(limit: float) -> RunPlan:
        prices = Prices.parse(["a reader that knows=1000/0"], limit)  # dollars for a million tokens in
        return RunPlan(data, (Setup("whole-history"),), tmp_path / "card", models, concurrency=1, prices=prices)

    with pytest.raises(CostLimitReached, match="spent of"):
        run_plan(plan(limit=3.0))
    first = lines_of(tmp_path / "card")
    assert 0 < len(first) < 6
    assert sum(line["dollars"] for line in first) >= 3.0 > sum(line["dollars"] for line in first[:-1])
    assert run_plan(plan(limit=1000.0)).failed == 0
    assert len(lines_of(tmp_path / "card")) == 6


def test_a_model_without_a_price_is_not_free(tmp_path: Path) -> None:
    data = made(1)
    priced = Prices.parse(["gpt-4.1-mini=0.40/1.60"], 5.0)
    models = EvalModels(reader=perfect_reader(data))
    with pytest.raises(BadInput, match="has no price"):
        run_plan(RunPlan(data, (Setup("whole-history"),), tmp_path / "a", models, prices=priced))
    run_plan(RunPlan(data, (Setup("whole-history"),), tmp_path / "b", models))
    assert [line["dollars"] for line in lines_of(tmp_path / "b")] == [None]
    with pytest.raises(BadInput, match="IN/OUT"):
        Prices.parse(["gpt=cheap"])


def test_a_line_without_an_end_is_cut_off_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": 1}\n{"b": "' + "x" * 200_000, encoding="utf-8")
    assert list(read_log(path)) == [{"a": 1}]
    with JsonlLog(path) as lines:
        lines.append({"c": 3})
    assert list(read_log(path)) == [{"a": 1}, {"c": 3}]
    path.write_text("no JSON\n", encoding="utf-8")
    with pytest.raises(BadInput, match="line 1"):
        list(read_log(path))


def test_questions_that_could_not_be_told_apart_are_refused(tmp_path: Path) -> None:
    data = made(1)
    sample = data.samples[0]
    twice = DataSet("small", data.kind, (Sample("s", sample.sessions, sample.questions * 2),), data.source)
    with pytest.raises(BadInput, match="Twice the same"):
        run_plan(RunPlan(twice, (Setup("recall"),), tmp_path / "card"))


# -- presets and ablations -------------------------------------------------------------------------------------


def test_the_ablations_vary_what_the_papers_vary_and_nothing_else() -> None:
    start = Setup(depth=3)
    tools = eval_presets.ablation_setups(["tools"], start)
    assert sorted(len(one.tools or ()) for one in tools) == [1, 1, 1, 2, 2, 2, 3]
    assert [one.depth for one in eval_presets.ablation_setups(["depth"], start)] == [1, 2, 3, 4, 5]
    assert [one.pages for one in eval_presets.ablation_setups(["pages"], start)] == [3, 5, 10, 15, 20]
    assert {one.depth for one in tools} == {3}
    assert len(eval_presets.ablation_setups(list(eval_presets.ABLATIONS), start)) == len(
        {one.name for name in eval_presets.ABLATIONS for one in eval_presets.ablation_setups([name], start)}
    )


def test_a_grid_crosses_what_is_varied_and_leaves_out_what_a_system_does_not_know() -> None:
    crossed = eval_presets.setup_grid(Setup(), {"system": ["research", "recall"], "depth": [1, 3]})
    assert [one.name for one in crossed] == ["research depth=1", "research depth=3", "recall depth=1", "recall depth=3"]
    assert {restrict_setup(one).name for one in crossed} == {"research depth=1", "research depth=3", "recall"}
    with pytest.raises(BadInput, match="no such part"):
        eval_presets.setup_grid(Setup(), {"depht": [1]})


def test_every_preset_that_quotes_a_paper_names_it() -> None:
    for one in eval_presets.PRESETS.values():
        assert bool(one.figures) == bool(one.source)
        assert not one.figures or "arXiv:" in one.source
    gam = eval_presets.get_preset("gam").setup
    assert (gam.page_tokens, gam.depth, gam.pages) == (2048, 3, 5)


# -- the gate --------------------------------------------------------------------------------------------------


def test_the_gate_sees_a_planted_loss_and_no_loss_where_there_is_none() -> None:
    name, data = "research, one round", made(36)
    whole = measure_small(names=[name], data=data)
    crippled = measure_small(tools=["page_id"], names=[name], data=data)  # neither words nor vectors are searched
    assert [one.is_regression for one in compare_with_baseline(whole, whole).values()] == [False]
    crippling = compare_with_baseline(crippled, whole)
    assert [one.is_regression for one in crippling.values()] == [True]
    assert crippling[name].high < 0
    with pytest.raises(typer.Exit) as ended:  # what CI sees
        print_differences(crippling, 1.0)
    assert ended.value.exit_code == 1
    print_differences(compare_with_baseline(whole, whole), 1.0)
    few = {name: dict(list(whole[name].items())[1:])}
    with pytest.raises(BadInput, match="other setups or questions"):
        compare_with_baseline(few, whole)


def test_one_lost_question_is_noise_to_the_gate_and_ten_are_not() -> None:
    before = {"s": {("a", str(number)): 1.0 for number in range(150)}}
    one = compare_with_baseline({"s": {**before["s"], ("a", "3"): 0.0}}, before)["s"]
    lost = {("a", str(number)): 0.0 for number in range(10)}
    ten = compare_with_baseline({"s": {**before["s"], **lost}}, before)["s"]
    assert (one.is_regression, ten.is_regression) == (False, True)


def test_the_baseline_in_the_repository_is_of_the_data_in_the_repository() -> None:
    kept = read_baseline()
    data = small_data.small_data()
    asked = {
        (sample.name, question.id) for sample in data.samples for question in sample.questions if question.evidence
    }
    assert all(set(own) == asked for own in kept.values())


def test_the_small_data_has_its_evidence_word_for_word() -> None:
    for sample in small_data.small_data().samples:
        said = "\n".join(
            session.text or "\n".join(text for _, text in session.turns or ()) for session in sample.sessions
        )
        assert all(gold in said for question in sample.questions for gold in question.evidence)
        assert len({question.text for question in sample.questions}) == len(sample.questions)


def test_a_mean_tells_its_standard_error() -> None:
    assert mean_with_error([1.0, 0.0, 1.0, 0.0]) == {"mean": 0.5, "n": 4, "se": pytest.approx(0.288675)}
    assert mean_with_error([1.0])["se"] is None


# -- the command -----------------------------------------------------------------------------------------------


def command(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["eval", *(str(one) for one in arguments)])


@pytest.fixture
def locomo(tmp_path: Path) -> Path:
    """Two conversations in LoCoMo's layout."""
    rows = []
    for sample in small_data.small_data().samples[1:3]:
        talk: dict[str, Any] = {"speaker_a": "Ana", "speaker_b": "Ivo"}
        places: dict[str, str] = {}
        for number, session in enumerate(sample.sessions[:6], start=1):
            turns = [
                {"speaker": speaker, "dia_id": f"D{number}:{at}", "text": text}
                for at, (speaker, text) in enumerate(session.turns or (), start=1)
            ]
            places |= {turn["text"]: turn["dia_id"] for turn in turns}
            talk |= {f"session_{number}": turns, f"session_{number}_date_time": f"1:56 pm on {number} May, 2023"}
        asked = [question for question in sample.questions if all(gold in places for gold in question.evidence)]
        qa = [
            {
                "question": question.text,
                "answer": question.answer,
                "category": 4 if len(question.evidence) == 1 else 1,
                "evidence": [places[gold] for gold in question.evidence],
            }
            for question in asked
        ]
        rows.append({"sample_id": sample.name, "conversation": talk, "qa": qa})
    path = tmp_path / "locomo10.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_one_command_makes_a_card_and_the_same_command_finds_it_made(
    tmp_path: Path, locomo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = command("locomo", "--data", locomo, "--vary", "system=recall,rag-bm25", "--no-plots", "--limit", 8)
    assert first.exit_code == 0, first.output
    assert "evidence_recall" in first.stdout
    assert "bench-locomo" in first.stdout
    assert {file.name for file in Path("bench-locomo").iterdir() if file.name != ".lock"} == {
        *("config.json", "answers.jsonl", "errors.jsonl", "offline.jsonl", "scores.json", "report.md", "prompts"),
    }
    started = time.time()
    again = command(
        "locomo", "--data", locomo, "--vary", "system=recall,rag-bm25", "--no-plots", "--limit", 8, "--json"
    )
    assert json.loads(again.stdout)["answered"] == 16
    assert Path("bench-locomo/answers.jsonl").stat().st_mtime < started
    other = command("locomo", "--data", locomo, "--vary", "system=recall", "--no-plots")
    assert other.exit_code == 2
    assert "another run" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["locomo"], "github.com/snap-research/locomo"),
        (["locomo", "--data", "nowhere.json"], "github.com/snap-research/locomo"),
        (["locom"], "There is no data set 'locom'"),
        (["locomo", "--data", "{data}", "--vary", "depth=deep"], "--vary depth takes numbers"),
        (["locomo", "--data", "{data}", "--vary", "system=elephant"], "There is no system 'elephant'"),
        (["locomo", "--data", "{data}", "--preset", "elephant"], "There is no preset 'elephant'"),
        (["locomo", "--data", "{data}", "--ablation", "elephant"], "There is no ablation 'elephant'"),
        (["locomo", "--data", "{data}", "--vary", "curate=maybe"], "on, off"),
        (["locomo", "--data", "{data}", "--vary", "tools=elephant"], "no search of this name"),
        (["locomo", "--data", "{data}", "--max-cost", "1"], "needs the models' prices"),
        (
            ["locomo", "--data", "{data}", "--vary", "system=recall", "--reader", "itself"],
            "recall has no answer of its own",
        ),
        (["locomo", "--data", "{data}", "--vary", "speed=1"], "--vary is NAME=A,B with a name of tools, system"),
        (["compare", "here", "there"], "no bench card"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_would_be_right(
    arguments: list[str], said: str, locomo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command(*(str(locomo) if one == "{data}" else one for one in arguments))
    assert (ended.exit_code, said in " ".join(ended.stderr.split())) == (2, True), ended.stderr


def test_a_question_with_an_error_makes_the_command_end_with_1(
    tmp_path: Path, locomo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.delenv("JITMEM_MODEL", raising=False)
    ended = command(
        *("locomo", "--data", locomo, "--vary", "system=rag-bm25", "--limit", 2, "--reader", "openai:none"),
        *("--set", "timeout_s=0.2", "--no-plots"),
    )
    assert ended.exit_code == 1
    assert "2 questions ended in an error" in ended.stdout
    assert "| read | ModelUnavailable | 2 |" in Path("bench-locomo/report.md").read_text(encoding="utf-8")


def test_the_sources_say_where_each_data_set_is() -> None:
    told = command("sources")
    assert told.exit_code == 0
    assert "https://github.com/snap-research/locomo" in told.stdout
    assert "CC BY-NC 4.0" in told.stdout


def test_models_behind_a_server_are_asked_counted_and_priced(
    tmp_path: Path, locomo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ModelServer() as server:
        ended = command(
            *(
                "locomo",
                "--data",
                locomo,
                "--limit",
                3,
                "--vary",
                "depth=1",
                "--vary",
                "curate=off",
                "--no-plots",
                "--json",
            ),
            *("--model", "openai:thinks", "--reader", "openai:reads", "--judge", "openai:judges"),
            *("--base-url", server.base_url, "--price", "thinks=1/2", "--price", "reads=3/4", "--price", "judges=5/6"),
        )
    (own,) = json.loads(ended.stdout)["setups"].values()
    assert (own["answered"], own["errors"]) == (3, 0)
    assert own["offline"]["calls"] > 0
    assert own["offline"]["dollars"] > 0
    assert [own["online"][who]["calls"] > 0 for who in ("system", "reader", "judge")] == [True] * 3
    lines = lines_of(Path("bench-locomo"))
    dollars = sum(
        (step["prompt_tokens"] * price[0] + step["completion_tokens"] * price[1]) / 1e6
        for line in lines
        for steps, price in (
            (line["answer"]["usage"]["steps"], (1, 2)),
            (line["answer"]["reader_usage"]["steps"], (3, 4)),
            (line["judge_usage"], (5, 6)),
        )
        for step in steps
    )
    assert own["online"]["dollars"] == pytest.approx(dollars)
    prompts = {file.name for file in Path("bench-locomo/prompts").iterdir()}
    assert {"reader.md", "judge.md", "plan.md", "memorize.md"} <= prompts
