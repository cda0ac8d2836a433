"""The official files are read as sessions and questions, and what is wrong in a file is named by file, row and field."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory, Session
from jitmem.evals.datasets import DATASETS, load_data_set, row_files
from jitmem.evals.datasets.benchmark_records import NONE_PUBLISHED, sha256
from jitmem.evals.datasets.locomo import NOT_MENTIONED
from jitmem.stores.errors import BadInput, MissingPackage

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from retrieval import load_by_layout, measure_recall

LOCOMO: list[dict[str, Any]] = [
    {
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ana",
            "speaker_b": "Ben",
            "session_10_date_time": "9:00 am on 1 June, 2023",
            "session_10": [{"speaker": "Ben", "dia_id": "D10:1", "text": "I moved to Porto."}],
            "session_2_date_time": "1:56 pm on 8 May, 2023",
            "session_2": [
                {"speaker": "Ana", "dia_id": "D2:1", "text": "I work at the mill."},
                {"speaker": "Ben", "dia_id": "D2:2", "text": "Look!", "blip_caption": "a white cat", "img_url": []},
            ],
            "session_3_date_time": "a day without a session",
        },
        "qa": [
            {"question": "Where do they live?", "answer": "mill, Porto", "evidence": ["D2:1; D10:1"], "category": 1},
            {"question": "When did Ana paint?", "answer": 2022, "evidence": ["D"], "category": 2},
            {"question": "Whose cat is it?", "answer": "Ben's", "evidence": ["D2:2"], "category": 3},
            {"question": "Where does Ana work?", "answer": "the mill", "evidence": [], "category": 4},
            {"question": "Who sold it?", "adversarial_answer": "Ana", "evidence": ["D2:1"], "category": 5},
            {"question": "Is it Ana's?", "answer": "No", "adversarial_answer": "Yes", "evidence": [], "category": 5},
        ],
    }
]
HOTPOT: list[dict[str, Any]] = [
    {
        "_id": "q1",
        "question": "Which river?",
        "answer": "Douro",
        "type": "bridge",
        "level": "easy",
        "supporting_facts": [["Porto", 0], ["Porto", 1]],
        "context": [["Porto", ["Porto lies", " on the Douro."]], ["Faro", ["Faro lies in the south."]]],
    },
    {
        "_id": "q2",
        "question": "Is Faro in the north?",
        "answer": "no",
        "type": "comparison",
        "level": "hard",
        "supporting_facts": [["Faro", 0]],
        "context": [["Faro", ["Faro lies in the south."]]],
    },
]
LONG: list[dict[str, Any]] = [
    {"context": "Document 1: a", "input": "Who?", "answers": ["Ana", "A."], "index": 7},
    {"context": "Document 1: b", "input": "Where?", "answers": ["Porto"], "index": 8},
    {"context": "Document 1: a", "input": "When?", "answers": ["May"], "index": 9},
]
MUSIQUE: list[dict[str, Any]] = [
    {
        "id": "2hop__1_2",
        "paragraphs": [
            {"idx": 0, "title": "Ana", "paragraph_text": "Ana founded the mill.", "is_supporting": True},
            {"idx": 1, "title": "Ben", "paragraph_text": "Ben sings.", "is_supporting": False},
            {"idx": 2, "title": "Ana", "paragraph_text": "Ana was born in Porto.", "is_supporting": True},
        ],
        "question": "Where was the founder of the mill born?",
        "question_decomposition": [{"id": 1}, {"id": 2}],
        "answer": "Porto",
        "answer_aliases": ["Oporto"],
        "answerable": True,
    }
]
LONGMEMEVAL: list[dict[str, Any]] = [
    {
        "question_id": "gpt4_1",
        "question_type": "temporal-reasoning",
        "question": "How many days?",
        "answer": 3,
        "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_session_ids": ["s1", "s2", "s1"],
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 10:00", "2023/05/22 (Mon) 11:00"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "I bought a kayak.", "has_answer": True},
                {"role": "assistant", "content": "Nice."},
            ],
            [{"role": "user", "content": "It rains.", "has_answer": False}],
            [{"role": "user", "content": "I sold it.", "has_answer": True}],
        ],
        "answer_session_ids": ["s1"],
    },
    {
        "question_id": "e1_abs",
        "question_type": "multi-session",
        "question": "What did I name the fish?",
        "answer": "You did not mention a fish.",
        "question_date": "2023/05/30",
        "haystack_session_ids": ["s9"],
        "haystack_dates": ["2023/05/20 (Sat) 02:21"],
        "haystack_sessions": [[{"role": "user", "content": "My cat is Tom."}]],
        "answer_session_ids": [],
    },
]
AGENTBENCH: list[dict[str, Any]] = [
    {
        "context": "Fact 1. Fact 2.",
        "questions": ["One?", "Two?"],
        "answers": [["1", "one"], ["2"]],
        "metadata": {
            "source": "factconsolidation_sh_6k",
            "qa_pair_ids": ["f0", "f1"],
            "question_dates": None,
            "question_types": ["a", "b"],
        },
    },
    {
        "context": "A film.",
        "questions": ["Sum it up."],
        "answers": ["Short.", "Brief."],
        "metadata": {"source": "infbench"},
    },
]


def messages(first: int, *texts: str, anchor: str | None = None) -> list[dict[str, Any]]:
    """A user and an assistant in turns, numbered from `first`."""
    made: list[dict[str, Any]] = []
    for at, text in enumerate(texts):
        made.append({"role": "user" if at % 2 == 0 else "assistant", "id": first + at, "content": text})
    made[0]["time_anchor"] = anchor
    return made


PROBES = {
    "abstention": [
        {"question": "Who?", "ideal_response": "It is not told.", "rubric": ["not told"], "difficulty": "easy"}
    ],
    "knowledge_update": [
        {
            "question": "How fast?",
            "answer": "250 ms",
            "source_chat_ids": {"original_info": [0], "updated_info": [3, 99]},
        }
    ],
    "summarization": [
        {"question": "Sum up.", "ideal_summary": "All.", "source_chat_ids": [[2], [2]], "rubric": ["all"]}
    ],
}
BATCHES = [messages(0, "It takes 300 ms.", "Slow.", anchor="March-15-2024"), messages(2, "Better.", "Now 250 ms.")]


def written(folder: Path, rows: object, name: str = "data.json") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = name.endswith(".jsonl") and isinstance(rows, list)
    text = "\n".join(json.dumps(row) for row in rows) if lines else json.dumps(rows)  # type: ignore[union-attr]
    file.write_text(text, encoding="utf-8")
    return file


def texts(sessions: Sequence[Session]) -> list[str | None]:
    return [session.text for session in sessions]


def test_locomo_is_read_with_its_categories_by_name_and_its_gold_turns(tmp_path: Path) -> None:
    data = load_data_set("locomo", written(tmp_path, LOCOMO))
    (sample,) = data.samples
    assert (data.name, data.kind, sample.name) == ("locomo", "conversation", "conv-1")
    assert sample.sessions == (
        Session(
            turns=[("Ana", "I work at the mill."), ("Ben", "Look! [shares a photo: a white cat]")],
            id="session_2",
            time="1:56 pm on 8 May, 2023",
        ),
        Session(turns=[("Ben", "I moved to Porto.")], id="session_10", time="9:00 am on 1 June, 2023"),
    )
    assert [(q.id, q.category, q.answers, q.evidence) for q in sample.questions] == [
        ("conv-1/0", "multi-hop", ("mill, Porto",), ("I work at the mill.", "I moved to Porto.")),
        ("conv-1/1", "temporal", ("2022",), ()),
        ("conv-1/2", "open-domain", ("Ben's",), ("Look!",)),
        ("conv-1/3", "single-hop", ("the mill",), ()),
        ("conv-1/4", "adversarial", (NOT_MENTIONED,), ("I work at the mill.",)),
        ("conv-1/5", "adversarial", (NOT_MENTIONED, "No"), ()),
    ]
    assert sample.questions[0].metadata == {"number": 1, "turns": ["D2:1", "D10:1"]}
    assert sample.questions[4].metadata["adversarial_answer"] == "Ana"


def test_hotpotqa_is_one_memory_over_all_paragraphs_or_one_a_question(tmp_path: Path) -> None:
    file = written(tmp_path, HOTPOT)
    (pooled,) = load_data_set("hotpotqa", file).samples
    assert texts(pooled.sessions) == ["Porto\n\nPorto lies on the Douro.", "Faro\n\nFaro lies in the south."]
    porto, faro = (str(session.id) for session in pooled.sessions)
    assert [(q.id, q.answers, q.category, q.evidence) for q in pooled.questions] == [
        ("q1", ("Douro",), "bridge", (porto,)),
        ("q2", ("no",), "comparison", (faro,)),
    ]
    first, second = load_data_set("hotpotqa", file, pool=False).samples
    assert (first.name, len(first.sessions), first.questions) == ("q1", 2, pooled.questions[:1])
    assert (second.name, len(second.sessions), second.questions) == ("q2", 1, pooled.questions[1:])


@pytest.mark.parametrize("name", ["eval_400.json", "eval_400.jsonl"])
def test_the_long_texts_of_hotpotqa_are_known_by_their_fields(tmp_path: Path, name: str) -> None:
    data = load_data_set("hotpotqa", written(tmp_path, LONG, name))
    assert (data.kind, data.source.title) == ("document", "HotpotQA in long texts, from the release of MemAgent")
    first, second = data.samples
    assert (texts(first.sessions), texts(second.sessions)) == (["Document 1: a"], ["Document 1: b"])
    assert [(q.id, q.text, q.answers) for q in first.questions] == [
        ("hotpotqa/7", "Who?", ("Ana", "A.")),
        ("hotpotqa/9", "When?", ("May",)),
    ]
    assert not first.questions[0].all_needed


def test_musique_has_hops_aliases_and_paragraphs_of_one_title(tmp_path: Path) -> None:
    (sample,) = load_data_set("musique", written(tmp_path, MUSIQUE, "dev.jsonl")).samples
    founded, ben, born = (str(session.id) for session in sample.sessions)
    (question,) = sample.questions
    assert (question.category, question.answers) == ("2 hops", ("Porto", "Oporto"))
    assert question.evidence == (founded, born)
    assert len({founded, ben, born}) == 3


def test_longmemeval_has_times_marked_turns_and_abstention(tmp_path: Path) -> None:
    first, second = load_data_set("longmemeval", written(tmp_path, LONGMEMEVAL)).samples
    assert first.sessions == (
        Session(
            turns=[("user", "I bought a kayak."), ("assistant", "Nice.")], id="s1", time=datetime(2023, 5, 20, 2, 21)
        ),
        Session(turns=[("user", "It rains.")], id="s2", time=datetime(2023, 5, 21, 10)),
        Session(turns=[("user", "I sold it.")], id="s1#2", time=datetime(2023, 5, 22, 11)),
    )
    (question,) = first.questions
    assert (question.category, question.answers) == ("temporal-reasoning", ("3",))
    assert question.evidence == ("I bought a kayak.", "I sold it.")
    assert question.metadata == {
        "type": "temporal-reasoning",
        "time": "2023-05-30T23:40:00",
        "answer_sessions": ["s1"],
    }
    assert second.questions[0].category == "abstention"
    assert second.questions[0].metadata["type"] == "multi-session"


def test_memoryagentbench_asks_many_questions_of_one_text(tmp_path: Path) -> None:
    file = written(tmp_path, AGENTBENCH, "rows.jsonl")
    first, second = load_data_set("memoryagentbench", file).samples
    assert texts(first.sessions) == ["Fact 1. Fact 2."]
    assert [(q.id, q.text, q.answers, q.category, q.metadata) for q in first.questions] == [
        ("f0", "One?", ("1", "one"), "factconsolidation_sh_6k", {"type": "a"}),
        ("f1", "Two?", ("2",), "factconsolidation_sh_6k", {"type": "b"}),
    ]
    assert [(q.id, q.answers) for q in second.questions] == [("infbench/1/0", ("Short.", "Brief."))]
    assert [sample.name for sample in load_data_set("memoryagentbench", file, source="infb").samples] == ["infbench/1"]


def rows_of_beam(chat: object, probes: object = PROBES) -> list[dict[str, Any]]:
    return [{"conversation_id": "1", "chat": chat, "probing_questions": probes}]


@pytest.mark.parametrize("probes", [PROBES, json.dumps(PROBES), repr(PROBES)], ids=["object", "json", "python"])
@pytest.mark.parametrize(
    ("chat", "labels"),
    [
        (BATCHES, ["batch-1", "batch-2"]),
        ([{"batch_number": n, "turns": [batch]} for n, batch in enumerate(BATCHES)], ["batch-1", "batch-2"]),
        (
            [{"plan-10": [{"turns": [BATCHES[1]]}], "plan-2": [{"turns": [BATCHES[0]]}], "plan-3": None}],
            ["plan-2-batch-1", "plan-10-batch-1"],
        ),
    ],
    ids=["lists", "batches", "plans"],
)
def test_beam_is_read_in_each_of_its_forms(tmp_path: Path, chat: object, labels: list[str], probes: object) -> None:
    (sample,) = load_data_set("beam", written(tmp_path, rows_of_beam(chat, probes))).samples
    first, second = labels
    assert sample.sessions == (
        Session(turns=[("user", "It takes 300 ms."), ("assistant", "Slow.")], id=first, time="March-15-2024"),
        Session(turns=[("user", "Better."), ("assistant", "Now 250 ms.")], id=second),
    )
    assert [(q.id, q.category, q.answers, q.evidence) for q in sample.questions] == [
        ("1/abstention/0", "abstention", ("It is not told.",), ()),
        ("1/knowledge_update/0", "knowledge_update", ("250 ms",), ("It takes 300 ms.", "Now 250 ms.")),
        ("1/summarization/0", "summarization", ("All.",), ("Better.",)),
    ]
    assert sample.questions[0].metadata == {"rubric": ["not told"], "difficulty": "easy"}


def test_a_folder_of_beam_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in ("10", "2"):
        written(tmp_path, [{"batch_number": 1, "turns": BATCHES}], f"100K/{number}/chat.json")
        written(tmp_path, PROBES, f"100K/{number}/probing_questions/probing_questions.json")
    assert [sample.name for sample in load_data_set("beam", tmp_path / "100K").samples] == ["2", "10"]
    (one,) = load_data_set("beam", tmp_path / "100K" / "10").samples
    assert (one.name, len(one.sessions), len(one.questions)) == ("10", 1, 3)
    (tmp_path / "100K/2/probing_questions/probing_questions.json").unlink()
    with pytest.raises(BadInput, match="CC BY-SA"):
        load_data_set("beam", tmp_path / "100K")
    with pytest.raises(BadInput, match="no such file"):
        load_data_set("beam", tmp_path)


def test_ids_that_stand_twice_in_a_chat_of_beam_name_no_evidence(tmp_path: Path) -> None:
    chat = [{"plan-1": [{"turns": [BATCHES[0]]}], "plan-2": [{"turns": [messages(0, "Other.", "Now 250 ms.")]}]}]
    (sample,) = load_data_set("beam", written(tmp_path, rows_of_beam(chat))).samples
    assert [question.evidence for question in sample.questions] == [(), (), ()]


def table(file: Path, rows: Sequence[Mapping[str, str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def narrativeqa(tmp_path: Path) -> Path:
    """The official repository's folder, with one story of each of two splits."""
    kinds = [("d1", "test", "gutenberg"), ("d2", "valid", "movie")]
    table(tmp_path / "documents.csv", [{"document_id": id, "set": split, "kind": kind} for id, split, kind in kinds])
    asked = {"question": "Who, then?", "answer1": "Ana", "answer2": "The miller"}
    table(tmp_path / "qaps.csv", [{"document_id": id, "set": split} | asked for id, split, _ in kinds])
    told = [{"document_id": id, "set": split, "summary": f"Summary,\nof {id}."} for id, split, _ in kinds]
    table(tmp_path / "third_party/wikipedia/summaries.csv", told)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp/d1.content").write_bytes("Café\r\nstory.".encode("latin-1"))
    return tmp_path


