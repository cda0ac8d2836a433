"""Whatever a file holds comes back word for word, or the file is refused whole, in one line that says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from jitmem import Memory
from jitmem.formats import history_files, parse_sessions
from jitmem.readers.file_bytes import read_bytes
from jitmem.readers.file_tree import SUFFIXES
from jitmem.readers.reader_table import FORMATS, NATIVE_FORMS
from jitmem.stores.errors import BadInput
from jitmem.stores.records import Session

SESSION_IS = 'a session object has exactly one of the keys "text", "turns" and "messages"'
TURN_IS = 'a turn is ["Ana", "Good morning."] or {"speaker": "Ana", "text": "Good morning."}'
MESSAGE_IS = 'a chat message is {"role": "user", "content": "Good morning."}'
JSON_IS = "the file must be a session object, a list of them, or a list of chat messages"
LINE_IS = "every line must be one JSON object"
NOT_TEXT_REMEDY = "save it as UTF-8, or as UTF-16 with a byte order mark"


def parse(content: str | bytes, name: str, format: str | None = None) -> list[Session]:
    data = content.encode() if isinstance(content, str) else content
    return parse_sessions(data, name=name, format=format)


def read_sessions(path: Path) -> list[Session]:
    if not path.is_dir():
        return parse_sessions(read_bytes(path), name=path.name)
    files = [file._replace(folder="") for file in history_files(path, print)]
    return [one for file in files for one in file.sessions()]


def parse_json(value: object, name: str = "notes.json") -> list[Session]:
    return parse(json.dumps(value), name)


def refusal(content: str | bytes, name: str, format: str | None = None) -> str:
    with pytest.raises(BadInput) as refused:
        parse(content, name, format)
    return str(refused.value)


def refusal_of_json(value: object) -> str:
    return refusal(json.dumps(value), "notes.json")


def jsonl(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


# Text


def test_a_text_file_is_one_session_named_by_its_stem(tmp_path: Path) -> None:
    (tmp_path / "walk.txt").write_bytes(b"Ana: hi\r\nBen: hello\r\n\r\n")
    assert read_sessions(tmp_path / "walk.txt") == [Session(text="Ana: hi\r\nBen: hello\r\n\r\n", id="walk")]


@pytest.mark.parametrize("name", ["a.txt", "a.text", "a.log", "a.TXT"])
def test_a_text_ending_keeps_even_json_as_text(name: str) -> None:
    assert parse('{"text": "hi"}', name) == [Session(text='{"text": "hi"}', id="a")]


@given(text=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_any_text_comes_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.txt"
    file.write_bytes(text.encode())
    if text.startswith("\ufeff"):
        text = text[1:]
    if text.strip():
        assert read_sessions(file) == [Session(text=text, id="any")]
    else:
        with pytest.raises(BadInput, match="is empty"):
            read_sessions(file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_the_encoding_and_is_removed(encoding: str) -> None:
    assert parse("Olá, Inês 🌊\r\n".encode(encoding), "a.txt") == [Session(text="Olá, Inês 🌊\r\n", id="a")]


def test_utf_16_of_the_other_byte_order_is_read() -> None:
    assert parse(b"\xfe\xff" + "Olá".encode("utf-16-be"), "a.txt") == [Session(text="Olá", id="a")]


def test_json_may_be_utf_16() -> None:
    assert parse('{"text": "Olá"}'.encode("utf-16"), "a.json") == [Session(text="Olá", id="a")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"caf\xe9 ol\xe9", "the byte 0xe9 at offset 3 is not UTF-8"),
        (b"\xef\xbb\xbfcaf\xe9", "the byte 0xe9 at offset 6 is not UTF-8"),
        (b"\xff\xfea\x00b", "the byte 0x62 at offset 4 is not UTF-16-LE"),
        (b"ab\0cd", "a NUL after 2 characters"),
    ],
)
def test_what_is_not_text_is_refused_with_the_place(data: bytes, why: str) -> None:
    assert refusal(data, "a.txt") == f"a.txt: not text ({why}); {NOT_TEXT_REMEDY}"


@pytest.mark.parametrize("format", NATIVE_FORMS)
@pytest.mark.parametrize("data", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_refused(data: bytes, format: str) -> None:
    assert refusal(data, "a.txt", format) == "a.txt: is empty; a session needs some text"


# Markdown


def test_front_matter_gives_time_id_and_metadata_and_is_not_text() -> None:
    content = "---\nid: day-1\ntime: 2025-01-07 18:40\ntitle: The mill: a walk\nmood: \n---\n\n# Mill\r\nend  \n\n"
    assert parse(content, "a.md") == [
        Session(
            text="\n# Mill\r\nend  \n\n",
            id="day-1",
            time="2025-01-07 18:40",
            metadata={"title": "The mill: a walk", "mood": ""},
        )
    ]


def test_front_matter_with_crlf_and_quotes_is_read() -> None:
    content = "---\r\ndate: \"2025-01-07\"\r\ntitle: 'Ana''s'\r\n---\r\nText\r\n"
    assert parse(content, "a.markdown") == [
        Session(text="Text\r\n", id="a", time="2025-01-07", metadata={"title": "'Ana''s'"})
    ]


def test_the_first_time_key_that_says_something_is_the_time_and_the_others_are_metadata() -> None:
    assert parse("---\ntimestamp: c\ndate: b\ntime:\n---\nText", "a.md") == [
        Session(text="Text", id="a", time="b", metadata={"timestamp": "c"})
    ]
    assert parse_json({"text": "Text", "time": None, "date": "b", "timestamp": 3}) == [
        Session(text="Text", id="notes", time="b", metadata={"timestamp": 3})
    ]


@pytest.mark.parametrize(
    "content",
    [
        "# Mill\n\nText",
        "---\ntitle: never closed\n\nText",
        "---\n\ntitle: a rule above\n---\nText",
        "---\ntags:\n  - *nested\n---\nText",
        "---\nAna: hi\nBen: hi\nAna: a conversation\n---\nText",
        "---\n---\nText",
        "----\ntitle: no fence\n---\nText",
        "\n---\ntitle: not at the top\n---\nText",
        "---\nhttp://mill.example\n---\nText",
        "---",
    ],
)
def test_markdown_without_a_flat_closed_block_is_text_throughout(content: str) -> None:
    assert parse(content, "a.md") == [Session(text=content, id="a")]


def test_markdown_of_nothing_but_front_matter_is_refused() -> None:
    assert refusal("---\ntitle: Mill\n---\n\n", "a.md") == (
        "a.md: nothing but front matter; a session needs some text below it"
    )


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(str.strip))
def test_the_text_below_front_matter_comes_back_byte_for_byte(text: str) -> None:
    assert parse(f"---\ntitle: Mill\n---\n{text}", "a.md") == [Session(text=text, id="a", metadata={"title": "Mill"})]


# Session objects


def test_a_json_object_is_a_session() -> None:
    value = {
        "text": "Text\r\n",
        "id": 7,
        "time": "8 May 2023",
        "title": "Mill",
        "metadata": {"place": "Vez"},
        "mood": None,
    }
    assert parse_json(value) == [
        Session(
            text="Text\r\n",
            id="7",
            time="8 May 2023",
            metadata={"title": "Mill", "mood": None, "place": "Vez"},
        )
    ]


@pytest.mark.parametrize("wrap", [list, lambda sessions: {"sessions": sessions, "version": 2}])
def test_sessions_of_one_file_are_numbered_where_they_have_no_id(wrap: object) -> None:
    assert callable(wrap)
    assert parse_json(wrap([{"text": "a"}, {"text": "b", "id": "x"}, {"text": "c"}]), "trip/notes.json") == [
        Session(text="a", id="trip/notes-1"),
        Session(text="b", id="x"),
        Session(text="c", id="trip/notes-3"),
    ]


def test_a_list_of_one_session_gets_the_stem() -> None:
    assert parse_json([{"text": "a"}]) == [Session(text="a", id="notes")]


def test_sessions_beside_a_text_is_metadata() -> None:
    assert parse_json({"text": "a", "sessions": 3}) == [Session(text="a", id="notes", metadata={"sessions": 3})]


def test_turns_are_pairs_or_objects_under_the_usual_names() -> None:
    turns = [
        ["Ana", "hi"],
        {"speaker": "Ben", "text": "", "dia_id": "D1:2"},
        {"name": "Cy", "content": "yo"},
        {"name": None, "role": "user", "content": "ok"},
    ]
    assert parse_json({"turns": turns}) == [
        Session(turns=[("Ana", "hi"), ("Ben", ""), ("Cy", "yo"), ("user", "ok")], id="notes")
    ]


def test_a_body_that_is_null_was_not_given() -> None:
    assert parse_json({"text": "a", "turns": None, "messages": None}) == [Session(text="a", id="notes")]


@given(st.lists(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8"))] * 2), min_size=1), min_size=2))
def test_any_turns_come_back_through_jsonl(sessions: list[list[tuple[str, str]]]) -> None:
    raw = "\n".join(json.dumps({"turns": turns}, ensure_ascii=False) for turns in sessions)
    escaped = "\r\n\r\n".join(json.dumps({"turns": turns}) for turns in sessions)
    expected = [Session(turns=turns, id=f"a-{number}") for number, turns in enumerate(sessions, start=1)]
    assert parse(raw, "a.jsonl") == expected
    assert parse(escaped, "a.jsonl") == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (3, f"a number is not a session; {JSON_IS}"),
        ([], f"holds no session; {JSON_IS}"),
        ({"sessions": []}, '"sessions" is an empty list; it must be a list that is not empty'),
        ({"sessions": "a"}, '"sessions" is a string; it must be a list that is not empty'),
        ({"txt": "a", "id": "b"}, f"{SESSION_IS}, and here are the keys ['txt', 'id']"),
        ({"text": "a", "turns": []}, f"{SESSION_IS}, and here are the keys ['text', 'turns']"),
        ({"text": " "}, '"text" is an empty string; it must be a string that is not empty'),
        ({"text": ["a"]}, '"text" is a list; it must be a string that is not empty'),
        ({"turns": []}, '"turns" is an empty list; it must be a list that is not empty'),
        ({"messages": {}}, '"messages" is an object; it must be a list that is not empty'),
        (
            {"text": "a", "id": ""},
            '"id" is an empty string; it must be a string that is not empty, or an integer',
        ),
        (
            {"text": "a", "id": True},
            '"id" is true or false; it must be a string that is not empty, or an integer',
        ),
        (
            {"text": "a", "date": 17},
            '"date" is a number; write it as a string, "2025-01-07 18:40", or as seconds since 1970',
        ),
        ({"text": "a", "metadata": [1]}, '"metadata" is a list; it must be an object'),
        ({"text": "a", "metadata": {"b": 1}, "b": 2}, "'b' stands in \"metadata\" and beside it; keep one"),
    ],
)
def test_a_bad_session_object_is_refused_with_the_key_at_fault(value: object, why: str) -> None:
    assert refusal_of_json(value) == f"notes.json: {why}"


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (["Ana"], "a list of 1"),
        (["Ana", "b", "c"], "a list of 3"),
        ([None, "b"], "the speaker is not a string"),
        (["Ana", 3], "the text is not a string"),
        ({"speaker": "Ana", "txt": "b"}, "the text is not a string"),
        ("Ana: b", "a string"),
        (None, "null"),
    ],
)
def test_a_bad_turn_is_refused_with_its_number(turn: object, why: str) -> None:
    value = [{"text": "a"}, {"turns": [["Ana", "hi"], turn]}]
    assert refusal_of_json(value) == f"notes.json, item 2, turn 2: {why}; {TURN_IS}"


def test_one_bad_line_refuses_the_whole_file_and_is_named() -> None:
    good = jsonl({"text": "a"})
    assert refusal(good + "\n" + '{"id": 3}\n' + good, "a.jsonl") == (
        f"a.jsonl, line 3: {SESSION_IS}, and here are the keys ['id']"
    )


def test_a_session_of_a_list_is_named_by_its_number() -> None:
    assert refusal_of_json({"sessions": [{"text": "a"}, 5]}) == (
        f"notes.json, session 2: a number is not a session; {SESSION_IS}"
    )
    assert refusal_of_json(["a"]) == f"notes.json, item 1: a string is not a session; {SESSION_IS}"


def test_a_message_among_sessions_is_refused() -> None:
    assert refusal_of_json([{"text": "a"}, {"role": "user", "content": "hi"}]) == (
        f"notes.json, item 2: {SESSION_IS}, and here are the keys ['role', 'content']"
    )


def test_two_different_sessions_of_one_id_are_refused() -> None:
    assert refusal(jsonl({"text": "a", "id": "x"}, {"text": "b", "id": "x"}), "a.jsonl") == (
        "a.jsonl: two different sessions have the id 'x'; "
        'give each its own, by a key "id" in the file or by the name of the file'
    )


def test_the_same_session_twice_is_left_to_the_memory() -> None:
    line = {"text": "a", "id": "x"}
    assert parse(jsonl(line, line), "a.jsonl") == [Session(text="a", id="x"), Session(text="a", id="x")]


# Chat messages

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "hi", "name": "ana"},
    {"role": "assistant", "content": ""},
    {"role": "ai", "content": None},
    {"role": "human", "content": [{"type": "text", "text": "look"}]},
    {"role": "tool", "content": "42", "tool_call_id": "c1"},
]
MESSAGES = [
    SystemMessage("Be brief."),
    HumanMessage("hi", name="ana"),
    AIMessage(""),
    AIMessage(""),
    HumanMessage([{"type": "text", "text": "look"}]),
    ToolMessage("42", tool_call_id="c1"),
]


@pytest.mark.parametrize("content", [json.dumps(CHAT), json.dumps({"messages": CHAT}), jsonl(*CHAT)])
@pytest.mark.parametrize("name", ["chat", "-"])
def test_chat_messages_are_one_session_in_every_form(content: str, name: str) -> None:
    assert parse(content, name) == [Session(messages=MESSAGES, id=None if name == "-" else "chat")]


def test_an_object_of_messages_keeps_its_id_time_and_metadata() -> None:
    value = {"messages": CHAT[:2], "id": "t1", "timestamp": "2025-01-07", "model": "small"}
    assert parse_json(value) == [
        Session(messages=MESSAGES[:2], id="t1", time="2025-01-07", metadata={"model": "small"})
    ]


def test_a_single_line_of_chat_is_a_session_with_or_without_an_ending() -> None:
    line = '{"role": "user", "content": "hi"}\n'
    assert parse(line, "a.jsonl") == parse(line, "a.json") == parse(line, "a")
    assert parse(line, "a") == [Session(messages=[HumanMessage("hi")], id="a")]


def test_messages_that_langchain_dumped_are_read() -> None:
    assert parse_json([dumpd(HumanMessage("hi"))]) == [Session(messages=[HumanMessage("hi")], id="notes")]


def test_a_tool_call_without_content_is_a_message() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    assert parse_json([{"role": "assistant", "tool_calls": [call]}]) == [
        Session(
            messages=[AIMessage("", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c1", "type": "tool_call"}])],
            id="notes",
        )
    ]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("hi", f"a string is not a message; {MESSAGE_IS}"),
        ({"role": 3, "content": "a"}, f'"role" is a number; {MESSAGE_IS}'),
        ({"content": "a"}, f'"role" is null; {MESSAGE_IS}'),
        ({"role": "user"}, f'there is no "content"; {MESSAGE_IS}'),
        (
            {"role": "user", "content": {}},
            '"content" is an object; it must be a string or a list of content blocks',
        ),
        (
            {"role": "bot", "content": "a"},
            "not a chat message (Unexpected message type: 'bot'. Use one of 'human', 'user', 'ai', 'assistant', "
            f"'function', 'tool', 'system', or 'developer'.); {MESSAGE_IS}",
        ),
        (
            {"role": "tool", "content": "42"},
            f"not a chat message (no key 'tool_call_id'); {MESSAGE_IS}",
        ),
        (
            {"role": "user", "content": [1]},
            f"not a chat message (content.str: Input should be a valid string); {MESSAGE_IS}",
        ),
    ],
)
def test_a_bad_message_is_refused_with_its_number(message: object, why: str) -> None:
    value = {"messages": [CHAT[0], message]}
    assert refusal_of_json(value) == f"notes.json, message 2: {why}"


def test_a_bad_message_in_jsonl_is_refused_with_its_line() -> None:
    assert refusal(jsonl(CHAT[0], {"role": "user"}), "a.jsonl") == (
        f'a.jsonl, line 2: there is no "content"; {MESSAGE_IS}'
    )


# JSON that is none


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            '{"text": "a",\n "id" 3}',
            f", line 2: not valid JSON (Expecting ':' delimiter, column 7); {JSON_IS}",
        ),
        ('{"text": "a"} {"text": "b"}', f", line 1: not valid JSON (Extra data, column 15); {JSON_IS}"),
        ('{"text": NaN}', f": not valid JSON (NaN is not a JSON number); {JSON_IS}"),
        ('{"text": "a", "x": 1e999}', f": not valid JSON (1e999 is too large a number); {JSON_IS}"),
        (
            '{"text": "a", "text": "b"}',
            f": not valid JSON (the key 'text' comes twice in one object); {JSON_IS}",
        ),
        (
            '{"text": "a", "x": 1' + "0" * 5000 + "}",
            f": not valid JSON (Exceeds the limit (4300 digits)); {JSON_IS}",
        ),
        ('{"text": "a", "x": ' + "[" * 100 + "]" * 100 + "}", f": nested deeper than 100 levels; {JSON_IS}"),
        ("[" * 200_000, f": nested deeper than 100 levels; {JSON_IS}"),
        (
            '{"text":\n"a\\ud83d\\ude00 \\\\ud800 \\uD800\\n"}',
            ", line 2: not a character (\\uD800 is half of a surrogate pair, column 24); "
            "write the whole pair, or the character itself",
        ),
    ],
    ids=["comma", "extra", "nan", "infinity", "twice", "digits", "deep", "deeper", "surrogate"],
)
def test_json_that_cannot_be_kept_is_refused_with_the_place(source: str, why: str) -> None:
    assert refusal(source, "notes.json") == f"notes.json{why}"


def test_a_broken_line_is_refused_with_line_and_column() -> None:
    assert refusal(jsonl({"text": "a"}) * 6 + '{"text": "a" 3}\n', "notes.jsonl") == (
        f"notes.jsonl, line 7: not valid JSON (Expecting ',' delimiter, column 14); {LINE_IS}"
    )


def test_a_line_that_is_no_object_is_refused() -> None:
    assert refusal('{"text": "a"}\n["b"]', "a.jsonl") == f"a.jsonl, line 2: a list is not a session; {LINE_IS}"


def test_a_whole_surrogate_pair_is_its_character() -> None:
    assert parse('{"text": "\\ud83d\\ude00 \\\\ud800"}', "a.json") == [Session(text="😀 \\ud800", id="a")]


def test_half_a_character_in_the_arguments_of_a_tool_call_is_refused() -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": '{"x": "\\ud800"}'}}
    assert refusal_of_json([{"role": "ai", "content": "", "tool_calls": [call]}]).startswith(
        "notes.json, item 1: not a chat message ("
    )


def test_nesting_that_is_not_absurd_is_kept() -> None:
    deep: object = "x"
    for _ in range(99):
        deep = [deep]
    assert parse_json({"text": "a", "deep": deep}) == [Session(text="a", id="notes", metadata={"deep": deep})]


# Which format


@pytest.mark.parametrize(
    ("content", "session"),
    [
        ('{"text": "a"}', Session(text="a")),
        (' [{"text": "a"}]\n', Session(text="a")),
        ('\n{"text": "a", "id": "x"}\n{"text": "a", "id": "x"}\n', Session(text="a", id="x")),
        ("3", Session(text="3")),
        ("{curly} words\n", Session(text="{curly} words\n")),
        ("---\ntitle: Mill\n---\nText", Session(text="---\ntitle: Mill\n---\nText")),
    ],
)
def test_standard_input_is_recognised_by_its_content_and_gives_no_id(content: str, session: Session) -> None:
    assert parse(content, "-")[0] == session


def test_several_sessions_of_standard_input_have_no_ids() -> None:
    assert parse(jsonl({"text": "a"}, {"text": "b"}), "-") == [Session(text="a"), Session(text="b")]


def test_a_slip_in_the_second_line_of_recognised_jsonl_is_reported() -> None:
    assert refusal('{"text": "a"}\n{"text": }', "-") == (
        f"standard input, line 2: not valid JSON (Expecting value, column 10); {LINE_IS}"
    )


def test_a_named_format_outranks_the_ending() -> None:
    assert parse("---\ntime: May\n---\nText", "a.txt", "markdown") == [Session(text="Text", id="a", time="May")]


def test_an_unknown_format_is_refused() -> None:
    assert refusal("a", "a.txt", "yaml") == (
        f"unknown format 'yaml'; `jitmem formats` lists them: {', '.join(FORMATS)}"
    )


# Files and folders


def write(folder: Path, **contents: str) -> Path:
    for name, content in contents.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return folder


def test_a_folder_gives_its_files_in_order_named_by_their_paths(tmp_path: Path) -> None:
    write(
        tmp_path,
        b_md="B",
        trip__a_txt="TA",
        a_txt="A",
        trip__far__c_jsonl=jsonl({"text": "1"}, {"text": "2"}),
    )
    assert read_sessions(tmp_path) == [
        Session(text="A", id="a"),
        Session(text="B", id="b"),
        Session(text="TA", id="trip/a"),
        Session(text="1", id="trip/far/c-1"),
        Session(text="2", id="trip/far/c-2"),
    ]


def test_hidden_files_and_other_endings_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, a_TXT="A", image_png="P", none="N", _hidden_txt="H", _git__a_txt="G", sub__b_Json="{}")
    (tmp_path / "folder.txt").mkdir()
    assert [file.name for file in history_files(tmp_path, print)] == ["a.TXT", "sub/b.Json"]


def test_a_hidden_folder_that_is_named_is_read(tmp_path: Path) -> None:
    assert read_sessions(write(tmp_path / ".notes", a_txt="A")) == [Session(text="A", id="a")]


def test_a_folder_without_session_files_is_refused_with_the_endings(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        read_sessions(write(tmp_path, image_png="P"))
    assert str(refused.value) == (
        f"{tmp_path}: no session file in this folder; looked for {', '.join(sorted(SUFFIXES))}"
    )


def test_one_bad_file_refuses_the_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^sub/b\.txt: is empty; a session needs some text$"):
        read_sessions(write(tmp_path, a_txt="A", sub__b_txt=" "))


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        read_sessions(tmp_path / "none.txt")
    assert str(refused.value) == (
        f"{tmp_path / 'none.txt'}: cannot be read (No such file or directory); "
        "give a file or folder that exists and may be read"
    )


def test_a_file_stands_for_itself_whatever_its_ending(tmp_path: Path) -> None:
    file = write(tmp_path, a_org="* Mill") / "a.org"
    assert [one.load() for one in history_files(file, print)] == [b"* Mill"]
    assert read_sessions(file) == [Session(text="* Mill", id="a")]


def test_a_relative_path_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, sub__a_txt="A")
    monkeypatch.chdir(tmp_path)
    assert read_sessions(Path(".")) == [Session(text="A", id="sub/a")]
    assert read_sessions(Path("sub/a.txt")) == [Session(text="A", id="a")]


def test_a_file_name_that_is_not_unicode_gives_an_id_that_is() -> None:
    assert parse("A", "caf\udce9.txt") == [Session(text="A", id="caf\\udce9")]


# Anything at all

KEYS = [
    *("text", "turns", "messages", "sessions", "id", "time", "metadata", "speaker", "name", "role", "type"),
    *("content", "lc", "kwargs", "tool_calls", "tool_call_id", "additional_kwargs", "message_type", "x"),
]

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner | st.sampled_from(["user", "ai", "tool", "remove", "constructor", "function", 1]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


def sessions_or_bad_input(data: bytes, format: str | None) -> None:
    try:
        sessions = parse_sessions(data, name="any", format=format)
    except BadInput as refused:
        if "\n" in str(refused):
            raise AssertionError("more than one line") from refused
    else:
        assert sessions
        assert all(isinstance(session, Session) for session in sessions)


@pytest.mark.parametrize("format", [*FORMATS, None])
@given(data=st.binary())
def test_any_bytes_give_sessions_or_bad_input(format: str | None, data: bytes) -> None:
    sessions_or_bad_input(data, format)


@pytest.mark.parametrize("format", ["json", "jsonl", None])
@given(values=st.lists(NESTED, max_size=3))
def test_any_json_gives_sessions_or_bad_input(format: str | None, values: list[object]) -> None:
    sessions_or_bad_input(jsonl(*values).encode(), format)
    sessions_or_bad_input(json.dumps(values).encode(), format)
    sessions_or_bad_input(json.dumps({"messages": values}).encode(), format)


@given(lines=st.lists(st.sampled_from(["---", "time: x", "id:", "Ana: hi", "", " ", "a", "\r"])))
def test_any_markdown_gives_sessions_or_bad_input(lines: list[str]) -> None:
    sessions_or_bad_input("\n".join(lines).encode(), "markdown")


@pytest.mark.parametrize("format", [*FORMATS, None])
@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"text": 'Olá "x"\n\\' * 1_000_000}),
        json.dumps({"turns": [["Ana", "hi"]] * 600_000}),
        "---\n" + "".join(f"key{n}: value\n" for n in range(600_000)),
        "---\nkey:" + " " * 10_000_000,
    ],
    ids=["text", "turns", "fields", "blanks"],
)
def test_ten_megabytes_in_one_line_give_sessions_or_bad_input(format: str | None, content: str) -> None:
    sessions_or_bad_input(content.encode(), format)


@pytest.mark.parametrize(
    "text", ["/path/to/file", "~/notes", "notes/day.md", "export.zip", "C:\\ana\\notes.txt", Path("notes")]
)
def test_a_path_that_is_memorized_as_a_text_says_what_was_probably_meant(memory: Memory, text: str | Path) -> None:
    with pytest.raises(BadInput, match=r"is a path, .* memory\.memorize_many\(read_history\(path\)\)"):
        memory.memorize(text)  # type: ignore[arg-type]
    assert memory.stats()["sessions"] == 0
    assert memory.memorize(Session(text=str(text))).page_ids


@pytest.mark.parametrize("text", ["/clear", "/usr/bin is where it lies.", "see notes.txt", "http://x.org/a.txt", "3/4"])
def test_a_text_in_which_a_path_stands_is_a_text(memory: Memory, text: str) -> None:
    assert memory.memorize(text).page_ids


def test_a_call_without_content_is_memorized_as_the_command_files_it(memory: Memory) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]}]
    [page_id] = memory.memorize(messages).page_ids  # type: ignore[arg-type]
    assert memory.page(page_id).text == 'user: hi\nassistant: [calls f {"x": 1}]'
