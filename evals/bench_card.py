"""The bench card: one folder that records what was run, on which data, with which models, and the results."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..prompt_overrides import read_overrides
from ..stores.errors import BadInput
from .datasets.benchmark_records import DataSet, sha256
from .jsonl_log import claim_folder, read_json
from .metrics.answer_judge import JUDGE_PROMPT, RUBRICS
from .run_plan import RunPlan
from .systems.chunks import session_lines, session_name
from .systems.context_reader import READER_PROMPT

CONFIG, SCORES, REPORT, PROMPTS = "config.json", "scores.json", "report.md", "prompts"
_PACKAGES = (
    *("langgraph", "langchain-core", "langchain-openai", "chromadb", "rank-bm25", "pydantic", "numpy"),
    *("snowballstemmer", "langmem", "mem0ai"),
)
_FOLDERS = ("", ".graphs", ".nodes", ".tools", ".stores", ".integrations", ".evals")
_LOGIN = re.compile(r"//[^/@\s]+@")
_SAME = ("data", "setups", "models", "prompts", "seed", "jitmem")
"""What must be unchanged for a stopped run to resume: else its answers would not belong to one run."""


def begin_card(plan: RunPlan) -> None:
    """Record the run before its first question; on a folder that has a card, check that it is the same run.

    `BadInput` names what differs.
    """
    files = [file.name for file in plan.folder.iterdir() if file.name != ".lock"] if plan.folder.exists() else []
    if files and CONFIG not in files:
        raise BadInput(f"{plan.folder}: is neither empty nor a card; give another folder with --out.")
    claim_folder(plan.folder / CONFIG, "a card of another run", _describe_run(plan), _SAME)
    (plan.folder / PROMPTS).mkdir(exist_ok=True)
    for prompt, text in _prompt_texts(plan).items():
        (plan.folder / PROMPTS / prompt).write_text(text, encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration that a card records; `BadInput` where there is none."""
    try:
        return read_json(folder / CONFIG)
    except FileNotFoundError as error:
        raise BadInput(f"{folder}: no bench card lies here; `jitmem eval … --out {folder}` makes one.") from error


def _describe_run(plan: RunPlan) -> dict[str, Any]:
    source, path = plan.data.source, plan.path
    data_hash = sha256(path) if path and path.is_file() else ""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command_line(),
        "preset": plan.preset,
        "metrics": list(plan.metrics),
        "seed": plan.seed,
        "data": {
            "name": plan.data.name,
            "kind": plan.data.kind,
            "title": source.title,
            "licence": source.licence,
            "file": path.name if path else "",
            "sha256": data_hash,
            "official": source.is_official(path.name, data_hash) if path and data_hash else None,
            **describe_content(plan.data),
        },
        "setups": {setup.name: setup.as_dict() for setup in plan.setups},
        "memory_key": {setup.name: setup.memory_key for setup in plan.setups},
        "models": plan.models.names(),
        "prompts": {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(_prompt_texts(plan).items())
        },
        "concurrency": plan.concurrency,
        "prices": {name: list(price) for name, price in plan.prices.table.items()},
        "jitmem": {"version": _package_version("jitmem"), "sha256": package_hash()},
        "git": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: found for package in _PACKAGES if (found := _package_version(package))},
    }


def describe_content(data: DataSet) -> dict[str, Any]:
    """Counts, and one hash over sessions and one over questions, whatever file they are from."""
    sessions_hash, questions_hash = hashlib.sha256(), hashlib.sha256()
    sessions = questions = 0
    for sample in data.samples:
        for at, session in enumerate(sample.sessions):
            parts = [session_name(session, at), str(session.time), session_lines(session)]
            sessions_hash.update(_json_bytes([sample.name, *parts]))
        for question in sample.questions:
            parts = [question.id, question.text, question.answers, question.category, question.evidence]
            questions_hash.update(_json_bytes([sample.name, *parts]))
        sessions, questions = sessions + len(sample.sessions), questions + len(sample.questions)
    return {
        "samples": len(data.samples),
        "sessions": sessions,
        "questions": questions,
        "sessions_sha256": sessions_hash.hexdigest(),
        "questions_sha256": questions_hash.hexdigest(),
    }


@cache
def package_hash() -> str:
    """Over every installed file of code, prompt and schema of jitmem."""
    total = hashlib.sha256()
    for part in _FOLDERS:
        module = import_module(f"jitmem{part}")
        root = Path(str(module.__file__)).parent
        for file in sorted(found for suffix in ("py", "md", "sql") for found in root.rglob(f"*.{suffix}")):
            total.update(f"jitmem{part}/{file.relative_to(root).as_posix()}\n".encode())
            total.update(file.read_bytes())
    return total.hexdigest()


def _prompt_texts(plan: RunPlan) -> Mapping[str, str]:
    texts = {}
    if plan.models.has_reader:
        texts["reader.md"] = READER_PROMPT.text
    if plan.models.judge is not None:
        texts |= {"judge.md": JUDGE_PROMPT.text, "rubrics.md": RUBRICS.text}
    if plan.models.model is not None or plan.models.researcher_model is not None:
        folder = Path(str(import_module("jitmem.nodes.llm").__file__)).parent / "prompts"
        texts |= {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.md"))}
    texts |= {f"{step}.words.md": prompt for step, prompt in read_overrides(plan.models.prompts).items()}
    return texts


def _command_line() -> list[str]:
    """As called, without logins in addresses."""
    called = Path(sys.argv[0]).name
    first = "jitmem" if called in ("-c", "__main__.py") else called
    return [first, *(_LOGIN.sub("//…@", part) for part in sys.argv[1:])]


@cache
def _git_commit() -> dict[str, Any]:
    """Of the checkout that the package is imported from; {} outside a checkout."""
    root = Path(__file__).parent
    try:
        commit = _run_git(root, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_run_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _run_git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


def _package_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
