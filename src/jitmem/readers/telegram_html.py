"""Telegram: `messages.html` of Telegram Desktop, a file of a chat's pages."""

from __future__ import annotations

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .html_tree import HtmlNode, parse_html
from .source_file import SourceFile
from .written_times import read_times


def recognise(file: SourceFile) -> bool:
    """The classes of its pages."""
    head = file.text[:50_000]
    return "page_header" in head and "page_wrap" in head and 'class="message ' in file.text


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; notices are left out, and a message without a name has that of the one before."""
    page = parse_html(file.text)
    head = page.find("page_header")
    title = head.text() if head else ""
    found: list[tuple[str, str, str]] = []
    speaker = ""
    for message in page.find_all("message"):
        if "service" in message.classes:
            continue
        name, date = _own(message, "from_name"), message.find("date")
        speaker = name.text("date") if name else speaker
        found.append((date.attributes.get("title", "") if date else "", speaker, _words(message)))
    times = read_times([stamp.replace(" UTC", "") for stamp, _, _ in found], file.label, file.day_first, in_order=True)
    turns = [ChatTurn(who, words, time) for (_, who, words), time in zip(found, times, strict=True)]
    metadata = {"source": "telegram", "chat": title}
    return chat_sessions(Chat(turns=turns, id=file.stem, title=title, dated=True, metadata=metadata))


def _own(message: HtmlNode, name: str) -> HtmlNode | None:
    """The first element of a class that is not inside of a forwarded message."""
    inside = message.find("forwarded")
    below = list(inside.find_all(name)) if inside else []
    return next((one for one in message.find_all(name) if not any(one is other for other in below)), None)


def _words(message: HtmlNode) -> str:
    parts = []
    if (forwarded := message.find("forwarded")) and (name := forwarded.find("from_name")):
        parts.append(f"[forwarded from {name.text('date')}]")
    parts += [one.text() for one in message.find_all("text")]
    for media in message.find_all("media_wrap"):
        link = next((one for one in _links(media) if one), "")
        kind = next((one.removeprefix("media_") for node in media.find_all("media") for one in node.classes[-1:]), "")
        kinds = {"photo": "image", "voice_message": "audio", "audio_file": "audio", "video": "video"}
        plain = "image" if media.find("photo_wrap") else kinds.get(kind, "file")
        parts.append(mark(plain, link.rpartition("/")[2]) if link else media.text())
    return "\n".join(part for part in parts if part.strip())


def _links(node: HtmlNode) -> list[str]:
    found = [node.attributes.get("href", "")] if node.tag == "a" else []
    return found + [link for one in node.inner if isinstance(one, HtmlNode) for link in _links(one)]
