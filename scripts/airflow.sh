#!/usr/bin/env bash
# A local Airflow with these DAGs and the demo workspace; `make airflow` runs it. Ctrl-C stops everything.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f demo/finops.toml ]; then
    echo "There is no demo workspace yet: run \`make demo\` first." >&2
    exit 1
fi
port=${AIRFLOW_PORT:-8080}
export AIRFLOW_HOME="$PWD/.airflow" FINOPS_WORKSPACE="$PWD/demo" PATH="$PWD/.venv/bin:$PATH"
export AIRFLOW__CORE__DAGS_FOLDER="$PWD/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__EXECUTOR=LocalExecutor AIRFLOW__CORE__PARALLELISM=4 # the default starts 32 workers
export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT="$port" AIRFLOW__API__BASE_URL="http://127.0.0.1:$port" AIRFLOW__API__WORKERS=1
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$port/execution/"
airflow db migrate >/dev/null
airflow pools set warehouse_writer 1 "one writer at a time" >/dev/null
echo "Airflow: http://127.0.0.1:$port  user admin, password in .airflow/simple_auth_manager_passwords.json.generated"
echo "All DAGs start paused: switch on build_marts first, then the land_ DAGs. Ctrl-C stops everything."
set -m # a process group of its own, so that all of it can be stopped
airflow standalone &
group=$!
stop() {
    trap - INT TERM EXIT
    kill -TERM -- "-$group" 2>/dev/null || true
    sleep 3
    kill -KILL -- "-$group" 2>/dev/null || true
}
trap stop INT TERM EXIT
wait "$group"
