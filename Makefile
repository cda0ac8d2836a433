PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install -q --disable-pip-version-check
FOLDERS := src graphs nodes tools stores integrations evals

.DEFAULT_GOAL := help
.PHONY: help demo studio test lint check clean always

help:  ## list what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.installed  ## keep a sample history and research six questions, without a key or a download
	@$(BIN)/jitmem demo

studio: $(VENV)/.installed-studio  ## serve the graphs and a chat agent to LangGraph Studio, without a key
	@LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=1 $(BIN)/langgraph dev --no-reload

test: $(VENV)/.installed-test  ## run every test
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p jitmem

check: lint test  ## everything that must hold before a commit

clean:  ## remove the environment, the demo's memory and what tools leave behind
	rm -rf $(VENV) build dist *.egg-info demo-memory .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@echo "Making $(VENV) with $(PYTHON) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "jitmem needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

# A stamp is as old as its installation. That is repeated when pyproject.toml changes, or when a module comes or goes:
# a strict installation, which mypy needs to find the folders, links file by file.
$(VENV)/.modules: always | $(BIN)/python
	@find $(FOLDERS) -name '*.py' | sort > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(VENV)/.installed: pyproject.toml $(VENV)/.modules
	@echo "Installing jitmem into $(VENV) (a minute or two, the first time) …"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.modules
	@echo "Installing jitmem and what its tests need into $(VENV) …"
	@$(INSTALL) -e ".[test]"
	@touch $(VENV)/.installed $@

$(VENV)/.installed-studio: pyproject.toml $(VENV)/.modules
	@echo "Installing jitmem and LangGraph's development server into $(VENV) …"
	@$(INSTALL) -e ".[studio]"
	@touch $(VENV)/.installed $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.modules
	@echo "Installing jitmem and its development tools into $(VENV) …"
	@$(INSTALL) -e ".[dev]" --config-settings editable_mode=strict
	@touch $(VENV)/.installed $(VENV)/.installed-test $@
