"""What a program writes beside the text of a message, in another place or another form, is in the session and on its day."""

from __future__ import annotations

import json
import tarfile
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jitmem import BadInput, Session, read_history
from jitmem.readers.choose_reader import EmptyHistory, read_sessions
from jitmem.readers.written_times import try_time


def sessions_of(name: str, content: Any) -> list[Session]:
    data = content if isinstance(content, bytes | str) else json.dumps(content)
    return read_sessions(data if isinstance(data, bytes) else data.encode(), name, None, None, None)


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def said(sessions: list[Session]) -> str:
    return "\n".join(f"{who}: {text}" for one in sessions for who, text in one.turns or [("", one.text or "")])


def days(sessions: list[Session]) -> list[str]:
    return [str(one.time)[:10] for one in sessions]


def epoch(minute: int) -> float:
    return datetime(2025, 3, 13, 9, minute, tzinfo=UTC).timestamp()


# Turns of one speaker in a row


def claude_code(kind: str, content: Any, time: str, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "sessionId": "s1",
        "timestamp": time,
        "message": {"role": kind, "content": content},
        **more,
    }


def test_what_was_said_on_two_days_is_of_two_sessions_whoever_spoke_in_between() -> None:
    found = sessions_of(
        "s1.jsonl",
        lines(
            claude_code("user", "The mast is broken.", "2025-03-13T09:00:00Z"),
            claude_code("user", "Tomorrow we sail.", "2025-03-14T09:00:00Z"),
            claude_code("assistant", [{"type": "text", "text": "Fair wind."}], "2025-03-14T09:01:00Z"),
        ),
    )
    assert days(found) == ["2025-03-13", "2025-03-14"]
    assert [one.turns for one in found] == [
        [("user", "The mast is broken.")],
        [("user", "Tomorrow we sail."), ("assistant", "Fair wind.")],
    ]


def test_a_log_of_one_line_is_read_and_one_of_side_chains_alone_is_empty() -> None:
    first = claude_code("user", "The mast is broken.", "2025-03-13T09:00:00Z")
    [session] = sessions_of("s1.jsonl", lines(first))
    assert (session.id, session.turns) == ("s1", [("user", "The mast is broken.")])
    [row] = sessions_of(
        "log.jsonl", lines({"conversation_id": "c1", "role": "user", "content": "Hi", "timestamp": "2025-03-13 09:00"})
    )
    assert (row.id, days([row])) == ("c1", ["2025-03-13"])
    with pytest.raises(EmptyHistory):
        sessions_of("agent-1.jsonl", lines({**first, "isSidechain": True}))


