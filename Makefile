# make serve: the server on http://127.0.0.1:8000 (SQLite, nothing else needed).
# make test: the whole suite. Both need only Python >= 3.11 with venv; PYTHON= names one.
.PHONY: serve test coverage check format bench bench-short chaos fuzz requirements clean

serve: .venv/.ready-serve
	@.venv/bin/errandry serve

test: .venv/.ready-dev
	@tools/test

coverage: .venv/.ready-dev
	@tools/test --coverage

check: .venv/.ready-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/vulture

format: .venv/.ready-dev
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

bench: .venv/.ready-dev
	@for bench in benchmarks/[a-z]*.py; do .venv/bin/python $$bench || exit 1; done

bench-short: .venv/.ready-dev
	@for bench in benchmarks/[a-z]*.py; do .venv/bin/python $$bench --short || exit 1; done

chaos: .venv/.ready-dev
	@ERRANDRY_TEST_LONG=1 .venv/bin/python -m pytest -p no:xdist tests/chaos tests/process

fuzz: .venv/.ready-dev
	@ERRANDRY_TEST_LONG=1 .venv/bin/python -m pytest -p no:xdist -s tests/e2e/test_openapi_fuzz.py

requirements:
	@tools/pin

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.venv/.ready-serve: requirements/serve.txt pyproject.toml tools/venv
	@tools/venv serve

.venv/.ready-dev: requirements/dev.txt pyproject.toml tools/venv
	@tools/venv dev
