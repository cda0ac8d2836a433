"""Other members of the forms of history: other languages, versions, encodings and settings of the same programs."""

from __future__ import annotations

import json
import zipfile
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, message_to_dict

from jitmem import Session, read_history
from jitmem.readers.reader_table import recognise_form
from jitmem.readers.source_file import SourceFile

TALK = [("Ana", "I sold the van."), ("Ben", "To whom?")]
AT = ["2025-03-13 09:15", "2025-03-13 09:16"]


def write(folder: Path, files: dict[str, str | bytes]) -> list[Session]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if len(files) > 1:
        return read_history(folder, report=print)
    with chdir(folder):
        return read_history(next(iter(files)))


def times(session: Session) -> list[str]:
    """The minute of each turn."""
    return [str(one).replace("T", " ")[:16] for one in session.metadata.get("turn_times") or [session.time]]


WHATSAPP = {
    "french hours": "13/03/2025, 09 h 15 - Ana: {0}\n13/03/2025, 09 h 16 - Ben: {1}\n",
    "weekday": "[Thu, 13/3/25, 09:15:00] Ana: {0}\n[Thu, 13/3/25, 09:16:00] Ben: {1}\n",
    "a number without a name": "[13.03.25, 09:15:00] Ana: {0}\n[13.03.25, 09:16:00] ~\u202fBen: {1}\n",
    "canadian": "2025-03-13, 9:15 a.m. - Ana: {0}\n2025-03-13, 9:16 a.m. - Ben: {1}\n",
    "danish": "13.03.2025 09.15 - Ana: {0}\n13.03.2025 09.16 - Ben: {1}\n",
    "hungarian": "2025. 03. 13. 9:15 - Ana: {0}\n2025. 03. 13. 9:16 - Ben: {1}\n",
    "bulgarian": "13.03.25 г., 09:15 - Ana: {0}\n13.03.25 г., 09:16 - Ben: {1}\n",
    "thai": "13/3/2568 09:15 - Ana: {0}\n13/3/2568 09:16 - Ben: {1}\n",
    "indonesian": "13/03/25 09.15 - Ana: {0}\n13/03/25 09.16 - Ben: {1}\n",
    "chinese ios": "[2025/3/13 上午9:15:01] Ana: {0}\n[2025/3/13 上午9:16:01] Ben: {1}\n",
}


@pytest.mark.parametrize("form", WHATSAPP)
def test_whatsapp_of_other_languages(form: str, tmp_path: Path) -> None:
    [session] = write(tmp_path, {"Ben.txt": WHATSAPP[form].format(TALK[0][1], TALK[1][1])})
    assert (session.id, session.turns, times(session)) == ("Ben/2025-03-13", TALK, AT)


def test_a_message_that_was_deleted_is_no_message(tmp_path: Path) -> None:
    lines = [
        "13/03/2025, 09:15 - Ana: I sold the van.",
        "13/03/2025, 09:15 - Ana: null",
        "13/03/2025, 09:15 - Ana: This message was deleted",
        "13/03/2025, 09:15 - Ana: You deleted this message",
        "13/03/2025, 09:16 - Ben: To whom?",
    ]
    [session] = write(tmp_path, {"Ben.txt": "\n".join(lines)})
    assert session.turns == TALK


@pytest.mark.parametrize(
    "day", ["อ. 13/03/2025", "Kam, 13/03/2025", "Do., 13.03.2025", "2025.03.13 목요일"], ids=["th", "id", "de", "ko"]
)
def test_line_of_other_languages(day: str, tmp_path: Path) -> None:
    content = f"[LINE] Chat\nSaved on: 2025/06/01 10:00\n\n{day}\n09:15\tAna\tI sold the van.\n09:16\tBen\tTo whom?\n"
    [session] = write(tmp_path, {"line.txt": content})
    assert (session.turns, times(session)) == (TALK, AT)


