FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/finops
COPY . .
RUN pip install --no-cache-dir uv==0.13.9 \
    && UV_COMPILE_BYTECODE=1 uv sync --frozen --no-dev --extra airflow \
    && uv pip install --no-cache psycopg2-binary asyncpg
ENV PATH=/opt/finops/.venv/bin:$PATH