def test_an_archive_in_gzip_is_refused_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Sold the van.")
    with tarfile.open(tmp_path / "notes.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "note.txt", "note.txt")
    with pytest.raises(BadInput, match=r"is a tar archive; unpack it"):
        read_history(tmp_path / "notes.tar.gz")


def test_xml_is_named_by_its_kind_and_a_page_with_its_prologue_is_read(tmp_path: Path) -> None:
    messages = tmp_path / "sms.xml"
    messages.write_text('<?xml version="1.0"?>\n<smses count="1"><sms type="1" body="I moved to Porto." /></smses>')
    with pytest.raises(BadInput, match=r"is an XML file.*UnstructuredXMLLoader"):
        list(read_history(messages))
    page = tmp_path / "page.html"
    page.write_text('<?xml version="1.0"?>\n<html><body><p>I moved to Porto.</p></body></html>')
    assert "I moved to Porto." in (next(iter(read_history(page))).text or "")


# Assistants


def test_a_command_of_the_shell_and_what_was_typed_meanwhile_are_the_users() -> None:
    queued = {"type": "queued_command", "prompt": "Paint the hull green.", "commandMode": "prompt"}
    found = sessions_of(
        "s1.jsonl",
        lines(
            claude_code("user", "<bash-input>git status</bash-input>", "2025-03-13T09:00:00Z"),
            claude_code(
                "user", "<bash-stdout>clean tree</bash-stdout><bash-stderr></bash-stderr>", "2025-03-13T09:00:01Z"
            ),
            {"type": "attachment", "attachment": queued, "sessionId": "s1", "timestamp": "2025-03-13T09:00:02Z"},
        ),
    )
    assert found[0].turns == [
        ("user", "! git status"),
        ("assistant", "[result: clean tree]"),
        ("user", "Paint the hull green."),
    ]


def chatgpt(*messages: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    mapping: dict[str, Any] = {"root": {"id": "root", "parent": None, "children": ["0"], "message": None}}
    for number, message in enumerate(messages):
        parent = str(number - 1) if number else "root"
        mapping[str(number)] = {"id": str(number), "parent": parent, "children": [], "message": message}
    return [{"id": "c1", "mapping": mapping, "current_node": str(len(messages) - 1), **fields}]


def test_references_of_an_answer_are_shown_by_their_sources_and_names() -> None:
    cite, entity = "\ue200cite\ue202turn0search0\ue201", '\ue200entity\ue202["city","Olhão","in Portugal"]\ue201'
    other = "\ue200cite\ue202turn0search1\ue201"
    source = {"title": "Boats of Faro", "url": "https://boats.example/faro"}
    answer = {
        "author": {"role": "assistant"},
        "content": {"content_type": "text", "parts": [f"It lies in {entity} {cite}{other}."]},
        "create_time": epoch(1),
        "metadata": {"content_references": [{"matched_text": cite, "items": [source]}]},
    }
    [session] = sessions_of("conversations.json", chatgpt(answer))
    assert session.turns == [("assistant", "It lies in Olhão Boats of Faro (https://boats.example/faro).")]


def test_the_words_of_which_a_picture_was_made_stand_in_its_mark() -> None:
    picture = {
        "content_type": "image_asset_pointer",
        "asset_pointer": "sediment://1",
        "metadata": {"dalle": {"prompt": "A red lighthouse"}},
    }
    message = {
        "author": {"role": "tool", "name": "dalle"},
        "content": {"content_type": "multimodal_text", "parts": [picture]},
        "create_time": epoch(1),
    }
    [session] = sessions_of("conversations.json", chatgpt(message))
    assert "[image: A red lighthouse, sediment://1]" in said([session])


def test_an_export_of_deepseek_is_read_without_its_thoughts() -> None:
    asked = {"inserted_at": "2025-03-13T09:00:00+08:00", "fragments": [{"type": "REQUEST", "content": "Where is it?"}]}
    thought, answer = {"type": "THINK", "content": "Hmm."}, {"type": "RESPONSE", "content": "In Faro."}
    answered = {"inserted_at": "2025-03-13T09:01:00+08:00", "fragments": [thought, answer]}
    [session] = sessions_of("conversations.json", chatgpt(asked, answered, inserted_at="2025-03-13T09:00:00+08:00"))
    assert (session.turns, session.metadata["source"]) == (
        [("user", "Where is it?"), ("assistant", "In Faro.")],
        "deepseek",
    )


CELL = (
    '<div class="outer-cell"><div class="content-cell mdl-typography--body-1">Prompted Where is it?<br>{}<br>'
    "<p>In Faro.</p></div></div>"
)


@pytest.mark.parametrize(
    "stamp",
    [
        "Mar 13, 2025, 9:15:30\u202fAM WEST",
        "13.03.2025, 09:15:30 MESZ",
        "13 mars 2025, 09:15:30 CEST",
        "13 de mar. de 2025, 09:15:30 BRT",
        "2025/03/13 09:15:30 JST",
        "13/03/2025, 09:15:30 GMT+01:00",
        "13 мар. 2025 г., 09:15:30 MSK",
        "13/03/2025, 09:15:30 GMT",
    ],
)
def test_gemini_in_html_is_read_in_every_zone_by_the_clock_of_the_person(stamp: str) -> None:
    [session] = sessions_of("My Activity.html", f"<title>Gemini Apps</title>{CELL.format(stamp)}")
    assert (days([session]), session.turns) == (
        ["2025-03-13"],
        [("user", "Where is it?"), ("assistant", "In Faro.")],
    )


@pytest.mark.parametrize("month", ["мар.", "бер.", "maalisk.", "mar.", "mrt.", "μαρ.", "märz", "mars", "mart"])
def test_a_month_is_known_by_the_short_form_of_its_language(month: str) -> None:
    assert str(try_time(f"13 {month} 2025, 09:15")) == "2025-03-13 09:15:00"


def test_the_order_of_entries_decides_which_number_is_the_day() -> None:
    """The newest comes first; 4/5 before 3/6 is the fifth of April before the sixth of March, month first."""
    cells = CELL.format("4/5/2025, 9:15:30 AM UTC") + CELL.format("3/6/2025, 9:15:30 AM UTC")
    assert days(sessions_of("My Activity.html", f"Gemini Apps{cells}")) == ["2025-03-06", "2025-04-05"]


def test_calls_and_results_of_the_gemini_cli_are_kept() -> None:
    call = {
        "name": "read_file",
        "args": {"path": "hull.md"},
        "result": [{"functionResponse": {"response": {"output": "the hull is green"}}}],
    }
    found = sessions_of(
        "session.json",
        {
            "sessionId": "g1",
            "messages": [
                {"timestamp": "2025-03-13T09:00:00Z", "type": "user", "content": "Which colour?"},
                {"timestamp": "2025-03-13T09:01:00Z", "type": "gemini", "content": "Green.", "toolCalls": [call]},
            ],
        },
    )
    assert '[calls read_file {"path": "hull.md"}]\n[result: {"output": "the hull is green"}]' in said(found)


def test_a_state_of_langgraph_that_was_dumped_alone_is_read() -> None:
    message = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"]}
    state: list[Any] = [
        {"messages": [{**message, "kwargs": {"content": "Where is it?", "type": "human"}}]},
        [],
        {"configurable": {"thread_id": "t1"}},
        {},
        "2025-03-13T09:00:00+00:00",
        None,
        [],
        [],
    ]
    [session] = sessions_of("state.json", state)
    assert (session.id, days([session]), session.turns) == ("t1", ["2025-03-13"], [("user", "Where is it?")])


ASKED, ANSWERED = {"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "In Faro."}
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]}
REPLY = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "In Faro."}]}
NODES = {
    "a": {**ASKED, "id": "a", "parentId": None, "timestamp": epoch(0)},
    "b": {**ANSWERED, "id": "b", "parentId": "a", "timestamp": epoch(1)},
    "c": {"role": "assistant", "content": "In Lagos.", "id": "c", "parentId": "a", "timestamp": epoch(1)},
}
LOGS: dict[str, Any] = {
    "a reply as an object": [{"input": {"messages": [ASKED]}, "output": ANSWERED, "timestamp": "2025-03-13"}],
    "replies in a list": [
        {"input": {"messages": [ASKED]}, "output": {"messages": [ANSWERED]}, "startTime": "2025-03-13"}
    ],
    "items of a conversation": {"object": "list", "data": [ITEM, REPLY]},
    "pairs of other names": [{"user_input": "Where is it?", "bot_response": "In Faro."}],
    "a list of texts": [{"id": "0", "data": ["Where is it?", "In Faro."]}],
    "a tree of which one branch is shown": [
        {"id": "c1", "chat": {"history": {"messages": NODES, "currentId": "b"}, "title": "Boat"}}
    ],
}


