"""Each form of history is recognised by its content, and gives the sessions, speakers and times that its program wrote."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jitmem import BadInput, Session, read_history
from jitmem.formats import parse_sessions
from jitmem.readers.reader_table import FORMS, NATIVE_FORMS

Expected = list[tuple[str, str, list[tuple[str, str]]]]
"""Id, time and turns of each session."""


def parse(content: str | bytes, name: str, **options: Any) -> list[Session]:
    return parse_sessions(content.encode() if isinstance(content, str) else content, name=name, **options)


def summary(sessions: list[Session]) -> Expected:
    assert all(one.messages is None for one in sessions)
    return [
        (str(one.id), str(one.time or ""), [*map(tuple, one.turns)] if one.turns else [("", str(one.text))])  # type: ignore[misc]
        for one in sessions
    ]


TALK = [("Ana", "I work at the harbour."), ("Ben", "Since when?")]
CHAT = [("user", "I work at the harbour."), ("assistant", "Since when?")]

# -- chats in text -----------------------------------------------------------------------------------------

WHATSAPP = {
    "android": "20/05/2025, 10:00 - Ana: {0}\n20/05/2025, 10:03 - Ben: {1}\n",
    "android, month first, 12 hours": "5/20/25, 10:00\u202fAM - Ana: {0}\n5/20/25, 10:03\u202fAM - Ben: {1}\n",
    "ios": "\u200e[20/05/2025, 10:00:00] Ana: {0}\r\n[20/05/2025, 10:03:00] Ben: {1}\r\n",
    "ios, month first": "[5/20/25, 10:00:00 AM] Ana: {0}\n[5/20/25, 10:03:00 AM] Ben: {1}\n",
    "german": "20.05.25, 10:00 - Ana: {0}\n20.05.25, 10:03 - Ben: {1}\n",
    "dutch": "20-05-2025 10:00 - Ana: {0}\n20-05-2025 10:03 - Ben: {1}\n",
    "swedish": "2025-05-20 10:00 - Ana: {0}\n2025-05-20 10:03 - Ben: {1}\n",
    "spanish, 12 hours": "20/5/25, 10:00 a.\u00a0m. - Ana: {0}\n20/5/25, 10:03 a.\u00a0m. - Ben: {1}\n",
    "finnish": "20.5.2025 klo 10.00 - Ana: {0}\n20.5.2025 klo 10.03 - Ben: {1}\n",
    "korean": "2025년 5월 20일 오전 10:00 - Ana: {0}\n2025년 5월 20일 오전 10:03 - Ben: {1}\n",
    "korean ios": "[2025. 5. 20. 오전 10:00:00] Ana: {0}\n[2025. 5. 20. 오전 10:03:00] Ben: {1}\n",
    "chinese": "2025/5/20 上午10:00 - Ana: {0}\n2025/5/20 上午10:03 - Ben: {1}\n",
    "japanese": "2025/05/20 10:00 - Ana: {0}\n2025/05/20 10:03 - Ben: {1}\n",
    "arabic": "٢٠‏/٥‏/٢٠٢٥، ١٠:٠٠ ص - Ana: {0}\n٢٠‏/٥‏/٢٠٢٥، ١٠:٠٣ ص - Ben: {1}\n",
}


@pytest.mark.parametrize("form", WHATSAPP)
def test_whatsapp_is_read_in_every_date_form(form: str) -> None:
    content = WHATSAPP[form].format(TALK[0][1], TALK[1][1])
    assert summary(parse(content, "WhatsApp Chat with Ben.txt")) == [
        ("WhatsApp Chat with Ben/2025-05-20", "2025-05-20 10:00:00", TALK)
    ]


def test_whatsapp_leaves_out_what_the_program_says_and_marks_what_is_no_text() -> None:
    content = (
        "[20/05/2025, 10:00:00] Ben: \u200eMessages and calls are end-to-end encrypted.\n"
        "[20/05/2025, 10:01:00] Ana: first\nsecond: line\n\nthird\n"
        "[20/05/2025, 10:02:00] Ben: \u200eimage omitted\n"
        "[20/05/2025, 10:03:00] Ben: \u200e<attached: 00000012-PHOTO-2025-05-20.jpg>\n"
        "[20/05/2025, 22:04:00] Ana: edited \u200e<This message was edited>\n"
        "[21/05/2025, 00:10:00] Ana: next day\n"
    )
    assert summary(parse(content, "Ben/_chat.txt")) == [
        (
            "Ben/2025-05-20",
            "2025-05-20 10:01:00",
            [
                ("Ana", "first\nsecond: line\n\nthird"),
                ("Ben", "[image]"),
                ("Ben", "[image: 00000012-PHOTO-2025-05-20.jpg]"),
            ],
        ),
        ("Ben/2025-05-20-2", "2025-05-20 22:04:00", [("Ana", "edited")]),
        ("Ben/2025-05-21", "2025-05-21 00:10:00", [("Ana", "next day")]),
    ]


def test_the_time_of_each_turn_is_in_the_metadata() -> None:
    [session] = parse(WHATSAPP["android"].format("a", "b"), "Ben.txt")
    assert session.metadata["turn_times"] == ["2025-05-20T10:00:00", "2025-05-20T10:03:00"]


KAKAO = {
    "pc, korean": "안나 님과 카카오톡 대화\n저장한 날짜 : 2025-06-01 10:00:00\n\n--------------- 2025년 5월 20일 화요일 ---------------\n"
    "[Ana] [오전 10:00] {0}\n[Ben] [오전 10:03] {1}\n",
    "pc, english": "KakaoTalk Chats with Ana\nDate Saved : 2025-06-01 10:00:00\n\n"
    "--------------- Tuesday, May 20, 2025 ---------------\n[Ana] [10:00 AM] {0}\n[Ben] [10:03 AM] {1}\n",
    "phone, korean": "안나 님과 카카오톡 대화\n저장한 날짜 : 2025년 6월 1일 오전 10:00\n\n\n2025년 5월 20일 오전 10:00\n"
    "2025년 5월 20일 오전 10:00, Ana : {0}\n2025년 5월 20일 오전 10:03, Ben : {1}\n",
    "phone, ios": "안나 님과 카카오톡 대화\n저장한 날짜 : 2025. 6. 1. 오전 10:00\n\n2025년 5월 20일 화요일\n"
    "2025. 5. 20. 오전 10:00, Ana : {0}\n2025. 5. 20. 오전 10:03, Ben : {1}\n",
    "phone, english": "KakaoTalk Chats with Ana\nDate Saved : June 1, 2025 at 10:00 AM\n\nMay 20, 2025 at 10:00 AM\n"
    "May 20, 2025 at 10:00 AM, Ana : {0}\nMay 20, 2025 at 10:03 AM, Ben : {1}\n",
}


@pytest.mark.parametrize("form", KAKAO)
def test_kakaotalk_is_read_from_pc_and_phone(form: str) -> None:
    assert summary(parse(KAKAO[form].format(TALK[0][1], TALK[1][1]), "talk.txt")) == [
        ("talk/2025-05-20", "2025-05-20 10:00:00", TALK)
    ]


LINE = {
    "english": "[LINE] Chat history with Ben\nSaved on: 2025/06/01 10:00\n\n2025/05/20(Tue)\n10:00\tAna\t{0}\n10:03\tBen\t{1}\n",
    "japanese": "[LINE] ベンとのトーク履歴\n保存日時：2025/06/01 10:00\n\n2025/05/20(火)\n10:00\tAna\t{0}\n10:03\tBen\t{1}\n",
    "korean": "[LINE] Ben님과의 대화\n저장한 날짜 : 2025/06/01 10:00\n\n2025.05.20 화요일\n오전 10:00\tAna\t{0}\n오전 10:03\tBen\t{1}\n",
}


@pytest.mark.parametrize("form", LINE)
def test_line_is_read_by_its_days(form: str) -> None:
    content = LINE[form].format(TALK[0][1], TALK[1][1]) + "10:04\tBen left the chat.\n"
    assert summary(parse(content, "[LINE]Ben.txt")) == [("[LINE]Ben/2025-05-20", "2025-05-20 10:00:00", TALK)]


def test_line_keeps_a_message_of_several_lines() -> None:
    content = '[LINE] Chat history with Ben\n\n2025/05/20(Tue)\n10:00\tAna\t"one\n""two"""\n10:01\tBen\tok\n'
    assert summary(parse(content, "a.txt"))[0][2] == [("Ana", 'one\n"two"'), ("Ben", "ok")]


