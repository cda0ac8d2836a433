"""LongMemEval (Wu et al. 2025): 500 questions, each over its own history of chats between a user and an assistant."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from itertools import islice
from pathlib import Path

from ...stores.records import Session
from .benchmark_records import DataSet, DataSource, Question, Sample
from .row_files import Row, read_rows

SOURCE = DataSource(
    title="LongMemEval",
    address="https://huggingface.co/datasets/xiaowu0162/longmemeval-cleaned",
    files=("longmemeval_s_cleaned.json", "longmemeval_m_cleaned.json", "longmemeval_oracle.json"),
    licence="MIT",
    paper="arXiv:2410.10813",
    sha256={
        "longmemeval_s_cleaned.json": "d6f21ea9d60a0d56f34a05b609c79c88a451d2ae03597821ea3d5a9678c3a442",
        "longmemeval_oracle.json": "821a2034d219ab45846873dd14c14f12cfe7776e73527a483f9dac095d38620c",
    },
)
ABSTENTION = "abstention"


def load(path: Path, *, first: int | None = None) -> DataSet:
    """`longmemeval_s`, `_m` or `_oracle`, cleaned or not: a sample a question. `first` limits how many are read:
    `_m` has 2.6 GB.

    The category is the question's type, or `ABSTENTION` where its id ends with `_abs`. Evidence are the turns marked
    `has_answer`; `metadata["answer_sessions"]` are session ids, `metadata["time"]` is when it was asked.
    """
    return DataSet("longmemeval", "conversation", tuple(_sample(row) for row in islice(read_rows(path), first)), SOURCE)


def _sample(row: Row) -> Sample:
    id = row.text("question_id")
    histories, dates = row.get("haystack_sessions", list), row.get("haystack_dates", list)
    names = row.get("haystack_session_ids", list, [f"session_{n}" for n in range(len(histories))])
    for field, values in (("haystack_dates", dates), ("haystack_session_ids", names)):
        if len(values) != len(histories):
            raise row.error(field, f"has {len(values)} entries for {len(histories)} of `haystack_sessions`")
    sessions, gold = [], []
    for at, name in enumerate(_unique_names(names)):
        turns = [row.inner(turn, f"haystack_sessions[{at}][{n}]") for n, turn in enumerate(histories[at])]
        gold += [turn.text("content") for turn in turns if turn.values.get("has_answer")]
        turn_pairs = [(turn.text("role"), turn.text("content")) for turn in turns]
        sessions.append(Session(turns=turn_pairs, id=name, time=_parse_date(row, f"haystack_dates[{at}]", dates[at])))
    kind = row.text("question_type")
    asked_at = _parse_date(row, "question_date", row.text("question_date"))
    metadata = {"type": kind, "time": asked_at.isoformat(), "answer_sessions": list(row.texts("answer_session_ids"))}
    category = ABSTENTION if id.endswith("_abs") else kind
    question = Question(id, row.text("question"), row.texts("answer"), category, tuple(gold), metadata)
    return Sample(id, tuple(sessions), (question,))


def _unique_names(names: list[object]) -> list[str]:
    """A chat that occurs twice in one history is a session of its own each time."""
    seen: Counter[str] = Counter()
    unique = []
    for name in map(str, names):
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def _parse_date(row: Row, field: str, text: object) -> datetime:
    """The format is "2023/05/20 (Sat) 02:21"."""
    found = re.fullmatch(r"(\d{4}/\d\d/\d\d)(?: \(\w+\))?(?: (\d\d:\d\d))?", str(text))
    try:
        if found:
            return datetime.strptime(f"{found[1]} {found[2] or '00:00'}", "%Y/%m/%d %H:%M")
    except ValueError:
        pass
    raise row.error(field, f"should be a time like '2023/05/20 (Sat) 02:21', is {text!r}")