def test_slack_keeps_threads_bots_and_words_that_stand_in_blocks_alone(tmp_path: Path) -> None:
    stamp = 1741857300
    block = {"type": "rich_text_section", "elements": [{"type": "text", "text": "only in blocks"}]}
    messages = [
        {"type": "message", "user": "U1", "text": "I sold the van.", "ts": f"{stamp}.000100", "reply_count": 1},
        {"type": "message", "user": "U2", "text": "To <@U1>?", "ts": f"{stamp + 60}.000100", "thread_ts": f"{stamp}.000100"},
        {"type": "message", "user": "U2", "text": "", "ts": f"{stamp + 61}.0001", "blocks": [{"type": "rich_text", "elements": [block]}]},
        {"type": "message", "subtype": "bot_message", "username": "deploy", "text": "done", "ts": f"{stamp + 62}.000100"},
        {"type": "message", "subtype": "channel_join", "user": "U2", "text": "joined", "ts": f"{stamp + 63}.000100"},
    ]  # fmt: skip
    messages[2]["ts"] = f"{stamp + 61}.000100"
    users = [
        {"id": "U1", "name": "a", "profile": {"display_name": "Ana"}},
        {"id": "U2", "profile": {"real_name": "Ben"}},
    ]
    [session] = write(
        tmp_path,
        {
            "users.json": json.dumps(users),
            "channels.json": json.dumps([{"id": "C1", "name": "general"}]),
            "canvases.json": "[]",
            "general/2025-03-13.json": json.dumps(messages),
        },
    )
    assert session.id == "general/2025-03-13"
    assert session.turns == [
        ("Ana", "I sold the van."),
        ("Ben", "To @Ana?"),
        ("Ben", "only in blocks"),
        ("deploy", "done"),
    ]


def test_discord_keeps_what_was_forwarded_and_its_data_package_is_read(tmp_path: Path) -> None:
    author = {"name": "ben", "nickname": "Ben"}
    at = "2025-03-13T09:15:00+00:00"
    forwarded = {
        "type": "Default",
        "timestamp": at,
        "content": "",
        "author": author,
        "forwardedMessage": {"content": "hi"},
    }
    [session] = write(tmp_path / "a", {"c.json": json.dumps({"channel": {"id": "9"}, "messages": [forwarded]})})
    assert session.turns == [("Ben", "hi")]
    own = [{"ID": 1, "Timestamp": "2025-03-13 09:15:00", "Contents": "I sold the van.", "Attachments": ""}]
    package = {
        "messages/index.json": '{"c1": "Direct Message with ben"}',
        "messages/c1/channel.json": '{"id": "1", "type": 1}',
        "messages/c1/messages.json": json.dumps(own),
    }
    [session] = write(tmp_path / "b", dict(package))
    assert (session.id, session.turns) == ("discord-1/2025-03-13", [("user", "I sold the van.")])


TELEGRAM = """<!DOCTYPE html><html><head><title>Exported Data</title></head><body><div class="page_wrap"><div class="page_header">
<div class="content"><div class="text bold">
Ben </div></div></div><div class="page_body chat_page"><div class="history">
<div class="message service" id="message-1"><div class="body details">13 March 2025</div></div>
<div class="message default clearfix" id="message1"><div class="body">
<div class="pull_right date details" title="13.03.2025 09:15:00 UTC+02:00">09:15</div><div class="from_name">
Ana </div><div class="text">
I sold the van<br>for 2,400 &amp; more</div></div></div>
<div class="message default clearfix joined" id="message2"><div class="body">
<div class="pull_right date details" title="13.03.2025 09:16:00 UTC+02:00">09:16</div><div class="media_wrap clearfix">
<a class="photo_wrap clearfix pull_left" href="photos/photo_1.jpg"><img class="photo" src="photos/photo_1_thumb.jpg"></a></div></div></div>
<div class="message default clearfix" id="message3"><div class="body">
<div class="pull_right date details" title="14.03.2025 09:00:00 UTC+02:00">09:00</div><div class="from_name">Ben</div>
<div class="forwarded body"><div class="from_name">Carla <span class="date details" title="1.03.2025 10:00:00"> 1.03.2025</span></div>
<div class="text">the baker</div></div></div></div></div></div></div></body></html>"""


def test_telegram_in_html_has_the_name_of_a_group_and_the_zone(tmp_path: Path) -> None:
    first, second = write(tmp_path, {"messages.html": TELEGRAM})
    assert first.turns == [("Ana", "I sold the van\nfor 2,400 & more"), ("Ana", "[image: photo_1.jpg]")]
    assert (str(first.time), first.metadata["chat"]) == ("2025-03-13 09:15:00+02:00", "Ben")
    assert second.turns == [("Ben", "[forwarded from Carla]\nthe baker")]
    assert second.id == "messages/2025-03-14"


