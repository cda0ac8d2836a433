"""The command line as its users meet it: real files, real pipes, real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from jitmem import Memory, ModelOptions, __version__
from jitmem.cli.app import app
from jitmem.cli.research_details import show_round
from jitmem.cli.terminal import _event_text
from jitmem.readers.reader_table import FORMATS
from jitmem.sample_history import sample_questions, sample_sessions
from jitmem.testing import ScriptedModel

Run = Callable[..., Result]

JITMEM = [sys.executable, "-c", "from jitmem.cli import main; main()"]
VAN = "Ana: The van is [bold]green[/bold], licence plate [47-QF-19] :smile:, and Norberto sold it."
JOB = "Ana: Since Monday I work at the harbour office in Viana, second floor, with a view of the cranes."


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, in an empty folder; its memory is ./memory."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("JITMEM_"):
            monkeypatch.delenv(name)
    return lambda *arguments, input=None: CliRunner().invoke(app, [str(one) for one in arguments], input=input)


@pytest.fixture
def filled(run: Run, tmp_path: Path) -> Run:
    """The same, with two sessions in ./memory, from the folder ./notes."""
    (tmp_path / "notes" / "trip").mkdir(parents=True)
    (tmp_path / "notes" / "job.md").write_text(f"---\ntime: 2025-03-01 10:00\n---\n{JOB}\n", encoding="utf-8")
    (tmp_path / "notes" / "trip" / "van.txt").write_text(VAN, encoding="utf-8")
    assert run("memorize", "notes").exit_code == 0
    return run


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [*JITMEM, *(str(one) for one in arguments)]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", **options)


def lines(text: str) -> list[str]:
    return text.splitlines()


def kept(folder: Path = Path("memory")) -> dict[str, str]:
    """The text of every page by its session; fails if a session has two."""
    with Memory.open(folder, create=False) as memory:
        pages = memory.pages()
    assert len({page.session_id for page in pages}) == len(pages)
    return {page.session_id: page.text for page in pages}


# -- memorize ----------------------------------------------------------------------------------------------


def test_a_folder_is_kept_under_relative_paths_and_the_report_counts(filled: Run) -> None:
    assert kept() == {"job": JOB + "\n", "trip/van": VAN}
    again = filled("memorize", "notes")
    assert again.exit_code == 0
    assert re.fullmatch(r"Filed 0 sessions: 0 pages from 2 files in \d+\.\d s\.", lines(again.stdout)[0])
    assert lines(again.stdout)[1:] == ["2 sessions known already.", "Memory: memory (namespace default)"]


def test_several_paths_and_standard_input_are_kept_in_one_run(run: Run) -> None:
    Path("a.txt").write_text("First.")
    Path("b.jsonl").write_text('{"text": "Second.", "id": "two"}\n{"text": "Third.", "id": "three"}\n')
    result = run("memorize", "a.txt", "b.jsonl", "-", input="Fourth, from a pipe.\n")
    assert lines(result.stdout)[0].startswith("Filed 4 sessions: 4 pages from 3 files in ")
    assert sorted(kept().values()) == ["First.", "Fourth, from a pipe.\n", "Second.", "Third."]


def test_time_and_session_are_those_of_the_one_session(run: Run) -> None:
    run("memorize", "-", "--time", "1:56 pm on 8 May, 2023", "--session", "standup", input="We met.")
    [page] = json.loads(run("pages", "--json").stdout)
    assert (page["session_id"], page["time"], page["text"]) == ("standup", "2023-05-08T13:56:00", "We met.")


def test_time_and_session_replace_what_the_file_says(run: Run) -> None:
    Path("a.md").write_text("---\nid: x\ntime: 2023-05-01\nmood: good\n---\nText")
    run("memorize", "a.md", "--time", "2024-06-01", "--session", "y")
    [page] = json.loads(run("pages", "--json").stdout)
    assert (page["session_id"], page["time"], page["text"]) == ("y", "2024-06-01T00:00:00", "Text")


def test_two_files_that_would_share_an_id_are_reported_and_the_first_is_kept(run: Run) -> None:
    Path("a.md").write_text("A")
    Path("a.txt").write_text("B")
    result = run("memorize", ".")
    assert (result.exit_code, len(lines(result.stderr))) == (1, 1)
    assert "a.txt: " in result.stderr
    assert [page["text"] for page in json.loads(run("pages", "--json").stdout)] == ["A"]


def test_time_for_two_sessions_is_refused_and_nothing_is_made(run: Run) -> None:
    Path("a.txt").write_text("First.")
    Path("b.txt").write_text("Second.")
    result = run("memorize", "a.txt", "b.txt", "--time", "2023-05-08")
    assert (result.exit_code, len(lines(result.stderr))) == (2, 1)
    assert "are for one session, and these are 2" in result.stderr
    assert not Path("memory").exists()


def test_a_bad_file_is_one_line_and_the_others_are_kept(run: Run) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text("Good.")
    Path("in/b.txt").write_bytes(b"\xff\xfe\x00binary\x00\xd8")
    Path("in/c.jsonl").write_text('{"text": "Line."}\n' * 6 + "{oops\n")
    Path("in/d.txt").write_text("Also good.")
    result = run("memorize", "in")
    assert result.exit_code == 1
    assert [line.partition(": ")[2].partition(":")[0] for line in lines(result.stderr)] == ["b.txt", "c.jsonl, line 7"]
    assert kept() == {"a": "Good.", "d": "Also good."}


def test_a_session_that_changed_is_refused_and_the_rest_is_kept(filled: Run) -> None:
    Path("notes/job.md").write_text("Ana: I changed my mind.")
    Path("notes/new.md").write_text("Ana: Something else.")
    result = filled("memorize", "notes")
    assert result.exit_code == 1
    assert lines(result.stderr) == [
        "jitmem: job.md: Session 'job' is already in memory with other content. Nothing was changed: file it as its new version"
        " (jitmem memorize --update, memorize_many(update=True)), or give it another id."
    ]
    assert kept() == {"job": JOB + "\n", "trip/van": VAN, "new": "Ana: Something else."}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.txt", None, "cannot be read (No such file or directory)"),
        ("blob.txt", b"\x80\x81", "not text"),
        ("empty.md", b" \n", "is empty"),
        ("bad.json", b"{", "not valid JSON"),
        ("lines.jsonl", b'{"text": "Line."}\n' * 6 + b"{oops\n", "line 7"),
    ],
)
def test_input_that_cannot_be_read_makes_no_memory(run: Run, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    result = run("memorize", name)
    assert (result.exit_code, result.stdout, len(lines(result.stderr))) == (2, "", 1)
    assert result.stderr.startswith(f"jitmem: {name}")
    assert said in result.stderr
    assert not Path("memory").exists()


def test_a_folder_without_sessions_is_refused(run: Run) -> None:
    Path("pictures").mkdir()
    Path("pictures/cat.png").write_bytes(b"\x89PNG")
    result = run("memorize", "pictures")
    assert (result.exit_code, "no session file in this folder" in result.stderr) == (2, True)


def test_an_unknown_format_is_refused(run: Run) -> None:
    Path("a.txt").write_text("First.")
    result = run("memorize", "a.txt", "--format", "pdf")
    assert result.exit_code == 2
    assert lines(result.stderr) == ["jitmem: unknown format 'pdf'; `jitmem formats` lists them: " + ", ".join(FORMATS)]


def test_after_a_kill_the_same_command_files_everything_once(run: Run, tmp_path: Path) -> None:
    sessions = {f"s{n}": f"Ana: This is note {n}, and the number of the day is {n * 7}." for n in range(400)}
    rows = [json.dumps({"id": name, "text": text}) for name, text in sessions.items()]
    Path("many.jsonl").write_text("\n".join(rows))
    with start("memorize", "many.jsonl", cwd=tmp_path) as first:
        while filed_in(tmp_path) < 10:
            assert first.poll() is None, first.communicate()
            time.sleep(0.005)
        first.kill()
        first.wait()
    filed = filed_in(tmp_path)
    assert 10 <= filed < 400
    again = run("memorize", "many.jsonl")
    assert again.exit_code == 0
    assert f"and {400 - filed} that an interrupted run had left" in again.stdout
    assert f"{filed} sessions known already." in again.stdout
    assert kept() == sessions


_DONE = "SELECT (SELECT count(*) FROM page) - (SELECT count(*) FROM uncurated)"


def filed_in(folder: Path) -> int:
    """How many pages in the truth are done, without waiting for the process that writes it."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{folder}/memory/truth.sqlite3?mode=ro", uri=True) as db:
            return int(db.execute(_DONE).fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


# -- research and recall -----------------------------------------------------------------------------------


def test_research_shows_the_context_where_it_stands_and_why_it_stopped(filled: Run) -> None:
    result = filled("research", "Where does Ana work?", "--depth", "1")
    assert result.exit_code == 0
    assert JOB in result.stdout
    assert re.search(r"^\[1\] +\w{12}  1 March 2025 10:00  job$", result.stdout, re.M)
    assert re.search(r"^Stopped: \w+, after 1 round\.$", result.stdout, re.M)
    assert result.stderr == ""


def test_research_as_json_is_the_result_of_the_library(filled: Run) -> None:
    shown = json.loads(filled("research", "Where does Ana work?", "--json").stdout)
    with Memory.open("memory") as memory:
        made = json.loads(json.dumps(memory.research("Where does Ana work?").as_dict()))
    for result in (shown, made):
        del result["usage"]  # seconds
    assert shown == made


def test_the_trace_tells_what_every_round_searched_and_found(filled: Run) -> None:
    question = "What did Norberto sell?"
    [*_, result] = json.loads(filled("research", question, "--json").stdout)["rounds"]
    shown = filled("research", question, "--trace").stdout
    for query in result["queries"]:
        hits = f"{query['hits']} hit{'s' if query['hits'] != 1 else ''}"
        assert f"  {query['tool']:<10} {query['text']}  ({hits})" in lines(shown)
    assert f"Round 1: {question}" in lines(shown)


def test_the_trace_tells_what_was_dropped(filled: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = {"page_id": "000000000000", "quote": "words that stand in no session"}
    held = {**nowhere, "quote": "licence plate [47-QF-19] :smile:, and Norberto sold it"}
    statements = [
        {"text": "It was sold by Otto.", "sources": [held]},
        {"text": "Nobody sold it.", "sources": [nowhere]},
    ]
    plan = {"needs": [], "queries": [{"tool": "web_search", "text": "van"}]}
    model = ScriptedModel(lines={"plan": [plan], "conclude": [{"statements": statements, "enough": True}]})
    with Memory.open("memory", model=model) as memory:
        show_round(1, memory.research("What did Norberto sell?", effort="fast", depth=1).rounds[0])
    shown = lines(capsys.readouterr().out)
    assert [line for line in shown if "dropped" in line] == [
        "  dropped    planned searches that cannot be run: 1",
        "  dropped    1 citation that no page supports",
        "  dropped    1 statement that its quotes do not carry",
    ]


def test_the_options_of_research_reach_the_graph(filled: Run) -> None:
    options = ["--tools", "keyword", "--output", "pages", "--pages", "1", "--context-tokens", "100", "--json"]
    result = json.loads(filled("research", "Where is the harbour office?", *options).stdout)
    assert {query["tool"] for one in result["rounds"] for query in one["queries"]} == {"keyword"}
    assert len(result["page_ids"]) == 1
    assert len(result["context"]) <= 400


@pytest.mark.parametrize(
    "options", [["--depth", "0"], ["--tools", "grep"], ["--tools", ""], ["--output", "poem"], ["--context-tokens", "1"]]
)
def test_a_wrong_option_of_research_is_named_in_one_line(filled: Run, options: list[str]) -> None:
    result = filled("research", "Where?", *options)
    assert (result.exit_code, result.stdout, len(lines(result.stderr))) == (2, "", 1)
    assert result.stderr.startswith(f"jitmem: {options[0].strip('-').replace('-', '_')}")


def test_a_question_without_a_word_is_refused(filled: Run) -> None:
    result = filled("research", "  ")
    assert (result.exit_code, result.stderr) == (2, "jitmem: A question is a text with at least one word.\n")


def test_recall_shows_the_best_passages_with_their_brackets(filled: Run) -> None:
    assert VAN in lines(filled("recall", "licence plate", "-k", "1").stdout)
    [hit] = json.loads(filled("recall", "licence plate", "-k", "1", "--json").stdout)
    assert hit["text"] == VAN


# -- pages, stats, graph -----------------------------------------------------------------------------------


def test_pages_are_listed_with_time_session_and_memo(filled: Run) -> None:
    head, *rows = lines(filled("pages").stdout)
    assert head.split() == ["page", "time", "session", "memo"]
    assert [row.split()[1:4] for row in rows] == [["2025-03-01", "10:00", "job"], ["-", "trip/van", "Ana:"]]
    assert "[bold]green[/bold], licence plate [47-QF-19] :smile:" in rows[1]
    assert len(lines(filled("pages", "--limit", "1").stdout)) == 2
    assert len(json.loads(filled("pages", "--session", "job", "--json").stdout)) == 1


def test_a_page_is_shown_word_for_word(filled: Run) -> None:
    [page] = json.loads(filled("pages", "--session", "trip/van", "--json").stdout)
    shown = filled("pages", page["id"]).stdout
    assert shown.endswith(f"\n\n{VAN}\n")
    assert page["header"] in lines(shown)
    assert json.loads(filled("pages", page["id"], "--json").stdout) == page


def test_an_unknown_page_is_an_error(filled: Run) -> None:
    result = filled("pages", "nope")
    assert (result.exit_code, result.stderr) == (1, "jitmem: No page 'nope'; this memory holds 2 pages.\n")


def test_stats_count_what_is_kept_in_the_namespace(filled: Run) -> None:
    result = json.loads(filled("stats", "--json").stdout)
    assert {name: result[name] for name in ("memory", "namespace", "sessions", "waiting", "pages")} == {
        "memory": "memory",
        "namespace": "default",
        "sessions": 2,
        "waiting": 0,
        "pages": 2,
    }
    assert re.search(r"^  pages +2$", filled("stats").stdout, re.M)
    assert json.loads(filled("stats", "--json", "--namespace", "other").stdout)["sessions"] == 0


def test_the_graphs_are_drawn_without_a_memory(run: Run) -> None:
    both = run("graph").stdout
    assert both.count("```mermaid") == 2
    assert "integrate --> reflect" in run("graph", "researcher").stdout
    assert "search_keyword" not in run("graph", "memorizer").stdout
    assert run("graph", "frob").exit_code == 2
    assert not Path("memory").exists()


# -- what holds for every command --------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["stats"], ["pages"], ["recall", "x"], ["research", "x"]])
def test_reading_where_no_memory_is_says_what_to_do(run: Run, command: list[str]) -> None:
    result = run(*command, "--memory", "nowhere")
    assert result.exit_code == 1
    assert result.stderr == (
        "jitmem: There is no memory at nowhere; make one with: jitmem memorize FILE --memory nowhere\n"
    )
    assert not Path("nowhere").exists()


def test_a_file_is_no_memory(run: Run) -> None:
    Path("memory").write_text("mine")
    Path("a.txt").write_text("First.")
    result = run("memorize", "a.txt")
    assert (result.exit_code, len(lines(result.stderr))) == (1, 1)
    assert Path("memory").read_text() == "mine"


def test_memory_and_namespace_may_come_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JITMEM_MEMORY", "elsewhere")
    monkeypatch.setenv("JITMEM_NAMESPACE", "ana")
    assert run("memorize", "-", input="Hello.").exit_code == 0
    assert json.loads(run("stats", "--json").stdout)["namespace"] == "ana"
    assert Path("elsewhere").is_dir()


def test_models_and_servers_reach_the_memory_by_option_or_environment(
    filled: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    opened = Memory.open

    def note(path: Path, namespace: str, **options: Any) -> Memory:
        given.update(options, namespace=namespace)
        return opened(path, create=False)

    monkeypatch.setattr(Memory, "open", note)
    monkeypatch.setenv("JITMEM_RESEARCHER_MODEL", "openai:large")
    monkeypatch.setenv("JITMEM_EMBEDDINGS_BASE_URL", "http://localhost:2/v1")
    monkeypatch.setenv("JITMEM_TIMEOUT", "7.5")
    monkeypatch.setenv("JITMEM_ON_MODEL_FAILURE", "rules")
    options = ["--embeddings", "openai:vectors", "--base-url=http://localhost:1/v1"]
    assert filled("research", "Where?", *options).exit_code == 0
    servers = {"embeddings_base_url": "http://localhost:2/v1", "timeout_s": 7.5}
    shared = {"namespace": "default", "create": False, "research_options": None}
    assert given == {
        **shared,
        "model": None,
        "embeddings": "openai:vectors",
        "base_url": "http://localhost:1/v1",
        "model_options": ModelOptions(researcher_model="openai:large", on_model_failure="rules", **servers),
    }
    assert filled("research", "Where?", "--model", "openai:small").exit_code == 0
    assert (given["model"], given["model_options"].researcher_model) == ("openai:small", None), "what is said counts"
    words = ["--set", "timeout_s=2", "--set", "trace_content=yes", "--set", "memorizer_model=openai:tiny"]
    assert filled("research", "Where?", "--model", "openai:small", *words).exit_code == 0
    of_run = {**servers, "timeout_s": 2.0, "trace_content": True, "memorizer_model": "openai:tiny"}
    assert given["model_options"] == ModelOptions(on_model_failure="rules", **of_run), "--set is said too"
    monkeypatch.setenv("JITMEM_MODEL", "openai:small")
    assert filled("recall", "Where?", *options).exit_code == 0
    assert (given["model"], given["embeddings"]) == (None, "openai:vectors"), "recall asks no chat model"
    assert filled("stats").exit_code == 0
    plain = {"model": None, "embeddings": None, "base_url": None}
    assert given == {**shared, **plain, "model_options": ModelOptions()}, "stats asks no model"


def test_options_of_all_commands_stand_before_or_after_the_command(filled: Run) -> None:
    assert filled("memorize", "notes", "--memory", "other", "--namespace=ana").exit_code == 0
    for arguments in (
        ["--memory", "other", "--namespace", "ana", "stats", "--json"],
        ["stats", "--memory=other", "--json", "--namespace", "ana"],
        ["--namespace", "ana", "stats", "--json", "--memory", "other"],
        ["--json", "--namespace", "ana", "stats", "--memory", "other"],
    ):
        shown = json.loads(filled(*arguments).stdout)
        assert (shown["memory"], shown["namespace"], shown["sessions"]) == ("other", "ana", 2)
    assert filled("insert", "--", "--memory").exit_code == 0
    assert json.loads(filled("items", "--json").stdout)[-1]["content"] == "--memory"
    assert "--memory needs a value" in filled("stats", "--memory").stderr
    assert (filled("stats", "--memory").exit_code, filled("stats", "--model", "openai:x").exit_code) == (2, 2)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["stats", "--model", "openai:x"], "--model goes after memorize, work, research"),
        (["--depth", "1", "research", "Where?"], "--depth goes after research."),
        (["research", "Where?", "--timeout", "7"], "research has --set timeout_s=VALUE."),
        (["--on-model-failure", "rules", "work"], "--set on_model_failure=VALUE goes after memorize, work"),
        (["eval", "sources", "--vary", "depth=1"], "--vary goes after eval run."),
        (["stats", "--jso"], "(Possible options: --json)"),
        (["research", "Where?", "--set", "prompt=a.md"], "prompts, on_model_failure, trace_content; got 'prompt'."),
        (["research", "Where?", "--budget", "calls"], "--budget is NAME=VALUE; got 'calls'."),
        (["ui", "--json"], "ui has no use for --json; leave it out."),
        (["eval", "sources", "--memory", "memory"], "sources has no use for --memory; leave it out."),
    ],
)
def test_the_error_of_an_unknown_option_says_where_it_goes(filled: Run, words: list[str], complaint: str) -> None:
    result = filled(*words)
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr


