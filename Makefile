# The one list of developer commands: see `make help`.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

# These files note what is installed: a later make installs only what has changed.
.venv/run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Campus needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.13 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Installing the packages of Campus into .venv. The first time, this takes a minute.'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	@echo "Installing the developers' tools into .venv. The first time, this takes a minute."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

# Browser libraries come by npm: the system's, or the one in a wheel. Without them the player still works.
web/node_modules: .venv/run web/package-lock.json requirements-node.txt
	@command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-node.txt || true
	@$(BIN)/python manage.py libraries

.PHONY: help run test test-all check proto contract clients resource migration start format dev debug bench lock clean

help: ## List the commands.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: .venv/run web/node_modules ## Run Campus here, with its own PostgreSQL and broker. ARGS="--port 8080"
	@exec $(BIN)/python manage.py up $(ARGS)

# Named tests run in one process, which starts at once; all tests run in three.
PATHS := $(filter tests/%,$(MAKECMDGOALS))
WORKERS := $(if $(PATHS)$(findstring tests/,$(ARGS)),,-n 3)

test: .venv/dev web/node_modules ## Run the tests. ARGS="-k upload", ARGS="-q tests/cms"
	$(BIN)/python -m pytest $(WORKERS) $(ARGS) $(PATHS)

test-all: .venv/dev web/node_modules ## Run the tests, with many more random requests to each route.
	FUZZ_EXAMPLES=40 $(BIN)/python -m pytest -n 3 $(ARGS)

ifneq ($(PATHS),)
.PHONY: $(PATHS)
$(PATHS): ;@:
endif

check: .venv/dev ## Check style, types, import rules, the lock and the generated files.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	$(BIN)/poetry check --lock --quiet
	@$(BIN)/poetry export | diff -q - requirements.txt
	@$(BIN)/poetry export --with dev | diff -q - requirements-dev.txt
	@$(BIN)/poetry export --only node | diff -q - requirements-node.txt
	@$(BIN)/python manage.py proto --check

proto: .venv/dev ## Write every wire.proto from the schemas, and compile it. ARGS=--breaking
	@$(BIN)/python manage.py proto $(ARGS)

contract: .venv/dev ## Write docs/openapi from the code. ARGS=--breaking
	@$(BIN)/python manage.py contract $(ARGS)

resource: .venv/dev ## Add a resource, or a model to one: NAME=library MODEL=book. ARGS=--remove removes it.
	@test -n "$(NAME)" || { echo 'campus: name the resource: make resource NAME=library MODEL=book' >&2; exit 2; }
	@$(BIN)/python manage.py resource $(NAME) $(MODEL) $(ARGS)

migration: .venv/dev ## Write a migration from the changes of the models: NAME=cms M="add the course of a video"
	@test -n "$(NAME)" || { echo 'campus: name the resource: make migration NAME=cms M="add a column"' >&2; exit 2; }
	@$(BIN)/python manage.py migration $(NAME) "$(M)" $(ARGS)

start: .venv/dev ## Turn this clone into a project of your own: NAME=acme KEEP=iam,jobs
	@test -n "$(NAME)" || { echo 'campus: name the project: make start NAME=acme KEEP=iam,jobs' >&2; exit 2; }
	@$(BIN)/python manage.py start $(NAME) --keep "$(or $(KEEP),iam,jobs)" $(ARGS)

clients: .venv/dev ## Write typed clients in Python and TypeScript into clients/.
	@$(BIN)/python manage.py clients

format: .venv/dev ## Format the code, fix what the linter can, and write the proto files.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(BIN)/python manage.py proto

dev: .venv/dev web/node_modules ## Run Campus, show each request, and restart when the code changes.
	@exec $(BIN)/python manage.py up --reload $(ARGS)

debug: .venv/dev web/node_modules ## As dev, with the API in the foreground: breakpoint() has the terminal.
	@exec $(BIN)/python manage.py up --reload --debug $(ARGS)

bench: .venv/dev ## Measure the speed against the limits of the machine. ARGS="reads upload"
	$(BIN)/python -m benchmarks $(ARGS)

lock: .venv/dev ## Lock the newest versions that pyproject.toml allows.
	$(BIN)/poetry lock
	$(BIN)/poetry export -q -o requirements.txt
	$(BIN)/poetry export -q --with dev -o requirements-dev.txt
	$(BIN)/poetry export -q --only node -o requirements-node.txt

clean: ## Remove the environment, the browser libraries and the data.
	@if [ -L data/postgresql ]; then rm -rf "$$(dirname "$$(readlink data/postgresql)")"; fi
	rm -rf .venv data web/node_modules