@pytest.mark.parametrize("form", LOGS)
def test_logs_and_data_sets_of_other_shapes_are_read_whole(form: str) -> None:
    [session] = sessions_of("log.json", LOGS[form])
    assert session.turns == [("user", "Where is it?"), ("assistant", "In Faro.")]


def test_replies_inside_of_a_message_are_read_without_thoughts() -> None:
    reply = {
        "sender": "GPT-4",
        "text": "",
        "content": [{"type": "think", "think": "Hmm."}, {"type": "text", "text": "In Faro."}],
        "createdAt": "2025-03-13T09:01:00Z",
    }
    first = {
        "sender": "User",
        "text": "Where is it?",
        "createdAt": "2025-03-13T09:00:00Z",
        "children": [{**reply, "children": []}],
    }
    [session] = sessions_of("chat.json", {"conversationId": "c1", "messages": [first]})
    assert session.turns == [("user", "Where is it?"), ("GPT-4", "In Faro.")]


def test_the_picture_of_a_conversation_for_training_is_marked() -> None:
    turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A boat."}]
    assert "[image: boat.jpg]" in said(sessions_of("llava.json", [{"conversations": turns, "image": "boat.jpg"}]))


# Chat programs


def slack(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "U1", "text": text, "ts": f"{int(epoch(0))}.000100", **more}