def test_narrativeqas_folder_has_stories_and_summaries(narrativeqa: Path) -> None:
    (sample,) = load_data_set("narrativeqa", narrativeqa).samples
    assert (sample.name, texts(sample.sessions)) == ("d1", ["Café\r\nstory."])
    assert [(q.id, q.text, q.answers, q.category) for q in sample.questions] == [
        ("d1/0", "Who, then?", ("Ana", "The miller"), "gutenberg")
    ]
    (valid,) = load_data_set("narrativeqa", narrativeqa, split="valid", of="summary").samples
    assert texts(valid.sessions) == ["Summary,\nof d2."]
    with pytest.raises(BadInput, match=r"d2\.content: there is no such file.*download_stories"):
        load_data_set("narrativeqa", narrativeqa, split="valid")


def test_narrativeqas_rows_share_a_document(tmp_path: Path) -> None:
    document = {"id": "d1", "kind": "movie", "text": "A story.", "summary": {"text": "Short.", "title": "T"}}
    asked = [
        {"document": document, "question": {"text": text}, "answers": [{"text": "Ana"}, {"text": "She"}]}
        for text in ("Who?", "Which?")
    ]
    file = written(tmp_path, asked, "rows.jsonl")
    (sample,) = load_data_set("narrativeqa", file).samples
    assert texts(sample.sessions) == ["A story."]
    assert [(q.id, q.answers, q.category) for q in sample.questions] == [
        ("d1/0", ("Ana", "She"), "movie"),
        ("d1/1", ("Ana", "She"), "movie"),
    ]
    assert texts(load_data_set("narrativeqa", file, of="summary").samples[0].sessions) == ["Short."]