LOGS = {
    "iso": "2025-05-20 10:00:00 <Ana> {0}\n2025-05-20 10:03:00 <Ben> {1}\n",
    "weechat": "2025-05-20 10:00:00\tAna\t{0}\n2025-05-20 10:03:00\t--\tBen is away\n2025-05-20 10:03:00\tBen\t{1}\n",
    "irssi": "--- Log opened Tue May 20 09:00:00 2025\n10:00 < Ana> {0}\n10:01 -!- Ben [b@h] has joined #x\n10:03 <@Ben> {1}\n",
    "hexchat": "**** BEGIN LOGGING AT Tue May 20 09:00:00 2025\n\n10:00 <Ana> {0}\n10:03 <Ben> {1}\n",
    "mirc": "Session Start: Tue May 20 09:00:00 2025\n[10:00] <Ana> {0}\n[10:01] * Ben waves\n[10:03] <Ben> {1}\n",
    "brackets": "[2025-05-20 10:00] Ana: {0}\n[2025-05-20 10:03] Ben: {1}\n",
    "iso with T": "2025-05-20T10:00:00 Ana: {0}\n2025-05-20T10:03:00 Ben: {1}\n",
    "bars": "2025-05-20 10:00:00 | Ana | {0}\n2025-05-20 10:03:00 | Ben | {1}\n",
}


@pytest.mark.parametrize("form", LOGS)
def test_a_log_is_read_by_the_time_before_each_line(form: str) -> None:
    [session] = parse(LOGS[form].format(TALK[0][1], TALK[1][1]), "chat.log")
    assert (session.id, str(session.time)) == ("chat/2025-05-20", "2025-05-20 10:00:00")
    assert list(session.turns or []) == TALK


SIGNAL = {
    "chat.md": "[2025-05-20, 10:00] Ana: {0}\n\n[2025-05-20, 10:03] Ben: {1}\n(- Ana: 👍 -)\n",
    "Ben.txt": "Conversation: Ben\n\nFrom: Ana\nType: outgoing\nSent: Tue, 20 May 2025 10:00:00 +0000\n\n{0}\n\n"
    "From: Ben (+351912345678)\nType: incoming\nSent: Tue, 20 May 2025 10:03:00 +0000\nReceived: x\n\n{1}\n",
}


@pytest.mark.parametrize("name", SIGNAL)
def test_signal_is_read_from_markdown_and_text(name: str) -> None:
    [session] = parse(SIGNAL[name].format(TALK[0][1], TALK[1][1]), f"Ben/{name}")
    assert (list(session.turns or []), f"{session.time:%Y-%m-%d %H:%M}") == (TALK, "2025-05-20 10:00")
    assert session.metadata["source"] == "signal"


def test_imessage_is_read_with_its_times() -> None:
    content = (
        "May 20, 2025 10:00:00 AM (Read by you after 3 seconds)\nAna\nI work at the harbour.\n\n"
        "May 20, 2025 10:03:00 AM\nBen\nSince when?\nTapbacks:\nLoved by Ana\n\n"
    )
    assert summary(parse(content, "ben.txt")) == [("ben/2025-05-20", "2025-05-20 10:00:00", TALK)]


