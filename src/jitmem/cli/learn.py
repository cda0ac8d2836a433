"""`jitmem learn`: what is to be learned from a memory's own work."""

from __future__ import annotations

import typer

from . import learn_advantages, learn_evaluate, learn_export, learn_grpo, learn_prompts
from .learn_rollout import EXAMPLES, rollout

app = typer.Typer(
    help="Record how models do the memory's work on tasks, and learn from what it earned.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


app.command(epilog=EXAMPLES, short_help="Run tasks many times, and record every step.")(rollout)
app.command(epilog=learn_advantages.EXAMPLES, short_help="Compare each step with the others of its group.")(
    learn_advantages.advantages
)
app.command(epilog=learn_prompts.EXAMPLES, short_help="Improve the prompts by rewards.")(learn_prompts.prompts)
app.command(epilog=learn_export.EXAMPLES, short_help="Write rollouts as rows for another trainer.")(learn_export.export)
app.command(epilog=learn_grpo.EXAMPLES, short_help="Train a model's weights by rewards.")(learn_grpo.grpo)
app.command(epilog=learn_evaluate.EXAMPLES, short_help="Measure a trained model on longer tasks.")(
    learn_evaluate.evaluate
)
