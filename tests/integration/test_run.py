"""The main job end to end on a small sample company: tied to its truth, repeatable, killable, and safe on bad input."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.dbt_command import run_dbt
from pipelines.errors import AuditError, SettingsError
from pipelines.explain import explain, lines_of
from pipelines.outputs.publish import current_run
from pipelines.run import run
from pipelines.settings import Workspace
from pipelines.status import workspace_status


@pytest.fixture
def copy_of(company, tmp_path):
    target = tmp_path / "w"
    shutil.copytree(company, target, symlinks=True)
    return target


# The companion datasets date a delivery by when it landed, as landed_at does.
WHEN_IT_LANDED = [
    "landed_at",
    "BillingPeriodCreated",
    "BillingPeriodLastUpdated",
    "ContractCommitmentCreated",
    "ContractCommitmentLastUpdated",
    "InvoiceDetailCreated",
    "InvoiceDetailLastUpdated",
]


def marts(root: Path) -> dict[str, list[tuple]]:
    """Every published mart as sorted rows, without when something landed and without the run's own paths."""
    select = f"select columns(c -> not list_contains({WHEN_IT_LANDED}, c))"
    folder = current_run(Workspace.open(root))
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        names = [r[0] for r in con.execute("select table_name from duckdb_tables() order by 1").fetchall()]
        content = {n: con.execute(f"{select} from {n} order by all").fetchall() for n in names if n != "publish_info"}
    files = f"{folder}/focus_cost_and_usage/*/*/*.parquet"
    content["focus_cost_and_usage"] = duckdb.sql(f"select * from read_parquet('{files}') order by all").fetchall()
    return content


def test_every_total_equals_the_truth_that_the_generator_computed(company):
    """Billed and effective cost per source, month and currency tie to totals that never saw the pipeline."""
    truth = json.loads((company / "truth.json").read_text())["totals"]
    costs = marts(company)["fct_daily_costs"]
    with duckdb.connect(str(current_run(Workspace.open(company)) / "marts.duckdb"), read_only=True) as con:
        found = {
            row[:3]: row[3:]
            for row in con.execute(
                "select x_source, billing_period, billing_currency, sum(billed_cost), sum(effective_cost) "
                "from fct_daily_costs group by all"
            ).fetchall()
        }
    assert costs and len(found) == len(truth)
    for total in truth:
        billed, effective = found[total["source"], total["billing_period"], total["currency"]]
        assert abs(billed - Decimal(total["billed"])) < Decimal("1e-6")
        if total["effective"] is not None:
            assert abs(effective - Decimal(total["effective"])) < Decimal("1e-6")


def test_allocated_costs_sum_to_the_daily_costs_to_the_last_decimal(company):
    """Allocation neither gains nor loses: per source, month and currency the difference is exactly 0."""
    with duckdb.connect(str(current_run(Workspace.open(company)) / "marts.duckdb"), read_only=True) as con:
        rows = con.execute(
            "select d.cost, a.cost, c.cost from "
            "(select x_source, billing_period, billing_currency as currency, sum(effective_cost) as cost "
            " from fct_daily_costs group by all) as d "
            "join (select x_source, billing_period, currency, sum(allocated_cost) as cost "
            " from fct_allocated_costs group by all) as a using (x_source, billing_period, currency) "
            "join (select x_source, billing_period, currency, sum(amount) as cost "
            " from fct_chargeback group by all) as c using (x_source, billing_period, currency)"
        ).fetchall()
    assert len(rows) == 8
    assert all(daily == allocated == statement for daily, allocated, statement in rows)


def test_statement_lines_are_whole_cents_but_for_the_rounding_line(company):
    """Finance books cents; what is smaller stands once per source, month and currency, and is under a cent."""
    with duckdb.connect(str(current_run(Workspace.open(company)) / "marts.duckdb"), read_only=True) as con:
        lines = con.execute("select kind, amount from fct_chargeback").fetchall()
    assert all(amount == amount.quantize(Decimal("0.01")) for kind, amount in lines if kind != "rounding")
    assert all(abs(amount) < Decimal("0.01") for kind, amount in lines if kind == "rounding")


def test_a_second_run_reads_nothing_and_publishes_the_same_marts(copy_of):
    """Nothing changed, so nothing is landed, the ledger's files are shared, and every mart is the same."""
    before = marts(copy_of)
    inode = {p.relative_to(current_run(Workspace.open(copy_of))): p.stat().st_ino for p in ledger_files(copy_of)}

    summary = run(Workspace.open(copy_of))

    assert {result.outcome for result in summary.landing.results} == {"unchanged"}
    assert marts(copy_of) == before
    after = {p.relative_to(current_run(Workspace.open(copy_of))): p.stat().st_ino for p in ledger_files(copy_of)}
    assert after == inode