def test_narrativeqa_in_longbenchs_lines(tmp_path: Path) -> None:
    row = {"_id": "ab", "input": "Who?", "context": "A story.", "answers": ["Ana"], "dataset": "narrativeqa"}
    (sample,) = load_data_set("narrativeqa", written(tmp_path, [row], "narrativeqa.jsonl")).samples
    assert [(q.id, q.answers) for q in sample.questions] == [("narrativeqa/ab", ("Ana",))]


def test_parquet_is_read_where_pyarrow_is(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(AGENTBENCH[:1]), file)
    (sample,) = load_data_set("memoryagentbench", file).samples
    assert sample == load_data_set("memoryagentbench", written(tmp_path, AGENTBENCH[:1])).samples[0]


def test_without_pyarrow_the_message_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    file = tmp_path / "rows.parquet"
    file.write_bytes(b"PAR1")
    with pytest.raises(MissingPackage, match="pip install pyarrow"):
        load_data_set("memoryagentbench", file)


def changed(rows: list[dict[str, Any]], value: object, *path: str | int) -> list[dict[str, Any]]:
    """A copy in which what stands at the path is another value; `...` takes it out."""
    copy = json.loads(json.dumps(rows))
    place = copy
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        (
            "locomo",
            changed(LOCOMO, ..., 0, "conversation"),
            "row 1, field `conversation`: should be an object, is missing",
        ),
        (
            "locomo",
            changed(LOCOMO, 9, 0, "qa", 2, "category"),
            r"row 1, field `qa\[2\]\.category`: should be 1 to 5, is 9",
        ),
        (
            "locomo",
            changed(LOCOMO, ..., 0, "conversation", "session_2", 0, "text"),
            r"session_2\[0\]\.text`: .* missing",
        ),
        ("hotpotqa", changed(HOTPOT, "text", 1, "context", 0, 1), r"row 2, field `context\[0\]`"),
        ("hotpotqa", changed(HOTPOT, [3], 0, "supporting_facts"), r"row 1, field `supporting_facts\[0\]`"),
        ("hotpotqa", changed(LONG, None, 2, "answers"), "row 3, field `answers`: should be text or a list of texts"),
        (
            "musique",
            changed(MUSIQUE, 1, 0, "paragraphs", 1, "is_supporting"),
            r"`paragraphs\[1\]\.is_supporting`: .*true or",
        ),
        (
            "longmemeval",
            changed(LONGMEMEVAL, [], 0, "haystack_dates"),
            "row 1, field `haystack_dates`: has 0 entries for 3",
        ),
        (
            "longmemeval",
            changed(LONGMEMEVAL, "soon", 1, "question_date"),
            "row 2, field `question_date`: should be a time",
        ),
        ("memoryagentbench", changed(AGENTBENCH, [["1"]], 0, "answers"), "row 1, field `answers`: has 1 entries for 2"),
        ("beam", rows_of_beam(BATCHES, "{'a': "), "row 1, field `probing_questions`: cannot be read as an object"),
        ("beam", rows_of_beam([["hello"]]), r"field `chat\[0\]\[0\]`: should be an object, is 'hello'"),
        ("narrativeqa", [{"document": {"id": "d"}}], "row 1, field `document.text`: should be text, is missing"),
        ("ruler", [{"context": "x", "question": "?"}], "row 1, field `outputs`"),
        (
            "locomo",
            changed(LOCOMO, True, 0, "qa", 0, "category"),
            r"`qa\[0\]\.category`: should be a whole number, is True",
        ),
        ("locomo", [3], "row 1: should be an object, is 3"),
        ("locomo", [None], "row 1: should be an object, is missing"),
    ],
)
def test_a_malformed_file_is_told_by_file_row_and_field(tmp_path: Path, name: str, rows: object, told: str) -> None:
    file = written(tmp_path, rows)
    with pytest.raises(BadInput, match=told) as raised:
        load_data_set(name, file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"[{", "cannot be read as JSON"),
        ("a.jsonl", b'{"a": 1}\n{"a": ', "line 2: cannot be read as JSON"),
        ("a.json", b'\xff\xfe["', "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_json_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadInput, match=told):
        list(row_files.read_rows(file))


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize(
    "text", ["[]", " [ ] ", '[{"a": "]},{"}]', '[{"a": [1, {}]}\n , {"b": "é\\""},{}]\n', '{"a": 1}']
)
def test_a_list_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, chunk: int) -> None:
    monkeypatch.setattr(row_files, "_CHUNK", chunk)
    file = tmp_path / "a.json"
    file.write_text(text, encoding="utf-8")
    whole = json.loads(text)
    assert [row.values for row in row_files.read_rows(file)] == (whole if isinstance(whole, list) else [whole])


