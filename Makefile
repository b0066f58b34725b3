# The commands that people look for. Each is one line; `make` alone lists them.
.PHONY: help demo test check lint format docs addon-watch
.DEFAULT_GOAL := help

help:         ## list these commands
	@grep -E '^[a-z-]+: +## ' $(MAKEFILE_LIST) | sed 's/: *## /\t/' | expand -t 14

demo:         ## a forum page with invented drivers, no account needed
	uv run pitboard demo

test:         ## unit tests: no network, browser or Node.js needed
	uv run pytest tests/unit

check:        ## everything that CI runs
	uv run scripts/check.py

lint:         ## rules, format, types, and who may import whom
	uv run scripts/check.py lint types rooms

format:       ## format the Python code, and fix what ruff can fix
	uv run --group lint ruff format .
	uv run --group lint ruff check --fix .

docs:         ## write the parts of the documents that are made from the code
	uv run scripts/make_docs.py

addon-watch:  ## rebuild the addon at each change
	cd addon && (test -d node_modules || npm ci --no-audit --no-fund) && npm run watch