def ledger_files(root: Path) -> list[Path]:
    return sorted(current_run(Workspace.open(root)).glob("focus_cost_and_usage/*/*/*.parquet"))


def test_a_rewritten_month_replaces_exactly_that_month(copy_of):
    """One line of one month becomes dearer by 100: that source and month change by 100, nothing else does."""
    key = "x_source, billing_period, billing_currency"
    before = totals(copy_of, key)
    manifest = next((copy_of / "exports" / "aws-acquired").rglob("20261001-*/*Manifest.json"))
    part = next(manifest.parent.rglob("*-1.csv.gz"))
    add_to_first_line(part, "lineItem/UnblendedCost", Decimal(100))

    run(Workspace.open(copy_of))

    after = totals(copy_of, key)
    changed = {k: after[k] - before[k] for k in after if after[k] != before[k]}
    assert changed == {("aws-acquired", "2026-10", "USD"): Decimal(100)}
    (restated,) = workspace_status(Workspace.open(copy_of)).learned.restated
    assert (restated.source, restated.billing_period, restated.currency) == ("aws-acquired", "2026-10", "USD")
    assert (restated.billed_difference, restated.effective_difference, restated.days) == (Decimal(100), Decimal(100), 1)
    shown = finops("status", copy_of).stdout
    assert "Restated    aws-acquired 2026-10: billed +100.00, effective +100.00 USD" in shown
    # the next command stays in one piece, however long the workspace's path is
    assert max(len(line) for line in shown.splitlines() if not line.startswith("Next ")) <= 80


def totals(root: Path, key: str) -> dict[tuple, Decimal]:
    with duckdb.connect(str(current_run(Workspace.open(root)) / "marts.duckdb"), read_only=True) as con:
        rows = con.execute(f"select {key}, sum(billed_cost) from fct_daily_costs group by all").fetchall()
    return {row[:-1]: row[-1] for row in rows}