def test_discord_text_is_read_without_reactions() -> None:
    rule = "=" * 62
    content = (
        f"{rule}\nGuild: Mill\nChannel: Text / general\n{rule}\n\n[20-May-25 10:00 AM] Ana\nI work at the harbour.\n\n"
        "{Reactions}\n👍 (2)\n\n[20-May-25 10:03 AM] Ben (pinned)\nSince when?\n\n{Attachments}\nhttps://cdn.x/a.png\n\n"
        f"{rule}\nExported 2 message(s)\n{rule}\n"
    )
    [session] = parse(content, "general.txt")
    assert list(session.turns or []) == [TALK[0], ("Ben", "Since when?\n[file: a.png]")]
    assert (str(session.time), session.metadata["channel"]) == ("2025-05-20 10:00:00", "general")


# -- chats in JSON -----------------------------------------------------------------------------------------


def node(identity: str, parent: str | None, role: str, content: Any, time: float | None = None, **message: Any) -> Any:
    content = {"content_type": "text", "parts": [content]} if isinstance(content, str) else content
    said = {"id": identity, "author": {"role": role}, "create_time": time, "content": content, **message}
    return {"id": identity, "parent": parent, "children": [], "message": said}


def test_chatgpt_follows_the_branch_that_is_shown_and_leaves_out_what_is_hidden() -> None:
    hidden = {"is_visually_hidden_from_conversation": True}
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://f1", "size_bytes": 10}
    thoughts = {"content_type": "thoughts", "thoughts": [{"content": "secret"}]}
    output = {"content_type": "execution_output", "text": "42"}
    code = {"content_type": "code", "language": "unknown", "text": "print(6 * 7)"}
    nodes = [
        node("s", None, "system", "You are", metadata=hidden),
        node("a", "s", "user", {"content_type": "multimodal_text", "parts": [image, "What is this?"]}, 1747735200.5),
        node("w", "a", "assistant", "Wrong branch"),
        node("t", "a", "assistant", thoughts),
        node("c", "t", "assistant", code, recipient="python"),
        node("o", "c", "tool", output),
        node("b", "o", "assistant", "The answer is 42.", 1747735260.0),
    ]
    row = {
        "title": "Sums",
        "id": "c1",
        "create_time": 1747735200.5,
        "current_node": "b",
        "mapping": {one["id"]: one for one in nodes},
    }
    [session] = parse(json.dumps([row]), "conversations.json")
    assert list(session.turns or []) == [
        ("user", "[image: file-service://f1, 10 bytes]\nWhat is this?"),
        ("assistant", "[calls python print(6 * 7)]\n[result: tool: 42]\nThe answer is 42."),
    ]
    assert (session.id, session.metadata["title"]) == ("c1", "Sums")
    assert session.time == datetime(2025, 5, 20, 10, 0, 0, 500000, UTC)


def test_claude_keeps_attachments_and_leaves_out_thinking() -> None:
    row = {
        "uuid": "u1",
        "name": "Job",
        "created_at": "2025-05-20T10:00:00Z",
        "chat_messages": [
            {
                "sender": "human",
                "text": "Read this.",
                "created_at": "2025-05-20T10:00:00Z",
                "attachments": [{"file_name": "a.txt", "extracted_content": "17 sacks"}],
                "files": [{"file_name": "b.png"}],
            },
            {
                "sender": "assistant",
                "text": "Done",
                "content": [{"type": "thinking", "thinking": "secret"}, {"type": "text", "text": "Done."}],
                "created_at": "2025-05-21T10:00:00Z",
            },
        ],
    }
    assert summary(parse(json.dumps([row]), "conversations.json")) == [
        ("u1", "2025-05-20 10:00:00+00:00", [("user", "Read this.\n[file: a.txt]\n17 sacks\n[image: b.png]")]),
        ("u1/2025-05-21", "2025-05-21 10:00:00+00:00", [("assistant", "Done.")]),
    ]


def test_gemini_activity_is_read_oldest_first() -> None:
    def entry(asked: str, said: str, time: str) -> dict[str, Any]:
        html = [{"html": f"<p>{said}</p>"}]
        return {"header": "Gemini Apps", "title": f"Prompted {asked}", "time": time, "safeHtmlItem": html}

    rows = [entry("And now?", "Later.", "2025-05-20T10:03:00Z"), entry("When?", "Now.", "2025-05-20T10:00:00Z")]
    assert summary(parse(json.dumps(rows), "MyActivity.json")) == [
        (
            "gemini/2025-05-20",
            "2025-05-20 10:00:00+00:00",
            [("user", "When?"), ("assistant", "Now."), ("user", "And now?"), ("assistant", "Later.")],
        )
    ]


def test_gemini_activity_in_html_is_read() -> None:
    content = (
        '<html><body><div class="outer-cell mdl-cell"><div class="header-cell"><p>Gemini Apps</p></div>'
        '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">Prompted When?<br>May 20, 2025, 10:00:00\u202fAM'
        ' UTC<br><p>Now.</p></div><div class="content-cell">x</div></div></body></html>'
    )
    [session] = parse(content, "My Activity.html")
    assert list(session.turns or []) == [("user", "When?"), ("assistant", "Now.")]
    assert f"{session.time:%Y-%m-%d %H:%M}" == "2025-05-20 10:00"


