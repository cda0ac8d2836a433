"""The sentences that a context says by itself, in the language of the question."""

from __future__ import annotations

import re

_SENTENCES = {
    "de": ("Nicht im Gedächtnis: {}.", "Nicht gefunden: {}."),
    "es": ("No está en la memoria: {}.", "No encontrado: {}."),
    "fr": ("Pas en mémoire : {}.", "Introuvable : {}."),
    "it": ("Non è in memoria: {}.", "Non trovato: {}."),
    "pt": ("Não está na memória: {}.", "Não encontrado: {}."),
    "nl": ("Niet in het geheugen: {}.", "Niet gevonden: {}."),
    "ru": ("Нет в памяти: {}.", "Не найдено: {}."),
    "tr": ("Bellekte yok: {}.", "Bulunamadı: {}."),
    "vi": ("Không có trong bộ nhớ: {}.", "Không tìm thấy: {}."),
    "hi": ("स्मृति में नहीं है: {}।", "नहीं मिला: {}।"),
    "th": ("ไม่มีในหน่วยความจำ: {}", "ไม่พบ: {}"),
    "ko": ("기억에 없음: {}.", "찾지 못함: {}."),
    "ja": ("記憶にありません：{}。", "見つかりませんでした：{}。"),
    "zh": ("记忆中没有：{}。", "未找到：{}。"),
}
_RUNS = {"ko": "[\uac00-\ud7af]", "ja": "[\u3040-\u30ff]", "zh": "[\u4e00-\u9fff]", "th": "[\u0e00-\u0e7f]"}


def sentences_for(question: str) -> tuple[str, str]:
    """ "Not in memory" and "not found", each with a place for what is missing; English where we have no others."""
    from .scripts import guess_language

    for code, run in _RUNS.items():
        if len(re.findall(run, question)) >= 2:
            return _SENTENCES[code]
    language = guess_language(question)
    return _SENTENCES.get(language.code if language else "en", ("Not in memory: {}.", "Not found: {}."))