DISCORD = """<!DOCTYPE html><html lang=en><head><title>S - general</title></head><body><div class=preamble>
<div class=preamble__entry>S</div><div class=preamble__entry>Text / general</div></div><div class=chatlog>
<div class=chatlog__message-group><div class=chatlog__message-container><div class=chatlog__message><div class=chatlog__message-primary>
<div class=chatlog__header><span class=chatlog__author title=ana>Ana</span>
<span class=chatlog__timestamp title="Thursday, March 13, 2025 9:15 AM"><a href=#1>03/13/2025</a></span></div>
<div class="chatlog__content chatlog__markdown"><span class=chatlog__markdown-preserve>I sold the <strong>van</strong>.</span>
<span class=chatlog__edited-timestamp>(edited)</span></div></div></div></div>
<div class=chatlog__message-container><div class=chatlog__message><div class=chatlog__message-aside>
<div class=chatlog__short-timestamp title="Thursday, March 13, 2025 9:16 AM">9:16</div></div><div class=chatlog__message-primary>
<div class=chatlog__attachment><a href="https://x/van.png?e=1"><img src="https://x/van.png?e=1" alt=Image></a></div></div></div></div></div>
<div class=chatlog__message-group><div class=chatlog__message-container><div class=chatlog__message><div class=chatlog__message-primary>
<div class=chatlog__reply><div class=chatlog__reply-content>I sold</div></div><div class=chatlog__header>
<span class=chatlog__author>Ben</span> <span class=chatlog__timestamp title="Friday, March 14, 2025 9:00 AM">x</span></div>
<div class="chatlog__content">To whom?</div></div></div></div></div></div></body></html>"""


def test_discord_in_html_has_the_name_of_a_group_and_no_quoted_replies(tmp_path: Path) -> None:
    first, second = write(tmp_path, {"general.html": DISCORD})
    assert (first.turns, times(first)) == ([("Ana", "I sold the van."), ("Ana", "[image: van.png]")], AT)
    assert (second.turns, second.metadata["channel"]) == ([("Ben", "To whom?")], "general")


TRANSCRIPTS = {
    "zoom captions": "[Ana] 00:00:03\nI sold the van.\n\n[Ben] 00:00:10\nTo whom?\n",
    "fireflies": "Ana - 00:03\nI sold the van.\nBen - 00:10\nTo whom?\n",
    "meet": "Meeting (2025-03-13 09:15 GMT)\nAttendees\nAna, Ben\nTranscript\n00:00:00\nAna: I sold the van.\n"
    "00:01:00\nBen: To whom?\nMeeting ended after 00:32:10\n",
    "teams": "Sync\nMarch 13, 2025, 9:15AM\n32m 10s\n\nAna   0:03\nI sold the van.\n\nBen   1:10\nTo whom?\n",
    "vtt": "WEBVTT\n\nNOTE 2025-03-13 09:15\n\n1\n00:00:01.000 --> 00:00:03.000\n<v Ana>I sold the <b>van</b>.</v>\n\n"
    "00:01:03.000 --> 00:01:04.000\n<v.loud Ben>To whom?</v>\n",
    "srt": "\ufeff1\r\n00:00:01,000 --> 00:00:03,000\r\nAna: I sold the van.\r\n\r\n2\r\n00:00:03,000 --> 00:00:05,000\r\nBen: To whom?\r\n",
}


@pytest.mark.parametrize("form", TRANSCRIPTS)
def test_transcripts_of_other_programs(form: str, tmp_path: Path) -> None:
    [session] = write(tmp_path, {"talk.vtt" if form == "vtt" else "talk.txt": TRANSCRIPTS[form]})
    assert session.turns == TALK
    assert times(session) == (AT if "2025" in TRANSCRIPTS[form] else ["None"])


NOTES = {
    "date: 2025-03-13 # a comment": "2025-03-13",
    'date: "[[2025-03-13]]"': "2025-03-13",
    "Date: 13 March 2025": "13 March 2025",
    "date created: Thursday, March 13th 2025, 9:15:30 am": "Thursday, March 13th 2025, 9:15:30 am",
    "creation-date: 2025-03-13\nnested:\n  a: 1": "2025-03-13",
    "created: 2025-03-13T09:15:00+02:00\ntags: [van, baker]": "2025-03-13T09:15:00+02:00",
}