def test_the_budget_of_a_question_is_one_option(filled: Run) -> None:
    assert filled("research", "Where?", "--budget", "calls=0,tokens=1000,seconds=20.5").exit_code == 0
    spent = filled("research", "Where?", "--budget", "seconds=0")
    assert (spent.exit_code, "budget: Input should be greater than 0" in spent.stderr) == (2, True)


def test_every_command_that_ends_prints_json(filled: Run) -> None:
    def shown(*words: str) -> Any:
        return json.loads(filled(*words, "--json").stdout)

    Path("more.txt").write_text("Ana: The heater of the van works.")
    [session] = shown("memorize", "more.txt")["filed"]
    made = shown("insert", "Ana drinks tea.")
    assert shown("memorize", "more.txt")["known"] == 1
    assert shown("update", made["item"]["id"], "Ana drinks coffee.")["status"] == "applied"
    assert shown("delete", made["item"]["id"])["item"]["deleted"] is True
    assert shown("undo", str(made["change"] + 2))["item"]["content"] == "Ana drinks coffee."
    assert len(shown("history", made["item"]["id"])) == 4
    assert (shown("work", "--once")["sessions"], shown("purge")["status"]) == (0, "nothing found")
    assert shown("forget", "--session", session["session_id"], "--dry-run")["counts"]["pages"] == 1
    assert {"text", "whatsapp"} < {one["name"] for one in shown("formats")}
    assert (shown("namespaces"), shown("proposals"), shown("retention"), shown("share")) == (["default"], [], {}, [])
    assert {"memorizer", "researcher"} == shown("graph").keys()
    assert shown("graph", "researcher")["researcher"].startswith("---")
    assert (shown("doctor")["healthy"], shown("eval", "sources")["locomo"]["licence"] != "") == (True, True)


