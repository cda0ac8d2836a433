"""Read the official files of LoCoMo, HotpotQA and MuSiQue as sessions and questions with their gold evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..stores.errors import BadInput
from ..stores.records import Session


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence` are the gold turns (LoCoMo) or the titles of the gold paragraphs (HotpotQA, MuSiQue)."""

    text: str
    answer: str
    category: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One memory to fill and what is asked of it."""

    name: str
    sessions: tuple[Session, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class DataSet:
    """`kind` is "conversation" (evidence is text in the context) or "paragraphs" (evidence is a page)."""

    name: str
    kind: str
    samples: tuple[Sample, ...]


def load(path: Path) -> DataSet:
    """Recognised by its form; `BadInput` for a file of another form."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as JSON ({error}).") from error
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    if "conversation" in first:
        return DataSet("locomo", "conversation", tuple(_conversation(row) for row in rows))
    if "supporting_facts" in first:
        return DataSet("hotpotqa", "paragraphs", (_pool("hotpotqa", [_hotpot(row) for row in rows]),))
    if "paragraphs" in first:
        return DataSet("musique", "paragraphs", (_pool("musique", [_musique(row) for row in rows]),))
    raise BadInput(f"{path}: neither LoCoMo (conversation), HotpotQA (supporting_facts) nor MuSiQue (paragraphs).")


def turn(entry: dict[str, Any]) -> str:
    """A LoCoMo turn as it is memorized; a shared photo stands as its caption."""
    caption = entry.get("blip_caption")
    return f"{entry['text']} [shares a photo: {caption}]" if caption else str(entry["text"])


def _conversation(row: dict[str, Any]) -> Sample:
    conversation = row["conversation"]
    numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
    sessions, texts = [], {}
    for number in numbers:
        entries = conversation[f"session_{number}"]
        texts.update({entry["dia_id"]: str(entry["text"]) for entry in entries})
        sessions.append(
            Session(
                turns=[(entry["speaker"], turn(entry)) for entry in entries],
                id=f"session_{number}",
                time=conversation[f"session_{number}_date_time"],
            )
        )
    questions = []
    for qa in row["qa"]:
        named = [name for part in qa.get("evidence", []) for name in re.split(r"[;,\s]+", part)]
        gold = tuple(texts[name] for name in named if name in texts)
        if gold:
            answer = str(qa.get("answer", qa.get("adversarial_answer", "")))
            questions.append(Question(qa["question"], answer, str(qa["category"]), gold))
    return Sample(str(row.get("sample_id", "")), tuple(sessions), tuple(questions))


def _pool(name: str, rows: Sequence[tuple[dict[str, str], Question]]) -> Sample:
    """The paragraphs of all questions in one memory, a page each, each once."""
    pool: dict[str, Session] = {}
    for paragraphs, _ in rows:
        for key, text in paragraphs.items():
            pool.setdefault(key, Session(text=text, id=key, metadata={"title": key.split("\n")[0]}))
    return Sample(name, tuple(pool.values()), tuple(question for _, question in rows))


def _hotpot(row: dict[str, Any]) -> tuple[dict[str, str], Question]:
    gold = {title for title, _ in row["supporting_facts"]}
    paragraphs = {_key(title, "".join(sentences)): title for title, sentences in row["context"]}
    texts = {_key(title, "".join(sentences)): f"{title}\n\n{''.join(sentences)}" for title, sentences in row["context"]}
    evidence = tuple(key for key, title in paragraphs.items() if title in gold)
    return texts, Question(row["question"], str(row.get("answer", "")), str(row.get("type", "")), evidence)


def _musique(row: dict[str, Any]) -> tuple[dict[str, str], Question]:
    keys = [_key(entry["title"], entry["paragraph_text"]) for entry in row["paragraphs"]]
    texts = {
        key: f"{entry['title']}\n\n{entry['paragraph_text']}"
        for key, entry in zip(keys, row["paragraphs"], strict=True)
    }
    evidence = tuple(key for key, entry in zip(keys, row["paragraphs"], strict=True) if entry["is_supporting"])
    hops = f"{len(row.get('question_decomposition') or evidence)} hops"
    return texts, Question(row["question"], str(row.get("answer", "")), hops, evidence)


def _key(title: str, text: str) -> str:
    """A paragraph's session id: two paragraphs may share a title."""
    return f"{title}\n{text[:40]}"
