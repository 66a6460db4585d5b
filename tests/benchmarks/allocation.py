"""How long a year's allocation takes: 500 cost centres, 20 pools of which ten serve the other ten, at three sizes.

The models are those of a full build, compiled by dbt and run one after the other; the daily costs are made up here.
The baseline is DuckDB copying the same daily costs into another table, in the same run. Prints CPU seconds (user and
system, all threads) beside the clock, because other work on the machine slows the clock; asserts nothing about time.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.integration.allocation_models import AllocationModels, Decisions

CENTERS, POOLS, MONTHS = 500, 20, 12
# Nine of ten rows belong to a resource whose tag names its owner; the others to an account that a pool claims.
_COSTS = f"""
create table fct_daily_costs as
select
    charge_date,
    strftime(charge_date, '%Y-%m') as billing_period,
    'other' as provider,
    's' as x_source,
    'payer' as billing_account_id,
    account as sub_account_id,
    account as sub_account_name,
    'Service ' || service as service_name,
    'Compute' as service_category,
    'region ' || service % 5 as region_id,
    resource_id,
    cast(null as varchar) as x_resource_group,
    'Usage' as charge_category,
    cast(null as varchar) as charge_class,
    cast(null as varchar) as commitment_discount_status,
    cast(null as varchar) as commitment_discount_id,
    'cost' as charge_kind,
    'USD' as billing_currency,
    cost as billed_cost,
    cost as effective_cost,
    cost as contracted_cost,
    tags,
    md5(concat_ws('|', tags, account, resource_id, 'Service ' || service)) as x_allocation_key,
    strftime(charge_date, '%Y-%m') as cost_version
from (
    select
        date '2025-11-01' + cast(i % 365 as integer) as charge_date,
        (i // 365) as resource,
        case when resource % 10 = 0 then resource // 10 % {POOLS} else resource % 30 end as service,
        'resource-' || resource as resource_id,
        case
            when resource % 10 = 0 then 'pool-' || (resource // 10) % {POOLS}
            else 'account-' || resource % 200
        end as account,
        case
            when resource % 10 <> 0
                then '{{{{"CostCenter":"CC-' || 1000 + resource % {CENTERS} || '","App":"' || resource % 5000 || '"}}}}'
        end as tags,
        cast((i * 7919 % 100000) * 0.000123 + 0.000000000001 as decimal(28, 12)) as cost
    from range({{rows}}) as numbers(i)
)
"""


@dataclass
class Spent:
    seconds: float = 0
    cpu_seconds: float = 0


@contextmanager
def spent() -> Iterator[Spent]:
    """What this process spends, in all its threads, until the end of the block."""
    result = Spent()
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    yield result
    after = resource.getrusage(resource.RUSAGE_SELF)
    result.seconds = time.monotonic() - began
    result.cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def decisions() -> Decisions:
    """Ten infrastructure pools measured by use of each other, of the other ten, and of cost centres; those by heads."""
    centers = [f"CC-{1000 + number}" for number in range(CENTERS)]
    months = [f"{2025 + (10 + number) // 12}-{(10 + number) % 12 + 1:02d}" for number in range(MONTHS)]
    pools, drivers = [], []
    for number in range(POOLS):
        by_use = number < POOLS // 2
        method = f"proportional_usage,use_{number}" if by_use else "headcount_based,"
        pools.append(f"pool-{number},{number},account,,pool-{number},{method},unallocated,,2024-01-01,,")
        if by_use:
            users = [*centers, *(f"pool-{other}" for other in range(POOLS) if other != number)]
            drivers += [
                f"{month}-01,use_{number},{user},hours,{1 + (place * 31 + number) % 97}"
                for month in months
                for place, user in enumerate(users)
            ]
    return {
        "cost_centers": [
            f"{center},{center},Team,Department,Unit,Owner,,6000,{1 + place % 40},0,2024-01-01,"
            for place, center in enumerate(centers)
        ],
        "allocation_rules": [
            f"tag-{center},{place + 1},tag,CostCenter,{center},{center},100,2024-01-01,,"
            for place, center in enumerate(centers)
        ],
        "shared_cost_rules": pools,
        "drivers": drivers,
    }


def allocate(models: AllocationModels, rows: int, slowest: int) -> tuple[Spent, Spent]:
    """What copying the daily costs and what allocating them takes; prints the slowest models."""
    folder = Path(tempfile.mkdtemp(prefix="allocation-"))
    try:
        with duckdb.connect(config={"threads": 2, "memory_limit": "3GB", "temp_directory": str(folder)}) as con:
            con.execute(f"attach '{folder / 'w.duckdb'}' as warehouse")
            con.execute("use warehouse")
            con.execute("set preserve_insertion_order = false")
            con.execute(_COSTS.format(rows=rows))
            with spent() as copying:
                con.execute("create table copied as select * from fct_daily_costs")
            times: dict[str, Spent] = {}
            with spent() as allocating:
                for name, create in models.creations():
                    with spent() as times[name]:
                        con.execute(create)
            total, allocated = con.execute(
                "select (select sum(effective_cost) from fct_daily_costs), sum(allocated_cost) from fct_allocated_costs"
            ).fetchall()[0]
            assert total == allocated, f"{total} became {allocated}"
        for name in sorted(times, key=lambda n: -times[n].cpu_seconds)[:slowest]:
            print(f"    {name:<40}{times[name].cpu_seconds:>8.1f}")
        return copying, allocating
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = AllocationModels(Path(folder) / "w")
        models.decide(decisions())
        print(f"{MONTHS} months, {CENTERS} cost centres, {POOLS} pools, two levels of sharing, 2 threads")
        print("  daily rows   seconds  CPU seconds  copy, CPU s   ratio  CPU s per million rows")
        for rows in (arguments.rows // 4, arguments.rows // 2, arguments.rows):
            copying, allocating = allocate(models, rows, slowest=5)
            ratio = allocating.cpu_seconds / copying.cpu_seconds
            each = allocating.cpu_seconds / rows * 1e6
            print(
                f"{rows:>12,}{allocating.seconds:>10.1f}{allocating.cpu_seconds:>13.1f}{copying.cpu_seconds:>13.1f}"
                f"{ratio:>8.1f}{each:>25.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
