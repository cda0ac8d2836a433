"""`jitmem model check` against real HTTP: a good server, one that knows plain words alone, one that ignores all, none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from model_server import ModelServer
from typer.testing import CliRunner, Result

from jitmem import ModelUnavailable
from jitmem.cli.app import app
from jitmem.model_check import _QUESTIONS, StepCheck, check_model
from jitmem.nodes.steps import STEPS

Check = Callable[..., Result]
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def server(running: ModelServer) -> ModelServer:
    """It knows that the bank of reflect's question is not known."""
    running.reset()
    running.fail("not_enough", times=None, step="reflect")
    return running


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command in an empty folder, without settings and without a key."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JITMEM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return lambda *words: CliRunner().invoke(app, ["model", "check", *words])


def verdicts(checks: Sequence[StepCheck]) -> dict[str, str]:
    return {check.step: check.verdict for check in checks}


def only_wrong(server: ModelServer, step: str) -> StepCheck:
    """The check of this step, the only one that is not right."""
    [found] = [one for one in check_model("openai:test", base_url=server.base_url) if one.verdict != "right"]
    assert (found.step, found.verdict) == (step, "wrong")
    assert found.advice
    return found


def test_every_step_of_the_registry_has_a_question_and_an_advice() -> None:
    assert list(_QUESTIONS) == list(STEPS)
    assert all(question.advice.endswith(".") for question in _QUESTIONS.values())


def test_a_good_server_is_right_in_every_step(server: ModelServer, check: Check, tmp_path: Path) -> None:
    result = check("--model", "openai:test", "--base-url", server.base_url)
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.split("\n\n")[0].splitlines()
    assert head.split() == ["step", "form", "calls", "seconds", "tokens", "in", "out", "cached", "verdict"]
    assert [row.split()[0] for row in rows] == list(STEPS)
    assert {row.split()[-1] for row in rows} == {"right"}
    assert "7 of 7 steps are right" in result.stdout
    assert list(tmp_path.iterdir()) == []  # the person's own memory is neither made nor touched


def test_each_step_asks_the_model_once_and_its_cost_is_named(server: ModelServer) -> None:
    seen: list[str] = []
    checks = check_model("openai:test", base_url=server.base_url, on_step=seen.append)
    assert seen == list(STEPS) == [request["step"] for request in server.requests()]
    assert {one.form for one in checks} == {"bounded_schema"}
    assert all(one.calls == 1 and one.completion_tokens > 0 and one.seconds > 0 for one in checks)
    assert [one.prompt_tokens for one in checks] == [request["prompt_tokens"] for request in server.requests()]
    for one in checks:
        STEPS[one.step].answer.model_validate(one.answer)


def test_a_server_that_knows_plain_words_alone_is_right_too(server: ModelServer, check: Check) -> None:
    server.forgive()
    for fault in ("no_json_schema", "no_json_object", "no_tools"):
        server.fail(fault, times=None)
    server.fail("not_enough", times=None, step="reflect")
    result = check("--model", "openai:test", "--base-url", server.base_url, "--json")
    steps = json.loads(result.stdout)["steps"]
    assert {one["step"]: (one["form"], one["verdict"]) for one in steps} == dict.fromkeys(STEPS, ("prompt", "right"))
    assert result.exit_code == 0


def test_a_server_that_ignores_the_form_fails_with_an_advice_for_each_step(server: ModelServer, check: Check) -> None:
    server.forgive()
    server.fail("not_json", times=None)
    result = check("--model", "openai:test", "--base-url", server.base_url)
    assert result.exit_code == 1
    assert "0 of 7 steps are right" in result.stdout
    assert result.stdout.count("  → ") == 7
    assert "MemorizeOptions(curate=False)" in result.stdout
    assert (
        result.stdout.count("--set on_model_failure=rules") == 6
    )  # to a server that ignores tools, curate is a wrong answer


def test_a_model_that_cites_what_stands_nowhere_is_wrong(server: ModelServer) -> None:
    server.fail("false_quote", times=None, step="integrate")
    assert only_wrong(server, "integrate").problem == "No statement with a checked citation says the price."


def test_a_model_for_which_everything_is_enough_is_wrong(server: ModelServer) -> None:
    server.forgive()
    assert only_wrong(server, "reflect").problem == "The bank is not known; enough is true."


def test_a_model_for_which_nothing_is_enough_is_wrong(server: ModelServer) -> None:
    server.fail("not_enough", times=None, step="conclude")
    assert only_wrong(server, "conclude").problem == "The price is known; enough is false."


def test_a_repair_is_counted_and_right(server: ModelServer) -> None:
    server.fail("wrong_types", step="memorize")
    first = check_model("openai:test", base_url=server.base_url)[0]
    assert (first.step, first.verdict, first.calls) == ("memorize", "right", 2)


def test_a_step_whose_server_fails_is_named_and_the_others_are_checked(server: ModelServer) -> None:
    server.fail("refusal", times=None, step="memorize")
    server.fail("unauthorized", times=None, step="plan")
    server.fail("context_length", times=None, step="answer", limit=10)
    checks = {one.step: one for one in check_model("openai:test", base_url=server.base_url)}
    failed = {name: one.advice for name, one in checks.items() if one.verdict == "failed"}
    assert list(failed) == ["memorize", "plan", "answer"]
    assert "declined" in checks["memorize"].problem
    assert "--set timeout_s" in failed["plan"]
    assert "context window" in failed["answer"]


def test_a_server_that_cannot_be_reached_is_one_clear_error(check: Check) -> None:
    result = check("--model", "openai:test", "--base-url", NOBODY)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert "No step was checked: is the server running, and its address (base_url) right?" in line
    with pytest.raises(ModelUnavailable, match="Connection error"):
        check_model("openai:test", base_url=NOBODY, timeout_s=0.2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--model openai:NAME"),
        (("--model", "small"), "is not a model"),
        (("--model", "openai:small", "--base-url", "localhost:8080"), "http://localhost:8080"),
    ],
)
def test_bad_input_is_exit_code_2_and_says_what_is_right(check: Check, words: tuple[str, ...], said: str) -> None:
    result = check(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_the_help_shows_examples_and_exit_codes(check: Check) -> None:
    shown = check("--help").stdout
    assert "jitmem model check --model openai:" in shown
    assert "Exit codes: 0 every step is right" in shown


def test_an_interrupt_ends_it_at_once_and_leaves_no_folder(server: ModelServer, tmp_path: Path) -> None:
    server.fail("hang", times=None)
    # Where these tests run in the background of a shell, an interrupt is ignored by every child.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; from jitmem.cli import main; main()", "model", "check"]
    child = subprocess.Popen(
        [*command, "--model", "openai:test", "--base-url", server.base_url],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if server.requests():
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, errors = child.communicate(timeout=60)
    assert time.monotonic() - started < 10
    assert (child.returncode, out, errors) == (130, "", "jitmem: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_the_suite_for_real_servers_holds_against_the_test_server(tmp_path: Path) -> None:
    suite = Path(__file__).with_name("test_real_model.py")
    with ModelServer.apart(latency_s=0.5) as server:
        server.fail("context_length", times=None, limit=40_000)
        environment = {**os.environ, "MODEL": "openai:test", "BASE_URL": server.base_url}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rs", str(suite)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
