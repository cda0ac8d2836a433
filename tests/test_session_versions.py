"""An edited file is refused, or with `update` is the new version of its session; the old one is kept out of every search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jitmem import Memory, Session, SessionConflict, read_history
from jitmem.cli.app import app

OLD = Session(id="note", time="2025-03-13", text="The van costs 2,400 euros. The locker code is zanzibar.")
NEW = Session(id="note", time="2025-03-14", text="The van costs 1,900 euros.", metadata={"tag": "van"})


def update(memory: Memory) -> None:
    memory.memorize(OLD)
    memory.memorize_many([NEW], update=True)


def test_without_update_the_message_says_what_to_do(memory: Memory) -> None:
    memory.memorize(OLD)
    with pytest.raises(SessionConflict, match=r"--update, memorize_many\(update=True\)"):
        memory.memorize(NEW)
    assert [page.text for page in memory.pages()] == [OLD.text]


def test_an_update_is_a_new_version_and_the_old_one_is_in_no_search(memory: Memory) -> None:
    update(memory)
    [page] = memory.pages()
    assert (page.session_id, page.text, page.metadata) == ("note", NEW.text, {"tag": "van"})
    assert "zanzibar" not in memory.research("What is the locker code?").context
    assert [hit.text for hit in memory.recall("zanzibar locker code van", k=10)] == [NEW.text]
    assert memory.as_store().search(()) == []
    assert memory.as_store().list_namespaces() == []
    assert memory.stats()["sessions"] == 1
    assert memory.admin.doctor().findings == ()


def test_the_old_version_is_read_word_for_word(memory: Memory) -> None:
    talk = Session(id="talk", time="2025-03-13", turns=[("Ana", "One."), ("Ben", "Two.")], metadata={"a": 1})
    memory.memorize(talk)
    memory.memorize_many([Session(id="talk", time="2025-03-13", turns=[("Ana", "Three.")])], update=True)
    memory.memorize_many([Session(id="talk", time="2025-03-13", turns=[("Ana", "Four.")])], update=True)
    first, second = memory.admin.session_versions("talk")
    assert (first.text, first.metadata, str(first.time)) == ("Ana: One.\nBen: Two.", {"a": 1}, "2025-03-13 00:00:00")
    assert [(speaker, first.text[start:end]) for start, end, speaker in first.turns] == [
        ("Ana", "Ana: One."),
        ("Ben", "Ben: Two."),
    ]
    assert second.text == "Ana: Three."
    assert first.replaced_at < second.replaced_at
    assert memory.admin.session_versions("other") == []


def test_a_version_may_come_back(memory: Memory) -> None:
    update(memory)
    memory.memorize_many([OLD], update=True)
    assert [page.text for page in memory.pages()] == [OLD.text]
    assert [one.text for one in memory.admin.session_versions("note")] == [OLD.text, NEW.text]


def test_what_was_taken_away_at_the_end_is_gone(memory: Memory) -> None:
    memory.memorize(Session(id="note", text="The van is blue.\nThe locker code is zanzibar."))
    memory.memorize_many([Session(id="note", text="The van is blue.")], update=True)
    assert [page.text for page in memory.pages()] == ["The van is blue."]


def test_more_at_the_end_is_still_a_further_page(memory: Memory) -> None:
    memory.memorize(OLD)
    grown = Session(id="note", time="2025-03-13", text=f"{OLD.text}\nIt was sold.")
    memory.memorize_many([grown], update=True)
    assert [page.part for page in memory.pages()] == [1, 2]
    assert memory.admin.session_versions("note") == []


def test_an_update_that_waits_changes_nothing_until_it_is_filed(memory: Memory) -> None:
    memory.memorize(OLD)
    assert memory.accept(NEW, update=True) == "note"
    assert [page.text for page in memory.pages()] == [OLD.text]
    assert [one.session_id for one in memory.resume()] == ["note"]
    assert [page.text for page in memory.pages()] == [NEW.text]
    assert memory.stats()["waiting"] == 0


@pytest.mark.parametrize(
    "selector", [{"session_id": "note"}, {"query": "zanzibar"}, {"before": "2025-03-14"}, {"everything": True}]
)
def test_forget_reaches_earlier_versions(selector: dict[str, Any], memory: Memory) -> None:
    update(memory)
    receipt = memory.forget(**selector)
    assert receipt.status == "erased"
    assert memory.admin.session_versions("note") == []
    folder = memory._runtime.database.path.parent
    assert not any(b"zanzibar" in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_an_export_brings_earlier_versions(memory: Memory, tmp_path: Path) -> None:
    update(memory)
    memory.transfer.export(tmp_path / "all.jsonl")
    with Memory.open(tmp_path / "other") as other:
        other.transfer.import_(tmp_path / "all.jsonl")
        assert [one.text for one in other.admin.session_versions("note")] == [OLD.text]
        assert [page.text for page in other.pages()] == [NEW.text]


def test_the_command_updates_and_shows_earlier_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run: Callable[..., Any] = lambda *args: CliRunner().invoke(app, list(args))  # noqa: E731
    note = Path("notes/van.md")
    note.parent.mkdir()
    note.write_text("The van costs 2,400 euros.\n")
    assert run("memorize", "notes").exit_code == 0
    note.write_text("The van costs 1,900 euros.\n")
    refused = run("memorize", "notes")
    assert (refused.exit_code, "--update" in refused.stderr) == (1, True)
    updated = run("memorize", "notes", "--update")
    assert (updated.exit_code, "Filed 1 session" in updated.stdout) == (0, True)
    assert "1,900" in run("recall", "van euros").stdout
    assert "2,400" not in run("recall", "van euros").stdout
    assert "2,400" in run("pages", "--session", "van", "--versions").stdout
    assert run("pages", "--versions").exit_code == 2
    assert "known already" in run("memorize", "notes", "--update").stdout


def chat(count: int) -> list[tuple[str, str]]:
    return [(("Ana", "Ben")[number % 2], f"Message number {number} of the chat.") for number in range(count)]


def clock(number: int) -> str:
    """Three messages a day, the sixth on the third day."""
    return f"2025-03-{13 + number // 3:02} 10:{number % 3:02}:00"


def whatsapp(count: int) -> str:
    return "".join(
        f"{13 + n // 3}/03/2025, 10:{n % 3:02} - {who}: {said}\n" for n, (who, said) in enumerate(chat(count))
    )


def epoch(number: int) -> int:
    return 1741860000 + 86_400 * (number // 3) + 60 * (number % 3)


def chatgpt(count: int) -> str:
    nodes: dict[str, Any] = {"root": {"message": None, "parent": None, "children": ["0"]}}
    for n, (who, said) in enumerate(chat(count)):
        role = "user" if who == "Ana" else "assistant"
        content = {"content_type": "text", "parts": [said]}
        message = {"author": {"role": role}, "content": content, "create_time": float(epoch(n))}
        nodes[str(n)] = {"message": message, "parent": str(n - 1) if n else "root", "children": [str(n + 1)]}
    nodes[str(count - 1)]["children"] = []
    one = {"id": "c", "conversation_id": "c", "title": "T", "mapping": nodes, "current_node": str(count - 1)}
    return json.dumps([one | {"create_time": float(epoch(0))}])


def claude(count: int) -> str:
    messages = [
        {"uuid": str(n), "sender": "human" if who == "Ana" else "assistant", "text": said, "created_at": f"{clock(n)}Z"}
        for n, (who, said) in enumerate(chat(count))
    ]
    return json.dumps([{"uuid": "c", "name": "T", "created_at": f"{clock(0)}Z", "chat_messages": messages}])


def claude_code(count: int) -> str:
    return "".join(
        json.dumps({"type": role, "sessionId": "c", "timestamp": f"{clock(n)}Z", "message": {"role": role, "content": said}}) + "\n"
        for n, (who, said) in enumerate(chat(count))
        for role in [{"Ana": "user", "Ben": "assistant"}[who]]
    )  # fmt: skip


def codex(count: int) -> str:
    rows: list[Any] = [{"type": "session_meta", "timestamp": f"{clock(0)}Z", "payload": {"id": "c"}}]
    for n, (who, said) in enumerate(chat(count)):
        item = {
            "type": "message",
            "role": {"Ana": "user", "Ben": "assistant"}[who],
            "content": [{"type": "output_text", "text": said}],
        }
        rows.append({"type": "response_item", "timestamp": f"{clock(n)}Z", "payload": item})
    return "".join(json.dumps(row) + "\n" for row in rows)


def slack(count: int) -> str:
    return json.dumps(
        [
            {"type": "message", "username": who, "text": said, "ts": f"{epoch(n)}.000100"}
            for n, (who, said) in enumerate(chat(count))
        ]
    )


def discord(count: int) -> str:
    messages = [
        {"type": "Default", "timestamp": f"{clock(n)}+00:00", "content": said, "author": {"name": who}}
        for n, (who, said) in enumerate(chat(count))
    ]
    return json.dumps({"channel": {"id": "9", "name": "g"}, "messages": messages})


def telegram(count: int) -> str:
    messages = [
        {
            "id": n,
            "type": "message",
            "date": clock(n).replace(" ", "T"),
            "date_unixtime": str(epoch(n)),
            "from": who,
            "text": said,
        }
        for n, (who, said) in enumerate(chat(count))
    ]
    return json.dumps({"name": "B", "type": "personal_chat", "id": 1, "messages": messages})


def mail(count: int) -> str:
    return "".join(
        f"From a@x.org Thu Mar 13 10:00:00 2025\nFrom: {who} <{who}@x.org>\nSubject: s\nMessage-ID: <{n}@x>\n"
        f"Date: {clock(n)} +0000\n\n{said}\n\n"
        for n, (who, said) in enumerate(chat(count))
    )


def langgraph(count: int) -> str:
    messages = [{"type": {"Ana": "human", "Ben": "ai"}[who], "content": said} for who, said in chat(count)]
    return json.dumps([{"thread_id": "c", "created_at": f"{clock(0)}Z", "values": {"messages": messages}}])


def openai(count: int) -> str:
    messages = [{"role": {"Ana": "user", "Ben": "assistant"}[who], "content": said} for who, said in chat(count)]
    rows = [{"conversation_id": "c", "request": {"model": "m", "messages": messages[: n + 1]},
             "response": {"created": epoch(n), "choices": [{"message": messages[n + 1]}]}} for n in range(0, count - 1, 2)]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows)


def flat(count: int) -> str:
    return "".join(
        json.dumps({"conversation_id": "c", "sender": who, "text": said, "timestamp": clock(n)}) + "\n"
        for n, (who, said) in enumerate(chat(count))
    )


def table(count: int) -> str:
    return "time,sender,text\n" + "".join(f"{clock(n)},{who},{said}\n" for n, (who, said) in enumerate(chat(count)))


GROWING: dict[str, tuple[str, Callable[[int], str]]] = {
    "whatsapp": ("Ben.txt", whatsapp),
    "chatgpt": ("conversations.json", chatgpt),
    "claude": ("conversations.json", claude),
    "claude code": ("c.jsonl", claude_code),
    "codex": ("rollout.jsonl", codex),
    "slack": ("general.json", slack),
    "discord": ("general.json", discord),
    "telegram": ("result.json", telegram),
    "mail": ("inbox.mbox", mail),
    "langgraph": ("threads.json", langgraph),
    "openai": ("log.jsonl", openai),
    "flat": ("chat.jsonl", flat),
    "csv": ("chat.csv", table),
}


@pytest.mark.parametrize("form", GROWING)
def test_an_export_a_month_later_adds_only_what_is_new(form: str, memory: Memory, tmp_path: Path) -> None:
    name, content = GROWING[form]
    file = tmp_path / name
    file.write_text(content(4), encoding="utf-8")
    memory.memorize_many(read_history(file))
    before = {page.id: page.text for page in memory.pages()}
    file.write_text(content(8), encoding="utf-8")
    memory.memorize_many(read_history(file))
    after = {page.id: page.text for page in memory.pages()}
    assert {key: after[key] for key in before} == before
    everything = "\n".join(after.values())
    assert [everything.count(f"number {n} of") for n in range(8)] == [1] * 8
    memory.memorize_many(read_history(file), update=True)
    assert {page.id: page.text for page in memory.pages()} == after
