"""What a quote says otherwise, in words that are nearly the same."""

from __future__ import annotations

import pytest

from jitmem.nodes.support import support_of

OTHERWISE = [
    ("number", "Mira has three cats.", "Mira: my two cats hate the vacuum cleaner."),
    ("number", "The loan has a rate of 9.3 %.", "The bank gave us 3.9 percent on the loan."),
    ("unit", "The trip takes 90 hours.", "The trip takes 90 minutes by train."),
    ("unit", "The tank holds 40 gallons.", "The tank holds 40 litres of water."),
    ("word", "The wedding is on 14 June.", "The wedding is on 14 July."),
    ("word", "The exhibition opened before the fair.", "The exhibition opened after the fair."),
    ("word", "Omar hates opera.", "Omar loves opera."),
    ("roles", "Ben lent Sofia the ladder.", "Sofia lent Ben the ladder on Saturday."),
    ("roles", "Jonas was hired by Elif.", "Jonas hired Elif in spring."),
    ("speaker", "Felix adopted a greyhound.", "Nora: I adopted a greyhound called Pip."),
    ("negation", "Ines has been to Norway.", "Ines: I have never been to Norway."),
    ("negation", "Pavel is allergic to peanuts.", "Pavel: no, I'm not allergic to peanuts, only to walnuts."),
    ("mood", "Nadia joined the team.", "Nadia plans to join the team next year."),
]
THE_SAME = [
    ("Oskar waited 20 minutes.", "Oskar: I waited twenty minutes."),
    ("Vera lost 5 kg.", "Vera: I've lost five kilos since March."),
    ("Sofia lent Ben the ladder.", "Sofia lent Ben the ladder on Saturday."),
    ("Gina met Paul in Rome.", "Paul met Gina in Rome."),
    ("Elif was hired by Jonas.", "Jonas hired Elif in spring."),
    ("Lena moved to Bonn.", "Lena: Didn't I tell you? I moved to Bonn!"),
    ("Petra starts at the bank in May.", "Petra: I don't start at the bank until May."),
    ("The museum is closed on Mondays.", "The museum isn't open on Mondays, it is closed."),
    ("Finn hates coffee but likes tea.", "Finn: I hate coffee. I love tea."),
    ("Hana worked in Kyoto.", "Hana: I used to work in Kyoto."),
    ("The class meets on Tuesdays.", "Our class meets every Tuesday evening."),
    ("Someone broke the window.", "Emil: I broke the window."),
]


@pytest.mark.parametrize(("kind", "statement", "quote"), OTHERWISE)
def test_a_statement_that_its_quote_contradicts_may_not_stand(kind: str, statement: str, quote: str) -> None:
    support = support_of(statement, "What do we know about this?", [quote], ["8 May 2026 · s1"])
    assert (support.contradicted, support.is_sufficient) == (kind, False)


@pytest.mark.parametrize(("statement", "quote"), THE_SAME)
def test_another_way_to_say_the_same_may_stand(statement: str, quote: str) -> None:
    support = support_of(statement, "What do we know about this?", [quote], ["8 May 2026 · s1"])
    assert (support.contradicted, support.is_sufficient) == ("", True)
