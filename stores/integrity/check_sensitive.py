"""Keys, passwords and personal data by their pattern: counted by kind and place, never shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from .findings import Finding, ReadOnlyTruth, many, some

_AFTER = r"(?![A-Za-z0-9])"


class Pattern(NamedTuple):
    """What is looked for; `holds` decides on what looks right, such as a checksum."""

    finds: re.Pattern[str]
    holds: Callable[[str], bool] = lambda _: True
    alone: bool = False
    """Whether no letter may stand before it; a look behind in the pattern would keep it from being searched by its first letters."""


def luhn(digits: str) -> bool:
    """The checksum of payment cards (ISO/IEC 7812); other characters are passed over."""
    numbers = [int(one) for one in digits if one.isdecimal()]
    doubled = [sum(divmod(2 * one, 10)) for one in numbers[-2::-2]]
    return 13 <= len(numbers) <= 19 and len(set(numbers)) > 1 and (sum(doubled) + sum(numbers[-1::-2])) % 10 == 0


def iban(text: str) -> bool:
    """The checksum of bank accounts (ISO 13616): 1 modulo 97."""
    plain = re.sub(r"\s", "", text).upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _phone(text: str) -> bool:
    return 8 <= sum(one.isdecimal() for one in text) <= 15


def _key(pattern: str) -> Pattern:
    return Pattern(re.compile(f"{pattern}{_AFTER}"), alone=True)


SECRETS: Mapping[str, Pattern] = {
    "OpenAI key": _key(r"sk-(?:(?:proj|svcacct|admin)-[\w-]{20,}|[A-Za-z0-9]{32,})"),
    "Anthropic key": _key(r"sk-ant-[\w-]{20,}"),
    "OpenRouter key": _key(r"sk-or-[\w-]{20,}"),
    "Google key": _key(r"AIza[\w-]{35}"),
    "AWS key": _key(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    "Hugging Face token": _key(r"hf_[A-Za-z0-9]{30,}"),
    "LangSmith key": _key(r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    "Groq key": _key(r"gsk_[A-Za-z0-9]{40,}"),
    "xAI key": _key(r"xai-[A-Za-z0-9]{40,}"),
    "GitHub token": _key(r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"),
    "GitLab token": _key(r"glpat-[\w-]{20,}"),
    "Slack token": _key(r"xox[abeoprs]-[\w-]{10,}"),
    "Stripe key": _key(r"(?:sk|rk)_live_[A-Za-z0-9]{16,}"),
    "npm token": _key(r"npm_[A-Za-z0-9]{36}"),
    "PyPI token": _key(r"pypi-AgEIcHlwaS5vcmc[\w-]{20,}"),
    "SendGrid key": _key(r"SG\.[\w-]{20,24}\.[\w-]{39,50}"),
    "Telegram bot token": _key(r"\d{8,10}:AA[\w-]{33}"),
    "JSON web token": _key(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    "private key": Pattern(re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")),
    "password in a URL": Pattern(re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,64}:[^\s/@]{1,128}@[^\s/@]", re.I)),
}
PERSONAL: Mapping[str, Pattern] = {
    "e-mail address": Pattern(
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
    ),
    "payment card": Pattern(re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{3,6}){2,4}(?![\w.-]*\d)"), luhn),
    "bank account": Pattern(re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"), iban),
    "phone number": Pattern(
        re.compile(
            r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?|\(\d{2,5}\) ?|0\d{2,5}[ /-])\d{2,5}(?:[ .-]?\d{2,5}){1,4}(?![\w-])"
        ),
        _phone,
    ),
}

_WHERE = {  # what is looked through: what to call a row, and its text
    "page": "SELECT id, text FROM page ORDER BY seq",
    "item": "SELECT DISTINCT item.id, content FROM item JOIN item_version ON item_version.item = item.seq"
    " WHERE content IS NOT NULL",
    "waiting session": "SELECT id, payload FROM session WHERE payload IS NOT NULL",
    "session": "SELECT id, metadata FROM session WHERE metadata != '{}'",
    "proposal": "SELECT n, edit FROM proposal",
    "entry": "SELECT n, value FROM entry",
}


def kinds_in(text: str, patterns: Mapping[str, Pattern] = {**SECRETS, **PERSONAL}) -> dict[str, int]:
    """How often each kind stands in a text; kinds that do not are left out."""
    found = {}
    for kind, pattern in patterns.items():
        if count := sum(_counts(pattern, match, text) for match in pattern.finds.finditer(text)):
            found[kind] = count
    return found


def _counts(pattern: Pattern, match: re.Match[str], text: str) -> bool:
    before = text[match.start() - 1 : match.start()]  # empty at the beginning
    return pattern.holds(match.group()) and not (pattern.alone and (before.isalnum() or before in ("_", "-")))


def sensitive(look: ReadOnlyTruth) -> Iterator[Finding]:
    """A finding a kind; it says where, and how often."""
    counts: dict[str, int] = {}
    places: dict[str, dict[str, None]] = {}
    for thing, query in _WHERE.items():
        for name, text in look.each(query):
            for kind, count in kinds_in(text).items():
                counts[kind] = counts.get(kind, 0) + count
                places.setdefault(kind, {})[f"{thing} {name}"] = None
    for family, patterns, act in (
        ("secrets", SECRETS, "You: revoke it where it is valid, then forget what holds it."),
        ("personal data", PERSONAL, "You: forget what should not be kept."),
    ):
        for kind in patterns:
            if kind in counts:
                where = many(len(places[kind]), "place")
                yield Finding(
                    "note", family, f"{_plural(kind, counts[kind])} in {where}.", act, counts[kind], some(places[kind])
                )


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return f"1 {kind}"
    plural = {"e-mail address": "e-mail addresses", "password in a URL": "passwords in URLs"}
    return f"{count:,} {plural.get(kind, kind + 's')}"
