"""Every word of a message stands in its page, whatever provider's blocks it has; what is no text becomes a short mark."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from jitmem import BadInput, Memory
from jitmem.nodes.accept import normalize_session
from jitmem.nodes.message_text import message_text

PNG = base64.b64encode(b"\x89PNG" + bytes(3000)).decode()
WORD = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzäöüéñçłшה東0123456789"), min_size=3, max_size=12)
TEXT = st.lists(WORD, min_size=2, max_size=8).flatmap(
    lambda words: st.sampled_from([" ", "\n", '" ', "\t", " \\ ", ": "]).map(lambda between: between.join(words))
)

# Every form in which a provider's message carries text: a function of the text gives the block.
Make = Callable[[str], Any]
SIMPLE: dict[str, Make] = {
    "text": lambda text: text,
    "text block": lambda text: {"type": "text", "text": text},
    "input_text": lambda text: {"type": "input_text", "text": text},
    "output_text": lambda text: {"type": "output_text", "text": text, "annotations": []},
    "refusal": lambda text: {"type": "refusal", "refusal": text},
    "text-plain data": lambda text: {"type": "text-plain", "data": text},
    "text-plain text": lambda text: {"type": "text-plain", "text": text, "mime_type": "text/plain"},
    "text-plain base64": lambda text: {
        "type": "text-plain", "base64": base64.b64encode(text.encode()).decode(), "mime_type": "text/plain",
    },
    "text-plain title": lambda text: {"type": "text-plain", "url": "https://x.org/a.txt", "title": text},
    "text-plain context": lambda text: {"type": "text-plain", "text": "Rye.", "context": text},
    "file of text": lambda text: {"type": "file", "source_type": "text", "text": text, "mime_type": "text/plain"},
    "data url of text": lambda text: {
        "type": "input_file",
        "filename": "a.txt",
        "file_data": f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}",
    },
    "annotated": lambda text: {
        "type": "text", "text": "Rye.", "annotations": [{"type": "url_citation", "title": text, "url": "https://x.org"}],
    },
    "anthropic document": lambda text: {
        "type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}, "title": "Rye",
    },
    "anthropic document title": lambda text: {
        "type": "document", "source": {"type": "url", "url": "https://x.org/a.pdf"}, "title": text,
    },
    "anthropic document context": lambda text: {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PNG},
        "title": "a.pdf",
        "context": text,
    },
    "anthropic cited": lambda text: {
        "type": "text", "text": "Rye.", "citations": [{"type": "char_location", "cited_text": text, "document_index": 0}],
    },
    "anthropic server tool": lambda text: {
        "type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": text},
    },
    "anthropic web result": lambda text: {
        "type": "web_search_tool_result",
        "tool_use_id": "s",
        "content": [{"type": "web_search_result", "title": text, "url": "https://x.org", "encrypted_content": "EqgD"}],
    },
    "anthropic code result": lambda text: {
        "type": "bash_code_execution_tool_result",
        "content": {"type": "bash_code_execution_result", "stdout": text, "stderr": "", "return_code": 0},
    },
    "anthropic mcp call": lambda text: {"type": "mcp_tool_use", "id": "m", "name": "say", "input": {"words": text}},
    "tool_use of a history": lambda text: {"type": "tool_use", "id": "u", "name": "say", "input": {"words": text}},
    "bedrock text": lambda text: {"text": text},
    "bedrock tool use": lambda text: {"toolUse": {"toolUseId": "u", "name": "say", "input": {"words": text}}},
    "bedrock json": lambda text: {"toolResult": {"toolUseId": "u", "content": [{"json": {"said": text, "sacks": 17}}]}},
    "bedrock guard": lambda text: {"guardContent": {"text": {"text": text, "qualifiers": ["query"]}}},
    "bedrock citations": lambda text: {"citationsContent": {"content": [{"text": text}], "citations": []}},
    "bedrock document of bytes": lambda text: {
        "document": {"format": "txt", "name": "notes", "source": {"bytes": text.encode()}}
    },
    "bedrock document of text": lambda text: {"document": {"format": "txt", "name": "n", "source": {"text": text}}},
    "bedrock document of content": lambda text: {
        "document": {"format": "txt", "name": "n", "source": {"content": [{"text": text}]}}
    },
    "gemini call": lambda text: {"functionCall": {"name": "say", "args": {"words": text}}},
    "gemini response": lambda text: {"functionResponse": {"name": "say", "response": {"result": text}}},
    "gemini code": lambda text: {"executableCode": {"language": "PYTHON", "code": text}},
    "gemini code result": lambda text: {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": text}},
    "gemini code block": lambda text: {"type": "executable_code", "executable_code": text, "language": "python"},
    "gemini result block": lambda text: {"type": "code_execution_result", "code_execution_result": text},
    "openai function call": lambda text: {"type": "function_call", "call_id": "c", "name": "say", "arguments": text},
    "openai function output": lambda text: {"type": "function_call_output", "call_id": "c", "output": text},
    "openai custom output": lambda text: {"type": "custom_tool_call_output", "call_id": "c", "output": text},
    "openai web search": lambda text: {"type": "web_search_call", "action": {"type": "search", "query": text}},
    "openai file search": lambda text: {
        "type": "file_search_call", "queries": ["rye"], "results": [{"file_id": "f", "text": text, "score": 0.5}],
    },
    "openai code interpreter": lambda text: {
        "type": "code_interpreter_call", "code": "x", "outputs": [{"type": "logs", "logs": text}],
    },
    "openai mcp": lambda text: {"type": "mcp_call", "name": "say", "arguments": "{}", "output": text},
    "openai drawing": lambda text: {"type": "image_generation_call", "result": PNG, "revised_prompt": text},
    "spoken": lambda text: {"type": "audio", "audio": {"id": "a", "data": PNG, "transcript": text}},
    "server tool call": lambda text: {"type": "server_tool_call", "id": "s", "name": "say", "args": {"words": text}},
    "server tool result": lambda text: {"type": "server_tool_result", "tool_call_id": "s", "output": {"said": text}},
    "invalid tool call": lambda text: {"type": "invalid_tool_call", "id": "i", "name": "say", "args": "{", "error": text},
    "unknown": lambda text: {"type": "of-tomorrow", "words": text},
    "unknown and deep": lambda text: {"type": "of-tomorrow", "payload": {"in": [{"there": text}], "sacks": 17}},
    "unknown, no type": lambda text: {"note": text, "count": 17},
    "unknown with binary": lambda text: {"type": "of-tomorrow", "blob": PNG, "caption": text},
}  # fmt: skip
AROUND: dict[str, Callable[[Any], Any]] = {
    "alone": lambda block: block,
    "anthropic tool result": lambda block: {"type": "tool_result", "tool_use_id": "t", "content": [block]},
    "bedrock tool result": lambda block: {"toolResult": {"toolUseId": "t", "content": [block], "status": "success"}},
    "search result": lambda block: {
        "type": "search_result",
        "source": "https://x.org",
        "title": "T",
        "content": [block],
    },
    "document": lambda block: {"type": "document", "source": {"type": "content", "content": [block]}},
    "non-standard": lambda block: {"type": "non_standard", "value": block},
    "unknown": lambda block: {"type": "of-tomorrow", "parts": [block]},
}
MESSAGES: dict[str, Callable[[list[Any]], BaseMessage]] = {
    "human": lambda blocks: HumanMessage(blocks),
    "assistant": lambda blocks: AIMessage(blocks),
    "tool": lambda blocks: ToolMessage(blocks, tool_call_id="t"),
    "chat": lambda blocks: ChatMessage(blocks, role="guest"),
}


def stands_in(text: str, page: str) -> bool:
    """Every word of the text, each as a word of its own: not glued to the letter of an escape."""
    words = "".join(letter if letter.isalnum() else " " for letter in page).split()
    return all(word in words for word in text.replace("\\", " ").replace('"', " ").replace(":", " ").split())


@settings(max_examples=400, deadline=None)
@given(
    kinds=st.lists(st.tuples(st.sampled_from(sorted(SIMPLE)), st.sampled_from(sorted(AROUND)), TEXT), max_size=5),
    first=st.tuples(st.sampled_from(sorted(SIMPLE)), st.sampled_from(sorted(AROUND)), TEXT),
    message=st.sampled_from(sorted(MESSAGES)),
)
def test_every_word_of_every_block_stands_in_the_page(
    kinds: list[tuple[str, str, str]], first: tuple[str, str, str], message: str
) -> None:
    said = [first, *kinds]
    made = MESSAGES[message]([AROUND[around](SIMPLE[kind](text)) for kind, around, text in said])
    page = normalize_session([made])["text"]
    assert [one for one in said if not stands_in(one[2], page)] == []


@pytest.mark.parametrize("kind", sorted(SIMPLE))
@pytest.mark.parametrize("around", sorted(AROUND))
def test_text_of_each_form_is_found(kind: str, around: str) -> None:
    page = message_text(HumanMessage([AROUND[around](SIMPLE[kind]("17 sacks\nof rye"))]))
    assert stands_in("17 sacks of rye", page)


@pytest.mark.parametrize(
    ("block", "mark"),
    [
        ({"type": "image", "base64": PNG, "mime_type": "image/png"}, "[image: image/png, 3.0 kB]"),
        ({"type": "image", "url": "https://x.org/mill.png"}, "[image: https://x.org/mill.png]"),
        ({"type": "image", "source_type": "id", "id": "img-1"}, "[image: img-1]"),
        ({"type": "image_url", "image_url": {"url": "https://x.org/mill.png"}}, "[image: https://x.org/mill.png]"),
        ({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}, "[image: image/png, 3.0 kB]"),
        ({"type": "input_image", "file_id": "file-9"}, "[image: file-9]"),
        (
            {"type": "file", "file": {"filename": "r.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}},
            "[file: r.pdf, application/pdf, 3.0 kB]",
        ),
        ({"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}, "[audio: wav, 3.0 kB]"),
        (
            {"type": "document", "title": "r.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": PNG}},
            "[document: r.pdf, application/pdf, 3.0 kB]",
        ),
        ({"image": {"format": "png", "source": {"bytes": b"123"}}}, "[image: png, 3 bytes]"),
        (
            {"document": {"format": "pdf", "name": "r", "source": {"s3Location": {"uri": "s3://a/r.pdf"}}}},
            "[document: r, s3://a/r.pdf, pdf]",
        ),
        ({"inlineData": {"mimeType": "image/png", "data": PNG}}, "[image: image/png, 3.0 kB]"),
        ({"fileData": {"fileUri": "https://x.org/f", "mimeType": "video/mp4"}}, "[video: https://x.org/f, video/mp4]"),
        ({"type": "media", "mime_type": "audio/mp3", "data": b"123"}, "[audio: audio/mp3, 3 bytes]"),
        ({"type": "of-tomorrow", "payload": PNG}, "payload: [data: 3.0 kB]"),
    ],
)  # fmt: skip
def test_what_is_no_text_becomes_a_mark(block: Any, mark: str) -> None:
    assert message_text(HumanMessage([block])) == mark


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Ben lives in Berlin.", "signature": "x"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "reasoning", "reasoning": "Ben lives in Berlin."},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Ben lives in Berlin."}]},
        {"type": "reasoning_content", "reasoning_content": {"text": "Ben lives in Berlin."}},
        {"reasoningContent": {"reasoningText": {"text": "Ben lives in Berlin.", "signature": "s"}}},
        {"text": "Ben lives in Berlin.", "thought": True},
    ],
)
@pytest.mark.parametrize("around", sorted(AROUND))
def test_thinking_is_left_out_however_deep(block: Any, around: str) -> None:
    assert "Berlin" not in message_text(AIMessage([AROUND[around](block), "Fine."]))


def test_a_call_that_the_message_lists_is_written_once() -> None:
    content: list[Any] = ["I look.", {"type": "tool_use", "id": "1", "name": "look", "input": {"for": "rye"}}]
    message = AIMessage(content, tool_calls=[{"name": "look", "args": {"for": "rye"}, "id": "1"}])
    assert message_text(message) == 'I look.\n[calls look {"for": "rye"}]'


def test_what_stands_beside_the_content_is_kept() -> None:
    message = AIMessage(
        "",
        additional_kwargs={"audio": {"id": "a", "data": PNG, "transcript": "Good rye."}, "refusal": "Not that."},
        invalid_tool_calls=[{"name": "look", "args": '{"for": "rye', "id": "1", "error": None}],
    )
    assert message_text(message) == 'Not that.\n[audio: 3.0 kB]\nGood rye.\n[calls look {"for": "rye]'


def test_a_users_own_text_stays_as_it_is_even_if_it_looks_like_data() -> None:
    for text in (PNG, f"data:image/png;base64,{PNG}", "data:text/plain,Hello"):
        assert message_text(HumanMessage(text)) == text
        assert message_text(HumanMessage([{"type": "text", "text": text}])) == text


def test_blocks_deeper_than_anybody_nests_them_keep_their_text() -> None:
    block: Any = {"type": "text", "text": "17 sacks of rye"}
    for _ in range(400):
        block = {"type": "tool_result", "content": [block]}
    assert "17 sacks of rye" in message_text(HumanMessage([block]))


def test_what_a_tool_returned_through_an_agent_is_in_the_page(memory: Memory) -> None:
    agents = pytest.importorskip("langchain.agents")
    from langchain_core.tools import tool

    from jitmem.testing import ScriptedModel

    @tool
    def look() -> list[Any]:
        """Looks."""
        return [
            {"type": "document", "source": {"type": "text", "data": "17 sacks of rye"}},
            {"type": "text", "text": "!"},
        ]

    calls = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1", "type": "tool_call"}])
    agent = agents.create_agent(ScriptedModel(lines=[calls, "Done."]), [look])
    memory.memorize(agent.invoke({"messages": "What is in the mill?"})["messages"])
    assert "17 sacks of rye" in memory.pages()[0].text


def test_a_system_prompt_is_no_part_of_what_was_said(memory: Memory) -> None:
    memory.memorize([SystemMessage("You are a miller."), HumanMessage("I have rye."), AIMessage("Good.")])
    memory.memorize(
        [{"role": "developer", "content": "You are a miller."}, {"role": "user", "content": "I have oats."}]
    )
    assert [page.text for page in memory.pages()] == ["user: I have rye.\nassistant: Good.", "user: I have oats."]


def test_a_person_called_system_is_heard(memory: Memory) -> None:
    memory.memorize([HumanMessage("I have rye.", name="system")])
    assert [page.text for page in memory.pages()] == ["system: I have rye."]


@pytest.mark.parametrize(
    "session",
    [
        {"turns": [("Ana", ""), ("Ben", " ")]},
        [HumanMessage(""), AIMessage("\n")],
        [SystemMessage("You are a miller.")],
        [AIMessage("<think>Nothing to say.</think>")],
        [AIMessage([{"type": "thinking", "thinking": "Nothing to say."}])],
    ],
)
def test_turns_in_which_nothing_was_said_are_no_page(memory: Memory, session: Any) -> None:
    with pytest.raises(BadInput, match="empty"):
        memory.memorize(session)
    assert memory.pages() == []


def test_an_empty_turn_among_others_leaves_no_trace(memory: Memory) -> None:
    memory.memorize({"turns": [("Ana", "I have rye."), ("Ben", ""), ("Ana", "And oats.")]})
    assert [page.text for page in memory.pages()] == ["Ana: I have rye.\nAna: And oats."]