def test_claude_code_keeps_short_results_and_leaves_out_side_chains() -> None:
    def row(kind: str, content: Any, **more: Any) -> dict[str, Any]:
        fields = {"type": kind, "sessionId": "s1", "timestamp": "2025-05-20T10:00:00Z", "isSidechain": False}
        return {**fields, "message": {"role": kind, "content": content}, **more}

    rows = [
        {"type": "summary", "summary": "Tests"},
        row("user", "<command-name>/clear</command-name>", isMeta=True),
        row("user", "Run the tests.<system-reminder>never</system-reminder>"),
        row("assistant", [{"type": "thinking", "thinking": "secret"}, {"type": "text", "text": "Yes."}]),
        row("assistant", [{"type": "tool_use", "name": "Bash", "input": {"command": "pytest"}}]),
        row("user", [{"type": "tool_result", "content": [{"type": "text", "text": "3 passed" + "!" * 900}]}]),
        row("user", "Side question", isSidechain=True),
    ]
    [session] = parse("\n".join(map(json.dumps, rows)), "x.jsonl")
    assert (session.id, session.metadata["title"]) == ("s1", "Tests")
    assert list(session.turns or []) == [
        ("user", "Run the tests."),
        (
            "assistant",
            'Yes.\n[calls Bash {"command": "pytest"}]\n[result: 3 passed' + "!" * 492 + "… [408 more characters]]",
        ),
    ]