SLACK: dict[str, tuple[dict[str, Any], list[str]]] = {
    "fields and footer": (
        slack("", attachments=[{"title": "Build", "fields": [{"title": "Branch", "value": "main"}], "footer": "ci"}]),
        ["Build", "Branch: main", "ci"],
    ),
    "blocks beside a notice": (
        slack("Deployed", blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "Version 7 is out."}}]),
        ["Deployed", "Version 7 is out."],
    ),
    "a comment on a file": (
        slack("", files=[{"name": "key.png", "mimetype": "image/png", "initial_comment": {"comment": "The key"}}]),
        ["[image: key.png, image/png]", "The key"],
    ),
    "a message that was changed": (
        slack("", subtype="message_changed", message=slack("The final words")),
        ["The final words"],
    ),
    "a thread of slackdump": (
        slack("First", slackdump_thread_replies=[slack("First"), slack("A reply", ts=f"{int(epoch(1))}.000100")]),
        ["First", "A reply"],
    ),
}


@pytest.mark.parametrize("form", SLACK)
def test_slack_keeps_what_stands_beside_the_text(form: str) -> None:
    message, words = SLACK[form]
    found = said(sessions_of("harbour.json", [message]))
    assert [word for word in words if word not in found] == []
    assert found.count("First") <= 1


def test_what_a_person_typed_in_slack_stands_once() -> None:
    link = {"type": "link", "url": "https://boats.example", "text": "the boats"}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]}
    message = slack("<https://boats.example|the boats>", blocks=[rich])
    assert said(sessions_of("harbour.json", [message])) == "U1: the boats (https://boats.example)"


def test_discord_keeps_every_text_of_an_embed_a_poll_and_what_was_forwarded() -> None:
    embed = {
        "author": {"name": "Harbour news"},
        "title": "Storm",
        "description": "Stay in.",
        "footer": {"text": "until noon"},
    }
    poll = {"question": {"text": "Sail?"}, "answers": [{"answer": {"text": "Yes"}}, {"answer": {"text": "No"}}]}
    forwarded = {
        "content": "Look",
        "timestamp": "2025-03-01T09:00:00+00:00",
        "attachments": [{"fileName": "key.png"}],
    }
    message = {
        "id": "1",
        "type": "Default",
        "timestamp": "2025-03-13T09:00:00+00:00",
        "content": "",
        "author": {"name": "Ana"},
        "embeds": [embed],
        "poll": poll,
        "forwardedMessage": forwarded,
    }
    found = said(sessions_of("general.json", {"channel": {"id": "1", "name": "general"}, "messages": [message]}))
    assert found == ("Ana: Harbour news\nStorm\nStay in.\nuntil noon\n[poll: Sail? Yes / No]\nLook\n[image: key.png]")


def test_telegram_keeps_the_address_of_a_link_and_the_name_of_a_place() -> None:
    common = {"type": "message", "date": "2025-03-13T09:00:00", "from": "Ana", "from_id": "user1"}
    link = {"type": "text_link", "text": "the boats", "href": "https://boats.example"}
    where = {"location_information": {"latitude": 37.0, "longitude": -7.9}, "place_name": "Harbour office"}
    chat = {
        "id": 7,
        "messages": [{"id": 1, **common, "text": ["See ", link]}, {"id": 2, **common, "text": "", **where}],
    }
    found = said(sessions_of("result.json", chat))
    assert found == "Ana: See the boats (https://boats.example)\nAna: [location: Harbour office, 37.0, -7.9]"


def test_imessage_keeps_what_a_message_was_edited_to() -> None:
    chat = "Mar 13, 2025  9:00:00 AM\nMe\nAt nine.\nEdited 4 seconds later: At ten.\nTapbacks:\n    Loved by Ben\n"
    assert said(sessions_of("Ben.txt", chat)) == "Me: At nine.\nAt ten."


