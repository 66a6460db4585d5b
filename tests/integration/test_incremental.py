"""Only what changed is computed, checked and published anew; the marts are those of a build from nothing."""

import random
import re
import shutil
from decimal import Decimal

import duckdb
import pytest

from pipelines.build import build
from pipelines.landing import land
from pipelines.outputs.publish import current_run, publish
from pipelines.settings import Workspace
from tests.integration.test_run import add_to_first_line, marts

MONTHS = ["2026-07", "2026-08", "2026-09", "2026-10"]


@pytest.fixture(scope="module")
def books(built, tmp_path_factory):
    """The built company, published, to change."""
    root = tmp_path_factory.mktemp("incremental") / "w"
    shutil.copytree(built.root, root, symlinks=True)
    # Restated bills no longer tie to their invoices; that is not what is tested here.
    (root / "decisions" / "invoice_tolerances.csv").write_text(
        "bill,invoice_id,currency,tolerance,note\naws-acquired,,USD,100,Restated on purpose\n", "utf-8"
    )
    workspace = Workspace.open(root)
    publish(workspace)
    return workspace


def restate(workspace: Workspace, month: str, amount: str) -> None:
    """One line of a month costs `amount` more."""
    first_day = month.replace("-", "") + "01"
    manifest = next((workspace.root / "exports" / "aws-acquired").rglob(f"{first_day}-*/*Manifest.json"))
    add_to_first_line(next(manifest.parent.rglob("*-1.csv.gz")), "lineItem/UnblendedCost", Decimal(amount))


def decide(workspace: Workspace, name: str, *rows: str) -> None:
    with (workspace.decisions / f"{name}.csv").open("a", encoding="utf-8") as lines:
        lines.writelines(f"{row}\n" for row in rows)


def measure_again(workspace: Workspace, month: str, driver: str) -> None:
    """The first measurement of a driver in a month turns out to be another."""
    path = workspace.decisions / "drivers.csv"
    text, found = re.subn(rf"(?m)^({month}-\d\d,{driver},.*),[0-9.]+$", r"\1,5000.25", path.read_text("utf-8"), count=1)
    assert found == 1
    path.write_text(text, "utf-8")


def run_incrementally(workspace: Workspace) -> list[str]:
    """Land, build and publish; the billing periods that were allocated anew."""
    land(workspace)
    build(workspace)
    publish(workspace)
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        rows = con.execute("select billing_period from int_allocation__periods where is_stale order by 1").fetchall()
    return [period for (period,) in rows]


def test_changed_months_and_decisions_end_in_the_marts_of_a_build_from_nothing(books, tmp_path):
    """Restated months, late drivers, then rules that reach over months; only what they touch is allocated anew."""
    chance = random.Random(11)
    restated, measured = chance.sample(MONTHS, 2)
    restate(books, restated, "7.5")
    measure_again(books, measured, "k8s_pod_hours")
    before = current_run(books)

    assert run_incrementally(books) == sorted({restated, measured})
    assert (before / "dim_cost_centers.parquet").samefile(current_run(books) / "dim_cost_centers.parquet")

    decide(books, "tag_aliases", "key,,squad,CostCenter")
    (books.decisions / "allocation_policies.csv").write_text(
        "policy,value,cost_center_id\nbackfill_same_resource,yes,\nshared_on_shared,step_down,\n", "utf-8"
    )
    decide(
        books,
        "shared_cost_rules",
        "late-network,5,charge_kind,,support,proportional_usage,k8s_pod_hours,previous_period>unallocated,,2024-01-01,,",
    )
    land(books)
    build(books)
    restate(books, MONTHS[2], "-3.25")
    measure_again(books, MONTHS[0], "api_requests")
    assert {MONTHS[0], MONTHS[1], MONTHS[2]} <= set(run_incrementally(books))  # the second looks back at the first

    fresh = Workspace.open(shutil.copytree(books.root, tmp_path / "fresh", symlinks=True))
    for made in (".dbt", "published"):
        shutil.rmtree(fresh.root / made)
    fresh.warehouse.unlink()
    build(fresh)
    publish(fresh)

    assert marts(books.root) == marts(fresh.root)
    assert ordered(books, "fct_allocated_costs") == ordered(fresh, "fct_allocated_costs")


def ordered(workspace: Workspace, mart: str) -> list[tuple]:
    """The rows of a published Parquet file in the order in which they lie there."""
    return duckdb.sql(f"select * from read_parquet('{current_run(workspace) / f'{mart}.parquet'}')").fetchall()
