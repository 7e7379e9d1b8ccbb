# `make help` lists the targets. Everything runs in .venv, which is made from the lock.
#
# Variables: PYTHON (default: the first of python3.12, python3.11, python3 that is 3.11 or 3.12),
# ARGS (more arguments for pytest), WORKERS (processes that run tests side by side, default 2),
# STACK (the services: containers, embedded, or auto, the default: containers if a Docker engine answers),
# UPGRADE=1 (make locks takes newer releases), ROWS (rows of the speed table that make bench measures, by number).

PYTHON ?=
export PYTHON
ARGS ?=
WORKERS ?= 2
STACK ?= auto
export HARNESS_STACK = $(STACK)
UPGRADE ?=
ROWS ?=
BIN := .venv/bin
JUNIT := .harness/junit
EVIDENCE := .harness/evidence
QUICK := .harness/bench/quick.json
ACTIONLINT := v1.7.12

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help scenarios test engine lint types unit unit-whole equal equal-whole folders embedded locks docs images actionlint venv test-engine chromium bench bench-gate soak soak-ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

scenarios: venv ## run every scenario and end in a table: the main job
	@$(BIN)/python -m harness images --for-stack
	@$(call scenarios,3.3) $(ARGS)
scenarios = $(if $(filter 3.3,$(1)),$(BIN)/python -m pytest scenarios,$(BIN)/tox run -e airflow-$(1) -- scenarios) -n $(WORKERS) \
    --junitxml=$(JUNIT)/scenarios$(2)-airflow-$(1).xml --evidence=$(EVIDENCE)/$(1)$(2)

test: test-engine lint actionlint types unit equal folders soak-ci bench-gate ## run the whole test suite, on both Airflow lines

# Every run is made by both runners, which have to leave the same; pyproject's markers say what is left out, and why. What
# tells nothing of runners is run once, on the first line.
LEFT_OUT := not at_length
FRESH := not one_runner and not fresh_later and not at_length
equal: images ## scenarios by both runners, on both Airflow lines: what they left is compared
	@rm -rf $(EVIDENCE)
	@for airflow in 3.3 2.11; do $(MAKE) --no-print-directory equal-$$airflow || exit; done
equal-whole: ## the same without leaving out what takes long
	@$(MAKE) --no-print-directory equal LEFT_OUT= FRESH="not one_runner"

# `make unit` runs these on the first line.
folders: images ## DAG folders of other people's idioms, on the second Airflow line
	@$(BIN)/tox run -q -e airflow-2.11 -- tests/legacy --stack embedded --junitxml=$(JUNIT)/folders-airflow-2.11.xml $(ARGS)

# What needs no engine, as on a machine that has none. Kept apart: another S3 answers, so what was left is not compared.
embedded: venv ## scenarios on the embedded stack
	@$(call scenarios,3.3,-embedded) --stack embedded -m "$(FRESH) and not engine" $(ARGS)

equal-%:
	@$(call scenarios,$*) --runner warm -m "$(if $(filter 3.3,$*),$(LEFT_OUT),not one_runner)" $(ARGS)
	@$(call scenarios,$*,-process) --runner process -m "$(FRESH)" $(ARGS)
	@$(BIN)/python -m harness.evidence.compare --of-first $(EVIDENCE)/$*-process $(EVIDENCE)/$*

engine: ## get a Docker engine where none answers (Debian or Ubuntu, as root)
	@tools/engine start

lint: venv ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv ## mypy
	@$(BIN)/mypy

unit: images chromium ## the tests of the harness itself
	@$(BIN)/python -m pytest tests -n $(WORKERS) --junitxml=$(JUNIT)/unit.xml -m "$(LEFT_OUT)" $(ARGS)
unit-whole: ## the same without leaving out what takes long
	@$(MAKE) --no-print-directory unit LEFT_OUT=

chromium: ## get a Chromium for the test of the report's page where none is (Debian, as root)
	@tools/chromium

bench: images ## measure the speed table, every row (ROWS=1,2: these): takes three quarters of an hour
	@$(BIN)/python -m benchmarks $(if $(ROWS),--rows $(ROWS))

bench-gate: images ## compare the quick rows' ratios with the last release's table: what CI does
	@$(BIN)/python -m benchmarks --quick --json $(QUICK)
	@$(BIN)/python -m benchmarks gate $(QUICK)

soak: images ## the same scenarios in eight workers, a hundred times, and twenty times beside two busy loops
	@$(BIN)/python -m benchmarks.soak --workers 8 --times 100
	@$(BIN)/python -m benchmarks.soak --workers 8 --times 20 --busy 2

soak-ci: images
	@$(BIN)/python -m benchmarks.soak --workers 4 --times 5

images: venv ## pull or build every image, where it is not present
	@$(BIN)/python -m harness images --get

# mkdocs' own advertisement of another major version is not ours to pass on.
docs: venv ## make the documentation's pages in .harness/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q

# Pins that a lock has are kept, so that this changes nothing until an input changes (or UPGRADE=1).
locks: venv ## write the locks from pyproject.toml and every requirements.in
	@for airflow in 3.3 2.11; do \
	    $(COMPILE) --extra airflow --extra embedded --extra chapter --extra dev --extra docs \
	        pyproject.toml requirements/airflow-$$airflow.in -o requirements/airflow-$$airflow.txt || exit; \
	done
	@find benchmarks dags harness scenarios -name requirements.in | while read -r input; do \
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
