# Every target brings what it needs: the first run sets the machine up, later runs start at once.

# Name existing binaries to use them instead of Debian's: make demo PROMETHEUS=/opt/prometheus
PROMETHEUS ?= prometheus
PROMTOOL ?= promtool
# Debian's name differs from upstream's.
ALERTMANAGER ?= $(or $(shell command -v alertmanager 2>/dev/null),prometheus-alertmanager)
AMTOOL ?= amtool
CHROMIUM ?= chromium
# Empty: the first Python >= 3.11 on PATH.
PYTHON ?=
export PROMETHEUS PROMTOOL ALERTMANAGER AMTOOL CHROMIUM PYTHON

LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" scripts/uv pip compile -q --generate-hashes \
	--no-emit-index-url --no-emit-find-links --universal --python-version 3.11 \
	$(if $(filter-out 0,$(UPGRADE)),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slack check format fuzz fuzz-breaks bench-rules bench-reconcile mutate
.PHONY: bench-backtest mutate-rules image-steps test-ansible lock screenshots clean system venv
.PHONY: venv-det venv-ansible venv-mutate

help: ## Say what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: KEEP=1 (demo), DATABASE=sqlite|postgresql (test), FUZZ, SEED (fuzz),"
	@echo "  ONLY (fuzz-breaks, mutate-rules), PYTHON, PROMETHEUS, PROMTOOL, ALERTMANAGER, AMTOOL, CHROMIUM"

demo: venv ## Play the life of an incident on a simulated cluster (KEEP=1 leaves it running)
	@.venv/bin/python -m demo $(if $(filter-out 0,$(KEEP)),--keep)

test: venv ## Run the checks and every test, end to end included
	@scripts/test

check: venv ## Check format, lint, types, imports, rules and configurations (fast)
	@scripts/check

format: venv ## Bring the code into shape
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

test-slack: venv ## Tell forty owners of two hundred idle tasks over a Slack that fails (a minute)
	@OWNERS=all .venv/bin/python -m pytest -q tests/receiver/test_flaky_slack.py

fuzz: venv ## Drive the receiver through FUZZ=10000 random sequences of events (an hour)
	@PYTHONHASHSEED=0 .venv/bin/python -m tests.machine --sequences $(or $(FUZZ),10000) \
		$(if $(SEED),--seed $(SEED))

fuzz-breaks: venv ## Break each safety rule in a copy, and see fuzz find it (ONLY=S4; minutes)
	@.venv/bin/python -m tests.machine --breaks --only '$(ONLY)'

bench-rules: venv ## Measure what the rules cost at 100, 1,000 and 10,000 GPUs (minutes)
	@.venv/bin/python -m benchmarks.rules --markdown docs/benchmarks.md

bench-reconcile: venv ## Measure ticks and starts with 1,000 and 10,000 open incidents (minutes)
	@.venv/bin/python -m benchmarks.reconcile --markdown docs/benchmarks.md

bench-backtest: venv ## Measure what a backtest of a month of 100 GPUs costs (minutes)
	@.venv/bin/python -m benchmarks.backtest --markdown docs/benchmarks.md

mutate: venv-mutate ## Break what decides in every small way, and see a test notice it (minutes)
	@scripts/mutate

mutate-rules: venv ## Break the rules, one condition at a time, and see a test fail (an hour)
	@.venv/bin/python -m tests.rules.mutation --files '$(ONLY)'

lock: system ## Lock the requirements again (UPGRADE=1 takes new versions)
	@$(LOCK) pyproject.toml -o requirements/run.txt
	@$(LOCK) pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
	@$(LOCK) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	@$(LOCK) requirements/det.in -o requirements/det.txt
	@$(LOCK) requirements/ansible.in -o requirements/ansible.txt
	@$(LOCK) requirements/mutate.in -o requirements/mutate.txt
	@$(LOCK) requirements/uv.in -o requirements/uv.txt

image-steps: venv ## Do what the Dockerfile does, in a new folder and without Docker (a minute)
	@.venv/bin/python -m tests.deploy.image_steps

test-ansible: venv venv-ansible ## Run the playbook into new folders: twice, and with --check (a minute)
	@.venv/bin/python -m tests.deploy.ansible_run

screenshots: venv ## Take the pictures of docs/images anew (minutes)
	@.venv/bin/python -m tests.docs.pictures

clean: ## Remove the environments, caches and everything built
	@rm -rf .venv .venv-det .build .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What follows is set-up; each step is silent when there is nothing to do.

system:
	@scripts/set-up-system

venv: system
	@scripts/set-up-venv .venv requirements/dev.txt --editable

venv-det: system
	@scripts/set-up-venv .venv-det requirements/det.txt

venv-ansible: system
	@scripts/set-up-venv .build/venv-ansible requirements/ansible.txt

venv-mutate: system
	@scripts/set-up-venv .build/venv-mutate requirements/mutate.txt
