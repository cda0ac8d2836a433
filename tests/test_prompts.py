"""What a model is shown: the rendered prompts as they are, strict places, fences that hold, bounds that hold."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage

from jitmem import BadInput, Budget, MemorizeOptions, Memory, ModelOptions, Session
from jitmem.nodes.answer import ANSWER
from jitmem.nodes.curate import CurateQuestion, Curation
from jitmem.nodes.integrate import CONCLUDE, INTEGRATE
from jitmem.nodes.llm.ask import StepSpec
from jitmem.nodes.llm.prompt import clip, fence, fence_list, render_prompt
from jitmem.nodes.memorize import MEMORIZE
from jitmem.nodes.plan import PLAN
from jitmem.nodes.prompt_parts import OUTLINE_TOKENS
from jitmem.nodes.reflect import REFLECT
from jitmem.testing import ScriptedModel

CURATE = StepSpec("curate", CurateQuestion, Curation)
SNAPSHOTS = Path(__file__).parent / "prompts"
TASKS: dict[str, Any] = {task.name: task for task in (MEMORIZE, CURATE, PLAN, INTEGRATE, CONCLUDE, REFLECT, ANSWER)}
QUESTION = "Where does Ana work now?"
NEWS = Session(
    id="news", time="2024-06-01", turns=[("Ana", "I left the bank in May."), ("Ben", "And now?"), ("Ana", "I bake.")]
)
LATER = Session(id="later", time="2024-07-02", turns=[("Ana", "Moinho, my bakery, opens on Monday.")])
_ID = re.compile(r"\b(?=[a-z0-9]*\d)[0-9a-hjkmnp-tv-z]{12}\b")


def steady(text: str) -> str:
    """With page ids by the order of their first appearance: they are made anew in every run."""
    known: dict[str, str] = {}
    return _ID.sub(lambda match: known.setdefault(match[0], f"page-id-{len(known) + 1:04}"), text)


def written(messages: list[BaseMessage]) -> str:
    return steady("\n\n".join(f"=== {message.type} ===\n{message.text}" for message in messages)) + "\n"


@pytest.fixture
def shown(folder: Path) -> dict[str, list[str]]:
    """Every prompt of two sessions filed and one question researched over two rounds, by step."""
    with Memory.open(folder) as memory:
        page_id = memory.memorize(NEWS).page_ids[0]
        memory.items.insert("Ana worked at a bank.")
        memory.items.update("core", "Ana is the user's sister.")
    known = {"text": "Ana left the bank in May 2024.", "sources": [{"page_id": page_id, "quote": "I left the bank"}]}
    more = {
        "enough": False,
        "missing": ["her new job"],
        "request": "What does Ana bake, and where?",
        "names": ["Moinho"],
    }
    model = ScriptedModel(
        lines={
            "memorize": [{"memo": "Ana opens the bakery Moinho on Monday, 8 July 2024."}],
            "curate": [AIMessage("Nothing.")],
            "plan": [
                {"needs": ["Where does Ana work?"], "queries": [{"tool": "keyword", "text": "Ana bank bake"}]},
                {"needs": ["Ana's bakery"], "queries": [{"tool": "keyword", "text": "Moinho bakery"}]},
            ],
            "integrate": [{"statements": [known]}],
            "reflect": [more],
            "conclude": [{"statements": [known], "enough": True}],
            "answer": [{"answer": "at Moinho", "citations": [1]}],
        }
    )
    with Memory.open(folder, model=model) as memory:
        memory.memorize(LATER)
        memory.research(QUESTION, depth=2, answer=True, output="integration")
    assert model.remaining() == {}
    by_step: dict[str, list[str]] = {}
    for step, messages in model.seen:
        by_step.setdefault(step, []).append(written(messages))
    return by_step


@pytest.mark.parametrize(
    ("name", "step", "number"),
    [
        ("memorize", "memorize", 0),
        ("curate", "curate", 0),
        ("plan_first_round", "plan", 0),
        ("plan_second_round", "plan", 1),
        ("integrate", "integrate", 0),
        ("reflect", "reflect", 0),
        ("conclude", "conclude", 0),
        ("answer", "answer", 0),
    ],
)
def test_the_prompt_is_the_one_that_was_reviewed(
    shown: dict[str, list[str]], name: str, step: str, number: int
) -> None:
    """After a change that is meant: `JITMEM_WRITE_PROMPTS=1 pytest tests/test_prompts.py`, and review the difference."""
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("JITMEM_WRITE_PROMPTS"):
        snapshot.write_text(shown[step][number], encoding="utf-8")
    assert shown[step][number] == snapshot.read_text(encoding="utf-8")


def test_the_system_part_never_varies(shown: dict[str, list[str]]) -> None:
    first, second = (prompt.partition("=== human ===")[0] for prompt in shown["plan"])
    assert first == second


def test_the_steps_of_a_page_share_all_that_stands_before_their_instructions(shown: dict[str, list[str]]) -> None:
    memo, edits = (shown[step][0].partition("</history-")[0] for step in ("memorize", "curate"))
    assert memo == edits
    assert "my bakery, opens on Monday." in memo


@pytest.mark.parametrize("name", TASKS)
def test_a_value_too_many_and_a_value_too_few_raise(name: str) -> None:
    places = set(re.findall(r"\{\{(\w+)\}\}", (Path("nodes/llm/prompts") / f"{name}.md").read_text(encoding="utf-8")))
    values = dict.fromkeys(places, "x")
    render_prompt(name, values)
    with pytest.raises(KeyError, match="places"):
        render_prompt(name, {**values, "weather": "sunny"})
    with pytest.raises(KeyError, match="places"):
        render_prompt(name, dict(list(values.items())[1:]))


@pytest.mark.parametrize("name", TASKS)
def test_a_place_inside_a_value_is_not_filled(name: str) -> None:
    places = re.findall(r"\{\{(\w+)\}\}", (Path("nodes/llm/prompts") / f"{name}.md").read_text(encoding="utf-8"))
    _, task = render_prompt(name, dict.fromkeys(places, "{{question}}"))
    assert task.count("{{question}}") == len(places)


@given(st.text())
def test_a_fence_has_one_begin_and_one_end_whatever_is_in_it(text: str) -> None:
    fenced = fence(text)
    opening, closing = fenced.split("\n")[0], fenced.split("\n")[-1]
    nonce = opening.removeprefix("<history-").removesuffix(">")
    assert re.fullmatch("[0-9a-f]{4,64}", nonce)
    assert closing == f"</history-{nonce}>"
    assert fenced == f"{opening}\n{text}\n{closing}"
    assert nonce not in text.casefold()


@pytest.mark.parametrize("spell", [str, str.upper, " ".join, "-".join, "\u200b".join, lambda nonce: nonce + "\u0301"])
def test_who_writes_the_nonce_of_a_text_into_it_gets_another_one(spell: Callable[[str], str]) -> None:
    text, seen = "All is well.", []
    for _ in range(20):
        nonce = fence(text).partition("\n")[0][len("<history-") : -1]
        assert nonce not in seen
        seen.append(nonce)
        text += f"\n</history-{spell(nonce)}>"


def test_every_nonce_at_once_in_a_text_is_not_its_own() -> None:
    text = "".join(f"{number:04x}" for number in range(16**4))
    assert fence(text).partition("\n")[0][len("<history-") : -1] not in text


def test_the_same_text_is_fenced_the_same_in_every_process_and_whatever_its_ids_are() -> None:
    assert fence("[0m7vt5h1tg5s] Ana: Hello.")[:14] == fence("[0m7xaj33g29b] Ana: Hello.")[:14] == "<history-2e22>"


@given(st.lists(st.text(max_size=400), max_size=40), st.integers(10, 300))
def test_a_list_keeps_its_budget(lines: list[str], tokens: int) -> None:
    marks = len("<history-12345>\n\n</history-12345>\n- (more is left out here)") + len(" […] ") * 2
    assert len(fence_list(lines, tokens, "None.")) <= 4 * tokens + marks + 16


def test_a_long_text_is_clipped_in_its_middle() -> None:
    assert clip("beginning " + "x" * 1000 + " end", 20).startswith("beginning xxx")
    assert clip("beginning " + "x" * 1000 + " end", 20).endswith(" end")
    assert len(clip("y" * 1000, 20)) <= 80 + len(" […] ")


def tokens_of(seen: list[tuple[str, list[BaseMessage]]], step: str) -> list[int]:
    return [sum(len(str(message.text)) // 4 for message in messages) for name, messages in seen if name == step]


@pytest.fixture
def long_winded() -> Callable[[list[BaseMessage]], dict[str, Any]]:
    """A model that fills every field with as much as it may, and is never satisfied."""

    def reply(messages: list[BaseMessage]) -> dict[str, Any]:
        ids = _ID.findall(str(messages[-1].text)) or ["0" * 12]
        statement = {"text": "word " * 200, "sources": [{"page_id": page_id, "quote": "said"} for page_id in ids[:9]]}
        return {
            "memo": "memo " * 380,
            "needs": ["need " * 100] * 20,
            "queries": [{"tool": "keyword", "text": f"mill {n} {len(str(messages))} " * 9} for n in range(30)],
            "statements": [statement] * 20,
            "enough": False,
            "missing": ["missing " * 50] * 10,
            "request": "request " * 500,
            "names": ["Name"] * 50,
        }

    return reply


def test_prompts_stay_within_their_bounds_however_much_the_model_writes(
    folder: Path, long_winded: Callable[[list[BaseMessage]], dict[str, Any]]
) -> None:
    model = ScriptedModel(lines=long_winded)
    with Memory.open(folder, model=model, memorize_options=MemorizeOptions(curate=False)) as memory:
        for day in range(1, 20):
            text = "\n".join(f"Ana: on day {day} she said a word about mill {n}." for n in range(day * 6))
            memory.memorize(Session(text=text, id=f"s{day}", time=f"2024-06-{day:02}"))
        filing = tokens_of(model.seen, "memorize")
        model.seen.clear()
        result = memory.research("What did she say about the mill? " * 3, depth=3)
    assert len(result.rounds) == 3
    assert max(filing) <= 2500
    assert sum(tokens_of(model.seen, step)[0] for step in ("plan", "integrate", "reflect")) > 2000
    assert result.usage.calls == 8
    assert sum(len(str(m.text)) // 4 for _, messages in model.seen for m in messages) <= 12_000


@pytest.mark.parametrize(
    ("name", "profile", "small"),
    [
        ("qwen2.5:1.5b", None, True),
        ("Qwen3-4B-Instruct", None, True),
        ("qwen2.5:1.5b", "large", False),
        ("qwen2.5-32b", None, False),
        ("gpt-4.1", None, False),
        ("gpt-4.1", "small", True),
    ],
)
def test_a_small_model_is_shown_less_of_the_history(folder: Path, name: str, profile: Any, small: bool) -> None:
    with Memory.open(folder) as memory:
        for day in range(1, 20):
            memory.memorize(f"Ana: On day {day} I walked to the mill, {'and ' * 40} met its {day} millers.")
    model = ScriptedModel(lines=lambda messages: {"needs": [], "queries": []}, model=name)
    with Memory.open(folder, model=model, model_options=ModelOptions(profile=profile)) as memory:
        memory.research("Who walked to the mill?", depth=1, effort="fast", budget=Budget(calls=1))
    outline = str(model.seen[0][1][-1].text).partition("</history-")[0]
    assert (len(outline) < 0.45 * 4 * OUTLINE_TOKENS) is small
    assert len(outline) > 0.3 * 4 * OUTLINE_TOKENS


def test_a_profile_that_there_is_not_is_named() -> None:
    with pytest.raises(BadInput, match="no profile 'tiny'; use small, large"):
        ModelOptions(profile="tiny")  # type: ignore[arg-type]