@pytest.mark.parametrize("fields", NOTES)
def test_front_matter_of_other_programs(fields: str, tmp_path: Path) -> None:
    [session] = write(tmp_path, {"van.md": f"---\n{fields}\n---\nI sold the van.\n"})
    assert (session.time, session.text) == (NOTES[fields], "I sold the van.\n")


def test_front_matter_in_toml_and_of_a_template(tmp_path: Path) -> None:
    [session] = write(tmp_path, {"a.md": '+++\ntitle = "Van"\ndate = 2025-03-13T09:15:00Z\n+++\nSold.\n'})
    assert (str(session.time), session.text, session.metadata["title"]) == (
        "2025-03-13 09:15:00+00:00",
        "Sold.\n",
        "Van",
    )
    [session] = write(tmp_path, {"b.md": "---\ndate: {{date}}\n---\n# {{title}}\n"})
    assert (session.time, session.metadata["date"]) == (None, "{{date}}")


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("2025/03/13.md", "2025-03-13 00:00:00"),
        ("202503130915 Van.md", "2025-03-13 09:15:00"),
        ("2025-03.md", "2025-03"),
    ],
)
def test_the_date_of_a_note_is_in_its_path(name: str, time: str, tmp_path: Path) -> None:
    session = next(one for one in write(tmp_path, {name: "I sold the van.\n", "b.md": "b"}) if one.id != "b")
    assert (session.time.isoformat(" ") if hasattr(session.time, "isoformat") else session.time) == time


@pytest.mark.parametrize(
    "line",
    ["Created: 2025/03/13 09:15", "생성 일시: 2025년 3월 13일 오전 9:15", "Created time: March 13, 2025 9:15 AM"],
)
def test_notion_exports_of_other_languages(line: str, tmp_path: Path) -> None:
    sessions = write(
        tmp_path,
        {
            "Sales 0123456789abcdef0123456789abcdef.csv": "Name,Date\nVan,x\n",
            "Sales/Van 01234567-89ab-cdef-0123-456789abcdef.md": f"# Van\n\n{line}\n\nSold.\n",
        },
    )
    assert [(str(one.time), one.metadata["title"]) for one in sessions] == [("2025-03-13 09:15:00", "Van")]


def test_an_org_heading_without_a_date_has_not_that_of_the_one_before(tmp_path: Path) -> None:
    content = (
        "* [2025-03-13 Thu 09:15] Van\nsold\n* Ideas\nnone yet\n* TODO Call\nSCHEDULED: <2025-06-01 Sun>\n:PROPERTIES:\n"
        ":CREATED: [2025-03-14 Fri]\n:END:\nthe baker\n* DONE Wash\nCLOSED: [2025-03-15 Sat]\n* 2025\n** 2025-03 March\n*** 2025-03-16 Sunday\nrest\n"
    )
    sessions = write(tmp_path, {"j.org": content})
    assert [(one.id, str(one.time or "")[:10]) for one in sessions] == [
        ("j/2025-03-13", "2025-03-13"),
        ("j/Ideas", ""),
        ("j/2025-03-14", "2025-03-14"),
        ("j/2025-03-15", "2025-03-15"),
        ("j/2025-03-16", "2025-03-16"),
    ]