def all_commands(group: Any, name: str = "jitmem") -> dict[str, Any]:
    """Every command and group below, loaded."""
    found = {f"{name} {word}": group.load(word) for word in group.table} if hasattr(group, "table") else {}
    found |= {
        f"{name} {word}": made for word, made in getattr(group, "commands", {}).items() if f"{name} {word}" not in found
    }
    return found | {one: made for word, below in found.items() for one, made in all_commands(below, word).items()}


def test_the_list_of_commands_shows_the_summaries_of_their_docstrings() -> None:
    group: Any = get_command(app)
    lists = {"jitmem": group, "jitmem learn": group.load("learn")}
    for name, found in all_commands(group).items():
        above, _, word = name.rpartition(" ")
        if above in lists and not hasattr(found, "commands"):
            assert lists[above].commands[word].short_help == found.short_help, name


def test_every_event_of_a_research_has_a_status_line(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ana: I bake bread.")
        events = [one for one in memory.stream("What does Ana bake?") if one["event"] != "done"]
    assert "1 new passage; integrating" in [_event_text(one) for one in events]


def test_a_command_has_only_the_options_that_it_uses() -> None:
    commands = {name: found for name, found in all_commands(get_command(app)).items() if not hasattr(found, "commands")}
    options = {name: [one.name for one in command.params] for name, command in commands.items()}
    assert len(options) == 42
    assert sum(map(len, options.values())) <= 220
    asking = {name for name, command in commands.items() if "timeout_s" in command.settings}
    assert asking == {
        *(
            "jitmem memorize",
            "jitmem research",
            "jitmem recall",
            "jitmem import",
            "jitmem mcp",
            "jitmem demo",
            "jitmem work",
        ),
        *("jitmem serve", "jitmem ui"),
        *("jitmem eval run", "jitmem learn rollout", "jitmem learn prompts", "jitmem model check"),
    }
    assert all(not {"memory", "namespace", "json", "debug"} & {*names} for names in options.values())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("jitmem rec", "recall"),
        ("jitmem recall --js", "--json"),
        ("jitmem recall --mem", "--memory"),
        ("jitmem memorize --namespace an", "ana"),
        ("jitmem --mem", "--memory"),
        ("jitmem learn ro", "rollout"),
    ],
)
def test_bash_completes_commands_and_options(tmp_path: Path, words: str, offered: str) -> None:
    with Memory.open(tmp_path / "memory", namespace="ana") as memory:
        memory.items.insert("Ana drinks tea.")
    completing = {
        "_JITMEM_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    script = "import sys; sys.argv = ['jitmem']; from jitmem.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **completing}, cwd=tmp_path, capture_output=True, text=True
    )
    assert offered in done.stdout.split(), done.stderr


