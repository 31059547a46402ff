# `make` alone says what there is. Only Python, git and make are needed; everything else comes into .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A dozen processes start in the tests, and each would compile all of its modules anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHONS := python3.13 python3.12 python3.11 python3 python
WORKERS ?= 2
UV ?= uv
BIN := .venv/bin
# Python compiles what it uses at its first start; compiling all of it beforehand takes longer.
PIP_INSTALL := $(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check
COMPILE := $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

.PHONY: run
run: .venv/runtime.stamp ## Start everything on this machine, with a demonstration
	@exec $(BIN)/comptoir serve

.PHONY: test
test: .venv/dev.stamp ## Run the whole suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: lint
lint: .venv/dev.stamp ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: .venv/dev.stamp ## Put the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: openapi
openapi: .venv/runtime.stamp ## Write docs/openapi.json from the code
	$(BIN)/comptoir openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

.PHONY: migration
migration: .venv/runtime.stamp ## Write the migration from the store to the models: make migration MESSAGE="Add a table"
	$(BIN)/comptoir migration "$(MESSAGE)"

.PHONY: lock
lock: ## Choose the newest versions anew and write the hashed locks (needs uv)
	@command -v $(UV) > /dev/null || { echo 'uv is not installed: https://docs.astral.sh/uv' >&2; exit 1; }
	for name in build runtime dev; do $(COMPILE) --upgrade requirements/$$name.in -o requirements/$$name.txt || exit 1; done

.PHONY: clean
clean: ## Remove what was made here, but never the data in var/
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than all that it was made from, so that the second `make run` starts at once.

.venv/made.stamp:
	@for python in $(PYTHONS); do \
		if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then \
			echo "Making .venv with $$($$python --version)"; \
			$$python -m venv --clear .venv && touch $@ && exit 0; \
			exit 1; \
		fi; \
	done; \
	echo 'Python 3.11 or newer is needed, with its venv module (on Debian: the package python3-venv).' >&2; \
	exit 1

.venv/runtime.stamp: .venv/made.stamp requirements/build.txt requirements/runtime.txt setup.cfg pyproject.toml
	@echo 'Installing what Comptoir needs (once)'
	@$(PIP_INSTALL) --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: .venv/runtime.stamp requirements/dev.txt
	@echo 'Installing what its tests need (once)'
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@
