FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/finops
# By name, so that no workspace, .env or local environment ends up in the image.
COPY pyproject.toml uv.lock README.md ./
COPY dags dags
COPY data_quality data_quality
COPY dbt_project dbt_project
COPY forecasting forecasting
COPY pipelines pipelines
# The PostgreSQL drivers serve only this deployed form; they are not in uv.lock.
RUN pip install --no-cache-dir uv==0.13.9 \
    && UV_COMPILE_BYTECODE=1 uv sync --frozen --no-dev --extra airflow \
    && uv pip install --no-cache psycopg2-binary==2.9.13 asyncpg==0.32.0
ENV PATH=/opt/finops/.venv/bin:$PATH
