"""The forms of history that are recognised, and the module that reads each; nothing is imported until a file needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from ..stores.records import Session
    from .source_file import SourceFile


class HistoryForm(NamedTuple):
    """`shape` says which files it may be: "json" (also JSON lines), "text" or "bytes"."""

    module: str
    shape: str
    what: str


class HistoryReader(Protocol):
    """What each module has: whether a file is of its form, by its content, and the sessions in it."""

    def recognise(self, file: SourceFile) -> bool: ...

    def read_file_sessions(self, file: SourceFile) -> list[Session]: ...


FORMS = {
    "chatgpt": HistoryForm("chatgpt", "json", "ChatGPT export: conversations.json, or the zip"),
    "claude": HistoryForm("claude_export", "json", "Claude export: conversations.json, or the zip"),
    "gemini": HistoryForm("gemini_activity", "json", "Gemini activity of Google Takeout (JSON)"),
    "gemini-html": HistoryForm("gemini_html", "text", "Gemini activity of Google Takeout (HTML)"),
    "claude-code": HistoryForm("claude_code", "json", "Claude Code session log (~/.claude/projects)"),
    "codex": HistoryForm("codex_rollout", "json", "Codex rollout (~/.codex/sessions)"),
    "openai": HistoryForm("openai_logs", "json", "OpenAI request logs, batches, responses and fine-tuning files"),
    "sharegpt": HistoryForm("sharegpt", "json", "ShareGPT and other lists of conversations for training"),
    "langgraph": HistoryForm("langgraph_states", "json", "LangGraph threads, thread states and their history"),
    "langsmith": HistoryForm("langsmith_runs", "json", "LangSmith runs"),
    "langchain": HistoryForm("langchain_messages", "json", "LangChain messages: dumps, dumpd, messages_to_dict"),
    "slack": HistoryForm("slack", "json", "Slack export: the folder or zip, or one day of a channel"),
    "discord": HistoryForm("discord_json", "json", "Discord channel by DiscordChatExporter (JSON; its CSV is csv)"),
    "discord-text": HistoryForm("discord_text", "text", "Discord channel by DiscordChatExporter (text)"),
    "discord-html": HistoryForm("discord_html", "text", "Discord channel by DiscordChatExporter (HTML)"),
    "telegram": HistoryForm("telegram", "json", "Telegram Desktop export (result.json)"),
    "telegram-html": HistoryForm("telegram_html", "text", "Telegram Desktop export (messages.html)"),
    "teams": HistoryForm("teams_chats", "json", "Teams and Skype chats (messages.json of an export)"),
    "signal": HistoryForm("signal_chat", "text", "Signal chat by signal-export (Markdown) or sigtop (text)"),
    "whatsapp": HistoryForm("whatsapp", "text", "WhatsApp chat, exported on Android or iOS (text, or the zip)"),
    "kakaotalk": HistoryForm("kakaotalk", "text", "KakaoTalk chat, saved on a PC or a phone (text)"),
    "line": HistoryForm("line_chat", "text", "LINE chat history (text)"),
    "imessage": HistoryForm("imessage", "text", "iMessage chat by imessage-exporter (text)"),
    "mail": HistoryForm("mail", "bytes", "Mail: mbox and eml"),
    "subtitles": HistoryForm("subtitles", "text", "WebVTT, SRT and SBV: Zoom, Teams, Meet and other recordings"),
    "transcript": HistoryForm(
        "transcript", "text", "Transcript with a clock beside each name: Otter, Teams, Zoom chat"
    ),
    "log": HistoryForm("stamped_log", "text", "Chat log with a time before each line: IRC, and many others"),
    "org": HistoryForm("org_mode", "text", "Org mode"),
    "diary": HistoryForm("diary", "text", "Diary: text or Markdown in which each entry begins with its date"),
    "messages": HistoryForm("flat_messages", "json", "A message an object, with its sender, time or conversation_id"),
    "csv": HistoryForm("csv_messages", "text", "CSV of messages, by the usual names of columns"),
    "html": HistoryForm("html_page", "text", "HTML: its text"),
}
"""In the order in which a file is tried: a narrower form before a wider one."""

NATIVE_FORMS = {
    "text": "Text: one session",
    "markdown": "Markdown: a note, with front matter, also of Obsidian and Notion",
    "json": "Sessions or chat messages in JSON",
    "jsonl": "Sessions or chat messages in JSON lines",
}
FORMATS = (*NATIVE_FORMS, *FORMS)


def reader(name: str) -> HistoryReader:
    """The module of a form."""
    return cast("HistoryReader", import_module(f".{FORMS[name].module}", __package__))


def recognise_form(file: SourceFile) -> str | None:
    """The first form that a file is of, by its content; None for none: a text, or sessions in JSON."""
    if file.data[:5] == b"From " or file.suffix in (".eml", ".mbox", ".mbx"):
        return "mail" if reader("mail").recognise(file) else None
    shape = "json" if file.objects or isinstance(file.value, list) else "text"
    return next((name for name, form in FORMS.items() if form.shape == shape and _is_of(file, name)), None)


def _is_of(file: SourceFile, name: str) -> bool:
    try:
        return reader(name).recognise(file)
    except (KeyError, IndexError, TypeError, AttributeError):  # keys of that form with other values under them
        return False