def add_to_first_line(path: Path, column: str, amount: Decimal) -> None:
    import gzip

    with gzip.open(path, "rt", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    row = next(r for r in rows if r["lineItem/LineItemType"] == "Usage")
    row[column] = f"{Decimal(row[column]) + amount:f}"
    with gzip.open(path, "wt", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("delay", [1.5, 6.0, 12.0])
def test_a_killed_run_is_finished_by_the_next_one(copy_of, company, delay):
    """kill -9 at some instant, then a run: the same marts as an undisturbed run, and readers kept the old ones."""
    expected = marts(company)
    for stale in ("landing", "warehouse.duckdb"):
        path = copy_of / stale
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    environment = os.environ | {"FINOPS_WORKSPACE": str(copy_of)}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("finops"), "run"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert marts(copy_of) == expected  # readers still see one whole run

    run(Workspace.open(copy_of))

    assert marts(copy_of) == expected


def test_a_bad_file_fails_its_source_names_the_fix_and_leaves_published_marts_alone(copy_of):
    """The command exits 1 and says file and fix; the other sources are looked at, and the run stays the same."""
    manifest = next((copy_of / "exports" / "aws-acquired").rglob("20261001-*/*Manifest.json"))
    part = next(manifest.parent.rglob("*-1.csv.gz"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    before = os.readlink(copy_of / "published" / "current")

    done = finops("run", copy_of)

    assert done.returncode == 1
    assert part.name in done.stderr and "cut short" in done.stderr and "rerun" in done.stderr
    assert "gcp-main" in done.stderr
    assert os.readlink(copy_of / "published" / "current") == before


def finops(*arguments: object) -> subprocess.CompletedProcess:
    command, root = arguments
    return subprocess.run(
        [Path(sys.executable).with_name("finops"), command, "-w", root], capture_output=True, text=True, check=False
    )


def test_currencies_that_meet_without_a_rate_stop_publishing(copy_of):
    """Pools hold euros and dollars: without a rate for the month nothing is published, and the file is named."""
    rates = copy_of / "decisions" / "fx_rates.csv"
    lines = rates.read_text().splitlines()
    rates.write_text("\n".join(line for line in lines if not line.startswith("2026-10")) + "\n")
    before = os.readlink(copy_of / "published" / "current")

    with pytest.raises(AuditError, match=r"fx_rates\.csv has no rate EUR to USD for 2026-10"):
        run(Workspace.open(copy_of))

    assert os.readlink(copy_of / "published" / "current") == before


def test_a_mistake_in_the_decisions_stops_the_run_with_file_line_and_column(copy_of):
    """Nothing is applied, and the message leads to the cell."""
    rules = copy_of / "decisions" / "allocation_rules.csv"
    rules.write_text(rules.read_text() + "bad,100,tag,CostCenter,x,CC-9999,100,,,\n")

    done = finops("run", copy_of)

    assert done.returncode == 1
    assert "allocation_rules.csv line" in done.stderr and "CC-9999" in done.stderr


def test_the_summary_shows_zero_differences_and_the_next_commands(copy_of):
    """A controller sees invoice = statement; an engineer sees where things lie and what to type next."""
    done = finops("run", copy_of)

    assert done.returncode == 0, done.stderr
    assert "Invoice to statement" in done.stdout and "Top cost centres" in done.stdout
    assert done.stdout.count("finops ") == 3
    assert max(len(line) for line in done.stdout.splitlines() if not line.startswith(("Marts", "State", "Rep"))) <= 200


def test_every_cost_rule_holds_in_its_dbt_unit_test(copy_of):
    """The unit tests beside the models run on the built warehouse; each is named as the rule it proves."""
    _, tests = run_dbt(Workspace.open(copy_of), ["test", "--select", "test_type:unit"])
    assert tests >= 7


def test_a_statement_line_is_explained_by_rules_and_charges_that_sum_to_it(company):
    """Rules sum to the line before cents; a line that one rule gives whole is the sum of the charges that are named."""
    folder = current_run(Workspace.open(company))
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        lines = con.execute(
            "select line_id, kind, amount from fct_chargeback where kind <> 'rounding' "
            "qualify row_number() over (partition by kind, x_source order by amount desc) <= 2"
        ).fetchall()
    assert {kind for _, kind, _ in lines} >= {"direct", "shared", "tax"}
    whole = 0
    for line_id, kind, amount in lines:
        found = explain(folder, line_id, limit=3)
        assert abs(sum(rule["amount"] for rule in found.rules) - amount) < Decimal("0.01"), kind
        assert found.charges and all(charge["file"] and charge["row"] >= 1 for charge in found.charges)
        assert all(charge["sha256"] and charge["sequence"] == 1 for charge in found.charges)
        if {rule["method"] for rule in found.rules} == {"direct"} and all(rule["share"] == 1 for rule in found.rules):
            (total,) = found.totals
            assert total["effective_cost"] == sum(rule["amount"] for rule in found.rules)
            whole += 1
    assert whole >= 3


def test_a_ledger_line_and_a_cost_centre_s_day_are_explained_too(company):
    """The source row that a statement line names leads back to the same rule, file and delivery."""
    folder = current_run(Workspace.open(company))
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        line_id = con.execute(
            "select line_id from fct_chargeback where kind = 'direct' order by amount desc limit 1"
        ).fetchone()[0]
    line = explain(folder, line_id)
    charge, rule = line.charges[0], line.rules[0]

    ledger = explain(folder, charge["line"])
    day = explain(folder, f"{rule['cost_center_id']}/{charge['charge_date']}/{rule['rule_id']}")

    assert (rule["rule_id"], rule["rule_version"]) in {(r["rule_id"], r["rule_version"]) for r in ledger.rules}
    assert ledger.charges[0]["sha256"] == charge["sha256"] and ledger.charges[0]["delivery_id"] == charge["delivery_id"]
    assert {"allocation_rules", "cost_centers"} <= {decision["decision"] for decision in ledger.decisions}
    assert {r["rule_id"] for r in day.rules} == {rule["rule_id"]}
    assert charge["line"] in {c["line"] for c in explain(folder, day_reference(day), limit=1_000).charges}
    with pytest.raises(SettingsError, match="no line of the published ledger"):
        explain(folder, "aws-acquired/2026-10/nothing.csv.gz:1")


def day_reference(found) -> str:
    return f"{found.subject['cost_center_id']}/{found.subject['charge_date']}"


def test_an_explanation_fits_80_columns_and_prints_as_json(company):
    """What a controller reads in a terminal, and what a program reads."""
    folder = current_run(Workspace.open(company))
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        ids = [row[0] for row in con.execute("select line_id from fct_chargeback order by amount desc").fetchall()]
    for line_id in (ids[0], ids[len(ids) // 2], ids[-1]):
        assert max(len(line) for line in lines_of(explain(folder, line_id))) <= 80
    done = subprocess.run(
        [Path(sys.executable).with_name("finops"), "explain", ids[0], "--json", "-w", company],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["subject"]["line_id"] == ids[0]
