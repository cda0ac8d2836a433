"""What a writer writes: every value can be computed from its number, so that nothing has to be remembered."""

from __future__ import annotations

from jitmem import Session

PAGE_TOKENS = 64
TRIPLE = ("torture", "triple")
EACH = ("torture", "each")
SIDES = ("left", "middle", "right")
KEPT = 3
"""How many entries stay in `EACH`: a batch that puts one deletes the one that is so many older."""


def session_id(n: int) -> str:
    return f"session-{n}"


def number(name: str) -> int | None:
    """Of a session, by its id; None for one that is not of this plan."""
    kind, _, n = name.partition("-")
    return int(n) if kind == "session" and n.isdecimal() else None


def session(n: int) -> Session:
    """One to three pages; with a home that takes the place of the last one, a fact and an event of its own."""
    lines = [
        f"Ana: I live in Town{n}.",
        f"Ana: My favourite book is Volume {n} of the harbour almanac.",
        f"Ben: On {1 + n % 28} May {1900 + n} I repaired boat number {n}.",
    ]
    lines += [f"Ben: Line {line} of session {n} tells of rope {n * 31 + line}." for line in range(n % 11)]
    return Session(id=session_id(n), text="\n".join(lines), time=f"2024-05-{1 + n % 28:02} 14:00")


def fact(n: int) -> str:
    """The item that curate draws from session `n`, exactly once."""
    return f"Ana: My favourite book is Volume {n} of the harbour almanac."


STEPS = ("remember", "edit", "delete", "undo")


def item_words(n: int) -> str:
    """What every version of item `n` begins with."""
    return f"Person {n} keeps "


def item_versions(n: int) -> list[str | None]:
    """The contents of item `n` after each of `STEPS`; None where it is deleted."""
    first, second = f"{item_words(n)}bees on roof {n * 7}.", f"{item_words(n)}goats in barn {n * 13}."
    return [first, second, None, second]


def proposal_words(n: int) -> str:
    """The content of proposal `n`, which is approved if it is even."""
    return f"Somebody claims that tower {n} leans by {n * 3} degrees."


def triple(n: int) -> dict[str, object]:
    """The value that batch `n` puts under each of `SIDES`."""
    return {"at": n, "text": f"Batch {n} was here. " * (1 + n % 5)}


def each(n: int) -> list[str]:
    """The keys that stay in `EACH` after batch `n`."""
    return [str(key) for key in range(max(0, n - KEPT + 1), n + 1)]
