"""The card's report: Markdown tables of scores, cost, failures and quoted figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .bench_card import REPORT, SCORES, read_config, write_json
from .eval_presets import PRESETS
from .length_tables import render_lengths
from .markdown_tables import format_score, markdown_table
from .scores import AMOUNTS, METRICS
from .summary import ALL, summarize
from .systems.eval_models import OWN_ANSWER

_OFFICIAL = {
    True: ", the official file's",
    False: ", which is not the official file's: a part of it, or another version",
    None: "",
}


def write_report(folder: Path) -> dict[str, Any]:
    """Write scores.json and report.md from the card's answers; returns the summary. Idempotent."""
    made = summarize(folder)
    write_json(folder / SCORES, made)
    (folder / REPORT).write_text(render_report(folder, made), encoding="utf-8")
    return made


def render_report(folder: Path, made: Mapping[str, Any]) -> str:
    told = read_config(folder)
    parts = [
        f"# {told['data']['title']}: bench card",
        _render_run(told, made),
        *_render_failures(made),
        "## Scores",
        "Means in percent ± one standard error of the mean over questions (tokens as they are), then n. A question"
        " without gold evidence, and one that ended in an error, has no score.",
        *_render_scores(told, made),
        *render_lengths(made, _main_metrics(told, made)),
        "## What it took",
        *_render_costs(made),
        *_render_quoted(told),
        "## Metrics",
        "\n".join(f"- `{name}`: {METRICS[name]}" for name in _measured_metrics(told, made)),
        "## How it was run",
        _render_setup(told),
    ]
    pictures = sorted(path.name for path in (folder / "plots").glob("*.png"))
    if pictures:
        parts += ["## Plots", "\n\n".join(f"![{name[:-4]}](plots/{name})" for name in pictures)]
    return "\n\n".join(parts) + "\n"


