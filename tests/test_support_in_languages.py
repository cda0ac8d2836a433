"""What a quote carries in other languages than English: statements that may stand and that may not."""

from __future__ import annotations

import pytest

from jitmem.nodes.support import support_of, uncovered_needs

CASES = {  # by language: a question, a quote with its speaker, statements that it carries, and that it does not
    "ko": [
        (
            "지수는 어디로 이사했나요?",
            "지수: 저는 지난주에 부산으로 이사했어요.",
            ["지수는 부산으로 이사했다.", "지난주에 지수가 부산으로 옮겼다."],
            ["지수는 서울로 이사했다.", "지수는 부산으로 이사하지 않았다."],
        ),
        (
            "지수의 고양이 이름이 무엇인가요?",
            "민호: 고양이 나비도 같이 갔어요?",
            ["지수의 고양이 이름은 나비이다.", "고양이의 이름은 나비입니다."],
            ["지수의 고양이 이름은 초코이다."],
        ),
        (
            "나비는 무엇을 좋아하나요?",
            "지수: 나비는 창가를 제일 좋아해요. 우유는 마시지 않아요.",
            ["나비는 창가를 가장 좋아합니다.", "나비는 우유를 마시지 않는다.", "나비는 우유를 좋아하지 않는다."],
            ["나비는 생선을 가장 좋아합니다."],
        ),
        ("회의는 언제인가요?", "민호: 회의는 5월 12일 오후 3시에 있어요.", ["회의는 5월 12일 오후 3시이다."], []),
        (
            "민호의 직업은 무엇인가요?",
            "민호: 3월부터 목공소에서 목수로 일하고 있어요.",
            ["민호는 목수이다.", "민호는 목공소에서 목수로 일한다."],
            ["민호는 요리사이다.", "민호는 목수가 아니다."],
        ),
        (
            "자전거는 얼마였나요?",
            "민호: 자전거는 45만원 주고 샀어요.",
            ["자전거는 45만원이었다.", "민호는 자전거를 45만원에 샀다."],
            ["자전거는 54만원이었다."],
        ),
    ],
    "de": [
        (
            "Wohin ist Lena gezogen?",
            "Lena: Ich bin letzte Woche nach Leipzig gezogen. Die neue Wohnung liegt am Karl-Heine-Kanal.",
            [
                "Lena ist nach Leipzig gezogen.",
                "Lena wohnt jetzt in Leipzig.",
                "Lenas Wohnung ist am Karl-Heine-Kanal in Leipzig.",
                "Lena zog letzte Woche nach Leipzig um.",
            ],
            ["Lena ist nach Berlin gezogen.", "Lena ist nicht nach Leipzig gezogen.", "Lena hat eine Katze gekauft."],
        ),
        (
            "Trinkt Mia Milch?",
            "Lena: Ja, Mia trinkt keine Milch mehr.",
            ["Mia trinkt keine Milch mehr.", "Mia trinkt Milch nicht."],
            ["Mia trinkt nur Wasser."],
        ),
        (
            "Was kostet das Fahrrad?",
            "Max: Das Fahrrad hat 450 Euro gekostet, gebraucht.",
            ["Das Fahrrad kostete 450 Euro.", "Max bezahlte 450 Euro für das gebrauchte Fahrrad."],
            ["Das Fahrrad kostete 540 Euro."],
        ),
        (
            "Was arbeitet Jonas?",
            "Jonas: Seit März bin ich Tischler in der Werkstatt von Frau Adler.",
            ["Jonas ist Tischler.", "Jonas arbeitet als Tischler bei Frau Adler."],
            ["Jonas ist Bäcker.", "Jonas ist kein Tischler."],
        ),
        (
            "Welche Allergie hat Petra?",
            "Petra: Ich vertrage keine Haselnüsse, Mandeln sind in Ordnung.",
            ["Petra verträgt keine Haselnüsse.", "Petra ist gegen Haselnüsse allergisch."],
            ["Petra isst gern Erdbeeren."],
        ),
    ],
    "fr": [
        (
            "Où Julie a-t-elle déménagé ?",
            "Julie : J'ai déménagé à Lyon la semaine dernière, près du parc.",
            ["Julie a déménagé à Lyon.", "Julie habite maintenant à Lyon."],
            ["Julie a déménagé à Paris.", "Julie n'a pas déménagé à Lyon.", "Julie a acheté une voiture."],
        ),
        (
            "Que mange Marc ?",
            "Marc : Je ne mange plus de viande depuis mars.",
            ["Marc ne mange plus de viande.", "Marc ne mange pas de viande depuis mars."],
            ["Marc mange du poisson."],
        ),
        (
            "Quel est le métier de Luc ?",
            "Luc : Depuis mars je suis menuisier chez Madame Aubert.",
            ["Luc est menuisier.", "Luc travaille comme menuisier chez Madame Aubert."],
            ["Luc est boulanger.", "Luc n'est pas menuisier."],
        ),
    ],
    "es": [
        (
            "¿Adónde se mudó Ana?",
            "Ana: Me mudé a Valencia la semana pasada con mi perro Toby.",
            ["Ana se mudó a Valencia.", "Ana vive ahora en Valencia.", "El perro de Ana se llama Toby."],
            ["Ana se mudó a Madrid.", "Ana no se mudó a Valencia.", "El perro de Ana se llama Rex."],
        ),
        (
            "¿Cuánto costó la bicicleta?",
            "Pedro: La bicicleta me costó 450 euros, de segunda mano.",
            ["La bicicleta costó 450 euros.", "Pedro pagó 450 euros por la bicicleta."],
            ["La bicicleta costó 540 euros.", "La bicicleta es roja."],
        ),
    ],
    "ru": [
        (
            "Куда переехала Марина?",
            "Марина: Я на прошлой неделе переехала в Казань с котом Барсиком.",
            ["Марина переехала в Казань.", "Марина живёт в Казани.", "Кота Марины зовут Барсик."],
            ["Марина переехала в Москву.", "Марина не переехала в Казань.", "Кота Марины зовут Мурзик."],
        ),
        (
            "Кем работает Игорь?",
            "Игорь: С марта я столяр в мастерской Анны Петровны.",
            ["Игорь работает столяром.", "Игорь — столяр в мастерской Анны Петровны."],
            ["Игорь работает пекарем.", "Игорь не столяр."],
        ),
        ("Что не ест Вера?", "Вера: Я не ем рыбу уже два года.", ["Вера не ест рыбу."], ["Вера не ест мясо."]),
    ],
    "zh": [
        (
            "小明搬到了哪里？",
            "小明：我上周搬到上海了，新家在浦东。",
            ["小明搬到了上海。", "小明的新家在上海浦东。"],
            ["小明搬到了北京。", "小明没有搬到上海。"],
        ),
        (
            "小红喜欢吃什么？",
            "小红：我最喜欢吃辣的火锅，不吃香菜。",
            ["小红最喜欢吃火锅。", "小红不吃香菜。"],
            ["小红喜欢吃寿司。"],
        ),
        (
            "李雷做什么工作？",
            "李雷：三月起我在张师傅的店里当木匠。",
            ["李雷是木匠。", "李雷在张师傅的店里当木匠。"],
            ["李雷是厨师。", "李雷不是木匠。"],
        ),
        ("自行车多少钱？", "李雷：自行车花了450元，二手的。", ["自行车花了450元。"], ["自行车花了540元。"]),
    ],
    "ja": [
        (
            "美咲はどこに引っ越しましたか？",
            "美咲：私は先週、大阪に引っ越しました。",
            ["美咲は大阪に引っ越した。", "美咲は先週大阪へ引っ越した。", "美咲は大阪に住んでいる。"],
            ["美咲は東京に引っ越した。", "美咲は大阪に引っ越していない。"],
        ),
        (
            "健は何を飲みませんか？",
            "健：コーヒーはもう飲みません。紅茶だけです。",
            ["健はコーヒーを飲まない。"],
            ["健は牛乳を飲まない。"],
        ),
        (
            "健の仕事は何ですか？",
            "健：三月から木工所で大工をしています。",
            ["健は大工である。", "健は木工所で大工として働いている。"],
            ["健は料理人である。", "健は大工ではない。"],
        ),
        (
            "自転車はいくらでしたか？",
            "健：自転車は4万5千円でした。",
            ["自転車は4万5千円だった。"],
            ["自転車は5万4千円だった。"],
        ),
    ],
    "ar": [
        (
            "إلى أين انتقلت ليلى؟",
            "ليلى: انتقلت إلى عمان الأسبوع الماضي مع قطتي لولو.",
            ["انتقلت ليلى إلى عمان.", "ليلى تسكن في عمان."],
            ["انتقلت ليلى إلى بيروت.", "لم تنتقل ليلى إلى عمان."],
        ),
        (
            "ما هو عمل كريم؟",
            "كريم: أعمل نجارا في ورشة السيدة سلمى منذ مارس.",
            ["كريم نجار.", "يعمل كريم نجارا في ورشة السيدة سلمى."],
            ["كريم طباخ.", "كريم ليس نجارا."],
        ),
    ],
    "hi": [
        (
            "मीरा कहाँ रहने गई?",
            "मीरा: मैं पिछले हफ़्ते जयपुर चली गई, मेरी बिल्ली मोती के साथ।",
            ["मीरा जयपुर चली गई।", "मीरा की बिल्ली का नाम मोती है।"],
            ["मीरा जयपुर नहीं गई।"],
        ),
        (
            "राहुल क्या काम करता है?",
            "राहुल: मार्च से मैं सुनीता जी की दुकान में बढ़ई हूँ।",
            ["राहुल बढ़ई है।", "राहुल सुनीता जी की दुकान में बढ़ई है।"],
            ["राहुल रसोइया है।", "राहुल बढ़ई नहीं है।"],
        ),
    ],
    "pt": [
        (
            "Para onde a Rita se mudou?",
            "Rita: Mudei-me para Braga na semana passada com o meu gato Tobias.",
            ["A Rita mudou-se para Braga.", "A Rita mora agora em Braga.", "O gato da Rita chama-se Tobias."],
            ["A Rita mudou-se para Lisboa.", "A Rita não se mudou para Braga."],
        ),
        (
            "Qual é o trabalho do João?",
            "João: Desde março sou carpinteiro na oficina da Dona Amélia.",
            ["João é carpinteiro.", "O João trabalha como carpinteiro na oficina da Dona Amélia."],
            ["João é padeiro.", "João não é carpinteiro."],
        ),
    ],
    "it": [
        (
            "Dove si è trasferita Giulia?",
            "Giulia: Mi sono trasferita a Torino la settimana scorsa.",
            ["Giulia si è trasferita a Torino.", "Giulia vive a Torino."],
            ["Giulia si è trasferita a Roma.", "Giulia non si è trasferita a Torino."],
        ),
        (
            "Che lavoro fa Marco?",
            "Marco: Da marzo sono falegname nella bottega della signora Conti.",
            ["Marco è falegname.", "Marco lavora come falegname."],
            ["Marco è panettiere.", "Marco non è falegname."],
        ),
    ],
    "tr": [
        (
            "Elif nereye taşındı?",
            "Elif: Geçen hafta İzmir'e taşındım, kedim Pamuk da geldi.",
            ["Elif İzmir'e taşındı.", "Elif'in kedisinin adı Pamuk."],
            ["Elif Ankara'ya taşındı.", "Elif İzmir'e taşınmadı."],
        ),
        (
            "Ali ne iş yapıyor?",
            "Ali: Mart'tan beri Ayşe Hanım'ın atölyesinde marangozum.",
            ["Ali marangoz.", "Ali, Ayşe Hanım'ın atölyesinde marangoz olarak çalışıyor."],
            ["Ali aşçı.", "Ali marangoz değil."],
        ),
    ],
    "nl": [
        (
            "Waarheen is Sanne verhuisd?",
            "Sanne: Ik ben vorige week naar Utrecht verhuisd met mijn kat Pip.",
            ["Sanne is naar Utrecht verhuisd.", "Sanne woont nu in Utrecht."],
            ["Sanne is naar Rotterdam verhuisd.", "Sanne is niet naar Utrecht verhuisd."],
        ),
    ],
    "pl": [
        (
            "Dokąd przeprowadziła się Ola?",
            "Ola: W zeszłym tygodniu przeprowadziłam się do Gdańska z kotem Filemonem.",
            ["Ola przeprowadziła się do Gdańska.", "Ola mieszka w Gdańsku."],
            ["Ola przeprowadziła się do Krakowa.", "Ola nie przeprowadziła się do Gdańska."],
        ),
        (
            "Kim jest Tomek z zawodu?",
            "Tomek: Od marca jestem stolarzem w warsztacie pani Nowak.",
            ["Tomek jest stolarzem.", "Tomek pracuje w warsztacie pani Nowak jako stolarz."],
            ["Tomek jest piekarzem.", "Tomek nie jest stolarzem."],
        ),
    ],
}


@pytest.mark.parametrize(
    ("question", "quote", "statement", "carried"),
    [
        pytest.param(question, quote, statement, carried, id=f"{language}-{statement[:30]}")
        for language, groups in CASES.items()
        for question, quote, right, wrong in groups
        for carried, statements in ((True, right), (False, wrong))
        for statement in statements
    ],
)
def test_a_quote_carries_what_it_says_in_its_language(question: str, quote: str, statement: str, carried: bool) -> None:
    speaker = quote.replace("：", ":").split(":")[0].strip()
    support = support_of(statement, question, [quote], [f"2024-05-08 · s1 · {speaker}"])
    assert support.is_sufficient is carried, support


def test_a_need_in_another_script_than_the_texts_is_not_called_open() -> None:
    texts = ["지수: 저는 지난주에 부산으로 이사했어요."]
    needs = ["Where does Jisu live today?", "Which cat did Minho see in spring?"]
    assert uncovered_needs(needs, texts) == []
    korean = ["지수가 이사한 도시", "민호가 봄에 본 고양이 이름"]
    assert uncovered_needs(korean, texts) == [korean[1]]
