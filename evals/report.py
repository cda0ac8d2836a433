"""The card's report: Markdown tables of scores, cost, failures and quoted figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .bench_card import REPORT, SCORES, read_config
from .eval_presets import PRESETS
from .jsonl_log import write_json
from .scores import AMOUNTS, METRICS
from .summary import ALL, summarize
from .systems.setups import OWN_ANSWER

_OFFICIAL = {
    True: ", the official file's",
    False: ", which is not the official file's: a part of it, or another version",
    None: "",
}
_READER_NOTES = {
    None: " No model reads the contexts, so there are metrics of evidence only.",
    OWN_ANSWER: " The answers are jitmem's own; without a model, a sentence of its evidence, word for word.",
}


def write_report(folder: Path) -> dict[str, Any]:
    """Write scores.json and report.md from the card's answers; returns the summary. Idempotent."""
    summary = summarize(folder)
    write_json(folder / SCORES, summary)
    (folder / REPORT).write_text(render_report(folder, summary), encoding="utf-8")
    return summary


def render_report(folder: Path, summary: Mapping[str, Any]) -> str:
    config = read_config(folder)
    metrics = measured_metrics([*config["metrics"], *METRICS], summary)
    shares = [metric for metric in metrics if metric not in AMOUNTS]
    main = [metric for metric in shares if metric in config["metrics"]] or shares
    parts = [
        f"# {config['data']['title']}: bench card",
        _render_run(config, summary),
        *_render_failures(summary),
        "## Scores",
        "Means in percent ± one standard error of the mean over questions (tokens as they are), then n. A question"
        " without gold evidence, and one that ended in an error, has no score.",
        *_render_scores(summary, metrics, main),
        *_render_lengths(summary, main),
        "## What it took",
        *_render_costs(summary),
        *_render_quoted(config),
        "## Metrics",
        "\n".join(f"- `{name}`: {METRICS[name]}" for name in metrics),
        "## How it was run",
        _render_setup(config),
    ]
    pictures = sorted(path.name for path in (folder / "plots").glob("*.png"))
    if pictures:
        parts += ["## Plots", "\n\n".join(f"![{name[:-4]}](plots/{name})" for name in pictures)]
    return "\n\n".join(parts) + "\n"


