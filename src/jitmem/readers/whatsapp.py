"""WhatsApp: a chat as Android or iOS exports it, in every language's date form."""

from __future__ import annotations

import re

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, chat_sessions
from .source_file import SourceFile
from .stamped_lines import LONGEST_SPEAKER, MARKS, StampedLine, begins_with, find_messages, timed_turns

_DAY = r"(?:\d{1,4}(?:[./-]|\. )\d{1,2}(?:[./-]|\. )\d{1,4}\.?(?:\s?г\.)?|\d{4}[年년]\s?\d{1,2}[月월]\s?\d{1,2}[日일])"
_HALF = r"[^\W\d_][^\d\[\]:\n-]{0,12}?"
_TIME = rf"(?:{_HALF}\s?)?\d{{1,2}}(?:[:.]|\s?h\s?)\d\d(?:[:.]\d\d)?(?:\s?{_HALF})?"
_WEEKDAY = r"(?:[^\W\d_]{2,12}\.?,\s)?"
_STAMP = rf"{_WEEKDAY}(?P<stamp>{_DAY}[,،]?\s{{0,2}}(?:(?:à|um|klo|kl\.?|às|alle|a las|o)\s)?{_TIME})"
_SPEAKER = rf"(?:~\s)?(?P<speaker>[^:\n]{{1,{LONGEST_SPEAKER}}}?)"
# Android: `01/03/2025, 10:00 - Ana: hi`; iOS: `[01/03/2025, 10:00:00] Ana: hi`; in Korean `…, 안나 : hi` as well.
_ANDROID = re.compile(rf"{MARKS}{_STAMP}\s(?:-|–)\s{MARKS}(?:{_SPEAKER}: )?(?P<text>.*)")
_IOS = re.compile(rf"{MARKS}\[{_STAMP}\]\s?{MARKS}(?:{_SPEAKER}: ?)?(?P<text>.*)")
_EDITED = re.compile("\\s*\u200e?<[^<>\n]{3,60}>$")
_ATTACHED = re.compile(r"^(?P<words>[^<>]*?)\s*[\u200e\u200f]*<[^<>:]{2,30}:\s*(?P<name>[^<>]+)>$", re.S)
_FILE = re.compile(r"^[\u200e\u200f]*(\S+\.\w{2,5}) \([^()]{3,60}\)(?=\n|$)")
_OMITTED = re.compile(
    r"^[\u200e\u200f]*([\w ]{2,20}?) ?(?:omitted|weggelassen|ausgeschlossen|omitid[oa]|omess[oaie]|weggelaten|pominięt\w+"
    r"|utelämnad\w*|udeladt|utelatt|omis\w*|absente?|ocult[oa]|пропущен\w*|опущен\w*|생략됨?|省略|被省略)\.?$",
    re.I,
)
_KINDS = {
    "image": "image photo bild foto imagen imagem immagine afbeelding изображение фото 사진 画像 图片 圖片".split(),
    "video": "video vídeo vidéo видео 동영상 動画 视频 影片".split(),
    "audio": "audio sprachnachricht ptt аудио 오디오 音声 音频".split(),
    "sticker": "sticker autocollant стикер 스티커 ステッカー 贴图".split(),
    "GIF": ["gif"],
    "contact": "contact kontaktkarte contacto contato".split(),
    "document": "document dokument documento документ 문서 文書 文档".split(),
}
_DELETED = re.compile(
    "\u200e?(?:null|(?:This message was|You) deleted(?: this message)?|Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht"
    "|(?:Se eliminó|Eliminaste) este mensaje|(?:Esta mensagem foi apagada|Mensagem apagada|Você apagou esta mensagem)"
    "|Ce message a été supprimé|Vous avez supprimé ce message|Questo messaggio è stato eliminato|Hai eliminato questo messaggio"
    "|Dit bericht is verwijderd|Данное сообщение удалено|Вы удалили данное сообщение|삭제된 메시지입니다|此消息已删除|您已删除此消息"
    r")\.?"
)
# What the program says in lines that have a colon as messages do.
_SYSTEM = re.compile(
    r".*\b(?:changed (?:the|this) (?:subject|group|description)|created (?:the )?group|added you|changed the group"
    r"|security code|hat den Betreff|hat die Gruppe|cambió el asunto|mudou o assunto|a changé le sujet)\b"
)


def recognise(file: SourceFile) -> bool:
    """The first line is stamped as a phone does it, and somebody speaks."""
    return any(begins_with(_lines(file), pattern) for pattern in (_ANDROID, _IOS)) and not _is_other(file)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; ids begin with the chat's name: that of the file, or of its folder where it is `_chat.txt`."""
    lines = _lines(file)
    pattern = _IOS if begins_with(lines, _IOS) else _ANDROID
    messages = [_without_system(one) for one in find_messages(lines, pattern)]
    turns = timed_turns(messages, file.label, file.day_first, _clean)
    name = file.path.parent.as_posix() if file.title == "_chat" and len(file.path.parts) > 1 else file.stem
    title = re.sub(r"^WhatsApp[ -](?:Chat|-).*? - |^WhatsApp Chat (?:with|mit) ", "", name.rpartition("/")[2])
    return chat_sessions(Chat(turns=turns, id=name, dated=True, title=title.strip(), metadata={"source": "whatsapp"}))


def _lines(file: SourceFile) -> list[str]:
    """Without the marks that Arabic and Hebrew phones put into dates."""
    if "\u200f" not in file.text:
        return file.lines
    return [re.sub(r"^[^:]{0,30}", lambda head: head[0].replace("\u200f", ""), line) for line in file.lines]


def _is_other(file: SourceFile) -> bool:
    """Discord's text export has stamps in brackets as well, with the name alone on their line."""
    return file.text.lstrip("\ufeff").startswith("=====")


def _without_system(one: StampedLine) -> StampedLine:
    """Lines of the program have no speaker; those that iOS gives one begin with a mark that nobody types."""
    if _DELETED.fullmatch(one.text):
        return one._replace(speaker="")
    if one.text.startswith("\u200e") and not (_ATTACHED.match(one.text) or _OMITTED.match(one.text)):
        return one._replace(speaker="")
    return one._replace(speaker="") if _SYSTEM.match(one.speaker) else one


def _clean(one: StampedLine) -> str:
    text = one.text
    if attached := _ATTACHED.match(text):
        words = attached["words"].strip("\u200e\u200f ")  # a caption, or the name of a document and its pages
        return "\n".join(filter(None, (mark(_kind(attached["name"]), attached["name"]), words)))
    if omitted := _OMITTED.match(text):
        return mark(_kind(omitted[1]))
    if re.fullmatch(r"[\u200e\u200f]*<[^<>\n]{3,40}>", text.strip()):  # `<Media omitted>`, in any language
        return mark("media")
    if file := _FILE.match(text):
        text = mark(_kind(file[1]), file[1]) + text[file.end() :]
    return _EDITED.sub("", text).strip("\u200e\u200f") if "\u200e<" in text else text.strip("\u200e\u200f")


def _kind(word: str) -> str:
    plain = word.strip("\u200e\u200f ").lower()
    for kind, names in _KINDS.items():
        if any(name in plain for name in names):
            return kind
    suffix = plain.rpartition(".")[2]
    if suffix in ("jpg", "jpeg", "png", "webp", "heic"):
        return "sticker" if suffix == "webp" else "image"
    return {"mp4": "video", "mov": "video", "3gp": "video", "opus": "audio", "m4a": "audio", "mp3": "audio"}.get(
        suffix, "file"
    )