def test_the_completion_script_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    shown = run("--show-completion")
    assert (shown.exit_code, "complete -o default -F" in shown.stdout) == (0, True)


@pytest.mark.parametrize(
    "options",
    [
        ["--set", "timeout_s=0"],
        ["--set", "timeout_s=soon"],
        ["--set", "on_model_failure=ignore"],
        ["--set", "on_model_failure"],
        ["--set", "colour=blue"],
        ["--model", "small"],
        ["--model", "openai:small", "--base-url", "localhost:8000"],
        ["--embeddings", "openai:small", "--base-url", "localhost:8000"],
    ],
)
def test_a_wrong_option_about_models_ends_with_2(filled: Run, options: list[str]) -> None:
    assert filled("research", "Where?", *options).exit_code == 2


def test_a_dotenv_file_in_the_folder_is_read(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "memory").rename(tmp_path / "kept")
    (tmp_path / ".env").write_text("JITMEM_MEMORY=kept\n")
    with start("stats", "--json", cwd=tmp_path) as process:
        shown, complaint = process.communicate()
    assert (process.returncode, json.loads(shown)["pages"]) == (0, 2)
    assert complaint == f"jitmem: {tmp_path}/.env sets JITMEM_MEMORY\n"
    with start("stats", cwd=tmp_path, env={**os.environ, "JITMEM_MEMORY": "nowhere"}) as process:
        complaint = process.communicate()[1]
    assert "There is no memory at nowhere" in complaint