@pytest.mark.parametrize("chunk", [1, 1 << 20])
@pytest.mark.parametrize(
    "text", ['[{"a": 1} {"b": 2}]', '[{"a": 1}, {"b": ', '[{"a": 1}', '[{"a": 1},]', '[{"a": 1}]x', "[,]"]
)
def test_a_broken_list_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, chunk: int) -> None:
    monkeypatch.setattr(row_files, "_CHUNK", chunk)
    file = tmp_path / "a.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"cannot be read as JSON \((in row [12]: Expecting|more follows)"):
        list(row_files.read_rows(file))


def test_a_part_of_longmemeval_can_be_read_before_a_broken_rest(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps(LONGMEMEVAL)[:-1] + ", broken", encoding="utf-8")
    assert [sample.name for sample in load_data_set("longmemeval", file, first=2).samples] == ["gpt4_1", "e1_abs"]
    with pytest.raises(BadInput, match="in row 3"):
        load_data_set("longmemeval", file)


def test_the_generated_world_takes_no_file(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text("[]")
    with pytest.raises(BadInput, match="generated"):
        load_data_set("world", tmp_path / "world.json")


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "world"])
def test_a_missing_file_is_told_with_where_to_get_it(tmp_path: Path, name: str) -> None:
    source = DATASETS[name].source
    with pytest.raises(BadInput, match="there is no such file") as raised:
        load_data_set(name, tmp_path / "none.json")
    for part in (source.title, source.address, source.licence, source.files[0]):
        assert part in str(raised.value)
    assert source.published_checksum("none.json") == NONE_PUBLISHED


