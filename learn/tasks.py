"""The tasks to learn on: JSON lines, any data set of the evaluations, or generated toy tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from langchain_core.messages import convert_to_openai_messages

from ..evals.datasets import DATASETS, load_data_set
from ..evals.datasets.benchmark_records import DataSet, Question, Sample
from ..evals.datasets.row_files import Row, read_rows
from ..readers.session_json import sessions_of_json
from ..stores.errors import BadInput
from ..stores.records import Session
from .synthetic_tasks import make_toy_tasks

TOY = "toy"
_NAMED = re.compile(r"([a-z]+):(.*)", re.S)
_SIZES = ("n", "seed", "sessions", "facts", "people", "tokens")


def load_tasks(source: str | Path, *, limit: int | None = None) -> tuple[Sample, ...]:
    """Tasks: each a memory to fill (its sessions), and questions about it. At most the first `limit`.

    `source` is the path of a file of JSON lines, a task a line; or `DATASET:PATH`, such as `locomo:locomo10.json`, of
    the data sets that `jitmem eval sources` lists; or `toy:8`, eight toy tasks, also `toy:8,seed=1,sessions=12` (see
    `jitmem.learn.synthetic_tasks`). Evidence is always text of a session. `BadInput` for what cannot be
    read, and for two tasks with one id, since results are stored by it.

    A line is `{"id", "sessions": […], "questions": [{"id", "text", "answers": […], "category", "evidence": […]}]}`. A
    session is an object as `jitmem memorize` reads it. A question needs `text` and `answers`; `evidence` are texts
    of a session, `metadata` is an object.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"limit is a number of tasks of 1 or more, or None for all; got {limit}.")
    tasks = tuple(islice(_read_tasks(source), limit))
    if twice := _first_repeated([sample.name for sample in tasks]):
        raise BadInput(f"{source}: two tasks have the id {twice!r}; results are kept by it, so each needs its own.")
    for sample in tasks:
        if twice := _first_repeated([question.id for question in sample.questions]):
            raise BadInput(f"{source}: task {sample.name!r} has two questions with the id {twice!r}.")
    if not tasks:
        raise BadInput(f"{source}: holds no task; a line is one, with sessions and questions.")
    return tasks


def write_tasks(path: str | Path, tasks: Sequence[Sample]) -> None:
    """Lines that `load_tasks` reads; an existing file is replaced."""
    lines = [json.dumps(task_as_dict(sample), ensure_ascii=False) + "\n" for sample in tasks]
    Path(path).write_text("".join(lines), encoding="utf-8")


def _first_repeated(ids: Sequence[str]) -> str | None:
    return next((id for at, id in enumerate(ids) if id in ids[:at]), None)


def _read_tasks(source: str | Path) -> Sequence[Sample] | Any:
    named = _NAMED.fullmatch(source) if isinstance(source, str) else None
    if named and named[1] == TOY:
        return make_toy_tasks(**_parse_toy_sizes(named[2]))
    if named and named[1] in DATASETS:
        data = load_data_set(named[1], named[2] or None)
        return (_with_evidence_texts(data, sample) for sample in data.samples)
    if not Path(source).is_file():
        names = ", ".join(DATASETS)
        raise BadInput(f"{source}: there is no such file; give JSON lines, toy:8, or DATASET:PATH with one of {names}.")
    return (_sample(row) for row in read_rows(Path(source)))


def _parse_toy_sizes(text: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        name = name.strip() or "n"
        if name not in _SIZES or not value.strip().isdigit():
            raise BadInput(
                f"toy:{text}: write toy:8, or toy:8,seed=1 with any of {', '.join(_SIZES[1:])}; not {part!r}."
            )
        sizes[name] = int(value)
    return {"n": 1, **sizes}


def _with_evidence_texts(data: DataSet, sample: Sample) -> Sample:
    """Replace session ids in the evidence by the sessions' texts."""
    if data.kind != "paragraphs":
        return sample
    texts = {session.id: session.text for session in sample.sessions if session.text}
    questions = [
        replace(question, evidence=tuple(texts[one] for one in question.evidence if one in texts))
        for question in sample.questions
    ]
    return replace(sample, questions=tuple(questions))


def _sample(row: Row) -> Sample:
    where = f"{row.file}, line {row.number}"
    sessions = sessions_of_json(json.dumps({"sessions": row.get("sessions", list)}), where)
    questions = row.rows("questions")
    if not questions:
        raise row.error("questions", "should hold at least one question")
    name = row.text("id")
    return Sample(name, tuple(sessions), tuple(_question(name, at, one) for at, one in enumerate(questions)))


def _question(name: str, at: int, row: Row) -> Question:
    answers = row.texts("answers")
    if not answers:
        raise row.error("answers", "should hold at least one answer")
    return Question(
        id=row.text("id") if "id" in row.values else f"{name}/{at}",
        text=row.get("text", str),
        answers=answers,
        category=row.text("category") if "category" in row.values else "",
        evidence=row.texts("evidence") if "evidence" in row.values else (),
        metadata=row.get("metadata", dict, {}),
    )


def task_as_dict(sample: Sample) -> dict[str, Any]:
    """As in its line of JSON."""
    questions = [{**asdict(one), "metadata": _json_values(one.metadata)} for one in sample.questions]
    return {"id": sample.name, "sessions": [_session_as_dict(one) for one in sample.sessions], "questions": questions}


def _session_as_dict(session: Session) -> dict[str, Any]:
    time = session.time.isoformat() if isinstance(session.time, datetime) else session.time
    body: dict[str, Any] = {"text": session.text}
    if session.turns is not None:
        body = {"turns": [list(turn) for turn in session.turns]}
    elif session.messages is not None:
        body = {"messages": convert_to_openai_messages(list(session.messages))}
    values = {"id": session.id, "time": time, **body, "metadata": _json_values(session.metadata)}
    return {name: value for name, value in values.items() if value not in (None, {})}


def _json_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in metadata.items()}
