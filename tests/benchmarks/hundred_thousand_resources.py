"""How long, and in how much memory, 32 days of hourly metrics of many machines take: at first, and a day later.

Processor and memory of every machine, one file per day as `finops land-usage` leaves them; every fifth is too large,
every fourth is a development machine. All rules that find waste are evaluated. Prints CPU seconds beside the clock,
because other work on the machine slows the clock; asserts nothing about time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb

from pipelines.build import register_deliveries
from pipelines.landing.decisions import land_decisions
from pipelines.landing.usage.tables import partition
from pipelines.settings import Settings, Workspace
from tests.benchmarks.ten_million_lines import measured

LAST, DAYS = date(2026, 10, 31), 32
_HOURS = """
copy (
    select 'bench' as source, date '{day}' as day, 'aws' as provider,
        'i-' || lpad(r::varchar, 17, '0') as resource_id, metric, timestamp '{day}' + to_hours(h::int) as hour,
        5 + r % 5 * 10 + h % 5 as avg, 7 + r % 5 * 10 + h % 5 as max,
        null::double as sum, null::double as p95, null::double as p99, 12::bigint as sample_count
    from range({resources}) as machines(r), range(24) as hours(h),
        (values ('cpu_pct'), ('mem_used_pct')) as m(metric)
) to '{path}' (format parquet, compression zstd)
"""
_MACHINES = """
copy (
    select 'bench' as source, date '{day}' as day, 'aws' as provider, '1' as account_id, 'eu-west-1' as region,
        'i-' || lpad(r::varchar, 17, '0') as resource_id, 'vm' as resource_type, 'running' as state,
        timestamp '2025-01-01' as created_at, 'm7g.4xlarge' as sku, 1::bigint as attached_count,
        case when r % 4 = 0 then '{{"Environment": "dev"}}' end as tags
    from range({resources}) as machines(r)
) to '{path}' (format parquet, compression zstd)
"""
_BUILD = """
import sys
from pathlib import Path
from pipelines.build import run_dbt
from pipelines.settings import Workspace
folder, *arguments = sys.argv[1:]
run_dbt(Workspace.open(Path(folder)), arguments)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument(
        "--folder", type=Path, default=Path(".cache/usage-benchmark"), help="made anew, left for a look"
    )
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    workspace = Workspace(arguments.folder.absolute(), Settings())
    workspace.root.mkdir(parents=True)
    (workspace.root / "finops.toml").write_text('[build]\nmemory_limit = "3GB"\n')
    land_decisions(workspace)
    for back in range(1, DAYS):
        write_day(workspace, LAST - timedelta(days=back), arguments.resources)
    rules = ["+int_optimization__candidates"]
    build(
        workspace,
        "everything below, once",
        ["build", "--exclude-resource-type", "test", "unit_test", "--select", *rules],
    )
    write_day(workspace, LAST, arguments.resources)
    build(workspace, "a day later", ["run", "--select", *rules])
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        print(
            con.execute(
                "select rule_id, count(*), min(observed_hours) from int_optimization__candidates group by 1"
            ).fetchall()
        )


def write_day(workspace: Workspace, day: date, resources: int) -> None:
    for table, sql in (("metrics", _HOURS), ("inventory", _MACHINES)):
        path = partition(workspace, table, "bench", day)
        path.parent.mkdir(parents=True)
        duckdb.execute(sql.format(day=day, path=path, resources=resources))


def build(workspace: Workspace, name: str, arguments: list[str]) -> None:
    register_deliveries(workspace)
    took = measured(sys.executable, "-c", _BUILD, str(workspace.root), *arguments)
    print(
        f"{name:<28}{took.seconds:>9.0f} s{took.cpu_seconds:>9.0f} CPU s{took.peak_bytes / 2**30:>8.2f} GiB", flush=True
    )


if __name__ == "__main__":
    main()
