"""Malformed JSON of models is read without another call; a reply that was cut off is asked for again."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.messages import AIMessage

from jitmem import MemorizeOptions, Memory, ModelOptions, ModelReplyError
from jitmem.nodes.curate import Curation
from jitmem.nodes.llm.structured_output import UnreadableReply, parse_reply, parse_tool_calls
from jitmem.nodes.memorize import Memo
from jitmem.nodes.plan import SearchPlan
from jitmem.nodes.reflect import Reflection
from jitmem.testing import ScriptedModel

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
        folder, model_options=ModelOptions(memorizer_model=model), memorize_options=MemorizeOptions(curate=False)
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


@pytest.mark.parametrize("text", ["{" * 5000 + "}" * 5000, "{a: b, " * 1500 + "}" * 1500, "{a: b, c}" * 5000])
def test_a_reply_that_is_hard_to_repair_is_given_up(text: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_reply(AIMessage(text), SearchPlan)
