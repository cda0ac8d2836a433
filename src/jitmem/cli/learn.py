"""`jitmem learn`: what is to be learned from a memory's own work."""

from __future__ import annotations

import typer

from . import learn_advantages, learn_evaluate, learn_export, learn_grpo, learn_prompts, learn_rollout
from .settings import BenchCommand, JitmemCommand

app = typer.Typer(
    help="Record how models do the memory's work on tasks, and learn from what it earned.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


for function, summary, examples, kind in (
    (learn_rollout.rollout, "Run tasks many times, and record every step.", learn_rollout.EXAMPLES, BenchCommand),
    (learn_advantages.advantages, "Compare each step with its group.", learn_advantages.EXAMPLES, JitmemCommand),
    (learn_prompts.prompts, "Improve the prompts by rewards.", learn_prompts.EXAMPLES, BenchCommand),
    (learn_export.export, "Write rollouts as rows for another trainer.", learn_export.EXAMPLES, JitmemCommand),
    (learn_grpo.grpo, "Train a model's weights by rewards.", learn_grpo.EXAMPLES, JitmemCommand),
    (learn_evaluate.evaluate, "Measure a trained model on longer tasks.", learn_evaluate.EXAMPLES, JitmemCommand),
):
    app.command(cls=kind, epilog=examples, short_help=summary)(function)
