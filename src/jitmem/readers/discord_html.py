"""Discord: a channel as DiscordChatExporter writes it in HTML."""

from __future__ import annotations

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .html_tree import HtmlNode, parse_html
from .source_file import SourceFile
from .written_times import read_times


def recognise(file: SourceFile) -> bool:
    """The classes of its pages."""
    return "chatlog__message-group" in file.text and "chatlog__timestamp" in file.text


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; the name stands with the first message of a group, and what the program says has none."""
    page = parse_html(file.text)
    head = [one.text() for one in page.find_all("preamble__entry")]
    channel = head[1].rpartition(" / ")[2].strip() if len(head) > 1 else ""
    found: list[tuple[str, str, str]] = []
    for group in page.find_all("chatlog__message-group"):
        speaker = next((one.text() for one in group.find_all("chatlog__author")), "")
        stamp = ""
        for message in group.find_all("chatlog__message"):
            stamp = _stamp(message) or stamp
            if message.find("chatlog__system-notification-content") is None and speaker:
                found.append((stamp, speaker, _words(message)))
    times = read_times([stamp for stamp, _, _ in found], file.label, file.day_first, in_order=True)
    turns = [ChatTurn(who, words, time) for (_, who, words), time in zip(found, times, strict=True)]
    metadata = {"source": "discord", "channel": channel}
    return chat_sessions(Chat(turns=turns, id=file.stem, title=channel, dated=True, metadata=metadata))


def _stamp(message: HtmlNode) -> str:
    """The whole time is in the title of a stamp; older exports have it in the words alone."""
    for name in ("chatlog__timestamp", "chatlog__short-timestamp"):
        if node := message.find(name):
            return node.attributes.get("title", "") or (node.text() if name == "chatlog__timestamp" else "")
    return ""


def _words(message: HtmlNode) -> str:
    parts = [one.text("chatlog__edited-timestamp") for one in message.find_all("chatlog__content")]
    for one in message.find_all("chatlog__attachment"):
        media = next((node for node in _below(one) if node.attributes.get("src") or node.attributes.get("href")), None)
        link = (media.attributes.get("src") or media.attributes.get("href") or "") if media else ""
        kind = {"img": "image", "video": "video", "audio": "audio"}.get(media.tag if media else "", "file")
        image = any(node.tag == "img" for node in _below(one))
        parts.append(mark("image" if image else kind, link.rpartition("/")[2].partition("?")[0]))
    parts += [one.text() for one in message.find_all("chatlog__embed")]
    return "\n".join(part for part in parts if part.strip())


def _below(node: HtmlNode) -> list[HtmlNode]:
    inner = [one for one in node.inner if isinstance(one, HtmlNode)]
    return [one for child in inner for one in (child, *_below(child))]
