"""LoCoMo (Maharana et al. 2024): long conversations of two people, with questions on what was said and when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...stores.records import Session
from .benchmark_records import DataSet, DataSource, Question, Sample
from .row_files import Row, read_rows
from .written_forms import in_form

SOURCE = DataSource(
    title="LoCoMo",
    address="https://github.com/snap-research/locomo/tree/main/data",
    files=("locomo10.json",),
    licence="CC BY-NC 4.0",
    paper="arXiv:2402.17753",
    sha256={"locomo10.json": "79fa87e90f04081343b8c8debecb80a9a6842b76a7aa537dc9fdf651ea698ff4"},
)
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
NOT_MENTIONED = "Not mentioned in the conversation"


def load(path: Path, form: str = "native") -> DataSet:
    """`locomo10.json`: a sample a conversation, a session a day. Evidence are the gold turns, verbatim.

    An adversarial question asks for what was never said: its answer is `NOT_MENTIONED`, and the tempting wrong answer
    is `metadata["adversarial_answer"]`. With a `form` the sessions are those that are read again from files of a chat
    program, a table or a mailbox.
    """
    data = DataSet("locomo", "conversation", tuple(_sample(row) for row in read_rows(path)), SOURCE)
    return in_form(data, form)


def _sample(row: Row) -> Sample:
    talk = row.inner(row.get("conversation", dict), "conversation")
    name = row.text("sample_id")
    numbers = sorted(int(key[8:]) for key in talk.values if re.fullmatch(r"session_\d+", key))
    sessions, texts = [], {}
    for number in numbers:
        turns = talk.rows(f"session_{number}")
        texts.update({turn.text("dia_id"): turn.text("text") for turn in turns})
        sessions.append(
            Session(
                turns=[(turn.text("speaker"), turn_text(turn)) for turn in turns],
                id=f"session_{number}",
                time=talk.text(f"session_{number}_date_time"),
            )
        )
    return Sample(name, tuple(sessions), tuple(_question(name, at, qa, texts) for at, qa in enumerate(row.rows("qa"))))


def turn_text(turn: Row) -> str:
    """The text that is memorized; a shared photo appears as its caption."""
    caption = turn.values.get("blip_caption")
    return f"{turn.text('text')} [shares a photo: {caption}]" if caption else turn.text("text")


def _question(name: str, at: int, qa: Row, texts: dict[str, str]) -> Question:
    number = qa.get("category", int)
    if number not in CATEGORIES:
        raise qa.error("category", f"should be 1 to 5, is {number}")
    # Some ids of the official file stand in one text ("D8:6; D9:17"), some name no turn ("D").
    ids = [id for part in qa.get("evidence", list, []) for id in re.split(r"[;,\s]+", str(part)) if id in texts]
    metadata: dict[str, Any] = {"number": number, "turns": ids}
    answers: tuple[str, ...]
    if number == 5:
        answers = (NOT_MENTIONED, *([qa.text("answer")] if "answer" in qa.values else []))
        if "adversarial_answer" in qa.values:
            metadata["adversarial_answer"] = qa.text("adversarial_answer")
    else:
        answers = (qa.text("answer"),)
    evidence = tuple(texts[id] for id in ids)
    return Question(f"{name}/{at}", qa.get("question", str), answers, CATEGORIES[number], evidence, metadata)