def test_codex_is_read_from_its_items() -> None:
    def item(**payload: Any) -> dict[str, Any]:
        return {"timestamp": "2025-05-20T10:00:00Z", "type": "response_item", "payload": payload}

    rows = [
        {"timestamp": "2025-05-20T10:00:00Z", "type": "session_meta", "payload": {"id": "r1"}},
        item(type="message", role="developer", content=[{"type": "input_text", "text": "rules"}]),
        item(
            type="message",
            role="user",
            content=[{"type": "input_text", "text": "<environment_context>x</environment_context>"}],
        ),
        item(type="message", role="user", content=[{"type": "input_text", "text": "Fix it."}]),
        item(type="reasoning", summary=[{"type": "summary_text", "text": "secret"}]),
        item(type="function_call", name="shell", arguments='{"command": ["ls"]}'),
        item(type="function_call_output", output="a.py"),
        item(type="message", role="assistant", content=[{"type": "output_text", "text": "Fixed."}]),
        {
            "timestamp": "2025-05-20T10:00:00Z",
            "type": "event_msg",
            "payload": {"type": "agent_message", "message": "Fixed."},
        },
    ]
    assert summary(parse("\n".join(map(json.dumps, rows)), "rollout.jsonl")) == [
        (
            "r1",
            "2025-05-20 10:00:00+00:00",
            [("user", "Fix it."), ("assistant", '[calls shell {"command": ["ls"]}]\n[result: a.py]\nFixed.')],
        )
    ]


ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": CHAT[0][1]}]
REPLY = {"role": "assistant", "content": CHAT[1][1]}
OUTPUT = [
    {"type": "reasoning"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": CHAT[1][1]}]},
]
OPENAI = {
    "request and response": {
        "request": {"messages": ASKED},
        "response": {"created": 1747735200, "choices": [{"message": REPLY}]},
    },
    "flat": {"messages": ASKED, "choices": [{"message": REPLY}], "created": 1747735200},
    "responses": {"input": CHAT[0][1], "model": "m", "created_at": 1747735200, "output": OUTPUT},
    "responses, nested": {"request": {"input": ASKED}, "response": {"created_at": 1747735200, "output": OUTPUT}},
    "pair": {"prompt": CHAT[0][1], "completion": CHAT[1][1], "created": 1747735200},
    "preference": {
        "input": {"messages": ASKED},
        "preferred_output": [REPLY],
        "non_preferred_output": [],
        "created": 1747735200,
    },
}


@pytest.mark.parametrize("form", OPENAI)
def test_a_logged_call_of_openai_is_a_session_without_instructions(form: str) -> None:
    [session] = parse(json.dumps(OPENAI[form]) + "\n", "log.jsonl")
    assert (list(session.turns or []), str(session.time)) == (CHAT, "2025-05-20 10:00:00+00:00")


def test_a_request_that_repeats_the_conversation_continues_its_session() -> None:
    first = {"id": "a", "request": {"messages": ASKED}, "response": {"choices": [{"message": REPLY}]}}
    more = [*ASKED, REPLY, {"role": "user", "content": "Since Monday."}]
    second = {
        "id": "b",
        "request": {"messages": more},
        "response": {"choices": [{"message": {"role": "assistant", "content": "Good."}}]},
    }
    assert summary(parse(json.dumps(first) + "\n" + json.dumps(second), "log.jsonl")) == [
        ("a", "", [*CHAT, ("user", "Since Monday."), ("assistant", "Good.")])
    ]


def test_stored_messages_with_a_number_for_their_time_are_read() -> None:
    row = {"messages": [{"role": "user", "content": "hi"}, REPLY], "created": 1747735200}
    [session] = parse(json.dumps(row) + "\n", "stored.jsonl")
    assert session.time == datetime(2025, 5, 20, 10, tzinfo=UTC)


SHAREGPT = {
    "from and value": {
        "id": "x",
        "conversations": [{"from": "human", "value": CHAT[0][1]}, {"from": "gpt", "value": CHAT[1][1]}],
    },
    "pairs": {"id": "x", "conversation": [{"human": CHAT[0][1], "assistant": CHAT[1][1]}]},
    "alpaca": {"id": "x", "instruction": CHAT[0][1], "input": "", "output": CHAT[1][1]},
}


@pytest.mark.parametrize("form", SHAREGPT)
def test_a_data_set_of_conversations_is_read(form: str) -> None:
    assert summary(parse(json.dumps([SHAREGPT[form]]), "data.json")) == [("x", "", CHAT)]


LANGCHAIN = [
    {"type": "system", "data": {"content": "Be brief."}},
    {"type": "human", "data": {"content": CHAT[0][1]}},
    {"type": "ai", "data": {"content": [{"type": "text", "text": CHAT[1][1]}]}},
]
DUMPED = [
    {"content": CHAT[0][1], "type": "human", "id": "1"},
    {"content": CHAT[1][1], "type": "ai", "tool_calls": []},
]


def test_messages_to_dict_of_langchain_is_read() -> None:
    assert summary(parse(json.dumps(LANGCHAIN), "m.json")) == [("m", "", CHAT)]


STATES = {
    "state": {
        "values": {"messages": DUMPED},
        "config": {"configurable": {"thread_id": "t1"}},
        "created_at": "2025-05-20T10:00:00Z",
    },
    "thread": [{"thread_id": "t1", "created_at": "2025-05-20T10:00:00Z", "values": {"messages": DUMPED}}],
    "history": [
        {"values": {"messages": DUMPED}, "checkpoint": {"thread_id": "t1"}, "created_at": "2025-05-20T10:00:00Z"},
        {"values": {"messages": DUMPED[:1]}, "checkpoint": {"thread_id": "t1"}, "created_at": "2025-05-20T09:00:00Z"},
    ],
}


@pytest.mark.parametrize("form", STATES)
def test_a_thread_of_langgraph_is_one_session(form: str) -> None:
    assert summary(parse(json.dumps(STATES[form]), "s.json")) == [("t1", "2025-05-20 10:00:00+00:00", CHAT)]


def test_runs_of_langsmith_give_each_turn_of_a_thread_once() -> None:
    more = [*DUMPED, {"type": "human", "content": "Since Monday."}, {"type": "ai", "content": "Good."}]
    fields = {"run_type": "chain", "name": "agent", "parent_run_id": None, "extra": {"metadata": {"thread_id": "t1"}}}
    runs = [
        {
            **fields,
            "id": "2",
            "trace_id": "2",
            "start_time": "2025-05-20T10:05:00",
            "inputs": {"messages": more[2:3]},
            "outputs": {"messages": more},
        },
        {
            **fields,
            "id": "1",
            "trace_id": "1",
            "start_time": "2025-05-20T10:00:00",
            "inputs": {"messages": more[:1]},
            "outputs": {"messages": more[:2]},
        },
        {
            "run_type": "llm",
            "id": "3",
            "trace_id": "1",
            "parent_run_id": "1",
            "start_time": "2025-05-20T10:00:01",
            "inputs": {"messages": [more[:1]]},
        },
    ]
    [session] = parse("\n".join(map(json.dumps, runs)), "runs.jsonl")
    assert (session.id, list(session.turns or [])) == ("t1", [*CHAT, ("user", "Since Monday."), ("assistant", "Good.")])


def test_slack_reads_a_folder_with_the_names_of_its_users(tmp_path: Path) -> None:
    (tmp_path / "general").mkdir()
    users = [
        {"id": "U1", "name": "ana", "profile": {"display_name": "Ana"}},
        {"id": "U2", "name": "ben", "real_name": "Ben"},
    ]
    messages = [
        {"type": "message", "user": "U2", "text": "Since when, <@U1>?", "ts": "1747735380.000200"},
        {"type": "message", "user": "U1", "text": "I work &amp; rest. <https://x.org|x>", "ts": "1747735200.000100"},
        {"type": "message", "subtype": "channel_join", "user": "U2", "text": "joined", "ts": "1747735100.000100"},
    ]
    (tmp_path / "users.json").write_text(json.dumps(users))
    (tmp_path / "channels.json").write_text(json.dumps([{"id": "C1", "name": "general"}]))
    (tmp_path / "general" / "2025-05-20.json").write_text(json.dumps(messages))
    left_out: list[str] = []
    assert summary(read_history(tmp_path, report=left_out.append)) == [
        (
            "general/2025-05-20",
            "2025-05-20 10:00:00.000100+00:00",
            [("Ana", "I work & rest. https://x.org"), ("Ben", "Since when, @Ana?")],
        )
    ]
    assert left_out == ["left out what an export has beside its chats: channels.json, users.json"]


def test_discord_json_has_nicknames_and_marks() -> None:
    def said(author: str, content: str, **more: Any) -> dict[str, Any]:
        return {
            "type": "Default",
            "timestamp": "2025-05-20T10:00:00+00:00",
            "content": content,
            "author": {"name": "x", "nickname": author},
            **more,
        }

    value = {
        "guild": {"name": "Mill"},
        "channel": {"id": "7", "name": "general"},
        "messages": [
            said("Ana", "look", attachments=[{"fileName": "a.png", "fileSizeBytes": 5}]),
            {**said("Ana", "Pinned a message."), "type": "ChannelPinnedMessage"},
            said("Ben", "yo"),
        ],
    }
    assert summary(parse(json.dumps(value), "d.json")) == [
        ("discord-7/2025-05-20", "2025-05-20 10:00:00+00:00", [("Ana", "look\n[image: a.png, 5 bytes]"), ("Ben", "yo")])
    ]


def test_telegram_joins_the_parts_of_a_text_and_knows_the_zone() -> None:
    messages = [
        {
            "id": 1,
            "type": "service",
            "date": "2025-05-20T11:59:00",
            "actor": "Ana",
            "action": "create_group",
            "text": "",
        },
        {
            "id": 2,
            "type": "message",
            "date": "2025-05-20T12:00:00",
            "date_unixtime": "1747735200",
            "from": "Ana",
            "from_id": "user1",
            "text": ["I work at ", {"type": "bold", "text": "the harbour"}, "."],
        },
        {
            "id": 3,
            "type": "message",
            "date": "2025-05-20T12:01:00",
            "from": "Ben",
            "from_id": "user2",
            "text": "",
            "photo": "photos/p.jpg",
        },
    ]
    [session] = parse(
        json.dumps({"name": "Ben", "type": "personal_chat", "id": 9, "messages": messages}), "result.json"
    )
    assert (session.id, session.time) == (
        "telegram-9/2025-05-20",
        datetime(2025, 5, 20, 12, tzinfo=timezone(timedelta(hours=2))),
    )
    assert list(session.turns or []) == [("Ana", "I work at the harbour."), ("Ben", "[image: p.jpg]")]


def test_teams_and_skype_chats_are_read() -> None:
    messages = [
        {
            "displayName": "Ben",
            "originalarrivaltime": "2025-05-20T10:03:00Z",
            "messagetype": "RichText",
            "content": "Since <b>when</b>?",
        },
        {
            "displayName": "Ana",
            "originalarrivaltime": "2025-05-20T10:00:00Z",
            "messagetype": "Text",
            "content": TALK[0][1],
        },
        {
            "displayName": None,
            "originalarrivaltime": "2025-05-20T10:00:00Z",
            "messagetype": "ThreadActivity/AddMember",
            "content": "x",
        },
    ]
    value = {"userId": "u", "conversations": [{"id": "19:x", "displayName": "Work", "MessageList": messages}]}
    assert summary(parse(json.dumps(value), "messages.json")) == [
        ("19:x/2025-05-20", "2025-05-20 10:00:00+00:00", TALK)
    ]


FLAT = {
    "role and content": {"role": "user", "content": "hi", "timestamp": "2025-05-20T10:00:00", "conversation_id": "c"},
    "sender and text": {"sender": "user", "text": "hi", "ts": 1747735200, "chat_id": "c"},
    "facebook": {"sender_name": "user", "content": "hi", "timestamp_ms": 1747735200000, "thread_id": "c"},
    "author object": {"author": {"name": "user"}, "content": "hi", "created_at": "2025-05-20 10:00", "thread_id": "c"},
}


@pytest.mark.parametrize("form", FLAT)
@pytest.mark.parametrize("lines", [True, False])
def test_flat_messages_are_one_session_a_conversation(form: str, lines: bool) -> None:
    rows = [FLAT[form], {**FLAT[form], next(k for k in FLAT[form] if FLAT[form][k] == "c"): "d"}]
    content = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    assert [
        (one.id, list(one.turns or []), f"{one.time:%Y-%m-%d %H:%M}")
        for one in parse(content, "log.jsonl" if lines else "log.json")
    ] == [
        ("c", [("user", "hi")], "2025-05-20 10:00"),
        ("d", [("user", "hi")], "2025-05-20 10:00"),
    ]


# -- mail, recordings, tables, notes -----------------------------------------------------------------------

EML = (
    "From: =?utf-8?q?Ana_Jos=C3=A9?= <ana@x.org>\r\nTo: ben@x.org\r\nSubject: =?utf-8?b?T2zDoQ==?=\r\nMessage-ID: <m{n}@x.org>\r\n"
    "Date: Tue, 20 May 2025 12:00:00 +0200\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>S=C3=A3o 5 =E2=82=AC.</p>\r\n"
    "--B\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "AAAA\r\n--B--\r\n"
)


@pytest.mark.parametrize("name", ["a.eml", "box.mbox", "Inbox"])
def test_mail_is_decoded(name: str) -> None:
    one = EML.replace("{n}", "1")
    content = (
        one
        if name == "a.eml"
        else f"From a@x Tue May 20 12:00:00 2025\r\n{one}\r\nFrom a@x Tue May 20 12:00:00 2025\r\n"
        + EML.replace("{n}", "2")
    )
    sessions = parse(content, name)
    assert [session.id for session in sessions] == ["m1@x.org", "m2@x.org"][: len(sessions)]
    assert len(sessions) == (1 if name == "a.eml" else 2)
    assert list(sessions[0].turns or []) == [
        ("Ana José", "São 5 €.\n[file: a.png, image/png, 3 bytes]".replace("file", "image"))
    ]
    assert sessions[0].time == datetime(2025, 5, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    assert sessions[0].metadata["title"] == "Olá"


def test_a_quoted_reply_is_kept() -> None:
    content = "From: a@x.org\nDate: Tue, 20 May 2025 12:00:00 +0000\nSubject: Re\n\nYes.\n\n> Since when?\n"
    assert parse(content, "a.eml")[0].turns == [("a@x.org", "Yes.\n\n> Since when?")]


CUES = "00:00:01.000 --> 00:00:02.000\n{0}\n\n00:03:00.000 --> 00:03:02.000\n{1}\n"
RECORDINGS = {
    "zoom": "WEBVTT\n\n1\n"
    + CUES.format("Ana: I work at", "Ana: the harbour.")
    + "\n00:04:00.000 --> 00:04:02.000\nBen: Since when?\n",
    "teams": "WEBVTT\n\n" + CUES.format("<v Ana>I work at the harbour.</v>", "<v Ben>Since when?</v>"),
    "srt": "1\n" + CUES.replace(".000", ",000").format("Ana: I work at the harbour.", "Ben: Since when?"),
}


@pytest.mark.parametrize("form", RECORDINGS)
def test_a_recording_gives_turns_at_its_own_time(form: str) -> None:
    name = f"GMT20250520-100000_Recording.{'srt' if form == 'srt' else 'vtt'}"
    [session] = parse(RECORDINGS[form], name)
    assert (list(session.turns or []), str(session.time)) == (TALK, "2025-05-20 10:00:01+00:00")


def test_subtitles_without_names_are_a_text() -> None:
    [session] = parse("1\n" + CUES.replace(".", ",").format("<i>One</i>", "At 10: two"), "2025-05-20.srt")
    assert (session.text, str(session.time)[:10]) == ("One\nAt 10: two", "2025-05-20")


TRANSCRIPTS = {
    "otter": "Ana  0:00\n{0}\n\nBen  3:00\n{1}\n\nTranscribed by https://otter.ai\n",
    "otter with a head": "Job\nTue, May 20, 2025 10:00AM • 15:30\n\nSUMMARY KEYWORDS\nharbour\n\nAna  00:00\n{0}\n\nBen  03:00\n{1}\n",
    "brackets": "[00:00:01] Ana: {0}\n[00:03:00] Ben: {1}\n",
    "teams": "Ana\n0:03\n{0}\n\nBen\n0:10\n{1}\n",
    "clocks of irc": "[10:00:00] <Ana> {0}\n[10:03:00] <Ben> {1}\n",
    "zoom chat": "10:00:00 From Ana to Everyone: {0}\n10:03:00 From Ben to Everyone: {1}\n",
}


@pytest.mark.parametrize("form", TRANSCRIPTS)
def test_a_transcript_gives_turns(form: str) -> None:
    [session] = parse(TRANSCRIPTS[form].format(TALK[0][1], TALK[1][1]), "a.txt")
    assert list(session.turns or []) == TALK
    assert str(session.time or "")[:16] == ("2025-05-20 10:00" if form == "otter with a head" else "")


TABLES = {
    "usual": "timestamp,sender,message\n2025-05-20 10:00,Ana,{0}\n2025-05-20 10:03,Ben,{1}\n",
    "discord": 'AuthorID,Author,Date,Content,Attachments,Reactions\n"1","Ana","2025-05-20T10:00:00","{0}","",""\n"2","Ben","2025-05-20T10:03:00","{1}","",""\n',
    "semicolons": "Datum;Autor;Text\n20.05.2025 10:00;Ana;{0}\n20.05.2025 10:03;Ben;{1}\n",
    "date and time apart": "Date,Time,From,Text\n20/05/2025,10:00,Ana,{0}\n20/05/2025,10:03,Ben,{1}\n",
    "kakaotalk": 'Date,User,Message\n2025-05-20 10:00:00,"Ana","{0}"\n2025-05-20 10:03:00,"Ben","{1}"\n',
}


@pytest.mark.parametrize("form", TABLES)
def test_a_table_of_messages_is_read_by_its_columns(form: str) -> None:
    assert summary(parse(TABLES[form].format(TALK[0][1], TALK[1][1]), "t.csv")) == [
        ("t/2025-05-20", "2025-05-20 10:00:00", TALK)
    ]


def test_a_table_of_prompts_and_responses_is_read() -> None:
    assert summary(parse(f"prompt,response\n{CHAT[0][1]},{CHAT[1][1]}\n", "t.csv")) == [("t", "", CHAT)]


def test_a_table_without_messages_is_refused_with_what_is_right() -> None:
    with pytest.raises(BadInput, match=r"t\.csv: no column of messages among 'a', 'b'; name the columns timestamp"):
        parse("a,b\n1,2\n", "t.csv")


NOTES = {
    "2025-05-20.md": "# Harbour\n\nAna works there.\n",
    "Harbour.md": "---\ntags:\n  - daily\naliases: [Job]\ncreated: 2025-05-20T00:00\n---\n# Harbour\n\nAna works there.\n",
    "Day.md": "# Tuesday, 20 May 2025\n\nAna works there.\n",
    "Harbour 0123456789abcdef0123456789abcdef.md": "# Harbour\n\nCreated: May 20, 2025 12:00 AM\nTags: a\n\nAna works there.\n",
}


@pytest.mark.parametrize("name", NOTES)
def test_the_date_of_a_note_is_in_its_name_its_heading_or_its_front_matter(name: str) -> None:
    [session] = parse(NOTES[name], name)
    assert str(session.time)[:10] == "2025-05-20"
    assert "Ana works there." in str(session.text)
    assert "tags:" not in str(session.text)


def test_a_query_of_obsidian_is_no_word_of_the_note() -> None:
    [session] = parse("Before\n```dataview\nTABLE x\n```\nAfter ```code```\n", "a.md")
    assert session.text == "Before\nAfter ```code```\n"


DIARIES = {
    "a.txt": "Tuesday, 20 May 2025\nOne.\n\nWednesday, 21 May 2025\nTwo.\n",
    "a.md": "# Diary\n\n## 2025-05-20\n\nOne.\n\n## 2025-05-21\n\nTwo.\n",
    "a.text": "20/05/2025\nOne.\n21/05/2025\nTwo.\n",
    "a.log": "2025년 5월 20일 화요일\nOne.\n2025년 5월 21일 수요일\nTwo.\n",
}


@pytest.mark.parametrize("name", DIARIES)
def test_a_diary_is_a_session_a_day(name: str) -> None:
    sessions = parse(DIARIES[name], name)
    assert [(one.id, str(one.time)[:10]) for one in sessions] == [
        ("a/2025-05-20", "2025-05-20"),
        ("a/2025-05-21", "2025-05-21"),
    ]
    assert ["One." in str(one.text) for one in sessions] == [True, False]


def test_org_mode_is_a_session_a_dated_heading() -> None:
    content = "#+TITLE: Log\n* <2025-05-20 Tue 10:00> Harbour\n:PROPERTIES:\n:ID: x\n:END:\nAna works.\n** Detail\nMore.\n* [2025-05-21 Wed]\nTwo.\n"
    assert summary(parse(content, "a.org")) == [
        (
            "a/2025-05-20",
            "2025-05-20 10:00:00",
            [("", "* <2025-05-20 Tue 10:00> Harbour\nAna works.\n** Detail\nMore.")],
        ),
        ("a/2025-05-21", "2025-05-21 00:00:00", [("", "* [2025-05-21 Wed]\nTwo.")]),
    ]


def test_html_gives_its_text_alone() -> None:
    content = '<!doctype html><html><head><title>Van</title><style>x{}</style></head><body><nav>Home</nav><time datetime="2025-05-20">x</time><p>One &amp; <b>two</b>.</p><script>no()</script></body></html>'
    [session] = parse(content, "a.html")
    assert (session.text, session.time, session.metadata) == ("x\nOne & two.", datetime(2025, 5, 20), {"title": "Van"})


# -- what is no chat ---------------------------------------------------------------------------------------

PLAIN = {
    "a.txt": [
        "Ana: hi\nBen: yo at 10:30\n",
        "On 20 May 2025 we sold the van.\nIt was 10:30.\n",
        "Shopping: 3 eggs\nCall Ben: 912 345 678\n",
        "1. First\n2. Second: 10:30 - lunch\n",
        "Invoice 2025-05-20\nTotal: 20\n2025-05-20 paid\n",
        "WEBVTT is a format of 2010.\n",
        "10:00 breakfast\n12:30 lunch\n",
        "[1] Smith 2020: A title.\n[2] Jones 2021: Another.\n",
        "From 2020 to 2025 she lived in Porto.\nFrom: nowhere\n",
    ],
    "a.md": [
        "# Plan 2025\n\n- 10:00 Ana: talk\n- 11:00 Ben: talk\n",
        "<b>Bold</b> move of 2025\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
    ],
    "a.log": [
        "2025-05-20 10:00 INFO: started\n2025-05-20 10:01 ERROR: failed\n",
        "2025-05-20 10:00:00 INFO server started\n2025-05-20 10:00:01 WARN disk at 90%\n",
    ],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in PLAIN.items() for text in texts])
def test_a_text_is_not_taken_for_a_chat(name: str, text: str) -> None:
    [session] = parse(text, name)
    assert (session.text, session.id) == (text, "a")


# -- dates, archives, files --------------------------------------------------------------------------------


def test_a_file_whose_dates_may_be_both_is_asked_about_and_the_answer_is_used() -> None:
    content = "01/03/2025, 10:00 - Ana: hi\n02/03/2025, 10:00 - Ben: yo\n"
    with pytest.raises(BadInput, match=r"may be 1 March or 3 January.*--day-first or --month-first"):
        parse(content, "a.txt")
    assert [str(one.time)[:10] for one in parse(content, "a.txt", day_first=True)] == ["2025-03-01", "2025-03-02"]
    assert [str(one.time)[:10] for one in parse(content, "a.txt", day_first=False)] == ["2025-01-03", "2025-02-03"]


def test_the_order_of_messages_decides_where_only_one_reading_never_runs_back() -> None:
    content = "05/03/2025, 10:00 - Ana: hi\n01/04/2025, 10:00 - Ben: yo\n"
    assert [str(one.time)[:10] for one in parse(content, "a.txt")] == ["2025-03-05", "2025-04-01"]


def test_dates_of_two_notations_are_refused() -> None:
    rows = [{"date": "13/04/2025", "text": "a"}, {"date": "04/13/2025", "text": "b"}]
    with pytest.raises(BadInput, match=r"two notations: '13/04/2025' has the day first, '04/13/2025' the month"):
        parse(json.dumps(rows), "a.json")


def zipped(members: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_a_zip_is_read_as_its_folder_and_what_leads_out_is_named(tmp_path: Path) -> None:
    inner = zipped({"deep.txt": "Deep."})
    (tmp_path / "e.zip").write_bytes(
        zipped(
            {"a.txt": "A.", "../b.txt": "B.", ".": "No name.", "c.png": b"\x89PNG", "d.zip": inner, "x.pdf": b"%PDF-"}
        )
    )
    left_out: list[str] = []
    assert [(one.id, one.text) for one in read_history(tmp_path / "e.zip", report=left_out.append)] == [
        ("a", "A."),
        ("d/deep", "Deep."),
    ]
    assert any("'../b.txt', whose name leads out" in line for line in left_out)
    assert any("a file without a name" in line for line in left_out)
    assert any("1 .pdf" in line for line in left_out)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitmem.readers.archives.LARGEST", 100_000)
    (tmp_path / "a.zip").write_bytes(zipped({"a.txt": "x" * 1_000_000}))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"x" * 1_000_000))
    for name in ("a.zip", "a.txt.gz"):
        with pytest.raises(BadInput, match="unpacks to more than"):
            read_history(tmp_path / name)


