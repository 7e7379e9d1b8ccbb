# `make help` lists the targets. pytest and the tools run in .venv, Airflow in .harness/airflow/LINE: one environment for
# each Airflow line. tools/environment creates them from the locks in requirements/.
#
# Variables: PYTHON (of .venv; default: the first of python3.12, 3.11, 3.13, 3.14 and python3 with a suitable version),
# ARGS (more arguments for pytest), WORKERS (number of parallel test processes, default 2),
# STACK (the services: containers, embedded, or auto, the default: containers if a Docker engine answers),
# UPGRADE=1 (make locks accepts newer releases), ROWS (numbers of the rows that make bench measures),
# ONLY (names of the combinations that make matrix runs), AIRFLOW (the lines that make lines runs).

PYTHON ?=
export PYTHON
ARGS ?=
WORKERS ?= 2
STACK ?= auto
export HARNESS_STACK = $(STACK)
UPGRADE ?=
AIRFLOW ?= 3.2 3.1 3.0 2.10
ONLY ?=
ROWS ?=
BIN := .venv/bin
JUNIT := .harness/junit
EVIDENCE := .harness/evidence
QUICK := .harness/bench/quick.json
ACTIONLINT := v1.7.12

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help scenarios test engine lint types unit unit-whole equal equal-whole equal-3.3 equal-2.11 folders embedded matrix lines examples locks docs images actionlint venv test-engine chromium bench bench-gate soak soak-ci upgrade corpus identical

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

scenarios: airflow-3.3 ## run every scenario, with a table at the end
	@$(BIN)/python -m harness images --for-stack
	@$(call scenarios,3.3) $(ARGS)
scenarios = $(call on,$(1)) -m pytest scenarios -n $(WORKERS) $(HANGS) --junitxml=$(JUNIT)/scenarios$(2)-airflow-$(1).xml \
    --harness-evidence=$(EVIDENCE)/$(1)$(2)
# Seconds; a test that hangs fails with the stacks of all threads. Commands in tests have lower limits of their own.
HANGS := --timeout 1200
on = HARNESS_AIRFLOW_PYTHON=$(CURDIR)/.harness/airflow/$(1)/bin/python $(BIN)/python

test: test-engine lint actionlint types unit equal folders soak-ci bench-gate ## run the whole test suite, on both Airflow lines

# Both runners execute every scenario and must leave equal evidence; pyproject's markers say which scenarios are left
# out, and why. Scenarios that don't depend on the runner run once, on the first line.
LEFT_OUT := not at_length
FRESH := not one_runner and not fresh_later and not at_length
equal: images ## run scenarios with both runners on both Airflow lines, and compare the evidence
	@rm -rf $(EVIDENCE)
	@for airflow in 3.3 2.11; do $(MAKE) --no-print-directory equal-$$airflow || exit; done
equal-whole: ## the same, including slow scenarios
	@$(MAKE) --no-print-directory equal LEFT_OUT= FRESH="not one_runner"

# `make unit` runs these on the first line.
folders: images airflow-2.11 ## test DAG folders of other styles, waits and state before a run, on the second Airflow line
	@$(call on,2.11) -m pytest -q tests/legacy tests/both_lines $(HANGS) --harness-stack embedded --junitxml=$(JUNIT)/folders-airflow-2.11.xml $(ARGS)

# The scenarios that need no engine. Their evidence is not compared, because the embedded stack has a different S3 store.
embedded: airflow-3.3 ## run scenarios on the embedded stack
	@$(call scenarios,3.3,-embedded) --harness-stack embedded -m "$(FRESH) and not engine" $(ARGS)

equal-3.3 equal-2.11: equal-%: airflow-%
	@$(call scenarios,$*) --harness-runner warm -m "$(if $(filter 3.3,$*),$(LEFT_OUT),not one_runner)" $(ARGS)
	@$(call scenarios,$*,-process) --harness-runner process -m "$(FRESH)" $(ARGS)
	@$(BIN)/python -m harness compare --strict --of-first $(EVIDENCE)/$*-process $(EVIDENCE)/$*

engine: ## install and start a Docker engine if none answers (Debian or Ubuntu, as root)
	@tools/engine start

lint: venv ## check with ruff (rules, format) and import-linter (layers)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@mkdir -p .harness/logs
	@$(BIN)/lint-imports >.harness/logs/imports.log || { cat .harness/logs/imports.log; exit 1; }

types: venv ## check types with mypy
	@$(BIN)/mypy

unit: images airflow-3.3 airflow-2.11 chromium ## run the harness's own tests
	@$(BIN)/python -m pytest tests -n $(WORKERS) $(HANGS) --junitxml=$(JUNIT)/unit.xml -m "$(LEFT_OUT)" $(ARGS)
unit-whole: ## the same, including slow tests
	@$(MAKE) --no-print-directory unit LEFT_OUT=

chromium: ## install Chromium, for the test of the report's page (Debian, as root)
	@tools/chromium

bench: images airflow-3.3 airflow-2.11 ## measure the speed table, or some rows (ROWS=1,2); all rows take 45 minutes
	@$(BIN)/python -m benchmarks $(if $(ROWS),--rows $(ROWS))

