PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLOOR := .venv-floor
AUDIT := .venv-audit
TRAIN := .venv-train
SCHEMATHESIS := .venv-schemathesis
TORCH ?= torch
PYTEST = -m pytest -n auto --dist worksteal
# Graphs, models, tools and agents: what another version of LangChain or LangGraph could break.
TOUCHING = import seam effort researcher models model_failure prompts memory_tools curate middleware two_hundred_turns \
           retriever base_store community mcp testing_scripted testing_recorded cli
MINUTES ?= 60
ROUNDS ?= 1000
# CONSTRAINTS=requirements-ci.txt takes the versions of that file instead of the newest.
CONSTRAINTS ?=
INSTALL = $(BIN)/python -m pip install -q --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))
FOLDERS := src graphs nodes tools stores integrations evals learn

.DEFAULT_GOAL := help
.PHONY: help demo studio test test-days test-model test-rest test-floor lint check eval-small train-small torture torture-postgres soak fuzz pictures site licences lock audit clean always

help:  ## list what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/.installed  ## keep a sample history and research six questions, without a key or a download
	@$(BIN)/jitmem demo

studio: $(VENV)/.installed-studio  ## serve the graphs and a chat agent to LangGraph Studio, without a key
	@LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=1 $(BIN)/langgraph dev --no-reload

test: $(VENV)/.installed-test  ## run every test, with the newest packages
	$(BIN)/python $(PYTEST)

test-days: $(VENV)/.installed-test  ## run what a clock could decide on ten days and in four time zones (needs libfaketime)
	PYTHONPATH=tests $(BIN)/python -m days $(TESTS)

test-model: $(VENV)/.installed-test  ## ask a real server: MODEL=openai:NAME BASE_URL=http://…/v1 (needs minutes)
	MODEL="$(MODEL)" BASE_URL="$(BASE_URL)" $(BIN)/python -m pytest -v -rs tests/test_real_model.py

test-rest: $(VENV)/.installed-test $(SCHEMATHESIS)/.installed  ## send the REST server what its OpenAPI schema allows, made at random
	$(BIN)/python -m pytest -rs tests/test_rest_schemathesis.py

test-floor: $(FLOOR)/.installed  ## run what touches LangChain and LangGraph, with the oldest packages that are allowed
	$(FLOOR)/bin/python $(PYTEST) $(TOUCHING:%=tests/test_%.py)

lint: $(VENV)/.installed-dev  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p jitmem

check: lint test  ## everything that must hold before a commit

eval-small: $(VENV)/.installed  ## see that evidence recall on small data of our own is not below its baseline
	$(BIN)/python -m jitmem.evals.small

train-small: $(TRAIN)/.installed  ## train a tiny model from nothing: imitation, then rewards, three seeds (half an hour)
	OMP_NUM_THREADS=1 $(TRAIN)/bin/python benchmarks/train_small.py --out build/train-small --docs docs

torture: $(VENV)/.installed  ## kill writers ROUNDS=1000 times and cut their power, and see that nothing is lost
	PYTHONPATH=tests $(BIN)/python -m torture --rounds $(ROUNDS)

torture-postgres: $(VENV)/.installed-test  ## kill writers and a PostgreSQL server 60 times, and see that nothing is lost
	PYTHONPATH=tests $(BIN)/python -m torture.postgres

soak: $(VENV)/.installed  ## work a memory hard for MINUTES=60, and see that it stays as it was
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

fuzz: $(VENV)/.installed-dev  ## pass it everything that can be passed for MINUTES=60, led by coverage
	$(BIN)/python benchmarks/fuzz.py --minutes $(MINUTES)

pictures: $(VENV)/.installed-test  ## take the pictures in the documentation: the inspector, flowcharts (needs chromium and npm)
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/make_flowcharts.py

site: $(VENV)/.installed-docs  ## make the documentation a site in build/site; a link that leads nowhere is an error
	$(BIN)/python -m sphinx -E -W --keep-going -q -c docs/site -d build/site-doctrees . build/site

licences: $(VENV)/.installed-dev  ## list the licence of every package that jitmem and its extras bring
	PYTHONPATH=tests $(BIN)/python -m licences

lock: $(VENV)/.installed-dev  ## write the versions that are installed here into requirements-ci.txt
	PYTHONPATH=tests $(BIN)/python -m licences --pins > requirements-ci.new
	mv requirements-ci.new requirements-ci.txt

audit:  ## ask for known vulnerabilities of the versions in requirements-ci.txt (needs the network)
	@test -x $(AUDIT)/bin/pip-audit || ($(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/python -m pip install -q --disable-pip-version-check pip-audit)
	$(AUDIT)/bin/pip-audit --requirement requirements-ci.txt --no-deps --disable-pip

clean:  ## remove the environment, the demo's memory and what tools leave behind
	rm -rf $(VENV) $(FLOOR) $(AUDIT) $(TRAIN) $(SCHEMATHESIS) build dist *.egg-info demo-memory .mypy_cache .ruff_cache .pytest_cache .hypothesis
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

$(VENV)/.installed-docs: pyproject.toml $(VENV)/.modules
	@echo "Installing jitmem and what makes the documentation a site into $(VENV) …"
	@$(INSTALL) -e ".[docs]"
	@touch $(VENV)/.installed $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.modules
	@echo "Installing jitmem and its development tools into $(VENV) …"
	@$(INSTALL) -e ".[dev]" --config-settings editable_mode=strict
	@touch $(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-docs $@

# On Linux, plain `torch` comes with several gigabytes for graphics cards. TORCH=torch==2.13.0 takes the file of that
# version which pip is configured to find, such as one for processors alone.
$(TRAIN)/.installed: pyproject.toml
	@echo "Installing jitmem and what trains into $(TRAIN) …"
	@test -x $(TRAIN)/bin/python || $(PYTHON) -m venv $(TRAIN)
	@$(TRAIN)/bin/python -m pip install -q --disable-pip-version-check "$(TORCH)"
	@$(TRAIN)/bin/python -m pip install -q --disable-pip-version-check -e ".[train,plots]"
	@touch $@

# In an environment of its own: it needs another jsonschema-rs than LangGraph's server.
$(SCHEMATHESIS)/.installed:
	@test -x $(SCHEMATHESIS)/bin/python || $(PYTHON) -m venv $(SCHEMATHESIS)
	@$(SCHEMATHESIS)/bin/python -m pip install -q --disable-pip-version-check "schemathesis>=4.32,<5"
	@touch $@

# pip always takes the newest; uv knows how to take the oldest of what is named here, and the newest of what that needs.
$(FLOOR)/.installed: pyproject.toml
	@echo "Installing jitmem with the oldest packages that it allows into $(FLOOR) …"
	@test -x $(FLOOR)/bin/python || $(PYTHON) -m venv $(FLOOR)
	@$(FLOOR)/bin/python -m pip install -q --disable-pip-version-check uv
	@$(FLOOR)/bin/uv pip install -q --python $(FLOOR)/bin/python --resolution lowest-direct --upgrade -e ".[test]"
	@touch $@
