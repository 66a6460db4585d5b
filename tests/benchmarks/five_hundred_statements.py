"""The statements of 500 cost centres: `python -m tests.benchmarks.five_hundred_statements`.

Thirteen months of 24 lines per cost centre and month, written as XLSX, PDF and CSV with the showback of all. Prints
seconds and peak memory; the promise is two minutes.
"""

import resource
import tempfile
import time
from pathlib import Path

import duckdb

from pipelines.outputs.statement_periods import periods_before
from pipelines.outputs.statements import write_statements
from tests.unit.test_statements import build_marts

CENTERS, LINES, MONTHS, PERIOD = 500, 24, 13, "2026-07"


def company(path: Path) -> Path:
    """Published marts of 500 cost centres, each line with a rule and a driver behind it."""
    build_marts(path)
    periods = ", ".join(f"('{periods_before(PERIOD, n)}')" for n in range(MONTHS))
    with duckdb.connect(str(path)) as con:
        for table in ("fct_chargeback", "fct_statement_drivers", "dim_statement_cost_centers"):
            con.execute(f"delete from {table}")
        con.execute(f"""
            create temp table grid as
            select p.period, 'CC-' || c.n as center, l.n as line
            from (values {periods}) as p(period), range({CENTERS}) as c(n), range({LINES}) as l(n);
            insert into fct_chargeback
            select period, period, center, md5(period || center || line),
                case when line < 18 then 'direct' else 'shared' end, 'payer', 'aws', 'Service ' || line,
                cast(line * 13.37 + 1 as decimal(28, 12)), cast(line * 13.37 + 1 as decimal(28, 12)), 'USD', 'open', 1
            from grid;
            insert into dim_statement_cost_centers
            select distinct period, center, 'Team of ' || center, 'team', 'Engineering', 'Product', 'Owner', '6100',
                false from grid;
            insert into fct_statement_drivers
            select period, center, 'USD', 'proportional_usage', 'pool-' || line, 'v1', null, 'requests', false,
                10, 100, 0.1, 1000, 100, false from grid where line >= 18;
        """)
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        marts = company(Path(folder) / "marts.duckdb")
        started, cpu = time.monotonic(), time.process_time()
        summary = write_statements(marts, PERIOD, Path(folder) / "reports")
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        size = sum(path.stat().st_size for path in summary.folder.iterdir()) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{summary.statements} statements, {summary.lines:,} lines, {summary.files:,} files, {size:.0f} MiB")
    print(f"{seconds:.0f} s ({cpu:.0f} s of processor), peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
