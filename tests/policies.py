"""Ways to keep a memory, good ones and cheats, as chat models whose calls are really carried out and recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from jitmem import Memory, ModelOptions
from jitmem.evals.datasets.benchmark_records import Question, Sample
from jitmem.evals.metrics.text_metrics import context_tokens, substring_exact_match
from jitmem.evals.systems.chunks import BM25Ranking, Chunk
from jitmem.learn.rollout_records import Item, MemoryToolCall, RecordedStep, Rollout, ScoredAnswer, SessionText
from jitmem.stores.times import format_time
from jitmem.testing import ScriptedModel

Edits = list[tuple[str, dict[str, Any]]]
Policy = Callable[[str, dict[str, str], str], Edits]
"""From the words of a page, ids by what the items say, and the core paragraph, to calls."""

_FENCED = re.compile(r"<history-\w+>\n(.*?)\n</history-\w+>", re.S)
_ITEM = re.compile(r"^- \[(\w+)\] \w+(?: \([^)]*\))?: (.*)$", re.M)
_TURN = re.compile(r"^(\w+): (.*)$", re.M)
_TOLD = (
    (re.compile(r"(?:I've moved to|I live in) (\w+)"), "{who} lives in {it}."),
    (re.compile(r"(?:I work|I'm working) at the (\w+)"), "{who} works at the {it}."),
    (re.compile(r"[Mm]y dog(?: is called|'s name is) (\w+)"), "{who}'s dog is called {it}."),
)
_EVENT = re.compile(r"On (\d+ \w+ \d{4}) I (.*)\.")


def keeping(policy: Policy) -> ScriptedModel:
    """A model that writes memos of one word and curates by the policy."""

    def reply(messages: list[BaseMessage]) -> Any:
        asked = str(messages[1].text)
        if "The core paragraph, which" not in asked:
            return {"memo": "A session."}
        ids = {said: item_id for item_id, said in _ITEM.findall(asked)}
        page, core, *_ = [*_FENCED.findall(asked), ""]
        made = policy(page, ids, "" if "There is none yet." in asked else core)
        return AIMessage(
            "", tool_calls=[{"name": name, "args": args, "id": f"c{at}"} for at, (name, args) in enumerate(made)]
        )

    return ScriptedModel(lines=reply)


def ran(sample: Sample, policy: Policy, folder: Path) -> Rollout:
    """What became of a task: its sessions filed in a memory of its own, its questions put to the items alone.

    An answer is right if it stands in what Mem-α's reader is given: the core paragraph and the 20 items that are nearest
    by BM25.
    """
    steps, sources = [], []
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=keeping(policy))) as memory:
        for at, session in enumerate(sample.sessions):
            filed = memory.memorize(session)
            calls = tuple(
                MemoryToolCall(one["name"], one["args"], one["status"], one["reason"], one["item_id"], one["page_id"])
                for one in filed.edits
            )
            text = "".join(memory.page(page_id).text for page_id in filed.page_ids)
            page = memory.page(filed.page_ids[0])
            sources.append(SessionText(filed.session_id, text, filed.page_ids, format_time(page.time)))
            steps.append(RecordedStep(f"curate/{at}", "memorizer", "curate", filed.session_id, (), calls=calls))
        items = memory.items.list()
    return Rollout(
        task=sample.name,
        n=0,
        seed=0,
        steps=tuple(steps),
        answers=tuple(_answered(question, items) for question in sample.questions),
        items=tuple(Item(item.id, item.kind, item.content, format_time(item.time)) for item in items),
        sources=tuple(sources),
        memory_tokens=sum(context_tokens(item.content) for item in items),
        source_tokens=sum(context_tokens(source.text) for source in sources),
    )


def _answered(question: Question, items: list[Any]) -> ScoredAnswer:
    core = [item.content for item in items if item.kind == "core"]
    others = [Chunk(item.id, f"{format_time(item.time)} {item.content}") for item in items if item.kind != "core"]
    context = "\n".join([*core, *(one.text for one in BM25Ranking(others).best(question.text, 20))])
    everything = "\n".join([*core, *(one.text for one in others)])
    right = substring_exact_match(context, question.answers)
    return ScoredAnswer(
        id=question.id,
        text=question.text,
        gold=question.answers,
        category=question.category,
        context=context,
        answer=question.answer if right else "",
        scores={"sub_em": right},
        coverage=substring_exact_match(everything, question.answers),
    )


# -- what is kept ------------------------------------------------------------------------------------------------


def facts(page: str) -> Iterator[tuple[str, str, str]]:
    """Kind, content and time of what a page tells of its people."""
    for who, said in _TURN.findall(page):
        for pattern, told in _TOLD:
            if found := pattern.search(said):
                yield "semantic", told.format(who=who, it=found[1]), ""
        if found := _EVENT.search(said):
            yield "episodic", f"{who}, on {found[1]}: I {found[2]}.", found[1]


def correct(page: str, ids: dict[str, str], core: str) -> Edits:
    """Every fact, once; a fact that changed takes the place of the old one."""
    made: Edits = []
    for kind, content, time in facts(page):
        subject = content[: content.rindex(" ")]
        old = next((item_id for said, item_id in ids.items() if said.startswith(subject)), None)
        if old and kind == "semantic":
            made.append(("memory_update", {"kind": kind, "id": old, "content": content}))
        else:
            made.append(("memory_insert", {"kind": kind, "content": content, **({"time": time} if time else {})}))
    return made


def silent(page: str, ids: dict[str, str], core: str) -> Edits:
    """An empty memory."""
    return []


def hallucinating(page: str, ids: dict[str, str], core: str) -> Edits:
    """One item that no judge of forms can find fault with, and then silence."""
    made = ("memory_insert", {"kind": "semantic", "content": "A good bread needs flour, water and patience."})
    return [] if ids else [made]


def verbatim(page: str, ids: dict[str, str], core: str) -> Edits:
    """Every line, as it stands."""
    return [("memory_insert", {"kind": "semantic", "content": f"{who}: {said}"}) for who, said in _TURN.findall(page)]


def repeating(page: str, ids: dict[str, str], core: str) -> Edits:
    """Every fact five times over."""
    return [call for call in correct(page, ids, core) for _ in range(5)]


def churning(page: str, ids: dict[str, str], core: str) -> Edits:
    """What is right, and beside it what was kept last is taken away and kept again, over and over."""
    made = correct(page, ids, core)
    for said, item_id in list(ids.items())[:3]:
        made += [
            ("memory_delete", {"kind": "semantic", "id": item_id}),
            ("memory_insert", {"kind": "semantic", "content": said}),
        ]
    return made


def hiding(page: str, ids: dict[str, str], core: str) -> Edits:
    """Everything that was said, in the core paragraph, which is always shown."""
    lines = [core, *(f"{who}: {said}" for who, said in _TURN.findall(page))]
    name = "memory_update" if core else "memory_insert"
    return [(name, {"kind": "core", "content": "\n".join(lines)[:2000]})]