TABLE = "time;sender;text\n2025-03-13 09:15;Ana;I sold the van.\n2025-03-13 09:16;Ben;To whom?\n"
TABLES: dict[str, str | bytes] = {
    "semicolons": TABLE,
    "utf-16": TABLE.encode("utf-16"),
    "a mark before utf-8": b"\xef\xbb\xbf" + TABLE.encode(),
    "excel": "sep=;\n" + TABLE,
    "german": "Datum;Uhrzeit;Absender;Nachricht\n13.03.2025;09:15;Ana;I sold the van.\n13.03.2025;09:16;Ben;To whom?\n",
    "bars": TABLE.replace(";", "|"),
    "ends of an old Mac": TABLE.replace("\n", "\r"),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables_of_other_programs(form: str, tmp_path: Path) -> None:
    [session] = write(tmp_path, {"t.csv": TABLES[form]})
    assert (session.turns, times(session)) == (TALK, AT)


@pytest.mark.parametrize("text", ["Übergabe für 2.400 € – „ja“.\n", "Ação: São João às 9.\n"])
def test_text_of_western_windows_is_read(text: str, tmp_path: Path) -> None:
    [session] = write(tmp_path, {"a.txt": text.encode("cp1252")})
    assert session.text == text


@pytest.mark.parametrize("encoding", ["cp949", "shift-jis", "gb18030", "cp1251"])
def test_text_of_another_code_page_is_refused(encoding: str, tmp_path: Path) -> None:
    words = {
        "cp949": "나는 파란 차를 팔았다",
        "shift-jis": "青いバンを売りました",
        "gb18030": "我卖了车",
        "cp1251": "Я продал фургон",
    }
    with pytest.raises(ValueError, match="save it as UTF-8"):
        write(tmp_path, {"a.txt": words[encoding].encode(encoding)})


def test_damaged_utf_8_is_refused_and_not_read_as_another_code_page(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save it as UTF-8"):
        write(tmp_path, {"a.txt": "Übergabe für den Käufer: é".encode()[:-1]})


def test_mails_back_and_forth_on_a_day_are_one_session(tmp_path: Path) -> None:
    def mail(number: int, who: str, subject: str, words: str) -> str:
        head = f"From: {who} <{who}@x.org>\nSubject: {subject}\nMessage-ID: <{number}@x>\n"
        return f"From a@x.org Thu Mar 13 09:15:00 2025\n{head}Date: Thu, 13 Mar 2025 09:{15 + number}:00 +0000\n\n{words}\n\n"

    mails = (
        mail(0, "Ana", "Van", "I sold the van.")
        + mail(1, "Ben", "Re: Van", "To whom?")
        + mail(2, "Ana", "Tea", "Green.")
    )
    first, second = write(tmp_path, {"a.mbox": mails})
    assert (first.id, first.turns, times(first)) == ("0@x", TALK, AT)
    assert (second.id, second.turns) == ("2@x", [("Ana", "Green.")])


CALL = {"id": "c", "type": "function", "function": {"name": "price", "arguments": "{}"}}
LANGCHAIN = [
    HumanMessage("How much?"),
    AIMessage("", tool_calls=[{"name": "price", "args": {}, "id": "c"}]),
    ToolMessage("2,400", tool_call_id="c"),
]
ASKED: list[Any] = [
    {"role": "system", "content": "Be nice."},
    {"role": "user", "content": "How much?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c", "content": "2,400"},
]
BLOCKS: list[Any] = [
    {"role": "user", "content": [{"type": "text", "text": "How much?"}]},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "tool_use", "name": "price", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "2,400"}]}]},
]  # fmt: skip
MESSAGES: dict[str, Any] = {
    "a request with tools": {"model": "m", "messages": ASKED, "tools": [{"type": "function"}]},
    "a request of Anthropic": {"model": "m", "system": "Be nice.", "max_tokens": 9, "messages": BLOCKS},
    "ShareGPT with calls": [{"conversations": [{"from": "human", "value": "How much?"}, {"from": "function_call", "value": "price {}"},
                                               {"from": "observation", "value": "2,400"}]}],
    "SQLChatMessageHistory": [{"session_id": "s", "message": json.dumps(message_to_dict(one))} for one in LANGCHAIN],
    "StateSnapshot as a list": [[{"messages": [one.model_dump() for one in LANGCHAIN]}, [], {"configurable": {"thread_id": "s"}}, {},
                                 "2025-03-13T09:15:00+00:00", None, []]],
}  # fmt: skip


@pytest.mark.parametrize("form", MESSAGES)
def test_messages_of_other_programs(form: str, tmp_path: Path) -> None:
    [session] = write(tmp_path, {"log.json": json.dumps(MESSAGES[form])})
    assert session.turns == [("user", "How much?"), ("assistant", "[calls price {}]\n[result: 2,400]")]
    assert "tools" not in session.metadata


