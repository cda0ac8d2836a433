"""Every package that jitmem and its extras bring, with version and licence, as installed here.

python -m licences           a table
python -m licences --pins    the versions, as a constraints file for pip
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("agents", "mcp", "community", "studio", "plots", "doctor", "prompts", "docs", "test", "dev")
"""All but `train`, which `make train-small` installs for itself."""
_TEXTS = {  # by the first words of a whole text in the place of a name
    "mit license": "MIT",
    "the mit license": "MIT",
    "apache license": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
}


@dataclass(frozen=True, order=True)
class Package:
    name: str
    version: str
    licence: str
    extras: tuple[str, ...]
    """Those of jitmem that bring it; none for what every installation has."""


@cache
def installed_packages() -> list[Package]:
    """Sorted by name; what is not installed, as on another platform, is left out."""
    found: dict[str, tuple[Distribution, set[str]]] = {}
    for extra in ("", *EXTRAS):
        for dist in _closure(extra):
            name = canonicalize_name(dist.metadata["Name"])
            found.setdefault(name, (dist, set()))[1].add(extra)
    return sorted(
        Package(name, dist.version, licence_of(dist), () if "" in extras else tuple(sorted(extras)))
        for name, (dist, extras) in found.items()
    )


def _closure(extra: str) -> Iterator[Distribution]:
    """What jitmem needs, with an extra or ("") without, and what that needs."""
    waiting, seen = [("jitmem", extra)], set[tuple[str, str]]()
    while waiting:
        name, with_extra = waiting.pop()
        if (name, with_extra) in seen:
            continue
        seen.add((name, with_extra))
        dist = _find(name)
        if dist is None:
            continue
        if name != "jitmem":
            yield dist
        for needed in _requirements_of(name):
            if needed.marker is None or needed.marker.evaluate({"extra": with_extra}):
                waiting += [(canonicalize_name(needed.name), one) for one in ("", *needed.extras)]


@cache
def _find(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


@cache
def _requirements_of(name: str) -> list[Requirement]:
    dist = _find(name)
    return [Requirement(text) for text in (dist.requires if dist else None) or ()]


def licence_of(dist: Distribution) -> str:
    """Its expression, else what its classifiers say, else its field, of which a whole text is known by its beginning."""
    given = dist.metadata.get("License-Expression")
    classifiers = [
        one.rpartition(" :: ")[2] for one in dist.metadata.get_all("Classifier") or [] if "License ::" in one
    ]
    field = " ".join((dist.metadata.get("License") or "").split())
    if given or classifiers:
        return str(given or " / ".join(sorted(classifiers)))
    return next((name for text, name in _TEXTS.items() if field.lower().startswith(text)), field)[:80]


def main(words: list[str]) -> None:
    packages = installed_packages()
    if words == ["--pins"]:
        print("# The versions with which CI tests: made by `make lock`, used by CONSTRAINTS=requirements-ci.txt.")
        for one in packages:
            print(f"{one.name}=={re.sub(r'[+].*', '', one.version)}")
        return
    for one in packages:
        print(f"{one.name:40} {one.version:16} {one.licence:50} {', '.join(one.extras)}".rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