bench-gate: images airflow-3.3 airflow-2.11 ## compare the quick rows' ratios with the last release's table, as in CI
	@$(BIN)/python -m benchmarks --quick --json $(QUICK)
	@$(BIN)/python -m benchmarks gate $(QUICK)

soak: images airflow-3.3 ## repeat scenarios in eight workers, ten times, and three times beside two busy loops
	@$(BIN)/python -m benchmarks.soak --workers 8 --times 10
	@$(BIN)/python -m benchmarks.soak --workers 8 --times 3 --busy 2

soak-ci: images airflow-3.3
	@$(BIN)/python -m benchmarks.soak --workers 4 --times 2

images: venv ## pull or build the missing images
	@$(BIN)/python -m harness images --get

# Without the variable, mkdocs prints an advertisement for another major version.
docs: venv ## build the documentation in .harness/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q

matrix: images airflow-3.3 ## run scenarios on every combination of pyproject's matrix, with a table at the end
	@$(BIN)/python -m harness matrix scenarios $(addprefix --only=,$(ONLY)) -n $(WORKERS) $(ARGS)
lines: ## the same on the Airflow lines that CI leaves out
	@$(MAKE) --no-print-directory matrix ONLY="$(AIRFLOW)"

examples: images airflow-3.3 airflow-2.11 ## run Airflow's example DAGs with both runners, and compare the bare command
	@for line in 3.3 2.11; do \
	    HARNESS_AIRFLOW_PYTHON=$(CURDIR)/.harness/airflow/$$line/bin/python $(BIN)/python -m pytest -q \
	        tests/airflow_examples -n $(WORKERS) $(HANGS) --harness-runner warm --harness-stack embedded \
	        --junitxml=$(JUNIT)/examples-airflow-$$line.xml $(ARGS) || exit; \
	done

MINIO_COMMIT := v0.0.0-20260212201848-7aac2a2c5b7c
upgrade: images airflow-3.3 airflow-2.11 ## check the chapter from Airflow 2.11 to 3.3, and with MinIO's last commit
	@$(BIN)/python -m harness upgrade --from airflow-python=.harness/airflow/2.11/bin/python \
	    --to airflow-python=.harness/airflow/3.3/bin/python scenarios -n $(WORKERS) --report .harness/upgrade/airflow
	@$(call on,3.3) -m harness upgrade --to minio=build:$(MINIO_COMMIT) scenarios -n $(WORKERS) \
	    --report .harness/upgrade/minio

corpus: airflow-3.3 airflow-2.11 ## run real breaks between versions, and count those that the comparison names rightly
	@$(BIN)/python -m tests.upgrade_corpus $(ARGS)

PAIRS ?= 10
identical: images airflow-3.3 airflow-2.11 ## compare sides with identical versions (PAIRS=10), on two Airflow lines
	@for line in 3.3 2.11; do \
	    $(BIN)/python -m tests.identical --airflow-python .harness/airflow/$$line/bin/python --pairs $(PAIRS) \
	        --folder .harness/identical/$$line -n $(WORKERS) || exit; \
	done

# Existing pins are kept unless an input changes or UPGRADE=1.
locks: venv ## update the locks from pyproject.toml and every .in file
	@tools/environment locks $(if $(UPGRADE),--upgrade)

# actionlint reads an action only where a workflow uses it, so it gets a workflow for that on its standard input.
STARTER := harness/cli/starter/workflow.yml
CALLER := {on: push, jobs: {test: {runs-on: ubuntu-latest, steps: [{uses: ./.github/actions/scenarios}]}}}
# shellcheck and pyflakes are off, because not every machine has them.
# Go is taken from the PATH, else from the wheel that the images' recipes use.
actionlint: venv ## check the workflows and the action with actionlint and zizmor
	@$(BIN)/actionlint -version 2>/dev/null | grep -qx "$(ACTIONLINT:v%=%)\|$(ACTIONLINT)" || { \
	    go=$$(command -v go || $(BIN)/python -m harness.images.go) && \
	    GOBIN="$$PWD/$(BIN)" "$$go" install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT); \
	} || exit; \
	$(BIN)/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml $(STARTER) && \
	echo '$(CALLER)' | $(BIN)/actionlint -shellcheck= -pyflakes= -
	@$(BIN)/zizmor -q --offline --strict-collection .github $(STARTER)
	@echo "actionlint, zizmor: the workflows and the action are in order"

# Installs an engine only as root and unless HARNESS_INSTALL_ENGINE is 0.
test-engine:
	@rm -rf $(JUNIT)
	@tools/engine ensure

# $(error) shows an unsuitable Python in one line, without make's own "Error 2".
venv:
	$(call refuse,$(shell PYTHON='$(PYTHON)' tools/environment refusal harness))
	@tools/environment make harness
airflow-%: venv
	$(call refuse,$(shell PYTHON='$(PYTHON)' tools/environment refusal $@))
	@tools/environment make $@
refuse = $(if $(1),$(error $(1)))
