"""Protocols by name: how a paper measured, as data with its source, and its figures, quoted beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

from ..stores.errors import BadInput
from .systems.setups import Setup

GAM = "Yan et al., General Agentic Memory Via Deep Research, arXiv:2511.18423"
MEM_ALPHA = "Wang et al., Mem-α: Learning Memory Construction via Reinforcement Learning, arXiv:2509.25911"


@dataclass(frozen=True, slots=True)
class EvalPreset:
    """`setup` configures jitmem; `metrics` are those shown first, by data set ("" for any other). `reader` is what the
    paper answered with; here the reader is the model that the user names, with our prompt. `figures` are the paper's,
    `(data, metric, value, system)`: not run here, and with another reader, other prompts, perhaps other questions."""

    name: str
    about: str
    source: str
    setup: Setup
    metrics: Mapping[str, tuple[str, ...]]
    reader: str = ""
    figures: tuple[tuple[str, str, str, str], ...] = ()
    differences: tuple[str, ...] = ()

    def metrics_for(self, data: str) -> tuple[str, ...]:
        """The metrics that are shown first for a data set."""
        return self.metrics.get(data) or self.metrics[""]


_EVIDENCE = ("evidence_recall", "page_recall")
_DEFAULT_METRICS = {
    "locomo": ("locomo_f1", "bleu1", *_EVIDENCE),
    "hotpotqa": ("f1", "exact_match", *_EVIDENCE),
    "musique": ("f1", "exact_match", *_EVIDENCE),
    "narrativeqa": ("f1", "rouge_l"),
    "ruler": ("substring_match", *_EVIDENCE),
    "longmemeval": ("judge", *_EVIDENCE, "messages_touched"),
    "world": ("messages_touched", "right_day"),
    "memoryagentbench": ("substring_match", "exact_match", "judge"),
    "beam": ("judge", "messages_touched"),
    "": ("f1", *_EVIDENCE),
}


_PRESETS = (
    EvalPreset(
        name="jitmem",
        about="jitmem as it comes: three rounds, all searches, passages up to 2,000 tokens",
        source="",
        setup=Setup(depth=3, context_tokens=2000),
        metrics=_DEFAULT_METRICS,
    ),
    EvalPreset(
        name="gam",
        about="GAM's protocol: pages of 2,048 tokens, three rounds, five pages, the integration as context",
        source=GAM,
        setup=Setup(effort="deep", depth=3, pages=5, output="integration", page_tokens=2048, curate=False),
        metrics={**_DEFAULT_METRICS, "ruler": ("substring_match",)},
        reader="GPT-4o-mini and Qwen2.5-14B-Instruct, each also as Memorizer and Researcher",
        figures=(
            ("locomo", "f1", "53.75", "GAM, GPT-4o-mini"),
            ("locomo", "bleu1", "47.51", "GAM, GPT-4o-mini"),
            ("locomo", "f1", "52.70", "GAM, Qwen2.5-14B"),
            ("locomo", "bleu1", "46.55", "GAM, Qwen2.5-14B"),
            ("locomo", "f1", "45.10", "the best of its baselines"),
            ("hotpotqa", "f1", "63.22 / 64.56 / 59.81", "GAM at 56K / 224K / 448K"),
            ("ruler", "accuracy", "97.7 / 93.2 / 42.5 / 72.5", "GAM at 128K: retrieval / multi-hop / aggregation / QA"),
            ("narrativeqa", "f1", "36.86", "GAM"),
            ("hotpotqa", "seconds offline / online", "56.9 / 12.4", "GAM at 56K"),
            ("hotpotqa", "seconds offline / online", "209.7 / 0.5", "A-Mem at 56K, as GAM's authors ran it"),
            ("hotpotqa", "seconds offline / online", "37.4 / 0.15", "Mem0 at 56K, as GAM's authors ran it"),
        ),
        differences=(
            "our prompts, ours for the reader too",
            "jitmem's pages end with their session; GAM cuts a long input every 2,048 tokens",
            "dense retrieval is by the embeddings that are named, GAM's by BGE-M3",
        ),
    ),
    EvalPreset(
        name="mem-alpha",
        about="Mem-α's protocol: what was written of the sessions (core, semantic, episodic) answers, not the pages",
        source=MEM_ALPHA,
        setup=Setup(system="memory-only"),
        metrics=_DEFAULT_METRICS,
        reader="Qwen3-32B with BM25 over the memories; Mem-α is Qwen3-4B, trained",
        figures=(
            ("memoryagentbench", "average", ".592", "Mem-α"),
            ("memoryagentbench", "average", ".502", "RAG-Top2"),
            ("memoryagentbench", "average", ".461", "long context"),
            ("validation", "average", ".642", "Mem-α, with 7.9k tokens of memory"),
            ("validation", "average", ".389", "the same without training"),
            ("validation", "average", ".517", "gpt-4.1-mini"),
        ),
        differences=("memos stand beside the items", "our prompts", "as much as fits into 2,000 tokens is shown"),
    ),
)
PRESETS: Mapping[str, EvalPreset] = {preset.name: preset for preset in _PRESETS}

_SEARCHES = ("keyword", "vector", "page_id")
TOOLS = tuple(tools for size in (1, 2, 3) for tools in combinations(_SEARCHES, size))
"""Every set of one, two and three searches, as GAM's ablation has them."""

ABLATIONS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "tools": {"tools": TOOLS},
    "depth": {"depth": (1, 2, 3, 4, 5)},
    "pages": {"pages": (3, 5, 10, 15, 20)},
    "output": {"output": ("integration", "snippets", "pages")},
    "effort": {"effort": ("recall", "fast", "deep")},
    "memos": {"memos": (True, False)},
    "curate": {"curate": (True, False)},
    "context": {"context_tokens": (500, 1000, 2000, 4000)},
    "modules": {"system": ("research", "memory-only", "recall")},
    "baselines": {
        "system": ("research", "recall", "memory-only", "whole-history", "rag-bm25", "rag-vector", "rag-hybrid")
    },
}
"""Ablations of the papers, and ours, by name: one part is varied, the rest stays as set."""


def get_preset(name: str) -> EvalPreset:
    """`BadInput` for an unknown name."""
    if name not in PRESETS:
        raise BadInput(f"There is no preset {name!r}; there are: {', '.join(PRESETS)}.")
    return PRESETS[name]


def setup_grid(setup: Setup, varied: Mapping[str, Sequence[Any]]) -> tuple[Setup, ...]:
    """One setup for each combination of the values, each once; `BadInput` for names that `Setup` does not have."""
    known = set(Setup.__dataclass_fields__)
    if unknown := set(varied) - known:
        raise BadInput(f"{', '.join(sorted(unknown))}: a setup has no such part; it has {', '.join(sorted(known))}.")
    setups = [replace(setup, **dict(zip(varied, values, strict=True))) for values in product(*varied.values())]
    return tuple({one.name: one for one in setups}.values())


def ablation_setups(names: Sequence[str], setup: Setup) -> tuple[Setup, ...]:
    """The setups of the named ablations, not crossed; each once."""
    if unknown := [name for name in names if name not in ABLATIONS]:
        raise BadInput(f"There is no ablation {unknown[0]!r}; there are: {', '.join(ABLATIONS)}.")
    return tuple({one.name: one for name in names for one in setup_grid(setup, ABLATIONS[name])}.values())