def _render_run(told: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    data = told["data"]
    models = ", ".join(f"{name} {model}" for name, model in told["models"].items())
    whole = (
        ""
        if made["answered"] == made["questions"]
        else f" **Only {made['answered']} of {made['questions']} are answered.**"
    )
    asked = f"{data['questions']:,} questions on {data['samples']:,} samples of {data['sessions']:,} sessions"
    return (
        f"{asked}, {len(told['setups'])} setups, {told['made'][:10]}."
        f" Models: {models or 'none; rules answer every step'}."
        f"{_render_reader(told['models'].get('reader'))}{whole}"
    )


def _render_reader(reader: str | None) -> str:
    if reader is None:
        return " Nobody reads the contexts, so there are metrics of evidence only."
    if reader == OWN_ANSWER:
        return " The answers are jitmem's own; without a model, a sentence of its evidence, word for word."
    return ""


def _render_failures(made: Mapping[str, Any]) -> list[str]:
    """Questions without an answer, and answers with a failed judge or step."""
    parts = []
    if made["errors"]:
        rows = [[one["step"], one["error"], str(one["n"]), one["message"][:160]] for one in made["errors"]]
        parts += ["## Errors", "These questions have no answer and no score; the same command asks them again."]
        parts.append(markdown_table(["step", "error", "questions", "such as"], rows))
    rows = [
        [name, str(one["unjudged"]), str(one["notes"])]
        for name, one in made["setups"].items()
        if one["unjudged"] or one["notes"]
    ]
    if rows:
        parts += [
            "## Amiss",
            markdown_table(["setup", "answers that the judge failed at", "steps whose model failed"], rows),
        ]
    return parts


def _render_scores(told: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """One table over all setups, then one by category for each metric of the protocol."""
    metrics = _measured_metrics(told, made)
    rows = []
    for name, one in made["setups"].items():
        counts = [values[ALL]["n"] for values in one["scores"].values()]
        cells = [format_score(metric, one["scores"].get(metric, {}).get(ALL)) for metric in metrics]
        n = f"{min(counts)}–{max(counts)}" if counts and min(counts) < max(counts) else str(max(counts, default=0))
        rows.append([name, *cells, n])
    parts = [markdown_table(["setup", *metrics, "n"], rows)]
    for metric in _main_metrics(told, made):
        by = {name: one["scores"].get(metric, {}) for name, one in made["setups"].items()}
        categories = list(dict.fromkeys(category for values in by.values() for category in values))
        if len(categories) < 2:
            continue
        counts = [max(values[c]["n"] for values in by.values() if c in values) for c in categories]
        head = [metric, *(f"{category} ({n})" for category, n in zip(categories, counts, strict=True))]
        parts.append(
            markdown_table(
                head,
                [[name, *(format_score(metric, values.get(c)) for c in categories)] for name, values in by.items()],
            )
        )
    return parts


def _measured_metrics(told: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """Those that were measured, the protocol's first."""
    measured = {metric for one in made["setups"].values() for metric in one["scores"]}
    return [name for name in dict.fromkeys([*told["metrics"], *METRICS]) if name in measured]


def _main_metrics(told: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """The measured shares of the protocol; all measured shares where it has none."""
    shares = [metric for metric in _measured_metrics(told, made) if metric not in AMOUNTS]
    return [metric for metric in shares if metric in told["metrics"]] or shares


def _render_costs(made: Mapping[str, Any]) -> list[str]:
    offline, online = [], []
    for name, one in made["setups"].items():
        before, asked = one["offline"], one["online"]
        # What a stop interrupted has cost more than was counted after it.
        least = "≥ " if before["resumed"] else ""
        spent = f"{least}{before['calls']:,.0f}", f"{least}{_format_tokens(before)}"
        offline.append(
            [name, f"{least}{before['seconds']:.1f}", *spent, f"{least}{_format_dollars(before['dollars'])}"]
        )
        if asked:
            parts = [asked[part] for part in ("system", "reader", "judge")]
            online.append(
                [
                    name,
                    f"{asked['seconds']:.3f}",
                    f"{asked['seconds_p50']:.3f}",
                    f"{asked['seconds_p95']:.3f}",
                    f"{asked['reader_seconds']:.3f}",
                    *(f"{part['calls']:.1f}, {_format_tokens(part)}" for part in parts),
                    _format_dollars(asked["dollars"]),
                ]
            )
    return [
        "Offline, to take all samples in; setups that share what was taken in show the same:",
        markdown_table(["setup", "seconds", "model calls", "tokens in + out", "$"], offline),
        "Online, a question; calls and tokens in + out of each; dollars for all questions:",
        markdown_table(["setup", "seconds", "p50", "p95", "reader s", "system", "reader", "judge", "$"], online),
    ]


def _format_tokens(usage: Mapping[str, Any]) -> str:
    return f"{usage['prompt_tokens']:,.0f} + {usage['completion_tokens']:,.0f}"


def _format_dollars(dollars: float | None) -> str:
    return "not priced" if dollars is None else f"{dollars:.2f}"


def _render_quoted(told: Mapping[str, Any]) -> list[str]:
    """Figures of the papers for this data."""
    rows = [
        [one.system, one.metric, one.value, one.source]
        for preset in PRESETS.values()
        for one in preset.figures
        if one.data == told["data"]["name"]
    ]
    parts = []
    if rows:
        parts += [
            "## Quoted, not run",
            "These stand in the papers. They were not run here: other models, prompts and perhaps other questions.",
            markdown_table(["system", "metric", "value", "source"], rows),
        ]
    if differs := PRESETS[told["preset"]].differences if told["preset"] in PRESETS else ():
        own = PRESETS[told["preset"]]
        reader = f" Its reader: {own.reader}." if own.reader else ""
        parts += [
            f"## The protocol `{own.name}`",
            f"{own.about} ({own.source}).{reader} What differs here: {'; '.join(differs)}.",
        ]
    return parts


def _render_setup(told: Mapping[str, Any]) -> str:
    data, git = told["data"], told["git"]
    seed = "none, questions in order" if told["seed"] is None else told["seed"]
    commit = f"{git['commit']}{' with changes' if git['changed'] else ''}" if git else "no checkout"
    lines = [
        f"command: `{' '.join(told['command'])}`",
        f"data: {data['title']} ({data['licence']}), file `{data['file'] or '(made here)'}`, sha256 {data['sha256'] or '–'}"
        f"{_OFFICIAL[data.get('official')]};"
        f" sessions {data['sessions_sha256'][:16]}, questions {data['questions_sha256'][:16]}",
        f"preset: {told['preset'] or 'none'}; seed: {seed}; questions at once: {told['concurrency']}",
        f"jitmem {told['jitmem']['version']}, package sha256 {told['jitmem']['sha256'][:16]}, commit {commit}",
        f"Python {told['python']} on {told['platform']}",
        f"packages: {', '.join(f'{name} {version}' for name, version in told['packages'].items())}",
    ]
    return "\n".join(f"- {line}" for line in lines)
