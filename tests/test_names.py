"""Names are the field's own words: one meaning each, and none that only its author explains."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from test_layers import FILES, ROOT

# Participles that do not end in -ed. Those that are also a verb in the imperative (read, put, set, cut, split, let, run) name
# what a function does.
IRREGULAR = set(
    """told said shown known kept found made held given written seen left lost drawn gone hidden met built sent taken thought
    brought bought caught sold spoken chosen done begun paid spread laid led meant felt heard fed bound stood understood
    withheld borne worn torn driven risen fallen grown thrown flown blown sunk sung struck stuck spent lent bent dealt slept
    swept standing waiting missing going""".split()
)
VERBS = {"embed", "feed", "seed", "need", "speed", "proceed", "exceed", "shed"}
REVIEWED = {
    "waiting",  # the sessions that wait: as in every queue's interface
    "missing",
}
MIRRORS = {"cli", "rules", "prompts", "tests", "docs"}  # folders whose files are named after those of another folder
STANDARD = {"__init__.py", "__main__.py"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_lone_participle(name: str) -> bool:
    """`told`, `_asked`, `aforgotten`: one word that says what was done to something, and not what is done or given back."""
    word = name.strip("_")
    if not word or "_" in word or word in VERBS | REVIEWED:
        return False
    return word in IRREGULAR or (len(word) > 4 and word.endswith("ed"))


@pytest.mark.parametrize("name", ["told", "_asked", "checked", "__kept", "unmarked", "drawn"])
def test_a_lone_participle_is_seen(name: str) -> None:
    assert is_lone_participle(name)


@pytest.mark.parametrize("name", ["read", "embed", "check", "is_named", "mark_curated", "__init__", "split", "seed"])
def test_a_verb_or_a_phrase_is_no_lone_participle(name: str) -> None:
    assert not is_lone_participle(name)


def test_no_function_is_named_by_a_lone_participle() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in FILES
        for node in functions(ast.parse(file.read_text()))
        if is_lone_participle(node.name)
    ]
    assert found == []


def test_no_file_name_is_there_twice() -> None:
    places = defaultdict(list)
    for file in FILES:
        if file.name not in STANDARD and not MIRRORS & set(file.relative_to(ROOT).parts):
            places[file.name].append(str(file.relative_to(ROOT)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_class_name_is_there_twice() -> None:
    places = defaultdict(list)
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def glossary() -> list[tuple[str, str, list[str]]]:
    """`(term, meaning, names in the code)` of each row of the glossary."""
    text = (ROOT / "docs/architecture.md").read_text()
    table = text.split("## Glossary", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table.splitlines()
        if line.startswith("| ")
    ]
    return [(row[0], row[1], re.findall(r"`([\w.]+)`", row[2])) for row in rows[1:]]


def test_each_term_of_the_glossary_has_one_meaning() -> None:
    terms = [term.lower() for term, _, _ in glossary()]
    assert len(terms) >= 35
    assert len(set(terms)) == len(terms)
    names = [name for _, _, names in glossary() for name in names]
    assert len(set(names)) == len(names), "one name in the code stands for two terms"


def test_each_name_of_the_glossary_is_defined_in_one_place() -> None:
    defined: dict[str, set[str]] = defaultdict(set)
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                defined[node.name].add(str(file))
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id[:1].isupper():
                        defined[target.id].add(str(file))
    classes = [name for _, _, names in glossary() for name in names if name[0].isupper()]
    assert {name: sorted(defined[name]) for name in classes if len(defined[name]) != 1} == {}


ODD = {  # identifiers of an earlier language of this house, and what each became
    r"def asked\b": "validate_question",
    r"def told\b": "render_…",
    r"def shown\b": "render_…, prompt_values",
    r"\bReckoner\b": "EstimateBackend",
    r"\bExperience\b": "CallStatistics",
    r"\breckoning\b": "estimator graph",
    r"\bFreshSearch\b": "a snapshot",
    r"\bUsedUp\b": "BudgetExceeded",
    r"\bpatiently\b": "with_retries",
    r"\bCure\b": "RetryAction",
    r"\bclass Terms\b": "StepPolicy",
    r"\bvital\b": "required",
    r"\bAnswerers?\b": "Backend",
    r"\bneeds_room\b": "disk_full_hint",
    r"\bGhosts?\b|\bghosts\b": "expired sessions",
    r"\b_lay\b": "erase_expired",
    r"\bclass (Editing|Keeping|Looking|Opened|Forgetting|Moving|Sharing|Researching)\b": "sub-facades",
    r"\bdefused\b": "escape_delimiters",
    r"\bstanding_node\b|\bdef standing\b": "one handler of a vanished record",
    r"\bowner_only\b": "permissions",
    r"\bclose_to_others\b": "restrict_permissions",
    r"\bmake_undroppable\b|\b_never_drop\b": "keep_alive",
    r"\bverbs\.opened\b": "MemoryRuntime",
    r"\bParts\b": "MemoryRuntime",
    r"\bwording\b": "prompt_overrides",
    r"\bsketch\(": "dedup_key",
    r"\bretain\(": "set_retention",
    r"\bsweep\(": "purge",
    r"\bmemory\.of\(": "for_namespace",
    r"\bLivingBM25\b|\bGrowingBM25\b": "IncrementalBM25",
    r"\bwhoever\b": "a plain noun",
    r"\banew\b(?!; empty)": "again",  # but for the form of integrate, a prompt that real models were tried with
}


@pytest.mark.parametrize("pattern", ODD)
def test_no_odd_name_is_left(pattern: str) -> None:
    texts = [*FILES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    texts = [file for file in texts if file.name != "CHANGELOG.md"]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in texts
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == [], f"say {ODD[pattern]}"