def test_what_is_asked_for_wrongly_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no data set 'lokomo'; there are: locomo, hotpotqa"):
        load_data_set("lokomo", tmp_path)
    with pytest.raises(BadInput, match=r"LoCoMo is read from a file: give its path.*locomo10\.json"):
        load_data_set("locomo")
    with pytest.raises(BadInput, match="hotpotqa has no option 'tokens'; it has: pool"):
        load_data_set("hotpotqa", written(tmp_path, HOTPOT), tokens=3)
    with pytest.raises(BadInput, match="limit is a number of questions of 1 or more"):
        load_data_set("locomo", written(tmp_path, LOCOMO), limit=0)


def test_a_limit_takes_the_first_questions_or_draws_them_by_a_seed(tmp_path: Path) -> None:
    talks = [LOCOMO[0] | {"sample_id": f"conv-{n}"} for n in range(4)]
    file = written(tmp_path, talks)
    every = [question.id for sample in load_data_set("locomo", file).samples for question in sample.questions]

    def drawn(limit: int, seed: int | None) -> list[str]:
        data = load_data_set("locomo", file, limit=limit, seed=seed)
        assert all(len(sample.sessions) == 2 for sample in data.samples)
        assert all(sample.questions for sample in data.samples)
        return [question.id for sample in data.samples for question in sample.questions]

    assert drawn(8, None) == every[:8]
    by_seed = [drawn(8, seed) for seed in range(5)]
    assert by_seed == [drawn(8, seed) for seed in range(5)]
    assert len({tuple(ids) for ids in by_seed}) == 5
    for ids in by_seed:
        assert len(ids) == 8
        assert ids == [id for id in every if id in ids]  # in the order of the file
    assert drawn(100, 3) == every


