# Ieum on one Linux machine: Python 3.11+ with venv, make, libcurl4 and libssl3; everything else comes into .venv.
# Variables, all optional:
#   PYTHON=  DATA=  KAFKA=embedded|apache  KAFKA_PORT=  MONGO_PORT=  TIMEOUT_SCALE=3 (a slow machine)
#   for run: INTAKE_PORT=  MATCHING_PORT=  NOTIFICATIONS_PORT=  WEBHOOK_PORT=
#   for demo: SEED=  PEOPLE=  KILL=intake|matching|notifications|broker
#   for test: WORKERS=  APART=1 (without what runs with each service alone)
#   for the others: named in their lines above

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
unexport PYTHONDONTWRITEBYTECODE # every process would compile all of ours anew: a tenth of the time until a killed service is back

BEGAN := $(shell date +%s.%N)
# looked for once, and only where it is used
PYTHON ?= $(eval PYTHON := $(shell sh deploy/find_python.sh))$(PYTHON)
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python deploy/install.py
COMPILE = $(BIN)/python -c "from services.matching.domain.columns.kernel import compile_kernels as compiled; compiled()" # kept beside the source

.PHONY: help run demo test setup setup-run installed doctor lint types walls schemas schemas-check samples-page samples-page-check tests format lock clean check-tools

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@sed -n 's/^# \(Variables.*\)/\n\1/p; s/^#   /  /p' Makefile

run: check-run setup-run ## everything on this machine, live, until Ctrl-C
	@$(BIN)/python -m samples.run

# BEGAN: the demo counts the set-up into its seconds
demo: check-ready setup-run ## the same without staying: SEED= PEOPLE= KILL=; the last line is one JSON object
	@BEGAN=$(BEGAN) $(BIN)/python -m samples.demo $(if $(SEED),--seed $(SEED)) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(KILL),--kill $(KILL))

test: checks tests ## lint, types, import walls, schemas, the page of sample people, then every level of tests

# --- the environment ------------------------------------------------------------------------------------------------

setup: installed ## .venv with everything for development
	@$(MAKE) --silent $(VENV)/kernels.compiled

setup-run: $(VENV)/run.installed ## .venv with only what run and demo need
	@$(MAKE) --silent $(VENV)/kernels.compiled

installed: $(VENV)/dev.installed

$(VENV)/dev.installed: requirements/dev.txt | $(BIN)/python
	@echo "setting up $(VENV) for development"
	@$(INSTALL) $<
	@touch $@ $(VENV)/run.installed

$(VENV)/run.installed: requirements/run.txt | $(BIN)/python
	@echo "setting up $(VENV)"
	@$(INSTALL) $<
	@touch $@

# half a minute of one processor: beside the checks
$(VENV)/kernels.compiled: $(VENV)/run.installed
	@$(COMPILE)
	@touch $@

$(BIN)/python: | check-tools
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

check-tools:
	@test -n "$(PYTHON)" || { printf "no Python found\n  -> sudo apt-get install python3.11 python3.11-venv\n" >&2; exit 1; }

doctor: check-tools ## what this machine lacks, and the command that mends it
	@$(PYTHON) -m deploy.local.doctor

.PHONY: check-run check-ready
check-run: check-tools
	@$(PYTHON) -m deploy.local.doctor --quiet

# for all that takes any free ports and a new folder
check-ready: check-tools
	@$(PYTHON) -m deploy.local.doctor --quiet --free-ports

lock: ## requirements/*.txt anew from requirements/*.in (needs the network)
	@$(PYTHON) deploy/lock.py

.PHONY: client
client: setup ## dist/ieum-*.whl: the command line and Python client
	@cd clients && ../$(BIN)/python -m hatchling build -t wheel -d ../dist

# --- the checks -----------------------------------------------------------------------------------------------------

lint: installed ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## ruff: mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: checks types-of-code types-of-tests

# none of them is timed; the longest first
checks: installed ## lint, types, import walls, schemas, the page of sample people, two at a time
	@$(MAKE) --jobs=2 --output-sync=target types-of-tests types-of-code setup schemas-check walls lint samples-page-check

types: types-of-code types-of-tests ## mypy --strict; of the tests, calls that are out of date

types-of-code: installed
	@$(BIN)/mypy

types-of-tests: installed
	@$(BIN)/mypy --config-file deploy/ci/mypy_tests.ini

walls: installed ## import-linter: who may import whom
	@$(BIN)/lint-imports

schemas: setup ## write shared/events/schemas, docs/openapi and deploy/rights from the code
	@$(BIN)/python -m shared.events.publish_schemas
	@mkdir -p docs/openapi deploy/rights
	@for s in intake matching notifications; do $(BIN)/python -m services.$$s openapi > docs/openapi/$$s.json || exit 1; done
	@for s in intake matching notifications; do $(BIN)/python -m services.$$s rights > deploy/rights/$$s.json || exit 1; done

schemas-check: installed ## the committed schemas are those of the models
	@sh deploy/ci/schemas_check.sh $(BIN)/python

samples-page: setup ## write docs/matching-samples.md from the code
	@$(BIN)/python -m verification.evaluation.sample_page

samples-page-check: setup ## docs/matching-samples.md is what the code says
	@$(BIN)/python -m verification.evaluation.sample_page --check

# a file's tests stay together and in order, the long ones (chaos) first; every worker has a broker and database of its own
tests: setup ## every level of tests, WORKERS=4 files at a time
	@$(BIN)/python -m pytest --numprocesses $(or $(WORKERS),4) --dist loadfile --no-loadscope-reorder $(if $(APART),$(RUN_ALONE:%=--ignore=%))

