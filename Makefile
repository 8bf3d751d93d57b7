# logpress: everything needed is make and Python 3.11 or newer; `make` lists the targets.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers
TRAIN := $(VENV)/.train
# Airflow of this checkout: one place says how it is set up.
AIRFLOW := scripts/with-airflow
FUZZ_SECONDS := 120
# Files of tests are shared out, so that what a file starts for its tests is started once; the longest first (tests/longest.py).
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
# Bytes of files that exist, the second reader, the store of kernels, the lake, the command.
MATTERS_MOST := tests/unit/engine/part/test_frozen.py tests/property/test_reference.py tests/unit/kernel/test_kernel.py tests/unit/lake/test_lake.py tests/unit/engine/part/test_part.py

.DEFAULT_GOAL := help
.PHONY: help setup run up env check test long train browser screenshots reader-matrix report-docs kernels fuzz lint format bench bench-docs requirements clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything pinned, and .venv/bin/logpress

$(READY): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "logpress needs Python 3.11 or newer; say which: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q include/logpress
	@touch $@

run: $(READY) ## Make a sample day, press it through Airflow, print the report, restore it and compare
	@$(AIRFLOW) python scripts/run_sample.py

up: $(READY) ## Start Airflow with its UI on 127.0.0.1 (Ctrl-C stops it)
	@$(AIRFLOW) python scripts/up.py

env: ## Write .env with random passwords for docker compose, if there is none
	@$(PYTHON) scripts/make_env.py

check: lint ## Style, types and the tests of what matters most
	$(BIN)/pytest $(SIDE_BY_SIDE) $(MATTERS_MOST)

test: $(READY) ## Run the tests but for the long ones: 10 minutes on two cores
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not long"

long: $(READY) browser train ## Run the long tests: Airflow itself, real servers and engines, PyTorch, campaigns: half an hour
	LOGPRESS_REQUIRE_TORCH=1 $(BIN)/pytest $(SIDE_BY_SIDE) -m long --ignore=tests/integration
	$(BIN)/pytest -m long tests/integration

train: $(TRAIN) ## Install PyTorch, and what docs/training.md trains with: 5 GB

# A later `make setup` leaves these packages there: none of them changes one that it installs.
$(TRAIN): $(READY) requirements-train.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-train.txt
	@touch $@

browser: $(READY) ## Find or install a Chromium, in which the page is tested
	@command -v chromium chromium-browser google-chrome \
	|| { apt-get update --quiet --quiet && apt-get install --yes --quiet --no-install-recommends chromium; } \
	|| $(BIN)/playwright install chromium \
	|| { echo "NO CHROMIUM: the page will not be tested in a browser" >&2; test -z "$$CI"; }

screenshots: browser ## Make the screenshots of docs/operations.md anew
	@$(AIRFLOW) python scripts/screenshots.py
	@$(AIRFLOW) python scripts/backfill_screenshots.py

reader-matrix: $(READY) ## Ask every reader anew, and write the table of docs/reading.md
	CI=true LOGPRESS_READER_MATRIX=write $(BIN)/pytest tests/integration/test_reader_matrix.py

report-docs: $(READY) ## Write the examples of docs/report.md anew
	$(BIN)/python scripts/write_report_docs.py

kernels: $(READY) ## List anew which kernels commands need, after kernels or their arguments have changed
	$(BIN)/python scripts/list_kernels.py

fuzz: $(READY) ## Look for failures for two minutes, with kernels that check every index (FUZZ_SECONDS=3600: for an hour)
	$(BIN)/python -m tests.fuzz.campaign $(FUZZ_SECONDS)

lint: $(READY) ## Style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(PEERS) ## Measure side by side with other ways to keep logs (BENCH="--help" lists options; python -m bench.pull, bench.s3: sources)
	$(BIN)/python -m bench $(BENCH)

bench-docs: $(PEERS) ## Measure all of docs/benchmarks.md anew, up to ten million records: a quiet machine, half an hour
	$(BIN)/python -m bench --output bench/results/field.json
	$(BIN)/python -m bench.growth --output bench/results/growth.json
	$(BIN)/python -m bench.profile --output bench/results/profile.json
	$(BIN)/python -m bench.sizes --output bench/results/sizes.json
	$(BIN)/python -m bench.report

$(PEERS): $(READY) requirements-bench.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-bench.txt
	@touch $@

requirements: $(READY) ## Compile the pins anew from pyproject.toml
	$(BIN)/uv pip compile --quiet pyproject.toml --extra airflow --extra celery --extra metrics --extra lineage --extra readers --extra serve --python-version 3.11 --no-header -o requirements.txt
	$(BIN)/uv pip compile --quiet --group dev -c requirements.txt --python-version 3.11 --no-header -o requirements-dev.pins
	@{ echo "-r requirements.txt"; cat requirements-dev.pins; } > requirements-dev.txt && rm requirements-dev.pins
	$(BIN)/uv pip compile --quiet --group bench -c requirements-dev.txt --python-version 3.11 --no-header -o requirements-bench.pins
	@{ echo "-r requirements.txt"; cat requirements-bench.pins; } > requirements-bench.txt && rm requirements-bench.pins
	$(BIN)/uv pip compile --quiet --group train -c requirements-dev.txt --python-version 3.11 --no-header -o requirements-train.pins
	@{ echo "-r requirements.txt"; cat requirements-train.pins; } > requirements-train.txt && rm requirements-train.pins

clean: ## Remove what make run and make up left: .airflow, lake, sample
	rm -rf .airflow lake sample