@pytest.mark.parametrize(("name", "rows"), [("locomo", LOCOMO), ("hotpotqa", HOTPOT), ("musique", MUSIQUE)])
def test_three_sets_are_known_by_their_form(tmp_path: Path, name: str, rows: object) -> None:
    file = written(tmp_path, rows)
    assert load_by_layout(file) == load_data_set(name, file)
    with pytest.raises(BadInput, match="neither LoCoMo"):
        load_by_layout(written(tmp_path, LONG, "long.json"))


def test_json_lines_in_a_file_named_json_are_read(tmp_path: Path) -> None:
    lines = written(tmp_path, MUSIQUE * 2, "dev.jsonl")
    named = lines.rename(tmp_path / "dev.json")
    assert len(load_data_set("musique", named).samples[0].questions) == 2


def test_recall_is_measured_by_number_of_category_over_questions_with_known_evidence(tmp_path: Path) -> None:
    result = measure_recall(load_by_layout(written(tmp_path, LOCOMO)), depths=[1])
    assert result["questions"] == 3
    for rung in result["table"]:
        by_category = rung["by_category"]
        assert list(by_category) == ["1", "3", "5"]
        assert rung["recall"] == (by_category["1"] + by_category["3"]) / 2  # the adversarial one does not count
        assert rung["questions"] == 2