def test_a_request_of_gemini_open_webui_and_facebook(tmp_path: Path) -> None:
    gemini = {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]}
    [session] = write(tmp_path, {"g.json": json.dumps(gemini)})
    assert session.turns == [("user", "q"), ("assistant", "a")]
    web = [{"id": "u", "title": "T", "chat": {"messages": [{"role": "user", "content": "q", "timestamp": 1741857300}]}}]
    [session] = write(tmp_path, {"w.json": json.dumps(web)})
    assert (session.id, session.turns, times(session)) == ("u", [("user", "q")], AT[:1])
    said = [{"sender_name": "Zo\u00c3\u00ab", "timestamp_ms": 1741857300000, "content": "caf\u00c3\u00a9"}]
    [session] = write(tmp_path, {"f.json": json.dumps({"messages": said, "title": "Zo\u00c3\u00ab"})})
    assert (session.turns, session.metadata["title"]) == ([("Zoë", "café")], "Zoë")


def test_messages_of_an_assistants_thread_are_in_the_order_of_time(tmp_path: Path) -> None:
    def message(number: int, role: str, words: str) -> dict[str, Any]:
        content = [{"type": "text", "text": {"value": words, "annotations": []}}]
        at = 1741857300 + number * 60
        return {"object": "thread.message", "thread_id": "t", "role": role, "content": content, "created_at": at}

    listed = {"object": "list", "data": [message(1, "assistant", "a"), message(0, "user", "q")]}
    [session] = write(tmp_path, {"t.json": json.dumps(listed)})
    assert (session.id, session.turns, times(session)) == ("t", [("user", "q"), ("assistant", "a")], AT)


def test_the_zip_of_a_chat_has_the_name_of_the_chat_and_what_was_attached(tmp_path: Path) -> None:
    chat = (
        "[13/03/2025, 09:15:00] Ana: \u200eVan.pdf • 3 pages \u200e<attached: 01-Van.pdf>\n"
        "[13/03/2025, 09:16:00] Ben: \u200e<attached: 02-PHOTO.jpg>\n"
    )
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Ben.zip", "w") as archive:
        archive.writestr("_chat.txt", chat)
    [session] = read_history(tmp_path / "WhatsApp Chat - Ben.zip")
    assert (session.id, session.metadata["title"]) == ("WhatsApp Chat - Ben/2025-03-13", "Ben")
    assert session.turns == [("Ana", "[file: 01-Van.pdf]\nVan.pdf • 3 pages"), ("Ben", "[image: 02-PHOTO.jpg]")]


def test_a_diary_with_times_in_brackets_and_a_field_in_a_note(tmp_path: Path) -> None:
    entries = "[2025-03-13 09:15] Sold the van.\nIt was blue.\n\n[2025-03-14 08:00 PM] Rain.\n"
    first, second = write(tmp_path, {"j.txt": entries})
    assert (first.id, str(first.time), first.text) == (
        "j/2025-03-13",
        "2025-03-13 09:15:00",
        "[2025-03-13 09:15] Sold the van.\nIt was blue.",
    )
    assert str(second.time) == "2025-03-14 20:00:00"
    [note] = write(tmp_path, {"n.md": "# Van\n\ndate:: 2025-03-13\n\nSold.\n"})
    assert str(note.time) == "2025-03-13 00:00:00"


def test_lines_of_json_may_be_empty_between(tmp_path: Path) -> None:
    rows = [
        {"role": "user", "content": "q", "conversation_id": "c"},
        {"role": "assistant", "content": "a", "conversation_id": "c"},
    ]
    content = "\ufeff\r\n" + "\r\n\r\n  \r\n".join(map(json.dumps, rows)) + "\r\n\r\n"
    [session] = write(tmp_path, {"a.jsonl": content})
    assert (session.id, session.turns) == ("c", [("user", "q"), ("assistant", "a")])


def test_each_variant_is_recognised_as_its_form() -> None:
    forms = {
        "telegram-html": ("messages.html", TELEGRAM),
        "discord-html": ("general.html", DISCORD),
        "transcript": ("talk.txt", TRANSCRIPTS["meet"]),
        "html": ("page.html", "<html><body><p>I sold the van.</p></body></html>"),
        "whatsapp": ("chat.txt", WHATSAPP["weekday"].format("a", "b")),
    }
    assert {form: recognise_form(SourceFile(name, text.encode())) for form, (name, text) in forms.items()} == {
        form: form for form in forms
    }