def test_line_of_a_computer_is_read_without_tabs_and_a_diary_stays_a_diary() -> None:
    day = "2025.03.13 Thursday\n09:00 Ana Hi Ben\n09:05 Ben Hi\n09:06 Ana Where is it?\n09:07 Ben In Faro.\n"
    [session] = sessions_of("chat.txt", day)
    assert session.turns == [("Ana", "Hi Ben"), ("Ben", "Hi"), ("Ana", "Where is it?"), ("Ben", "In Faro.")]
    [diary] = sessions_of("diary.txt", "2025.03.13 Thursday\n09:00 Woke up\n10:00 Sold the van\n12:00 Ate with Ben\n")
    assert diary.turns is None


def test_facebook_keeps_pictures_and_links_with_their_words() -> None:
    messages = [
        {"sender_name": "Jos\u00c3\u00a9", "timestamp_ms": int(epoch(1) * 1000), "photos": [{"uri": "photos/p.jpg"}]},
        {
            "sender_name": "Ana",
            "timestamp_ms": int(epoch(0) * 1000),
            "content": "See",
            "share": {"link": "https://boats.example", "share_text": "Ol\u00c3\u00a1"},
        },
    ]
    [session] = sessions_of("message_1.json", {"title": "x", "messages": messages})
    assert session.turns == [("Ana", "See\n[link: https://boats.example]\nOlá"), ("José", "[image: p.jpg]")]


MESSAGES: dict[str, dict[str, Any]] = {
    "google chat": {"creator": {"name": "Ana"}, "created_date": "Thursday, March 13, 2025 at 9:00:00\u202fAM UTC"},
    "user": {"user": "Ana", "timestamp": "2025-03-13T09:00:00"},
}


@pytest.mark.parametrize("form", MESSAGES)
def test_messages_below_a_key_have_the_speaker_of_other_names(form: str) -> None:
    message = {**MESSAGES[form], "text": "Hi", "attached_files": [{"original_name": "key.png"}]}
    [session] = sessions_of("messages.json", {"messages": [message]})
    assert (days([session]), session.turns) == (["2025-03-13"], [("Ana", "Hi\n[file: key.png]")])


# Mail, recordings, notes, tables


def test_the_words_of_an_attached_text_stand_behind_its_mark() -> None:
    mail = (
        "From: Ana <ana@example.org>\nSubject: The key\nDate: Thu, 13 Mar 2025 09:00:00 +0000\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: text/plain\n\nSee the note.\n--B\n'
        'Content-Type: text/plain; name="note.txt"\nContent-Disposition: attachment; filename="note.txt"\n'
        f"Content-Transfer-Encoding: base64\n\n{b64encode(b'Under the stone.').decode()}\n--B--\n"
    )
    assert "[file: note.txt, text/plain, 16 bytes]\nUnder the stone." in said(sessions_of("a.eml", mail))


@pytest.mark.parametrize("charset", ["", "; charset=us-ascii", "; charset=utf-8", "; charset=unknown-8bit"])
def test_a_mail_in_another_charset_than_it_says_loses_no_letter(charset: str) -> None:
    head = f"From: Ana <a@example.org>\nSubject: x\nDate: Thu, 13 Mar 2025 09:00:00 +0000\nContent-Type: text/plain{charset}"
    body = "A chave está no pórto, debaixo da pedra."
    assert body in said(sessions_of("a.eml", head.encode() + b"\n\n" + body.encode("cp1252") + b"\n"))
    assert body in said(sessions_of("b.eml", head.encode() + b"\n\n" + body.encode() + b"\n"))


def test_lines_of_whisper_are_cues_and_no_names_of_clocks() -> None:
    text = "[00:00:00.000 --> 00:00:02.000]  [SPEAKER_00]: Where is it?\n[00:00:02.000 --> 00:00:04.000]  [SPEAKER_01]: In Faro.\n"
    [session] = sessions_of("talk.txt", text)
    assert session.turns == [("SPEAKER_00", "Where is it?"), ("SPEAKER_01", "In Faro.")]


def test_a_line_that_rolls_up_in_captions_stands_once() -> None:
    captions = (
        "WEBVTT\nKind: captions\n\n00:00:00.000 --> 00:00:02.000\n \nwhere<00:00:00.500><c> is it</c>\n\n"
        "00:00:02.000 --> 00:00:02.010\nwhere is it\n \n\n"
        "00:00:02.010 --> 00:00:04.000\nwhere is it\nin<00:00:02.500><c> Faro</c>\n\n00:00:04.000 --> 00:00:04.010\nin Faro\n \n"
    )
    assert said(sessions_of("talk.vtt", captions)) == ": where is it\nin Faro"