def test_a_gzip_file_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "hi", "id": "x"}\n'))
    assert [(one.id, one.text) for one in read_history(tmp_path / "a.jsonl.gz")] == [("x", "hi")]


def test_links_out_of_the_folder_pipes_and_huge_files_are_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setattr("jitmem.readers.file_tree.LARGEST", 1000)
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("Secret.")
    (folder / "a.txt").write_text("A.")
    (folder / "big.txt").write_text("x" * 2000)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "sub").symlink_to(outside)
    (folder / "zero.txt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.txt")
    left_out: list[str] = []
    assert [one.text for one in read_history(folder, report=left_out.append)] == ["A."]
    named = {Path(line.split(":")[0]).name for line in left_out}
    assert named == {"big.txt", "link.txt", "sub", "zero.txt", "pipe.txt"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7", "PyPDFLoader"),
        (b"{\\rtf1 x}", "RTF"),
        (b"\x89PNG\r\n\x1a\n\0", "PNG"),
        (zipped({"word/document.xml": "x"}), "Docx2txtLoader"),
    ],
)
def test_a_document_is_refused_by_its_kind(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse(data, "a.txt")


def test_the_table_in_the_docs_is_that_of_the_readers() -> None:
    table = (Path(__file__).parents[1] / "docs/how-to/history.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", table, re.M))
    assert rows == {**NATIVE_FORMS, **{name: form.what for name, form in FORMS.items()}}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_forced_on_another_file_gives_sessions_or_bad_input(name: str) -> None:
    for content in ("Hello 2025.", '{"a": 1}', '[{"messages": 3}]', "a,b\n1,2\n"):
        try:
            sessions = parse(content, "a.txt", format=name)
        except BadInput:
            continue
        assert sessions


def test_no_word_is_left_out_of_what_a_tool_returned_or_of_a_block_of_an_unknown_kind() -> None:
    sacks = "Rye. " * 400 + "In all 17 sacks of rye."
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "stock_list", "body": "Count the rye."}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "count", "arguments": "{}"}}]},
        {"role": "tool", "content": sacks},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "ledger", "rows": [sacks]}]}]},
    ]
    logged = {"request": {"messages": messages}, "response": {"choices": [{"message": REPLY}]}}
    [session] = parse(json.dumps(logged) + "\n", "log.jsonl")
    text = "\n".join(words for _, words in session.turns or [])
    assert "Count the rye." in text
    assert text.count(sacks) == 2
