# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: audit packages install quickstart test lint services test-production test-production-short soak
.PHONY: bench-curation bench-engine bench-outcomes bench-train clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

quickstart: install
	$(BIN)/aiida-mlgun quickstart

lint: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

# a compiler and a browser, where this user may install them; without a browser its tests are skipped with a reason
packages:
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then tools/debian_packages.sh test; fi

# WORKERS: processes that share the tests, a file at a time; each has its own profile and folders
WORKERS ?= 2
test: packages lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Known vulnerabilities of the pinned versions.  Fails where there are some (1) and where nobody could be asked (2).
audit:
	$(PYTHON) tools/audit.py

# Slurm, sshd, PostgreSQL and RabbitMQ on this machine (Debian 12, root); `tools/services.sh stop` ends them.
services:
	tools/debian_packages.sh production
	tools/services.sh start

# All production tests; they start the services and stop them again.
test-production: install
	tools/debian_packages.sh production
	$(BIN)/python -m pytest tests/production -m production

# The short part, on both back ends: under seven minutes once the packages are there.
test-production-short: install
	tools/debian_packages.sh production
	$(BIN)/python -m pytest tests/production -m 'production and not slow'

# A campaign of 200 batches under random kills; SOAK='--batches 60 --seed 7'.  Needs what the production tests need.
soak: install
	tools/debian_packages.sh production
	$(BIN)/python -m tests.production.soak $(SOAK)

bench-curation: install
	$(BIN)/python benchmarks/curation.py $(BENCH)

bench-engine: install
	$(BIN)/python benchmarks/engine.py $(BENCH)

bench-outcomes: install
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/outcomes.py $(BENCH)

bench-train: install
	$(BIN)/python benchmarks/training.py $(BENCH)

clean:
	rm -rf $(VENV) .aiida quickstart_output
