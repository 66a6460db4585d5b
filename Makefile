# Everything needs Python 3.11 (or newer), git and make; the rest is installed from uv.lock into .venv.
PYTHON ?= python3
UV := .tools/bin/uv
SYNC := UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 $(UV) sync --frozen --python $(PYTHON)

.PHONY: demo test setup lint benchmark airflow clean

demo: .venv/.main  ## the main job on a sample company
	.venv/bin/finops sample demo
	.venv/bin/finops run --workspace demo

test: .venv/.all lint  ## every check that CI runs
	.venv/bin/python -m pytest tests --ignore=tests/benchmarks --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 25

lint: .venv/.all
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/sqlfluff lint dbt_project/models dbt_project/tests

benchmark: .venv/.all  ## seconds, peak memory and ratios on ten million lines (about 20 minutes)
	.venv/bin/python -m tests.benchmarks.ten_million_lines

setup: .venv/.all

airflow: .venv/.all  ## a local Airflow on 127.0.0.1:8080 with the demo workspace
	bash scripts/airflow.sh

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

.venv/.main: $(UV) uv.lock pyproject.toml
	test -e .venv/.all || $(SYNC) --no-dev
	touch $@

.venv/.all: $(UV) uv.lock pyproject.toml
	$(SYNC) --all-extras
	touch $@ .venv/.main

clean:
	rm -rf .venv .tools demo .airflow
