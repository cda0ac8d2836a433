"""BEAM (Tavakoli et al. 2025): chats of 100 thousand to 10 million tokens with probing questions of ten abilities."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...stores.records import Session
from .benchmark_records import DataSet, DataSource, Question, Sample
from .row_files import Row, read_rows

SOURCE = DataSource(
    title="BEAM",
    address="https://huggingface.co/datasets/Mohammadta/BEAM",
    files=("a Parquet file of it", "a folder of github.com/mohammadtavakoli78/BEAM such as chats/100K/1"),
    licence="CC BY-SA 4.0",
    paper="arXiv:2510.27246",
)
_CHAT, _PROBES = "chat.json", "probing_questions/probing_questions.json"
_ANSWERS = ("answer", "ideal_answer", "ideal_response", "ideal_summary", "expected_compliance")


def load(path: Path) -> DataSet:
    """A folder of one chat or of several, or rows with `chat` and `probing_questions`: a sample a chat, a session a
    batch.

    The category is the ability. Evidence are the messages that a question names by `source_chat_ids`, where each id
    stands once in the chat. `metadata["rubric"]` lists what BEAM's own judge looks for.
    """
    return DataSet("beam", "conversation", tuple(_sample(row) for row in _read_chats(path)), SOURCE)


def _read_chats(path: Path) -> Iterator[Row]:
    if not path.is_dir():
        yield from read_rows(path)
        return
    chats = [path] if (path / _CHAT).exists() else [file.parent for file in path.glob(f"*/{_CHAT}")]
    for number, folder in enumerate(sorted(chats or [path], key=lambda chat: _number_first(chat.name)), start=1):
        chat = [dict(row.values) for row in read_rows(SOURCE.require(folder / _CHAT))]
        probes = next(read_rows(SOURCE.require(folder / _PROBES))).values
        values = {"conversation_id": folder.name, "chat": chat, "probing_questions": probes}
        yield Row(folder, number, values)


def _number_first(name: str) -> tuple[int, str]:
    """Sort key of chats and plans: 2 before 10, `plan-2` before `plan-10`."""
    number = name.removeprefix("plan-")
    return (int(number) if number.isdigit() else 0, name)


def _sample(row: Row) -> Sample:
    name = row.text("conversation_id")
    sessions, texts, seen = [], {}, Counter[int]()
    for label, messages in _batches(row):
        sessions.append(
            Session(
                turns=[(message.text("role"), message.get("content", str)) for message in messages],
                id=label,
                time=next((m.text("time_anchor") for m in messages if m.values.get("time_anchor")), None),
            )
        )
        for message in messages:
            if isinstance(id := message.values.get("id"), int):
                texts[id] = message.get("content", str)
                seen[id] += 1
    unique = {id: text for id, text in texts.items() if seen[id] == 1}
    probes = _probes(row)
    questions = [
        _question(probe, f"{name}/{ability}/{at}", ability, unique)
        for ability, given in probes.values.items()
        if given
        for at, probe in enumerate(probes.rows(ability))
    ]
    return Sample(name, tuple(sessions), tuple(questions))


def _batches(row: Row) -> Iterator[tuple[str, list[Row]]]:
    """Label and messages. A chat is a list of batches, or of lists of messages, or of plans with batches (10M)."""
    for at, part in enumerate(row.get("chat", list)):
        field = f"chat[{at}]"
        if isinstance(part, list):
            yield f"batch-{at + 1}", _messages(row, part, field)
        elif "turns" in (batch := row.inner(part, field)).values:
            yield f"batch-{at + 1}", _messages(row, batch.get("turns", list), f"{field}.turns")
        else:
            for plan in sorted((name for name, value in batch.values.items() if value), key=_number_first):
                for n, inner in enumerate(batch.rows(plan)):
                    turns = _messages(row, inner.get("turns", list), f"{field}.{plan}[{n}].turns")
                    yield f"{plan}-batch-{n + 1}", turns


def _messages(row: Row, parts: list[Any], field: str) -> list[Row]:
    """Messages, or lists of messages, as one list."""
    flat = [message for part in parts for message in (part if isinstance(part, list) else [part])]
    return [row.inner(message, f"{field}[{at}]") for at, message in enumerate(flat)]


def _probes(row: Row) -> Row:
    """An object, or its text in JSON or Python syntax."""
    value = row.values.get("probing_questions")
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith('{"') else ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise row.error("probing_questions", f"cannot be read as an object ({error})") from error
    return row.inner(value, "probing_questions")


def _question(probe: Row, id: str, ability: str, texts: Mapping[int, str]) -> Question:
    answers = tuple(probe.text(name) for name in _ANSWERS if probe.values.get(name))[:1]
    sources = _ids(probe.values.get("source_chat_ids"))
    gold = tuple(texts[number] for number in dict.fromkeys(sources) if number in texts)
    metadata = {"rubric": list(probe.get("rubric", list, [])), "difficulty": probe.get("difficulty", str, "")}
    return Question(id, probe.get("question", str), answers, ability, gold, metadata)


def _ids(value: Any) -> list[int]:
    """`source_chat_ids` is a list of numbers, or an object of such lists."""
    if isinstance(value, Mapping | list):
        return [id for part in (value.values() if isinstance(value, Mapping) else value) for id in _ids(part)]
    return [value] if isinstance(value, int) else []
