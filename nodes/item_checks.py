"""Check the memory tools' calls that a model drew from a page, and complete those that are usable."""

from __future__ import annotations

from ..stores.errors import BadInput
from ..stores.records import Edit, Outcome
from ..stores.times import parse_time
from .curate import Call, CurateQuestion, Curation
from .curate_prompt import describe_item
from .evidence import cite
from .grounding import foreign_terms, is_about_the_prompt, is_placeholder, list_words, whole_sentences
from .llm.output_forms import LONGEST_ARGUMENT
from .support import best_support, line_of

_LEAST_SUPPORT = 0.6  # of the words of a new item, those that one place of the page holds


def check_calls(question: CurateQuestion, answer: Curation) -> str:
    """What is wrong with most of the calls, as one sentence for the model that made them; "" where most are usable."""
    problems = [problem for call in answer.calls if (problem := find_problem(question, call))]
    return problems[0] if len(problems) * 2 > len(answer.calls) else ""


def find_problem(question: CurateQuestion, call: Call) -> str:
    """Why the content of a call cannot be kept: it is a placeholder, or says what neither the page nor what is
    remembered holds; "" for a good one."""
    content = call.args.get("content")
    if not isinstance(content, str) or not content.strip():
        return ""  # the editor answers it
    if is_placeholder(content):
        return "The content of a call is a word of the form. Write what the page says, or make no call."
    if is_about_the_prompt(content) and not is_about_the_prompt(question.text):
        return "The content of a call speaks of the page. Write who did what, by name, or make no call."
    merges = call.name == "memory_update" or call.args.get("kind") == "core"
    held = [question.core, *map(describe_item, question.items)] if merges or not question.verbatim else []
    if foreign := foreign_terms(content, question.page.header, question.text, *held):
        return f"The page does not name {list_words(foreign)}. Write only what the page says."
    if question.verbatim and not merges and best_support(content, question.text) < _LEAST_SUPPORT:
        return "No line of the page says what a call says. Write only what the page says, or make no call."
    return ""


def reject(call: Call, problem: str) -> Outcome:
    """The outcome of a call whose content cannot be kept."""
    edit = Edit(op="insert", kind=str(call.args.get("kind", "")), content=call.args["content"], cause="memorizer")
    return Outcome("rejected", edit, problem)


def complete_call(question: CurateQuestion, call: Call) -> Call:
    """The call as it was meant: an event without a date of its own has its page's, an update that names no item is an
    insert, and an insert of a core paragraph changes the one that there is."""
    args = {name: value for name, value in call.args.items() if value not in ("", None)}
    if isinstance(args.get("content"), str):
        args["content"] = _with_speaker(question, _without_cut(args["content"]))
    name = call.name
    if args.get("kind") == "core":
        args.pop("id", None)
        if name == "memory_insert" and question.core:
            name = "memory_update"
    elif name == "memory_update" and "id" not in args and args.get("content"):
        name = "memory_insert"
    if name == "memory_insert":
        args.pop("id", None)
        if args.get("kind") == "episodic" and question.page.time and not _is_time(args.get("time")):
            args["time"] = question.page.time.isoformat()
    if args.get("kind") != "episodic" and "time" in args and not _is_time(args["time"]):
        del args["time"]
    return Call(name=name, args=args)


def _without_cut(content: str) -> str:
    """The whole sentences of a content that a grammar has cut off at its bound."""
    return whole_sentences(content, len(content)) if len(content) == LONGEST_ARGUMENT else content


def _with_speaker(question: CurateQuestion, content: str) -> str:
    """`Ben: I sold the van.` with the speaker who said it, where it is a sentence of the page that another said."""
    text = question.page.text
    name, colon, sentence = content.partition(": ")
    lines = [line.partition(": ") for line in text.splitlines()]
    of_name = [said for speaker, _, said in lines if speaker == name]
    found = cite(question.page, sentence) if colon and of_name and len(sentence.split()) > 2 else None
    if found is None or any(found.quote in said for said in of_name):
        return content
    speaker, colon, _ = line_of(text, found.start, found.end).partition(": ")
    return f"{speaker}: {sentence}" if colon and speaker in question.page.header else content


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and parse_time(value) is not None
    except BadInput:
        return False