def _render_run(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    data = config["data"]
    models = ", ".join(f"{name} {model}" for name, model in config["models"].items())
    answered, questions = summary["answered"], summary["questions"]
    whole = "" if answered == questions else f" **Only {answered} of {questions} are answered.**"
    counts = f"{data['questions']:,} questions on {data['samples']:,} samples of {data['sessions']:,} sessions"
    return (
        f"{counts}, {len(config['setups'])} setups, {config['made'][:10]}."
        f" Models: {models or 'none; rules answer every step'}."
        f"{_READER_NOTES.get(config['models'].get('reader'), '')}{whole}"
    )


def _render_failures(summary: Mapping[str, Any]) -> list[str]:
    """Questions without an answer, and answers with a failed judge or step."""
    parts = []
    if summary["errors"]:
        rows = [[one["step"], one["error"], str(one["n"]), one["message"][:160]] for one in summary["errors"]]
        parts += ["## Errors", "These questions have no answer and no score; the same command asks them again."]
        parts.append(markdown_table(["step", "error", "questions", "such as"], rows))
    faults = {name: (one["unjudged"], one["notes"]) for name, one in summary["setups"].items()}
    if rows := [[name, *map(str, counts)] for name, counts in faults.items() if any(counts)]:
        head = ["setup", "answers that the judge failed at", "steps whose model failed"]
        parts += ["## Amiss", markdown_table(head, rows)]
    return parts


def _render_scores(summary: Mapping[str, Any], metrics: Sequence[str], main: Sequence[str]) -> list[str]:
    """One table over all setups, then one by category for each of the main metrics."""
    rows = []
    for name, one in summary["setups"].items():
        counts = [values[ALL]["n"] for values in one["scores"].values()]
        cells = [format_score(metric, one["scores"].get(metric, {}).get(ALL)) for metric in metrics]
        n = f"{min(counts)}–{max(counts)}" if counts and min(counts) < max(counts) else str(max(counts, default=0))
        rows.append([name, *cells, n])
    parts = [markdown_table(["setup", *metrics, "n"], rows)]
    for metric in main:
        by = {name: one["scores"].get(metric, {}) for name, one in summary["setups"].items()}
        counts_by: dict[str, int] = {}
        for category, score in ((category, score) for values in by.values() for category, score in values.items()):
            counts_by[category] = max(counts_by.get(category, 0), score["n"])
        if len(counts_by) > 1:
            head = [f"{category} ({n})" for category, n in counts_by.items()]
            parts.append(_score_table(metric, head, list(counts_by), by))
    return parts


def _score_table(metric: str, head: Sequence[str], keys: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each of `rows`, whose values at `keys` are means with errors."""
    cells = [[name, *(format_score(metric, values.get(key)) for key in keys)] for name, values in rows.items()]
    return markdown_table([metric, *head], cells)


def _render_lengths(summary: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    """RULER's tables, scores and seconds by family and length; [] for texts without lengths."""
    by = {
        f"{name}, {family}": own
        for name, one in summary["setups"].items()
        for family, own in (one.get("lengths") or {}).items()
    }
    lengths = sorted({tokens for own in by.values() for tokens in own}, key=int)
    if not lengths:
        return []
    head = [f"{int(tokens):,} tokens" for tokens in lengths]
    parts = ["## By length"]
    for metric in metrics:
        scores = {row: {tokens: one["scores"].get(metric) for tokens, one in own.items()} for row, own in by.items()}
        if found := {row: own for row, own in scores.items() if any(own.values())}:
            parts.append(_score_table(metric, head, lengths, found))
    rows = [[row, *(_format_seconds(own.get(tokens)) for tokens in lengths)] for row, own in by.items()]
    return [*parts, markdown_table(["seconds: to file a text, to answer", *head], rows)]


def _format_seconds(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "–"
    filing = "–" if one["offline"] is None else f"{one['offline']['mean']:.2f}"
    return f"{filing}, {one['online']['mean']:.3f}"


def measured_metrics(names: Iterable[str], summary: Mapping[str, Any]) -> list[str]:
    """Those of the names that a setup has a score for, each once, in their order."""
    measured = {metric for one in summary["setups"].values() for metric in one["scores"]}
    return [name for name in dict.fromkeys(names) if name in measured]


def _render_costs(summary: Mapping[str, Any]) -> list[str]:
    offline, online = [], []
    for name, one in summary["setups"].items():
        filing, asking = one["offline"], one["online"]
        cells = [f"{filing['seconds']:.1f}", f"{filing['calls']:,.0f}", _format_tokens(filing)]
        # An interrupted preparation has cost more than was counted after it.
        least = "≥ " if filing["resumed"] else ""
        offline.append([name, *(least + cell for cell in (*cells, _format_dollars(filing["dollars"])))])
        if asking:
            seconds = [f"{asking[part]:.3f}" for part in ("seconds", "seconds_p50", "seconds_p95", "reader_seconds")]
            models = [asking[part] for part in ("system", "reader", "judge")]
            usages = [f"{part['calls']:.1f}, {_format_tokens(part)}" for part in models]
            online.append([name, *seconds, *usages, _format_dollars(asking["dollars"])])
    return [
        "Offline, to file all samples; setups that share a memory show the same:",
        markdown_table(["setup", "seconds", "model calls", "tokens in + out", "$"], offline),
        "Online, a question; calls and tokens in + out of each; dollars for all questions:",
        markdown_table(["setup", "seconds", "p50", "p95", "reader s", "system", "reader", "judge", "$"], online),
        *_render_steps(summary),
    ]


def _render_steps(summary: Mapping[str, Any]) -> list[str]:
    """How often the system's model answered a step with its first reply, and what the step took; [] without a model."""
    setups = summary["setups"]
    filing = max(setups.values(), key=lambda one: len(one["filing_steps"]), default=None)
    groups = {f"filing: {step}": own for step, own in (filing["filing_steps"] if filing else {}).items()}
    groups |= {f"{name}: {step}": own for name, one in setups.items() for step, own in one["steps"].items()}
    replaced = max((one["replaced"] for one in setups.values()), default=0)
    notes = [f"While filing, rules answered {replaced} times in the model's place."] if replaced else []
    if not groups:
        return notes
    rows = []
    for name, own in groups.items():
        tokens = f"{_format_tokens(own)} ({own['cached_tokens']:,.0f} cached)"
        first = f"{100 * own['first_try']:.1f}"
        rows.append([name, f"{own['asked']:.0f}", first, f"{own['calls']:.2f}", tokens, f"{own['seconds']:.1f}"])
    head = ["step", "asked", "answered by the first reply, %", "calls", "tokens in + out", "seconds"]
    return ["Model calls, by step; means for each time that it was asked:", markdown_table(head, rows), *notes]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, the others to the right. A `|` in a cell would end the cell, so it becomes `/`."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in line)} |" for line in lines)


def format_score(metric: str, value: Mapping[str, Any] | None) -> str:
    """`83.2 ± 1.1`; `–` for what was not measured."""
    if value is None:
        return "–"
    scale = 1 if metric in AMOUNTS else 100
    error = "" if value["se"] is None else f" ± {scale * value['se']:.1f}"
    return f"{scale * value['mean']:.1f}{error}"


def _format_tokens(usage: Mapping[str, Any]) -> str:
    return f"{usage['prompt_tokens']:,.0f} + {usage['completion_tokens']:,.0f}"


def _format_dollars(dollars: float | None) -> str:
    return "not priced" if dollars is None else f"{dollars:.2f}"


def _render_quoted(config: Mapping[str, Any]) -> list[str]:
    """Figures of the papers for this data."""
    rows = [
        [system, metric, value, preset.source]
        for preset in PRESETS.values()
        for data, metric, value, system in preset.figures
        if data == config["data"]["name"]
    ]
    parts = []
    if rows:
        parts += [
            "## Quoted, not run",
            "These stand in the papers. They were not run here: other models, prompts and perhaps other questions.",
            markdown_table(["system", "metric", "value", "source"], rows),
        ]
    own = PRESETS.get(config["preset"])
    if own and own.differences:
        parts += [
            f"## The protocol `{own.name}`",
            f"{own.about} ({own.source}).{f' Its reader: {own.reader}.' if own.reader else ''}"
            f" What differs here: {'; '.join(own.differences)}.",
        ]
    return parts


def _render_setup(config: Mapping[str, Any]) -> str:
    data, git = config["data"], config["git"]
    seed = "none, questions in order" if config["seed"] is None else config["seed"]
    commit = f"{git['commit']}{' with changes' if git['changed'] else ''}" if git else "no checkout"
    lines = [
        f"command: `{' '.join(config['command'])}`",
        f"data: {data['title']} ({data['licence']}), file `{data['file'] or '(made here)'}`, sha256 {data['sha256'] or '–'}"
        f"{_OFFICIAL[data.get('official')]};"
        f" sessions {data['sessions_sha256'][:16]}, questions {data['questions_sha256'][:16]}",
        f"preset: {config['preset'] or 'none'}; seed: {seed}; questions at once: {config['concurrency']}",
        f"jitmem {config['jitmem']['version']}, package sha256 {config['jitmem']['sha256'][:16]}, commit {commit}",
        f"Python {config['python']} on {config['platform']}",
        f"packages: {', '.join(f'{name} {version}' for name, version in config['packages'].items())}",
    ]
    return "\n".join(f"- {line}" for line in lines)
