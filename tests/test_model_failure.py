"""What happens when a model fails: what is retried, shortened, asked otherwise, answered by rules, named, or raised."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from model_server import ModelServer

from jitmem import (
    BatchIncomplete,
    MemorizeOptions,
    Memory,
    ModelOptions,
    ModelRefused,
    ModelReplyError,
    ModelUnavailable,
    PromptTooLong,
    Session,
)
from jitmem.testing import ScriptedModel

QUESTION = "Where does Ana work now?"
TEXT = "Ana: I left the bank in May.\nBen: And now?\nAna: Now I bake bread at Moinho."
NEWS = Session(id="news", time="2024-06-01", text=TEXT)
TIMEOUT_S = 2.0  # where nobody answers; elsewhere a busy machine decides nothing
PATIENT_S = 120.0


@pytest.fixture
def server(running: ModelServer) -> ModelServer:
    running.reset()
    running.set(latency_s=0.0, rounds=1)
    return running


@pytest.fixture
def thinking(server: ModelServer, folder: Path) -> Iterator[Memory]:
    with opened(folder, server) as memory:
        memory.memorize(NEWS)
        server.reset()
        yield memory


def opened(folder: Path, server: ModelServer, **options: Any) -> Memory:
    named = {name: options.pop(name) for name in ("timeout_s", "on_model_failure") if name in options}
    return Memory.open(
        folder,
        model="openai:test",
        base_url=server.base_url,
        model_options=ModelOptions(**{"timeout_s": PATIENT_S, **named}),
        **{"memorize_options": MemorizeOptions(curate=False), **options},
    )


def rows(folder: Path, query: str) -> list[Any]:
    """Straight from the truth."""
    with sqlite3.connect(folder / "truth.sqlite3") as db:
        return db.execute(query).fetchall()


# -- what is met once is overcome ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    """rate_limit server_error unavailable cut refuse_connection garbage not_json truncated wrong_types think fences
    trailing_commas as_tool_call empty no_json_schema""".split(),
)
@pytest.mark.parametrize("step", ["plan", "integrate", "reflect"])
def test_a_fault_that_is_met_once_changes_nothing_for_the_caller(
    thinking: Memory, server: ModelServer, fault: str, step: str
) -> None:
    server.fail(fault, step=step)
    result = thinking.research(QUESTION)
    assert (result.stopped, result.failures) == ("enough", ())
    assert "Moinho" in result.context


def test_a_server_that_asks_for_time_is_given_it(thinking: Memory, server: ModelServer) -> None:
    server.fail("rate_limit", step="plan", retry_after=0.9)
    thinking.research(QUESTION)
    first, second = (request["at"] for request in server.requests() if request["step"] == "plan")
    assert second - first >= 0.9


def test_a_retry_is_counted_in_the_usage(thinking: Memory, server: ModelServer) -> None:
    server.fail("server_error", times=2, step="plan")
    usage = thinking.research(QUESTION).usage
    assert [(step["step"], step["calls"], step["retries"]) for step in usage.steps[:3]] == [
        ("plan", 0, 1),
        ("plan", 0, 1),
        ("plan", 1, 0),
    ]


def test_a_server_that_knows_no_json_schema_is_asked_in_json_mode_from_then_on(
    thinking: Memory, server: ModelServer
) -> None:
    server.fail("no_json_schema", times=None)
    assert thinking.research(QUESTION).stopped == "enough"
    forms = [request["body"]["response_format"]["type"] for request in server.requests()]
    assert forms == ["json_schema"] * 2 + ["json_object"] * 3
    server.reset()
    server.fail("no_json_schema", times=None)
    assert thinking.research(QUESTION).usage.calls == 3
    assert [request["fault"] for request in server.requests()] == [None, None, None]


def test_a_server_that_knows_neither_schema_nor_functions_is_asked_in_words(
    thinking: Memory, server: ModelServer
) -> None:
    server.fail("no_json_schema", times=None)
    server.fail("no_tools", times=None)
    assert thinking.research(QUESTION).stopped == "enough"


# -- evidence is shortened, citations are checked ------------------------------------------------------------


def test_a_prompt_that_is_too_long_is_sent_again_with_less_evidence(server: ModelServer, folder: Path) -> None:
    with opened(folder, server) as memory:
        for day in range(1, 29):
            line = f"Ana: I work at mill {day}, and it is far from home. "
            memory.memorize(Session(text=line * 9, id=f"s{day}", time=f"2024-06-{day:02}"))
        server.reset()
        server.fail("context_length", times=None, limit=2000)
        result = memory.research(QUESTION)
    assert (result.stopped, result.failures) == ("enough", ())
    sizes = [request["prompt_tokens"] for request in server.requests() if request["step"] == "integrate"]
    assert sizes[0] > 2000 >= sizes[-1]
    assert result.citations


def test_what_is_too_long_even_at_its_shortest_is_an_error_that_says_so(thinking: Memory, server: ModelServer) -> None:
    server.fail("context_length", times=None, limit=50)
    with pytest.raises(PromptTooLong, match="plan prompt of"):
        thinking.research(QUESTION)


@pytest.mark.parametrize("fault", ["unknown_page", "false_quote"])
def test_a_forged_source_is_dropped_and_counted(thinking: Memory, server: ModelServer, fault: str) -> None:
    server.fail(fault, times=None, step="integrate")
    result = thinking.research(QUESTION, depth=2, output="integration")
    assert result.rounds[0]["dropped_citations"] > 0
    assert result.rounds[0]["statements"] == []


def test_a_search_that_does_not_exist_is_dropped_and_counted(thinking: Memory, server: ModelServer) -> None:
    server.fail("unknown_tool", step="plan")
    result = thinking.research(QUESTION)
    assert (result.rounds[0]["dropped_queries"], result.stopped) == (1, "enough")


def test_the_text_false_is_not_enough(thinking: Memory, server: ModelServer) -> None:
    server.fail("enough_text", step="reflect")
    assert thinking.research(QUESTION, depth=2).rounds[0]["enough"] is False


# -- what lasts is raised, or degrades a round and is named --------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", ModelUnavailable),
        ("unauthorized", ModelUnavailable),
        ("no_model", ModelUnavailable),
        ("quota", ModelUnavailable),
        ("hang", ModelUnavailable),
        ("drip", ModelUnavailable),
        ("cut", ModelUnavailable),
        ("garbage", ModelUnavailable),
        ("refusal", ModelRefused),
        ("content_filter", ModelRefused),
        ("content_filter_400", ModelRefused),
        ("not_json", ModelReplyError),
        ("truncated", ModelReplyError),
        ("wrong_types", ModelReplyError),
        ("empty", ModelReplyError),
    ],
)
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_lasting_fault_is_an_error_named_by_who_can_act_and_within_the_timeout(
    thinking: Memory, folder: Path, server: ModelServer, fault: str, error: type[Exception], way: str
) -> None:
    server.fail(fault, times=None, step="plan")  # what hangs never ends by itself
    timeout_s = TIMEOUT_S if error is ModelUnavailable else PATIENT_S
    with opened(folder, server, timeout_s=timeout_s) as memory, pytest.raises(error):
        await memory.aresearch(QUESTION) if way == "async" else memory.research(QUESTION)


def test_a_key_that_is_not_accepted_is_not_tried_again_and_not_told(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None)
    with opened(folder, server) as memory, pytest.raises(ModelUnavailable, match="OPENAI_API_KEY") as caught:
        memory.memorize(NEWS)
    assert len(server.requests()) == 1
    assert "sk-" not in str(caught.value)


def test_a_reflection_that_fails_degrades_its_round_and_is_named(
    thinking: Memory, folder: Path, server: ModelServer
) -> None:
    server.fail("hang", times=None, step="reflect")
    with opened(folder, server, timeout_s=TIMEOUT_S) as memory:
        result = memory.research(QUESTION)
    assert (result.stopped, result.enough) == ("failure", False)
    assert [(failure["step"], failure["error"]) for failure in result.failures] == [("reflect", "ModelUnavailable")]
    assert "Moinho" in result.context
    assert "a model failed" in result.context


@pytest.mark.parametrize("step", ["plan", "integrate"])
def test_a_later_round_that_fails_leaves_what_the_earlier_ones_found(folder: Path, step: str) -> None:
    with Memory.open(folder) as memory:
        page_id = memory.memorize(NEWS).page_ids[0]
    plan = {"queries": [{"tool": "keyword", "text": "Ana bake"}]}
    source = {"page_id": page_id, "quote": "Now I bake bread at Moinho."}
    known = {"statements": [{"text": "Ana bakes at Moinho.", "sources": [source]}]}
    more = {"enough": False, "missing": ["since when"], "request": "Since when does Ana bake?"}
    down = ConnectionError("nobody there")
    lines: dict[str, list[Any]] = {"plan": [plan, plan], "integrate": [known], "reflect": [more]}
    lines[step] = [*lines[step][:1], *[down] * 5]
    with Memory.open(
        folder, model=ScriptedModel(lines=lines), model_options=ModelOptions(timeout_s=TIMEOUT_S)
    ) as memory:
        result = memory.research(QUESTION, output="integration")
    assert result.context.startswith("- (1 June 2024) Ana bakes at Moinho. [1]")
    assert (result.stopped, [failure["step"] for failure in result.failures]) == ("failure", [step])
    assert len(result.rounds) == 2


def test_an_answer_that_fails_leaves_the_context(thinking: Memory, server: ModelServer) -> None:
    server.fail("not_json", times=None, step="answer")
    result = thinking.research(QUESTION, answer=True)
    assert (result.answer, result.stopped) == ("", "enough")
    assert [failure["step"] for failure in result.failures] == ["answer"]
    assert "Moinho" in result.context


# -- rules instead -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["plan", "integrate", "reflect"])
def test_rules_answer_in_place_of_a_model_that_is_down(server: ModelServer, folder: Path, step: str) -> None:
    with opened(folder, server, on_model_failure="rules") as memory:
        memory.memorize(NEWS)
        server.fail("unauthorized", times=None, step=step)
        result = memory.research("Where does Ana bake bread?")
    assert "Moinho" in result.context
    assert result.stopped in ("enough", "depth")
    assert [(failure["step"], failure["error"]) for failure in result.failures] == [(step, "ModelUnavailable")]


@pytest.mark.parametrize("options", [{"effort": "fast"}, {"depth": 1}])
@pytest.mark.parametrize("fault", ["not_json", "unauthorized"])
def test_rules_conclude_in_place_of_a_model(
    server: ModelServer, folder: Path, options: dict[str, Any], fault: str
) -> None:
    with opened(folder, server, on_model_failure="rules") as memory:
        memory.memorize(NEWS)
        server.fail(fault, times=None, step="conclude")
        result = memory.research("Where does Ana bake bread?", **options)
    assert "Moinho" in result.context
    assert {failure["step"] for failure in result.failures} == {"conclude"}


def test_a_model_that_is_down_is_asked_once_a_run(server: ModelServer, folder: Path) -> None:
    with opened(folder, server, on_model_failure="rules") as memory:
        memory.memorize(NEWS)
        server.reset()
        server.fail("unauthorized", times=None)
        memory.research(QUESTION)
    assert [request["step"] for request in server.requests()] == ["plan"]


def test_a_single_call_may_allow_rules(thinking: Memory, server: ModelServer) -> None:
    server.fail("unauthorized", times=None)
    assert thinking.research(QUESTION, on_model_failure="rules").failures
    with pytest.raises(ModelUnavailable):
        thinking.research(QUESTION)


def test_a_memo_by_rules_is_named_in_what_was_filed(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None)
    with opened(folder, server, on_model_failure="rules") as memory:
        filed = memory.memorize(NEWS)
        assert [failure["step"] for failure in filed.failures] == ["memorize"]
        [page] = memory.pages()
        assert page.memo in TEXT.replace("\n", " ")


# -- ingest --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["unauthorized", "not_json", "refusal", "hang", "truncated", "context_length"])
def test_a_session_whose_memo_fails_waits_in_the_journal_and_nothing_of_it_is_filed(
    server: ModelServer, folder: Path, fault: str
) -> None:
    server.fail(fault, times=None, **({"limit": 10} if fault == "context_length" else {}))
    options = {"timeout_s": TIMEOUT_S if fault == "hang" else PATIENT_S, "on_model_failure": "raise"}
    with opened(folder, server, **options) as memory:
        with pytest.raises((ModelUnavailable, ModelReplyError, ModelRefused, PromptTooLong)):
            memory.memorize(NEWS)
        assert (memory.stats()["waiting"], memory.pages(), rows(folder, "SELECT * FROM passage")) == (1, [], [])
        server.forgive()
        [filed] = memory.resume()
        assert (filed.session_id, "".join(page.text for page in memory.pages())) == ("news", TEXT)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("not_json", "ModelReplyError"),
        ("refusal", "ModelRefused"),
        ("truncated", "ModelReplyError"),
        ("context_length", "PromptTooLong"),
    ],
)
def test_a_memo_that_is_of_no_use_is_replaced_by_the_rules_and_named(
    server: ModelServer, folder: Path, fault: str, error: str
) -> None:
    server.fail(fault, times=None, **({"limit": 10} if fault == "context_length" else {}))
    with opened(folder, server) as memory:
        filed = memory.memorize(NEWS)
        assert [(failure["step"], failure["error"]) for failure in filed.failures] == [("memorize", error)]
        [page] = memory.pages()
        assert page.memo in TEXT.replace("\n", " ")
        assert (page.text, memory.stats()["waiting"], memory.resume()) == (TEXT, 0, [])


@pytest.mark.parametrize("fault", ["unauthorized", "hang"])
def test_a_model_that_cannot_be_reached_lets_the_session_wait(server: ModelServer, folder: Path, fault: str) -> None:
    server.fail(fault, times=None)
    with opened(folder, server, timeout_s=TIMEOUT_S if fault == "hang" else PATIENT_S) as memory:
        with pytest.raises(ModelUnavailable):
            memory.memorize(NEWS)
        assert (memory.stats()["waiting"], memory.pages()) == (1, [])
        server.forgive()
        [filed] = memory.resume()
        assert (filed.session_id, filed.failures) == ("news", ())


def test_the_next_memorize_of_the_same_session_finishes_it(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized")
    with opened(folder, server) as memory:
        with pytest.raises(ModelUnavailable):
            memory.memorize(NEWS)
        assert memory.memorize(NEWS).duplicate is False
        assert memory.stats()["waiting"] == 0


def test_no_lock_is_held_while_a_model_thinks(server: ModelServer, folder: Path) -> None:
    server.set(latency_s=1.0)
    with opened(folder, server) as slow, Memory.open(folder) as other:
        filing = threading.Thread(target=lambda: slow.memorize(NEWS))
        filing.start()
        while not server.requests():
            time.sleep(0.01)
        other.memorize("Ben: The mill has a new roof.")
        assert filing.is_alive()
        filing.join()
        assert {page.session_id for page in other.pages()} >= {"news"}


# -- batches -------------------------------------------------------------------------------------------------


def batch(count: int) -> list[Session]:
    return [Session(id=f"s{n:02}", text=f"Ana: On day {n} I baked {n} loaves.") for n in range(count)]


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_batch_runs_side_by_side_and_keeps_the_order_of_the_input(
    server: ModelServer, folder: Path, way: str
) -> None:
    server.set(latency_s=0.15)
    told: list[tuple[int, int]] = []
    with opened(folder, server) as memory:
        if way == "async":
            filed = await memory.amemorize_many(batch(24), concurrency=8, progress=lambda n, of: told.append((n, of)))
        else:
            filed = memory.memorize_many(batch(24), concurrency=8, progress=lambda n, of: told.append((n, of)))
        assert [one.session_id for one in filed] == [session.id for session in batch(24)]
        assert all(one.usage.calls == 1 for one in filed)
    assert sorted(told) == [(n, 24) for n in range(1, 25)]
    assert len({request["connection"] for request in server.requests()}) > 1  # one by one, all would use the first


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_session_that_the_model_refuses_does_not_hold_up_the_others(
    server: ModelServer, folder: Path, way: str
) -> None:
    server.fail("refusal", step="memorize")
    with opened(folder, server, on_model_failure="raise") as memory:
        with pytest.raises(BatchIncomplete, match="1 of 6 sessions are not filed") as caught:
            await memory.amemorize_many(batch(6)) if way == "async" else memory.memorize_many(batch(6))
        [(place, error)] = caught.value.errors.items()
        assert isinstance(error, ModelRefused)
        filed = caught.value.filed
        assert [n for n, one in enumerate(filed) if one is None] == [place]
        again = memory.memorize_many(batch(6))
        assert [one.session_id for one in again] == [session.id for session in batch(6)]
        assert [one.duplicate for one in again] == [n != place for n in range(6)]


def test_when_nobody_is_there_to_be_asked_no_further_session_is_begun(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None)
    with opened(folder, server) as memory:
        with pytest.raises(BatchIncomplete):
            memory.memorize_many(batch(40), concurrency=2)
        assert len(server.requests()) <= 4
        assert memory.stats()["waiting"] == 40
        server.forgive()
        assert len(memory.resume()) == 40
        assert memory.stats() | {"waiting": 0, "pages": 40} == memory.stats()


# -- embeddings ----------------------------------------------------------------------------------------------


@pytest.fixture
def embedding(server: ModelServer, folder: Path) -> Iterator[Memory]:
    with Memory.open(
        folder, embeddings="openai:e", base_url=server.base_url, model_options=ModelOptions(timeout_s=PATIENT_S)
    ) as memory:
        memory.memorize(NEWS)
    with Memory.open(
        folder, embeddings="openai:e", base_url=server.base_url, model_options=ModelOptions(timeout_s=TIMEOUT_S)
    ) as memory:
        yield memory


def test_a_query_that_cannot_be_embedded_costs_the_round_one_search_and_is_named(
    embedding: Memory, server: ModelServer
) -> None:
    server.fail("hang", times=None, step="embeddings")
    result = embedding.research("Where does Ana bake bread?", depth=1)
    assert [(failure["step"], failure["error"]) for failure in result.failures] == [
        ("search_vector", "ModelUnavailable")
    ]
    assert "Moinho" in result.context


def test_an_outage_is_not_nothing_found(embedding: Memory, server: ModelServer) -> None:
    server.fail("unauthorized", times=None, step="embeddings")
    with pytest.raises(ModelUnavailable, match="Every search"):
        embedding.research("Where does Ana bake bread?", tools=["vector"])
    with pytest.raises(ModelUnavailable):
        embedding.recall("bread")


def test_a_session_that_cannot_be_embedded_is_filed_and_its_vectors_follow(
    embedding: Memory, server: ModelServer, folder: Path
) -> None:
    server.fail("unauthorized", times=None, step="embeddings")
    with pytest.raises(ModelUnavailable, match="The session is filed"):
        embedding.memorize(Session(id="more", text="Ben: The mill has a new roof."))
    assert {page.session_id for page in embedding.pages()} == {"news", "more"}
    server.forgive()
    embedding.recall("roof")
    assert rows(folder, "SELECT count(*) FROM passage") == rows(folder, "SELECT count(*) FROM embedding")


def test_many_sessions_at_once_are_embedded_once_each(server: ModelServer, folder: Path) -> None:
    server.set(latency_s=0.05)
    with opened(folder, server, embeddings="openai:e") as memory:
        memory.memorize_many(batch(24), concurrency=8)
    asked = [
        text for request in server.requests() if request["step"] == "embeddings" for text in request["body"]["input"]
    ]
    assert sorted(asked) == sorted(set(asked))
    assert rows(folder, "SELECT count(*) FROM embedding") == [(24,)]


def test_options_may_be_given_when_the_memory_is_opened(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None)
    options = MemorizeOptions(on_model_failure="rules")
    with opened(folder, server, memorize_options=options) as memory:
        assert memory.memorize(NEWS).failures
        with pytest.raises(ModelUnavailable):
            memory.research(QUESTION)


def test_a_query_vector_that_is_like_nothing_is_a_failure_and_not_nothing_found(
    embedding: Memory, server: ModelServer
) -> None:
    server.fail("nan", times=None, step="embeddings")
    with pytest.raises(ModelUnavailable, match="Every search"):
        embedding.research("Where does Ana bake bread?", tools=["vector"])
    assert [one["step"] for one in embedding.research("Where does Ana bake bread?").failures] == ["search_vector"]
