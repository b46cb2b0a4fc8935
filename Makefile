# The two commands of the README are `make demo` and `make test`; the rest is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test check format docs bench tools prove wheel clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.app  ## Install, then judge four small models trained on the spot
	$(BIN)/lexgate demo

test: $(VENV)/.dev  ## Install the developer's tools, then run the whole test suite
	$(BIN)/pytest

check: $(VENV)/.dev  ## Lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev  ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev  ## Regenerate docs/cli.md from the commands themselves
	$(BIN)/python -m lexgate.app.reference docs/cli.md

bench: $(VENV)/.dev  ## Measure start-up, the main job, rules, the language, critics
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/main_job.py
	$(BIN)/python benchmarks/composed.py
	$(BIN)/python benchmarks/language.py
	$(BIN)/python benchmarks/critic.py
	$(BIN)/python benchmarks/critic_http.py
	$(BIN)/python benchmarks/light_critics.py

tools:  ## Make the environments that compile targets are checked in: other tools, other Pythons
	sh .ci/tools
	sh .ci/pythons

prove: $(VENV)/.dev  ## The proofs too long for every test run
	$(BIN)/pytest -m prove
	LEXGATE_PROVE=1 $(BIN)/pytest tests/gates/test_never_pass.py

wheel: $(VENV)/.dev  ## Build the wheel, install it alone in an empty environment, and run the main job from it
	sh .ci/wheel-alone

clean:  ## Remove environments and build output
	rm -rf $(VENV) .venv-deepeval .venv-inspect .venv-promptfoo .venv-3.12 .venv-3.13 dist build

# torch first and by exact version: see constraints.txt.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	touch $@

$(VENV)/.app: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) --editable '.[all]'
	touch $@

$(VENV)/.dev: $(VENV)/.app
	$(PIP) --editable '.[dev]'
	touch $@
