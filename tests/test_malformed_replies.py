"""Malformed JSON of models is read without another call; a reply that was cut off is asked for again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from jitmem import MemorizeOptions, Memory, ModelOptions, ModelReplyError
from jitmem.nodes.accept import normalize_session
from jitmem.nodes.curate import Curation
from jitmem.nodes.integrate import Integration
from jitmem.nodes.llm.output_forms import OutputFormat
from jitmem.nodes.llm.structured_output import UnreadableReply, parse_reply, parse_tool_calls
from jitmem.nodes.llm.thinking_marks import strip_thinking
from jitmem.nodes.memorize import Memo
from jitmem.nodes.plan import SearchPlan
from jitmem.nodes.reflect import Reflection
from jitmem.testing import ScriptedModel
from jitmem.tools.memory_specs import memory_specs

MALFORMED = {
    "a trailing comma": ('{"memo": "Ana left the bank.",}', "Ana left the bank."),
    "a fence after thinking": ('<think>{"memo": 1}</think>\n```json\n{"memo": "Ana left."}\n```', "Ana left."),
    "single quotes": ("{'memo': 'Ana left the bank.'}", "Ana left the bank."),
    "Python's True": ('{"memo": "Ana left the bank.", "sure": True}', "Ana left the bank."),
    "a comment": ('{"memo": "Ana left the bank." // what she said\n}', "Ana left the bank."),
    "a missing comma": ('{"memo": "Ana left the bank." "sure": true}', "Ana left the bank."),
    "quotes within a text": ('{"memo": "Ana said "I left the bank" in May."}', 'Ana said "I left the bank" in May.'),
    "keys without quotes": ('{memo: "Ana left the bank."}', "Ana left the bank."),
}
CUT_OFF = {
    "in the middle of a text": '{"memo": "Ana left the',
    "in a text that has a brace": '{"memo": "Ana wrote {x} and left the',
    "after a text": '{"memo": "Ana left the bank."',
    "in a list": '{"memo": "Ana left the bank.", "names": ["Ana", "Ben"',
    "before the last brace": "{'memo': 'Ana left the bank.', 'names': {'a': 1}",
}


def memo_of(folder: Path, *replies: str | AIMessage) -> tuple[str, int]:
    """The memo of a page when the model replies so, and how many calls were made."""
    model = ScriptedModel(lines={"memorize": list(replies)})
    with Memory.open(
        folder,
        model_options=ModelOptions(memorizer_model=model),
        memorize_options=MemorizeOptions(curate=False, on_model_failure="raise"),
    ) as memory:
        memory.memorize("Ana: I left the bank in May.")
        return memory.pages()[0].memo, len(model.seen)


@pytest.mark.parametrize(("reply", "memo"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_reply_is_read_with_one_call(folder: Path, reply: str, memo: str) -> None:
    assert memo_of(folder, reply) == (memo, 1)


@pytest.mark.parametrize("reply", CUT_OFF.values(), ids=CUT_OFF)
def test_a_reply_that_is_cut_off_is_asked_for_again(folder: Path, reply: str) -> None:
    assert memo_of(folder, reply, '{"memo": "Ana left."}') == ("Ana left.", 2)


def test_a_reply_that_the_server_says_was_cut_off_is_not_repaired(folder: Path) -> None:
    cut_off = AIMessage("{'memo': 'Ana left the bank.'}", response_metadata={"finish_reason": "length"})
    assert memo_of(folder, cut_off, '{"memo": "Ana left."}') == ("Ana left.", 2)


def test_a_repaired_object_that_does_not_fit_the_form_is_asked_for_again(folder: Path) -> None:
    assert memo_of(folder, "{'note': 'Ana left.'}", '{"memo": "Ana left."}') == ("Ana left.", 2)


def test_words_without_an_object_are_never_repaired_into_one(folder: Path) -> None:
    with pytest.raises(ModelReplyError):
        memo_of(folder, "memo: Ana left.", '["memo", "Ana left."]', "Ana left.")


def test_a_valid_object_is_never_repaired() -> None:
    text = 'He said {"memo": "it\'s \\"so\\", // and, so"}'
    assert parse_reply(AIMessage(text), Memo).memo == 'it\'s "so", // and, so'


def test_the_whole_object_is_taken_where_only_an_inner_one_is_valid() -> None:
    reply = AIMessage('{\'needs\': [], \'queries\': [{"tool": "keyword", "text": "Ana"}]}')
    assert [query.text for query in parse_reply(reply, SearchPlan).queries] == ["Ana"]


def test_the_first_malformed_object_that_fits_is_taken() -> None:
    reply = AIMessage("Known: {'names': ['Ana']}. So: {'enough': True}")
    assert parse_reply(reply, Reflection).enough


def test_malformed_arguments_of_a_tool_call_are_repaired() -> None:
    arguments = "{'kind': 'semantic', 'content': 'Ana left.', 'more': {\"a\": 1}}"
    broken = {"name": "memory_insert", "args": arguments, "id": "1", "error": None, "type": "invalid_tool_call"}
    message = AIMessage("", invalid_tool_calls=[broken])
    (call,) = parse_tool_calls(message, Curation, "function").calls
    assert call.args == {"kind": "semantic", "content": "Ana left.", "more": {"a": 1}}
    message.response_metadata["finish_reason"] = "length"
    (call,) = parse_tool_calls(message, Curation, "function").calls
    assert call.args == {"a": 1}


# -- tool calls in words -------------------------------------------------------------------------------------

ARGS = {"kind": "semantic", "content": "Ana bakes."}
_JSON = '{"kind": "semantic", "content": "Ana bakes."}'
_CALL = f'{{"name": "memory_insert", "arguments": {_JSON}}}'
IN_WORDS = {
    "arguments": _CALL,
    "parameters": _CALL.replace("arguments", "parameters"),
    "args": _CALL.replace("arguments", "args"),
    "input": _CALL.replace("arguments", "input"),
    "flat": '{"name": "memory_insert", "kind": "semantic", "content": "Ana bakes.", "id": "", "time": null}',
    "flat, of type function": '{"type": "function", "name": "memory_insert", "kind": "semantic", "content": "Ana bakes."}',
    "a fence": f"I will keep this:\n```json\n{_CALL}\n```\nThat is all.",
    "a list": f"[{_CALL}]",
    "Mistral's list": f"[TOOL_CALLS] [{_CALL}]",
    "a tag": f"<tool_call>\n{_CALL}\n</tool_call>",
    "a function": f'{{"function": {_CALL}}}',
    "a function with a text": json.dumps({"function": {"name": "memory_insert", "arguments": _JSON}}),
    "a typed function": f'{{"id": "call_1", "type": "function", "function": {_CALL}}}',
    "a function's name": f'{{"function": "memory_insert", "parameters": {_JSON}}}',
    "a tool": f'{{"tool": "memory_insert", "args": {_JSON}}}',
    "a tool's name": f'{{"tool_name": "memory_insert", "input": {_JSON}}}',
    "tool_calls": f'{{"tool_calls": [{{"type": "function", "function": {_CALL}}}]}}',
    "calls": f'{{"calls": [{_CALL}]}}',
    "flat calls": '{"calls": [{"name": "memory_insert", "kind": "semantic", "content": "Ana bakes.", "id": ""}]}',
    "the name as key": f'{{"memory_insert": {_JSON}}}',
    "malformed": "{'name': 'memory_insert', 'arguments': {'kind': 'semantic', 'content': 'Ana bakes.',}}",
    "a Python list": "[memory_insert(kind=\"semantic\", content='Ana bakes.')]",
    "a Python list in a fence": "```tool_code\n[\n  memory_insert(\n    kind='semantic',\n    content='Ana bakes.',\n  ),\n]\n```",
    "a Python line": "Keep it.\nmemory_insert(kind='semantic', content='Ana bakes.')\nDone.",
    "after thinking": f'<think>{{"name": "memory_delete", "arguments": {{}}}}</think>{_CALL}',
}
TOOLS = [spec.as_openai() for spec in memory_specs()]


def calls_of(text: str, output: OutputFormat = "function") -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.args) for call in parse_tool_calls(AIMessage(text), Curation, output, TOOLS).calls]


@pytest.mark.parametrize("output", ["bounded_schema", "json_object", "function", "prompt"])
@pytest.mark.parametrize("text", IN_WORDS.values(), ids=IN_WORDS)
def test_a_tool_call_in_words_is_read_in_every_usual_form(text: str, output: OutputFormat) -> None:
    assert calls_of(text, output) == [("memory_insert", ARGS)]


@pytest.mark.parametrize(
    "text",
    [
        f"[{_CALL}, {_CALL}]",
        f"<tool_call>{_CALL}</tool_call>\n<tool_call>{_CALL}</tool_call>",
        f'{{"calls": [{_CALL}, {_CALL}]}}',
        f"{_CALL}\n{_CALL.replace(chr(34), chr(39))}",
        "[memory_insert(kind='semantic', content='Ana bakes.'), memory_insert(content='Ana bakes.', kind='semantic')]",
        "memory_insert(kind='semantic', content='Ana bakes.')\nmemory_insert(kind='semantic', content='Ana bakes.')",
    ],
    ids=["a list", "tags", "calls", "one of two malformed", "a Python list", "Python lines"],
)
def test_several_calls_in_words_are_all_read(text: str) -> None:
    assert calls_of(text) == [("memory_insert", ARGS)] * 2


def test_what_a_strict_form_made_the_model_fill_in_for_other_tools_is_no_argument() -> None:
    call = '{"name": "memory_insert", "kind": "semantic", "content": "Ana bakes.", "time": "", "id": "123456789012"}'
    assert calls_of(f'{{"calls": [{call}]}}', "json_schema") == [("memory_insert", ARGS)]
    other = '{"calls": [{"name": "memory_insert", "content": "Ana bakes.", "mood": "good"}]}'
    assert calls_of(other) == [("memory_insert", {"content": "Ana bakes.", "mood": "good"})]  # the editor says so


def test_a_call_of_an_unknown_tool_stays_for_the_editor_to_answer() -> None:
    assert calls_of('{"name": "memory_destroy", "arguments": {}}') == [("memory_destroy", {})]


@pytest.mark.parametrize("text", ['{"calls": []}', '{"tool_calls": []}', "[]", "```json\n[]\n```"])
def test_no_calls_may_be_written_in_every_form(text: str) -> None:
    assert [calls_of(text, output) for output in ("bounded_schema", "json_object", "function", "prompt")] == [[]] * 4


def test_prose_means_no_calls_only_to_a_model_that_may_call() -> None:
    assert calls_of("core semantic episodic") == []
    for output in ("bounded_schema", "json_object", "prompt"):
        with pytest.raises(UnreadableReply):
            calls_of("core semantic episodic", output)


@pytest.mark.parametrize(
    "text",
    [
        "memory_insert(kind=kind, content=open('/etc/passwd').read())",
        "[memory_insert(**arguments)]",
        "memory_insert('semantic', 'Ana bakes.')",
        '{"note": "Ana bakes."}',
        '{"name": "memory_insert", "arguments": "none"}'.replace('"none"', "3"),
        f'{{"calls": [{_CALL}, {{"kind": "core"}}]}}',
        f'{{"calls": [{_CALL}, ',
        json.dumps(TOOLS[0]["function"]),
        json.dumps(Curation.model_json_schema()),
    ],
    ids=[
        "names",
        "stars",
        "places",
        "no call",
        "no object",
        "one is no call",
        "cut off",
        "the tool itself",
        "the form",
    ],
)
def test_what_is_no_call_makes_none(text: str) -> None:
    with pytest.raises(UnreadableReply):
        calls_of(text, "prompt")


def test_a_form_that_is_repeated_is_recognised_and_one_that_is_filled_in_under_properties_read() -> None:
    for answer in (Memo, SearchPlan, Reflection, Integration):
        with pytest.raises(UnreadableReply, match="repeats the form"):
            parse_reply(AIMessage(json.dumps(answer.model_json_schema())), answer)
    assert parse_reply(AIMessage('{"type": "object", "properties": {"memo": "Ana left."}}'), Memo).memo == "Ana left."


# -- thinking ------------------------------------------------------------------------------------------------

_ANSWER = '{"memo": "Ana left."}'
_WRONG = '{"memo": "Ana stays."} or so.'
THINKING = {
    **{
        name: f"<{name}>{_WRONG}</{name}>\n{_ANSWER}" for name in ("think", "thinking", "reasoning", "thought", "THINK")
    },
    "begin_of_thought": f"<|begin_of_thought|>{_WRONG}<|end_of_thought|>{_ANSWER}",
    "brackets": f"[THINK]{_WRONG}[/THINK]{_ANSWER}",
    "Kimi": f"◁think▷{_WRONG}◁/think▷{_ANSWER}",
    "harmony": f"<|channel|>analysis<|message|>{_WRONG}<|end|><|start|>assistant<|channel|>final<|message|>{_ANSWER}<|return|>",
    "harmony with a constraint": f"<|channel|>analysis<|message|>{_WRONG}<|end|><|start|>assistant<|channel|>final "
    f"<|constrain|>json<|message|>{_ANSWER}",
    "harmony without its marks": f"analysis{_WRONG}assistantfinal{_ANSWER}",
    "harmony's commentary and final": f"<|channel|>analysis<|message|>{_WRONG}<|end|><|channel|>final<|message|>{_ANSWER}",
    "Gemma's channel": f"<|channel>thought\n{_WRONG}<channel|>{_ANSWER}",
    "Gemma's unnamed tokens": f"<unused94>thought\n{_WRONG}<unused95>{_ANSWER}",
    "Cohere": f"<|START_THINKING|>{_WRONG}<|END_THINKING|>{_ANSWER}",
    "Apertus": f"<|inner_prefix|>{_WRONG}<|inner_suffix|>{_ANSWER}",
    "Granite": f"Here is my thought process:\n{_WRONG}\nHere is my response:\n{_ANSWER}",
    "Seed": f"<seed:think>{_WRONG}</seed:think>{_ANSWER}",
    "with attributes": f'<think budget="512">{_WRONG}</think>{_ANSWER}',
    "that begins and ends with quotes": f'<think>"Ana stays," says Ben, "or so."</think>{_ANSWER}',
    "that mentions its own mark": f'<think>I end with "</think>" then. {_WRONG}</think>{_ANSWER}',
    "a lone end": f"{_WRONG}</think>{_ANSWER}",
    "a lone end in brackets": f"{_WRONG}[/THINK]\n{_ANSWER}",
    "two blocks, one within": f"<think>a <think>{_WRONG}</think> b</think><think>{_WRONG}</think>{_ANSWER}",
    "before an open one": f"{_ANSWER}\n<think>{_WRONG}",
}


@pytest.mark.parametrize("text", THINKING.values(), ids=THINKING)
def test_thinking_is_cut_from_a_reply_in_every_usual_mark(text: str) -> None:
    assert parse_reply(AIMessage(text), Memo).memo == "Ana left."
    assert strip_thinking(text).strip() == _ANSWER


@pytest.mark.parametrize("text", [f"<think>{_WRONG}", f"[THINK]{_WRONG}", f"<|channel|>analysis<|message|>{_WRONG}"])
def test_a_reply_that_is_all_thinking_says_nothing(text: str) -> None:
    assert strip_thinking(text).strip() == ""


@pytest.mark.parametrize(
    "text",
    [
        "It writes <think> before it answers.",
        'The marks are `<think>` and "</think>".',
        "I think, <b>so</b> [THINKING].",
        'He wrote "<think>" and then "</think>" on the board.',
    ],
)
def test_a_mark_that_is_only_mentioned_cuts_nothing(text: str) -> None:
    assert strip_thinking(text) == text


def test_what_a_model_said_in_a_turn_is_memorized_without_its_thinking() -> None:
    turns = [
        ("Ana", "Where do I live?"),
        ("assistant", "Ben said: I live in Berlin.</think>In Porto."),
        ("Ana", "<think>"),
    ]
    assert normalize_session({"turns": turns})["text"] == "Ana: Where do I live?\nassistant: In Porto.\nAna: <think>"


def test_a_models_thinking_is_not_memorized_and_what_people_say_of_it_is() -> None:
    messages = [
        HumanMessage("What is <think>this</think> for?"),
        AIMessage("<think>The user asks. Be kind.</think>\n\nFor thinking."),
        AIMessage([{"type": "text", "text": "[THINK]Hm.[/THINK]Really."}], tool_calls=[]),
        AIMessage("  Words stay as they are. "),
    ]
    assert normalize_session(messages)["text"].splitlines() == [
        "user: What is <think>this</think> for?",
        "assistant: For thinking.",
        "assistant: Really.",
        "assistant:   Words stay as they are. ",
    ]


@pytest.mark.parametrize("text", ["{" * 5000 + "}" * 5000, "[f(" * 5000, '{"a": "' * 20_000, "{a: 1} " * 30_000])
def test_calls_that_are_hard_to_read_are_given_up_in_time(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(UnreadableReply):
        calls_of(text, "prompt")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("text", ["{" * 5000 + "}" * 5000, "{a: b, " * 1500 + "}" * 1500, "{a: b, c}" * 5000])
def test_a_reply_that_is_hard_to_repair_is_given_up(text: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_reply(AIMessage(text), SearchPlan)