RUN_ALONE = $(sort $(foreach service,intake matching notifications,$(shell deploy/ci/service_alone.sh --folders $(service))))

# --- under fire -----------------------------------------------------------------------------------------------------

.PHONY: order chaos siege leak-scan bench bench-delivery poison idle bench-matching matching-events evaluate doors

chaos: check-ready setup-run ## kills while events flow: SEED= KILLS= EVENTS= KAFKA=; the last line is one JSON object
	@$(BIN)/python -m verification.chaos $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(if $(EVENTS),--events $(EVENTS))

order: check-ready setup-run ## webhooks that ask for order, through kills at every failpoint: EVENTS= KILLS= RATE= (a second) SEED= KAFKA=; the last line is one JSON object
	@$(BIN)/python -m verification.delivery_order $(if $(EVENTS),--events $(EVENTS)) $(if $(KILLS),--kills $(KILLS)) $(if $(RATE),--per-second $(RATE)) $(if $(SEED),--seed $(SEED))

siege: check-ready setup-run ## attacks beside a healthy agency and partner: SEED= FULL=1 ONLY= KAFKA=; the last line is one JSON object
	@$(BIN)/python -m verification.siege $(if $(SEED),--seed $(SEED)) $(if $(FULL),--full) $(if $(ONLY),--only $(ONLY))

leak-scan: check-ready setup-run ## planted people through everything that may go wrong, every trace searched in 14 encodings: SEED= PEOPLE= KAFKA=
	@$(BIN)/python -m verification.leaks $(if $(SEED),--seed $(SEED)) $(if $(PEOPLE),--people $(PEOPLE))

bench: check-ready setup-run ## a service on the kit against bare loops, as ratios: KAFKA=
	@$(BIN)/python -m verification.benchmarks.bench

bench-delivery: check-ready setup-run ## from Kafka to partners' sockets, against a bare loop: ROUNDS= EVENTS= ENDPOINTS= FLOOD= HANGING= HANG_SECONDS= KAFKA=
	@$(BIN)/python -m verification.benchmarks.delivery $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(EVENTS),--events $(EVENTS)) $(if $(ENDPOINTS),--endpoints $(ENDPOINTS)) $(if $(FLOOD),--flood $(FLOOD)) $(if $(HANGING),--hanging $(HANGING)) $(if $(HANG_SECONDS),--hang-seconds $(HANG_SECONDS))

doors: check-ready setup ## the sample world through every door, and what is held then: SEED= PEOPLE= KAFKA=; the last line is one JSON object
	@$(BIN)/python -m verification.doors $(if $(SEED),--seed $(SEED)) $(if $(PEOPLE),--people $(PEOPLE))

poison: check-ready setup-run ## what 1 % bad records cost the healthy ones, as a ratio: KAFKA=
	@$(BIN)/python -m verification.benchmarks.poison

evaluate: setup ## how good the matches are on worlds with a hidden truth, beside other ways to rank: PEOPLE= ADVERTS= SEEDS= OUT=folder for tables and plots
	@$(BIN)/python -m verification.evaluation $(if $(PEOPLE),--people $(PEOPLE)) $(if $(ADVERTS),--adverts $(ADVERTS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(OUT),--out $(OUT))

idle: check-ready setup-run ## what three services cost that have nothing to do: KAFKA= ROUNDS=
	@$(BIN)/python -m verification.benchmarks.idle

bench-matching: setup ## the matching index at a size: PEOPLE= OPENINGS= SEED=; the last line is one JSON object
	@$(BIN)/python -m verification.benchmarks.matching $(if $(PEOPLE),--people $(PEOPLE)) $(if $(OPENINGS),--openings $(OPENINGS)) $(if $(SEED),--seed $(SEED))

matching-events: setup ## the matching index against the oracle through random changes, days and ties: EXAMPLES= (of some 30 events)
	@EXAMPLES=$(or $(EXAMPLES),3500) $(BIN)/python -m pytest -q -s --timeout 0 tests/unit/matching/test_match_index.py -k any_interleaving

# --- what runs it elsewhere -----------------------------------------------------------------------------------------

.PHONY: alerts-test dashboard compose-env compose-check compose-demo

alerts-test: ## the alerts' unit tests (needs promtool)
	@command -v promtool >/dev/null || { printf "promtool is missing\n  -> sudo apt-get install prometheus\n" >&2; exit 1; }
	@promtool check rules deploy/prometheus/alerts.yml
	@promtool test rules deploy/prometheus/alerts_test.yml deploy/prometheus/alerts_days_test.yml

dashboard: ## deploy/grafana/dashboards/ieum.json anew from its panels
	@$(PYTHON) -m deploy.grafana.dashboard

compose-env: ## .env for docker compose, random passwords and keys: PROFILE=development|production OFFLINE=
	@$(PYTHON) deploy/compose/env.py $(if $(PROFILE),--profile $(PROFILE)) $(if $(OFFLINE),--offline)

compose-check: ## look at .env: every secret there, none guessable, no two the same in any two services
	@$(PYTHON) deploy/compose/env.py --check

compose-demo: ## everything in containers once, as a test: KILL=intake|matching|notifications|broker SEED= PEOPLE= OFFLINE=1 COMPOSE=
	@$(if $(COMPOSE),COMPOSE="$(COMPOSE)") $(PYTHON) -m deploy.compose.demo $(if $(SEED),--seed $(SEED)) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(KILL),--kill $(KILL)) $(if $(OFFLINE),--offline)

clean: ## remove .venv, caches and all data of this machine's runs
	@rm -rf $(VENV) .cache .data dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
