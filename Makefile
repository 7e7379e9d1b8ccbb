# `make help` lists the targets. Everything runs in .venv, which is made from the lock.
#
# Variables: PYTHON (default: the first of python3.12, python3.11, python3 that is 3.11 or 3.12),
# ARGS (more arguments for pytest), WORKERS (processes that run tests side by side, default 2),
# UPGRADE=1 (make locks takes newer releases).

PYTHON ?=
export PYTHON
ARGS ?=
WORKERS ?= 2
UPGRADE ?=
BIN := .venv/bin
JUNIT := .harness/junit
ACTIONLINT := v1.7.12

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help scenarios test engine lint types unit locks images actionlint venv scenarios-2.11 test-engine

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

scenarios: images ## run every scenario and end in a table: the main job
	@$(BIN)/python -m pytest scenarios -n $(WORKERS) --junitxml=$(JUNIT)/scenarios-airflow-3.3.xml $(ARGS)

test: test-engine lint actionlint types unit scenarios scenarios-2.11 ## run the whole test suite, on both Airflow lines

engine: ## get a Docker engine where none answers (Debian or Ubuntu, as root)
	@tools/engine start

lint: venv ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv ## mypy
	@$(BIN)/mypy

unit: images ## the tests of the harness itself
	@$(BIN)/python -m pytest tests -n $(WORKERS) --junitxml=$(JUNIT)/unit.xml $(ARGS)

scenarios-2.11: images
	@$(BIN)/tox run -e airflow-2.11 -- -n $(WORKERS) --junitxml=$(JUNIT)/scenarios-airflow-2.11.xml $(ARGS)

images: venv ## pull or build every image, where it is not present
	@$(BIN)/python -m harness images --get

# Pins that a lock has are kept, so that this changes nothing until an input changes (or UPGRADE=1).
locks: venv ## write the locks from pyproject.toml and every requirements.in
	@for airflow in 3.3 2.11; do \
	    $(COMPILE) --extra airflow --extra chapter --extra dev \
	        pyproject.toml requirements/airflow-$$airflow.in -o requirements/airflow-$$airflow.txt || exit; \
	done
	@find dags harness scenarios -name requirements.in | while read -r input; do \
	    $(COMPILE) "$$input" -o "$${input%.in}.txt" || exit; \
	done
COMPILE = $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
    --custom-compile-command "make locks" $(if $(UPGRADE),--upgrade)

# shellcheck and pyflakes are off: they are there on one machine and not on the next.
# Go comes from the PATH, else from the wheel that the images' recipes use.
actionlint: venv ## check the workflow
	@$(BIN)/actionlint -version 2>/dev/null | grep -qx "$(ACTIONLINT:v%=%)\|$(ACTIONLINT)" || { \
	    go=$$(command -v go || $(BIN)/python -m harness.images.go) && \
	    GOBIN="$$PWD/$(BIN)" "$$go" install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT); \
	} || exit; \
	$(BIN)/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml && echo "actionlint: the workflow is in order"

# Says what it finds, and gets an engine itself only as root and if HARNESS_INSTALL_ENGINE is not 0.
test-engine:
	@rm -rf $(JUNIT)
	@tools/engine ensure

# $(error) so that a refused Python is one line, without make's own "Error 2" below it.
venv:
	$(call refuse,$(shell PYTHON='$(PYTHON)' tools/venv refusal))
	@tools/venv
refuse = $(if $(1),$(error $(1)))