def test_google_meet_has_a_beginning_before_its_first_clock() -> None:
    text = (
        "Sync (2025-03-13 09:00 GMT) - Transcript\nAttendees\nAna, Ben\nTranscript\n\nAna: Where is it?\nBen: In Faro.\n"
        "00:05:00\n \nAna: Thanks.\nMeeting ended after 00:12:00 👋\n"
    )
    [session] = sessions_of("Sync.txt", text)
    assert session.turns == [("Ana", "Where is it?"), ("Ben", "In Faro."), ("Ana", "Thanks.")]
    assert days([session]) == ["2025-03-13"]


@pytest.mark.parametrize(
    ("name", "day_first", "day"),
    [
        ("13-03-2025.md", None, "2025-03-13"),
        ("03-13-2025.md", None, "2025-03-13"),
        ("3.4.2025.md", None, "2025-04-03"),
        ("03-04-2025.md", True, "2025-04-03"),
        ("03-04-2025.md", False, "2025-03-04"),
        ("03-04-2025.md", None, "None"),
        ("version 1-2-20251.md", None, "None"),
    ],
)
def test_a_note_named_by_day_month_and_year_is_of_that_day(name: str, day_first: bool | None, day: str) -> None:
    assert days(read_sessions(b"Sold the van.", name, None, day_first, None)) == [day]


TABLES = {
    "names in two columns": ("First Name,Last Name,Message,Date\nAna,Reis,Hi,2025-03-13\n", "Ana Reis: Hi"),
    "a subject": ("Subject,Body,From,Date Sent\nThe key,Hi,Ana,2025-03-13 09:00\n", "Ana: The key\nHi"),
    "own messages of a phone": ("Message Date,Type,Sender Name,Text\n2025-03-13 09:00,Outgoing,,Hi\n", "me: Hi"),
    "notes": ("date,note\n2025-03-13,Sold the van\n", ": Sold the van"),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables_of_other_columns_are_read(form: str) -> None:
    table, right = TABLES[form]
    found = sessions_of("table.csv", table)
    assert (days(found), said(found)) == (["2025-03-13"], right)


WRAPPED: dict[str, tuple[Any, list[str | None]]] = {
    "a list below a key": ({"conversations": [{"id": "c1", "messages": [ASKED, ANSWERED]}], "count": 1}, ["c1"]),
    "a chat below a key": ({"conversation": {"id": "c1", "messages": [ASKED, ANSWERED]}}, ["c1"]),
    "messages of another name": ({"chat_id": "c1", "history": [ASKED, ANSWERED]}, ["c1"]),
    "chats by their ids": (
        {"c1": [ASKED, ANSWERED], "c2": [{"role": "user", "content": "Who?"}]},
        ["c1", "c2"],
    ),
}


@pytest.mark.parametrize("form", WRAPPED)
def test_chats_below_a_key_of_another_name_are_read(form: str) -> None:
    value, ids = WRAPPED[form]
    found = sessions_of("log.json", value)
    assert [one.id for one in found] == ids
    assert [message.text for message in found[0].messages or []] == ["Where is it?", "In Faro."]


@pytest.mark.parametrize("value", [{"a": [{"x": 1}], "b": 2}, {"asked": [ASKED], "answered": [ANSWERED], "n": 1}, {}])
def test_json_in_which_the_history_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(BadInput, match=r"log\.json: "):
        sessions_of("log.json", value)


@pytest.mark.parametrize("charset", ["shift_jis", "windows-1251", "iso-8859-1"])
def test_a_page_of_html_is_read_in_the_charset_that_it_names(charset: str) -> None:
    words = {"shift_jis": "鍵は石の下", "windows-1251": "Ключ под камнем", "iso-8859-1": "Está no pórto"}[charset]
    page = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={charset}"></head><p>{words}</p></html>'
    assert words in said(sessions_of("page.html", page.encode(charset)))


def test_a_folder_is_read_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "2025" / "03").mkdir(parents=True)
    (tmp_path / "2025" / "03" / "13.md").write_text("Sold the van.")
    assert days(read_history(tmp_path)) == ["2025-03-13"]