def test_every_sets_sessions_can_be_memorized(tmp_path: Path) -> None:
    files = {
        "locomo": written(tmp_path, LOCOMO, "locomo.json"),
        "hotpotqa": written(tmp_path, HOTPOT, "hotpotqa.json"),
        "musique": written(tmp_path, MUSIQUE, "musique.json"),
        "longmemeval": written(tmp_path, LONGMEMEVAL, "longmemeval.json"),
        "memoryagentbench": written(tmp_path, AGENTBENCH, "memoryagentbench.json"),
        "beam": written(tmp_path, rows_of_beam(BATCHES), "beam.json"),
        "narrativeqa": written(tmp_path, LONG, "narrativeqa.json"),
    }
    assert files.keys() == DATASETS.keys() - {"ruler", "world"}
    for name, file in files.items():
        data = load_data_set(name, file)
        for at, sample in enumerate(data.samples):
            with Memory.open(tmp_path / f"{name}-{at}") as memory:
                memory.memorize_many(sample.sessions)
                held = "".join(page.text for page in memory.pages())
                for question in sample.questions:
                    if data.kind == "conversation":
                        assert all(gold in held for gold in question.evidence)
                    if data.kind == "paragraphs":
                        assert {page.session_id for page in memory.pages()} >= set(question.evidence)


def test_the_checksum_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_of_an_official_name_is_known_for_the_official_one_by_its_sum(tmp_path: Path) -> None:
    sums = {name: sum for benchmark in DATASETS.values() for name, sum in benchmark.source.sha256.items()}
    assert all(re.fullmatch(r"[0-9a-f]{64}", sum) for sum in sums.values())
    assert set(sums) <= {file for benchmark in DATASETS.values() for file in benchmark.source.files}
    source = DATASETS["locomo"].source
    part = written(tmp_path, LOCOMO, "locomo10.json")
    assert source.is_official("locomo10.json", source.published_checksum("locomo10.json")) is True
    assert source.is_official("locomo10.json", sha256(part)) is False
    assert source.is_official("locomo_dev.json", sha256(part)) is None
