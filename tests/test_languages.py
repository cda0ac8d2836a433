"""What holds in English holds in other languages and scripts."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from test_migrations import RELEASED, laid

from jitmem import Analyzer, Memory, ModelOptions, Session
from jitmem.evals.languages import score_languages
from jitmem.nodes.page_language import name_language
from jitmem.nodes.split import passages
from jitmem.stores.analyzer import ANALYZER, stems, terms
from jitmem.stores.errors import BadInput
from jitmem.stores.times import parse_iso_time, parse_time, spans
from jitmem.stores.token_size import fitting_length, text_size

HISTORIES = Path(__file__).parent / "histories"
DATA = Path(os.environ.get("JITMEM_LANGUAGES", "languages_dev.json"))


@pytest.mark.parametrize("language", ["de", "ko"])
def test_the_evidence_of_every_question_is_in_a_context_of_a_thousand_tokens(language: str, tmp_path: Path) -> None:
    history = json.loads((HISTORIES / f"{language}.json").read_text(encoding="utf-8"))
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize_many([Session(text=one["text"], time=one["time"]) for one in history["sessions"]])
        contexts = {
            question: memory.research(question, context_tokens=1000).context for question, _ in history["questions"]
        }
    assert len(contexts) == 20
    assert [question for question, evidence in history["questions"] if evidence not in contexts[question]] == []


@pytest.mark.skipif(not DATA.is_file(), reason="JITMEM_LANGUAGES names no file of paragraphs and questions")
@pytest.mark.parametrize(
    ("language", "first", "fifth"),
    [
        ("hi", 0.88, 0.96),
        ("th", 0.88, 0.96),
        ("ru", 0.88, 0.965),
        ("tr", 0.88, 0.965),
        ("de", 0.88, 0.965),
        ("es", 0.90, 0.975),
        ("vi", 0.90, 0.975),
        ("zh", 0.95, 0.985),
        ("ja", 0.95, 0.985),
        ("en", 0.94, 0.99),
    ],
)
def test_the_right_page_is_found_in_every_language(language: str, first: float, fifth: float) -> None:
    [score] = score_languages(DATA, [language], research=False)
    assert score.recall_at_1 >= first
    assert score.recall_at_5 >= fifth


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("João", "Joao"),
        ("İzmir", "izmir"),
        ("ISPARTA", "ısparta"),
        ("Müller", "muller"),
        ("so\u00adlar gar\u200bden", "solar garden"),
        ("ёлка", "елка"),
        ("مُحَمَّد", "محمد"),
        ("क़लम", "कलम"),
        ("👍🏽", "👍"),
        ("１２３", "123"),
    ],
)
def test_two_spellings_of_a_word_share_a_term(one: str, other: str) -> None:
    assert set(stems(one)) & set(stems(other))


def test_accents_tell_words_apart_where_both_are_there(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize_many(["Ana kam schon gestern.", "Ana fand es schön gestern."])
        assert memory.recall("schön", 1)[0].text == "Ana fand es schön gestern."


@pytest.mark.parametrize(
    ("question", "turns_on"),
    [
        ("Wo wohnt Ana?", ["wohnt", "Ana"]),
        ("¿Dónde vive João?", ["vive", "João"]),
        ("Где живёт Анна?", ["живёт", "Анна"]),
        ("अना कहाँ रहती है?", ["अना", "रहती"]),
        ("アナはどこに住んでいますか？", ["アナ", "住"]),
        ("自転車は何色ですか？", ["自転車", "何色"]),
        ("고양이 이름은 무엇인가요?", ["고양", "이름"]),
    ],
)
def test_question_words_are_nothing_to_look_for(question: str, turns_on: list[str]) -> None:
    asked = [term.text for term in terms(question)]
    assert [word for word in turns_on if word in asked] == asked


@pytest.mark.parametrize(
    ("question", "turns_on"),
    [
        ("¿Qué es Internet2?", ["Internet2"]),
        ("Internet2 nedir?", ["Internet2"]),
        ("Où est le fichier user_id de João ?", ["fichier", "user_id", "João"]),
        ("Wo liegt das Log der AS-206 und wer hat es?", ["liegt", "Log", "AS-206"]),
        ("Victoria ve Albert Müzesi'nin kökeni hangi dünya sergisidir?", ["Victoria", "Albert", "Müzesi", "kökeni", "dünya", "sergisidir"]),
        ("社会的议会委员会在哪里？", ["社会", "议会委员会"]),
        ("哪一家公司拥有首都的能源？", ["公司", "首都", "能源"]),
    ],
)  # fmt: skip
def test_a_question_turns_on_no_function_word_beside_an_identifier_or_without_spaces(
    question: str, turns_on: list[str]
) -> None:
    assert [term.text for term in terms(question)] == turns_on


@pytest.mark.parametrize(
    ("said", "other", "question"),
    [
        ("우리 개는 아주 얌전해.", "우리 고양이는 아주 얌전해.", "개 이름이 뭐예요?"),
        ("去年、犬を飼いはじめた。", "去年、鳥を飼いはじめた。", "その犬は元気ですか？"),
    ],
)
def test_a_word_of_one_character_is_found_with_another_particle(
    said: str, other: str, question: str, tmp_path: Path
) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize_many([other, said])
        assert memory.recall(question, 1)[0].text == said


def test_a_compound_with_a_part_in_common_is_no_word_that_memory_lacks(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ana: Holden schließt 2017 das Produktionswerk in Victoria.")
        related = memory.research("Welche Produktionsstätte verliert Victoria?")
        foreign = memory.research("Welches Zeppelinmodell sammelt Victoria?")
    assert related.stopped == "depth"
    assert foreign.stopped == "no_evidence"


def test_what_is_missing_is_named_once_and_in_the_language_of_the_question(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ana: Ich wohne in Porto und arbeite am Hafen.")
        german = memory.research("Welches Zeppelinmodell sammelt Großonkel Wendelin?")
        chinese = memory.research("宇宙飞船的发动机编号是什么？")
    assert german.context.startswith("Nicht im Gedächtnis: ")
    assert chinese.context.startswith("记忆中没有：")
    assert len(set(chinese.unmet)) == len(chinese.unmet) <= 2


@pytest.mark.parametrize(
    "text",
    ["アナ：やあ\nベン：はい", "**Ana:** hi\n**Ben:** yo", "- Ana: hi\n- Ben: yo", "[09:15:00] Ana: hi\n[09:16:00] Ben: yo",
     "Ana (10:02): hi\nBen (10:03): yo", "안나 : 안녕\n벤 : 그래", "[안나] [오전 10:00] 안녕\n[벤] [오전 10:01] 그래", "अना: नमस्ते\nराम: ठीक है"],
)  # fmt: skip
def test_speakers_are_seen_with_any_colon(text: str) -> None:
    first, second = passages(text)
    assert (first.speaker, second.speaker) in {("アナ", "ベン"), ("Ana", "Ben"), ("안나", "벤"), ("अना", "राम")}


@pytest.mark.parametrize(
    "text", ["20. Mai 2025", "20.05.2025", "20 mai 2025", "20 de mayo de 2025", "2025年5月20日", "2025년 5월 20일",
             "20 мая 2025", "20 Mayıs 2025", "20 मई 2025", "20 พฤษภาคม 2568", "ngày 20 tháng 5 năm 2025", "2025. 5. 20."]
)  # fmt: skip
def test_a_day_is_read_in_every_language(text: str) -> None:
    time = parse_time(text)
    assert time is not None
    assert time.isoformat() == "2025-05-20T00:00:00"
    assert [start.isoformat() for start, _ in spans(f"({text})")] == ["2025-05-20T00:00:00"]


@pytest.mark.parametrize(
    "text", ["20. Mai 2025 15:30 Uhr", "2025년 5월 20일 오후 3:30", "2025年5月20日 15時30分", "20.5.2025, 15:30", "20 Mayıs 2025 15:30"]
)  # fmt: skip
def test_a_time_of_day_is_read_with_the_day(text: str) -> None:
    time = parse_time(text)
    assert time is not None
    assert time.isoformat() == "2025-05-20T15:30:00"


@pytest.mark.parametrize("text", ["3. November 2025", "2025년 11월 3일", "03.11.2025", "3 Kasım 2025"])
def test_a_day_in_a_text_is_found_by_its_date_in_english(text: str, tmp_path: Path) -> None:
    assert "@2025-11-03" in stems(f"Ana ({text})")
    assert [start.isoformat() for start, _ in spans(text)] == ["2025-11-03T00:00:00"]


def test_a_date_that_may_be_two_days_is_taken_for_none() -> None:
    assert [start.day for start, _ in spans("Was war am 25/04/2025?")] == [25]
    assert {term for term in stems("4/5/2025") if term.startswith("@")} == {"@2025-05-04", "@2025-04-05"}
    assert spans("What happened on 4/5/2025?") == spans("2025")


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("Ana: Der Hund Bello kam 2019 zu uns.", "In welchem Jahr kam Bello?"),
        ("Ana: El perro Bruno llegó en 2019.", "¿En qué año llegó Bruno?"),
        ("Аня: Пёс Бруно появился в 2019.", "В каком году появился Бруно?"),
        ("Ayşe: Köpeğimiz Bruno 2019'da geldi.", "Bruno hangi yılda geldi?"),
        ("지수: 강아지 초코가 2019년에 왔어.", "강아지 초코의 이름은 무엇인가요?"),
    ],
)
def test_generic_words_of_a_question_need_not_be_in_the_answer(said: str, question: str, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize(said)
        assert memory.research(question).stopped == "enough"


def test_a_turkish_word_is_found_in_another_form(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ayşe: Lady Gaga altı Grammy kazandı.")
        assert memory.research("Lady Gaga'nın Grammy ödüllerini kim kazanmıştır?").unmet == ("ödüllerini",)


def test_a_month_and_a_side_of_it_are_read() -> None:
    [(start, end)] = spans("Was war im Mai 2025?")
    assert (start.month, end.month) == (5, 6)
    [(_, before)] = spans("Was geschah vor dem 20. Mai 2025?")
    assert before.isoformat() == "2025-05-20T00:00:00"


def test_joao_is_forgotten_by_a_query_without_the_accent(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ana: João vive em Lisboa.")
        memory.memorize("Ben: Nobody of that name is here.")
        found = memory.forget(query="Joao", preview=True)
        kept = memory.forget(query="Joana", preview=True)
    assert len(found.page_ids) == 1
    assert kept.page_ids == ()


def test_the_multilingual_model_says_which_package_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)  # as if it were not installed
    with pytest.raises(BadInput, match="pip install fastembed"):
        Memory.open(tmp_path / "memory", embeddings="multilingual")


def test_a_budget_counts_a_script_by_its_tokens() -> None:
    assert text_size("plain text") == 10
    assert text_size("東京都") > 3 * 3
    assert text_size("привет") > 6
    assert fitting_length("東京都" * 100, 40) < 15
    assert fitting_length("plain text", -3) == fitting_length("", 5) == 0


def test_a_language_package_is_plugged_in_and_its_terms_are_made_in_place(tmp_path: Path) -> None:
    def lemmas(text: str) -> Iterable[str]:
        return ["가르치다"] if "가르치" in text or "가르쳤" in text else []

    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("현우: 수학을 가르치고 있어.")
        memory.items.insert("현우는 수학을 가르친다.")
        before = table(tmp_path, "SELECT n, vector FROM embedding")
    with Memory.open(
        tmp_path / "memory", model_options=ModelOptions(analyzer=Analyzer({"lemmas-1": lemmas}))
    ) as memory:
        assert memory.recall("가르쳤어", 1)[0].text == "현우: 수학을 가르치고 있어."
    assert table(tmp_path, "SELECT DISTINCT analyzer FROM page") == [(f"{ANALYZER}+lemmas-1",)]
    assert "가르치다" in table(tmp_path, "SELECT stems FROM passage")[0][0].split()
    assert table(tmp_path, "SELECT n, vector FROM embedding") == before
    Memory.open(tmp_path / "memory").close()
    assert table(tmp_path, "SELECT DISTINCT analyzer FROM page") == [(ANALYZER,)]
    assert "가르치다" not in table(tmp_path, "SELECT stems FROM passage")[0][0].split()


@pytest.mark.parametrize("released", RELEASED, ids=lambda file: file.name)
def test_an_older_memory_gets_the_terms_of_today_once_and_keeps_its_vectors(released: Path, tmp_path: Path) -> None:
    laid(released, tmp_path / "memory")
    vectors = table(tmp_path, "SELECT n, vector FROM embedding")
    Memory.open(tmp_path / "memory").close()
    assert table(tmp_path, "SELECT DISTINCT analyzer FROM page") == [(ANALYZER,)]
    assert table(tmp_path, "SELECT name FROM mark WHERE name LIKE 'terms:%'") == [(f"terms:{ANALYZER}",)]
    for text, time, start, end, stored in table(
        tmp_path,
        'SELECT text, time, start, "end", stems FROM passage JOIN page ON page.seq = passage.page'
        " JOIN session ON session.n = page.session",
    ):
        assert stored == " ".join(Analyzer().passage_stems(text[int(start) : int(end)], parse_iso_time(time)))
    assert table(tmp_path, "SELECT n, vector FROM embedding") == vectors


def table(tmp_path: Path, query: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(tmp_path / "memory" / "truth.sqlite3") as db:
        return db.execute(query).fetchall()


def test_a_model_is_told_by_name_in_which_language_to_write() -> None:
    german = "Lena: Mein Fahrrad ist gestohlen worden, das grüne mit dem Korb."
    assert name_language(german) == "\n\nThe page is in German. Write in German."
    assert "Spanish" in name_language("Ana: Me han robado la bicicleta verde que tenía una cesta.")
    assert "Russian" in name_language("Аня: У меня украли зелёный велосипед, который был с корзиной.")
    assert name_language("Ana: My green bicycle was stolen.") == name_language("") == ""
