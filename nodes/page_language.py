"""Name the language of a page to a model: a small one writes English unless it is told which other language is meant."""

from __future__ import annotations

from ..stores.analyzer import is_english
from ..stores.scripts import guess_language

_NAMES = {
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
    "sv": "Swedish",
    "ru": "Russian",
    "tr": "Turkish",
    "hi": "Hindi",
    "vi": "Vietnamese",
    "th": "Thai",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "pl": "Polish",
    "uk": "Ukrainian",
    "ar": "Arabic",
    "el": "Greek",
    "cs": "Czech",
    "fi": "Finnish",
}


def name_language(text: str) -> str:
    """A line that says in which language to write; "" for English, and for a language that is not known by name."""
    language = None if is_english(text) else guess_language(text)
    name = _NAMES.get(language.code) if language else None
    return f"\n\nThe page is in {name}. Write in {name}." if name else ""
