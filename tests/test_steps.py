"""The registry of LLM steps: everything that knows the steps reads it, and each has its prompt and its rules."""

from __future__ import annotations

from importlib import import_module, resources
from pathlib import Path

import pytest
from model_server.step_replies import ANSWERS

from jitmem import BadInput, Memory, ModelOptions
from jitmem.learn.rollout_records import ROLES
from jitmem.nodes.steps import STEPS, steps_of
from jitmem.prompt_overrides import default_prompts
from jitmem.testing import ScriptedModel


def test_every_step_has_a_prompt_and_every_prompt_a_step() -> None:
    files = resources.files("jitmem.nodes.llm").joinpath("prompts").iterdir()
    assert {file.name.replace(".small", "") for file in files} == {f"{name}.md" for name in STEPS}


def test_every_step_has_rules_in_the_file_of_its_name() -> None:
    for name in STEPS:
        assert callable(getattr(import_module(f"jitmem.nodes.rules.{name}"), name))


def test_prompts_records_and_the_model_server_know_the_steps_of_the_registry() -> None:
    assert list(default_prompts()) == list(ROLES) == list(STEPS)
    assert set(ANSWERS.values()) == set(STEPS)
    assert (*steps_of("memorizer"), *steps_of("researcher", "reader")) == tuple(STEPS)


@pytest.mark.parametrize(
    ("option", "steps"),
    [
        ("model", steps_of("memorizer", "researcher", "reader")),
        ("memorizer_model", steps_of("memorizer")),
        ("researcher_model", steps_of("researcher", "reader")),
    ],
)
def test_a_model_answers_the_steps_of_its_role(folder: Path, option: str, steps: tuple[str, ...]) -> None:
    model = ScriptedModel(lines={})
    options = {"model": model} if option == "model" else {"model_options": ModelOptions(**{option: model})}
    with Memory.open(folder, **options) as memory:  # type: ignore[arg-type]
        assert tuple(memory._runtime.backends.by_step) == steps


def test_a_step_that_is_not_in_the_registry_is_named_with_those_that_are(folder: Path) -> None:
    with pytest.raises(BadInput, match="no step 'dream'; there are memorize, curate, plan"):
        Memory.open(folder, model_options=ModelOptions(step_models={"dream": ScriptedModel(lines={})}))