@pytest.mark.parametrize(("content", "line"), [(b"\xff\n", 1), (b"A=1\nnot a setting\n", 2)])
def test_a_broken_dotenv_file_is_one_line(run: Run, tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / ".env").write_bytes(content)
    with start("stats", cwd=tmp_path) as process:
        shown, complaint = process.communicate()
    assert (process.returncode, shown, len(lines(complaint))) == (2, "", 1)
    assert complaint.startswith(f"jitmem: {tmp_path}/.env, line {line}: ")


def test_an_unexpected_error_is_one_line_unless_debug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the roof is off")

    monkeypatch.setattr(Memory, "open", broken)
    result = run("stats")
    assert result.exit_code == 1
    assert result.stderr == "jitmem: RuntimeError: the roof is off (unexpected; --debug shows where)\n"
    assert isinstance(run("stats", "--debug").exception, RuntimeError)


def test_ctrl_c_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Memory, "open", interrupted)
    result = run("stats")
    assert (result.exit_code, result.stderr) == (130, "jitmem: interrupted\n")


def test_a_reader_that_leaves_early_is_no_error(filled: Run, tmp_path: Path) -> None:
    with start("pages", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_long_lines_stay_whole_and_plain_in_a_pipe(run: Run, tmp_path: Path) -> None:
    text = "Ana: " + " ".join(f"word{n}" for n in range(50))
    run("memorize", "-", input=text)
    with start("recall", "word7", cwd=tmp_path, env={**os.environ, "COLUMNS": "40"}) as process:
        shown, complaint = process.communicate()
    assert text in lines(shown)
    assert "\x1b" not in shown + complaint


def test_help_shows_examples_and_loads_no_heavy_package(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['jitmem', 'research', '--help']\n"
        "from jitmem.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in ('langgraph', 'chromadb', 'langchain_core') if name in sys.modules])\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert 'jitmem research "Where does Ana work now?"' in shown
    assert lines(shown)[-1] == "[]"


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"jitmem {__version__}\n"


@pytest.mark.parametrize("command", [["frob"], ["research"], ["stats", "--frob"], ["pages", "--limit", "0"]])
def test_wrong_usage_ends_with_2(run: Run, command: list[str]) -> None:
    assert run(*command).exit_code == 2


# -- the demo ----------------------------------------------------------------------------------------------


def test_the_demo_shows_a_second_round_and_what_is_not_in_memory(tmp_path: Path) -> None:
    with start("demo", "--memory", tmp_path / "a demo", cwd=tmp_path, env={**os.environ, "COLUMNS": "80"}) as process:
        shown, complaint = process.communicate()
    assert (process.returncode, complaint) == (0, "")
    words = " ".join(shown.split())  # a long question is wrapped
    for number, one in enumerate((one for one in sample_questions() if one.get("demo")), start=1):
        assert f"{number}/6 {one['question']}" in words
    assert "Memorized 32 sessions as 32 pages" in shown
    assert re.search(r"^round 2\n(?: +need .*\n)? +search +(?! |no new)", shown, re.M)
    assert re.search(r"^result +not in memory \(", shown, re.M)
    assert "\x1b" not in shown
    too_wide = [line for line in lines(shown) if len(line) > 80]
    assert all(line.startswith("  jitmem ") for line in too_wide), "only a command to copy may be longer"
    assert f"--memory '{tmp_path}/a demo'" in shown


def test_the_demo_runs_again_on_what_it_kept(run: Run) -> None:
    Path("notes").mkdir()
    with Memory.open("demo-memory") as memory:
        memory.memorize_many(sample_sessions())
    result = run("demo")
    assert result.exit_code == 0
    assert "Memorized 32 sessions (32 known already)" in result.stdout
    assert len(kept(Path("demo-memory"))) == 32


def test_the_demo_asks_questions_of_every_kind() -> None:
    kinds = [one["kind"] for one in sample_questions() if one.get("demo")]
    assert kinds == ["one_page", "several_pages", "date", "bridge", "bridge", "absent"]
