"""Tool calls as words in the forms of many families of models, and answers that are nearly of the form."""

from __future__ import annotations

import json

import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from jitmem.nodes.answer import Answer
from jitmem.nodes.curate import Curation
from jitmem.nodes.integrate import Integration
from jitmem.nodes.llm.output_forms import OutputFormat
from jitmem.nodes.llm.structured_output import UnreadableReply, parse_reply, parse_tool_calls
from jitmem.nodes.llm.written_calls import calls_in_text
from jitmem.nodes.plan import SearchPlan
from jitmem.nodes.reflect import Reflection
from jitmem.tools.memory_specs import memory_specs

TOOLS = tuple(spec.as_openai() for spec in memory_specs())
ARGS = {"kind": "semantic", "content": "Ana lives in Graz."}
_OBJECT = json.dumps(ARGS)
_PYTHON = 'memory_insert(kind="semantic", content="Ana lives in Graz.")'
IN_WORDS = {
    "mistral new": f"[TOOL_CALLS]memory_insert[ARGS]{_OBJECT}",
    "mistral call id": f"[TOOL_CALLS]memory_insert[CALL_ID]abc123def[ARGS]{_OBJECT}",
    "llama3 function": f"<function=memory_insert>{_OBJECT}</function>",
    "llama3 python": f"<|python_tag|>{_PYTHON}<|eom_id|>",
    "llama3.1 call": '<|python_tag|>memory_insert.call(kind="semantic", content="Ana lives in Graz.")',
    "qwen3 coder xml": "<tool_call>\n<function=memory_insert>\n<parameter=kind>\nsemantic\n</parameter>\n<parameter=content>\nAna lives in Graz.\n</parameter>\n</function>\n</tool_call>",
    "anthropic xml": '<function_calls>\n<invoke name="memory_insert">\n<parameter name="kind">semantic</parameter>\n<parameter name="content">Ana lives in Graz.</parameter>\n</invoke>\n</function_calls>',
    "old anthropic": "<function_calls><invoke><tool_name>memory_insert</tool_name><parameters><kind>semantic</kind><content>Ana lives in Graz.</content></parameters></invoke></function_calls>",
    "glm": "<tool_call>memory_insert\n<arg_key>kind</arg_key>\n<arg_value>semantic</arg_value>\n<arg_key>content</arg_key>\n<arg_value>Ana lives in Graz.</arg_value>\n</tool_call>",
    "deepseek": f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>memory_insert\n```json\n{_OBJECT}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "kimi": f"<|tool_calls_section_begin|><|tool_call_begin|>functions.memory_insert:0<|tool_call_argument_begin|>{_OBJECT}<|tool_call_end|><|tool_calls_section_end|>",
    "harmony": f"<|start|>assistant<|channel|>commentary to=functions.memory_insert <|constrain|>json<|message|>{_OBJECT}<|call|>",
    "gemma print": f"```tool_code\nprint({_PYTHON})\n```",
    "python multi-line": 'memory_insert(\n    kind="semantic",\n    content="Ana lives in Graz.",\n)',
    "python assign": f"result = {_PYTHON}",
    "python prose": f"I will remember this: `{_PYTHON}` since it lasts.",
    "python bullets": f"- {_PYTHON}\n- {_PYTHON}",
    "python dict": f"memory_insert({_OBJECT})",
    "python colon": 'memory_insert(kind: "semantic", content: "Ana lives in Graz.")',
    "yaml": "```yaml\n- name: memory_insert\n  arguments:\n    kind: semantic\n    content: Ana lives in Graz.\n```",
    "react": f"Thought: remember it.\nAction: memory_insert\nAction Input: {_OBJECT}",
    "gorilla": f"<<function>>{_PYTHON}",
    "gemma4": '<|tool_call>call:memory_insert{kind:<|"|>semantic<|"|>,content:<|"|>Ana lives in Graz.<|"|>}<tool_call|>',
    "functions": json.dumps({"functions": [{"name": "functions.memory-insert", "kwargs": ARGS}]}),
    "action": json.dumps({"action": "memory_insert", "action_input": ARGS}),
    "by name": json.dumps({"memory_insert": [ARGS]}),
    "old call": json.dumps({"function_call": {"name": "memory_insert", "arguments": _OBJECT}}),
    "wrapped": json.dumps({"answer": {"calls": [{"name": "memory_insert", "arguments": ARGS}]}}),
    "capitals": json.dumps({"Name": "memory_insert", "Arguments": ARGS}),
}
_NOTHING_IN_WORDS = {
    "prose": "I could use memory_insert here, but nothing is worth it.",
    "no closing tag": "<function=memory_insert><parameter=kind>semantic</parameter><parameter=content>Ana li",
    "no closing parenthesis": 'memory_insert(kind="semantic", content="Ana li',
    "an object of other words": 'After memory_insert I got {"status": "fine"}.',
}


def calls_of(text: str, output: OutputFormat) -> list[tuple[str, str]]:
    answer = parse_tool_calls(AIMessage(text), Curation, output, TOOLS)
    return list(dict.fromkeys((call.name, json.dumps(call.args)) for call in answer.calls))


@pytest.mark.parametrize("output", ["bounded_schema", "function", "prompt"])
@pytest.mark.parametrize("text", IN_WORDS.values(), ids=IN_WORDS)
def test_a_call_is_read_in_the_form_of_every_family(text: str, output: OutputFormat) -> None:
    assert calls_of(text, output) == [("memory_insert", _OBJECT)]


@pytest.mark.parametrize("text", _NOTHING_IN_WORDS.values(), ids=_NOTHING_IN_WORDS)
def test_a_mention_of_a_tool_or_half_a_call_is_none(text: str) -> None:
    with pytest.raises(UnreadableReply):
        calls_of(text, "prompt")


_SOURCE = {"page_id": "p1", "quote": "moved"}
_STATEMENT = {"text": "Ana moved.", "sources": [_SOURCE]}
_INTEGRATION = {"statements": [_STATEMENT]}
_ANSWER = {"answer": "12 May", "citations": [1, 2]}
_REFLECTION = {"enough": False, "missing": ["the date"], "request": "When?", "names": ["Ana"]}
_PLAN = {"needs": ["When?"], "queries": [{"tool": "keyword", "text": "Ana"}], "kind": "needle"}
NEARLY: dict[str, tuple[type[BaseModel], object, object]] = {
    "capitals": (Reflection, {key.upper(): value for key, value in _REFLECTION.items()}, _REFLECTION),
    "camel case": (
        Integration,
        {"statements": [{**_STATEMENT, "sources": [{"pageId": "p1", "quote": "moved"}]}]},
        _INTEGRATION,
    ),
    "a key by another name": (SearchPlan, {**_PLAN, "queries": [{"tool": "keyword", "query": "Ana"}]}, _PLAN),
    "another case of a word": (SearchPlan, {**_PLAN, "kind": "Needle"}, _PLAN),
    "one for a list": (Reflection, {**_REFLECTION, "missing": "the date"}, _REFLECTION),
    "one object for a list": (Integration, {"statements": {**_STATEMENT, "sources": _SOURCE}}, _INTEGRATION),
    "a source without its list": (Integration, {"statements": [{"text": "Ana moved.", **_SOURCE}]}, _INTEGRATION),
    "the list alone": (Integration, [_STATEMENT], _INTEGRATION),
    "one that is none of them": (Integration, {"statements": [_STATEMENT, "and so on"]}, _INTEGRATION),
    "null for a list": (Integration, {"statements": None}, {"statements": []}),
    "null for a text": (Answer, {"answer": None, "citations": None}, {"answer": "", "citations": []}),
    "a number for a text": (Answer, {"answer": 12, "citations": [1]}, {"answer": "12", "citations": [1]}),
    "marks": (Answer, {"answer": "12 May", "citations": ["[1]", "[2]"]}, _ANSWER),
    "marks as a text": (Answer, {"answer": "12 May", "citations": "[1], [2]"}, _ANSWER),
    "texts for one": (Answer, {"answer": ["ski", "piano"], "citations": []}, {"answer": "ski, piano", "citations": []}),
    "two wrappers": (Reflection, {"response": {"Reflection": _REFLECTION}}, _REFLECTION),
    "a wrapper with more": (Reflection, {"status": "ok", "output": _REFLECTION}, _REFLECTION),
    "lists of one": (Reflection, [[_REFLECTION]], _REFLECTION),
}


def plain(answer: BaseModel) -> object:
    return json.loads(
        answer.model_dump_json(), object_hook=lambda one: {key: one[key] for key in one if key != "start"}
    )


@pytest.mark.parametrize(("answer", "reply", "read"), NEARLY.values(), ids=NEARLY)
def test_an_answer_that_is_nearly_of_the_form_is_read(answer: type[BaseModel], reply: object, read: object) -> None:
    assert plain(parse_reply(AIMessage(json.dumps(reply)), answer)) == read


@pytest.mark.parametrize("reason", ["length", "LENGTH", "max_tokens", "model_length", "max_output_tokens"])
def test_what_a_server_says_was_cut_off_is_not_repaired(reason: str) -> None:
    for text in ("{'answer': '12 M'}", '{"thought": {"answer": "12 M"}, "answer": "12 '):
        with pytest.raises(UnreadableReply, match="cut off"):
            parse_reply(AIMessage(text, response_metadata={"finish_reason": reason}), Answer)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (Answer, {"answer": {"type": "string"}}),
        (Reflection, {"enough": {"type": "boolean", "description": "true when"}}),
        (Integration, {"statements": "none"}),
        (Answer, {"error": "no"}),
    ],
)
def test_what_is_not_of_the_form_is_none(answer: type[BaseModel], reply: object) -> None:
    with pytest.raises(UnreadableReply):
        parse_reply(AIMessage(json.dumps(reply)), answer)


def test_a_name_that_is_called_but_is_no_tool_makes_no_call_of_the_object_behind_it() -> None:
    assert calls_in_text('h(re? {"kind": "core"}', {}) is None
