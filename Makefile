# The one list of developer commands: `make help`.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

# Kept beside the environment: a later make installs only what changed.
.venv/run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Campus needs Python 3.11 or newer; try: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Installing what Campus needs into .venv: a minute, the first time.'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	@echo "Installing the developers' tools into .venv: a minute, the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

.PHONY: help run test check proto contract clients resource format dev bench lock clean

help: ## Say what there is.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: .venv/run ## Run Campus here, with its own PostgreSQL and broker. ARGS="--port 8080"
	@exec $(BIN)/python manage.py up $(ARGS)

test: .venv/dev ## Run the tests, three at a time. ARGS="-k upload"
	$(BIN)/python -m pytest -n 3 $(ARGS)

check: .venv/dev ## Lint, types, import rules, and the lock.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	$(BIN)/poetry check --lock --quiet
	@$(BIN)/poetry export | diff -q - requirements.txt
	@$(BIN)/poetry export --with dev | diff -q - requirements-dev.txt
	@$(BIN)/python manage.py proto --check

proto: .venv/dev ## Write every wire.proto from the schemas, and compile it. ARGS=--breaking
	@$(BIN)/python manage.py proto $(ARGS)

contract: .venv/dev ## Write docs/openapi from the code. ARGS=--breaking if need be.
	@$(BIN)/python manage.py contract $(ARGS)

resource: .venv/dev ## Begin a resource: NAME=library MODEL=book. ARGS=--remove takes it out again.
	@test -n "$(NAME)" || { echo 'campus: which one? make resource NAME=library MODEL=book' >&2; exit 2; }
	@$(BIN)/python manage.py resource $(NAME) $(MODEL) $(ARGS)

clients: .venv/dev ## Make typed clients in Python and TypeScript, in clients/.
	@$(BIN)/python manage.py clients

format: .venv/dev ## Put the code into its form.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dev: .venv/dev ## Run Campus, and start it anew whenever its code changes.
	@exec $(BIN)/python manage.py up --reload $(ARGS)

bench: .venv/dev ## Measure against the limits and the plain habits. ARGS="reads upload"
	$(BIN)/python -m benchmarks $(ARGS)

lock: .venv/dev ## Lock the newest versions that pyproject.toml allows.
	$(BIN)/poetry lock
	$(BIN)/poetry export -q -o requirements.txt
	$(BIN)/poetry export -q --with dev -o requirements-dev.txt

clean: ## Remove the environment and the data.
	@if [ -L data/postgresql ]; then rm -rf "$$(dirname "$$(readlink data/postgresql)")"; fi
	rm -rf .venv data
