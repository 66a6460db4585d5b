"""Invoices land like bills, tie to the ledger by named differences, and stop the build where they do not."""

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.errors import GateError, InvoiceError
from pipelines.invoices import check_invoices, missing_invoices
from pipelines.landing import land
from pipelines.landing.decisions import land_decisions
from pipelines.landing.history import register_history
from pipelines.settings import Workspace
from tests.integration.bills import landed, open_workspace, outcomes

HEADER = ("bill", "billing_period", "invoice_id", "issued_on", "currency", "amount", "line_number", "category",
          "charge_currency", "exchange_rate", "seller")  # fmt: skip
TOTAL = ("payer", "2026-09", "INV-1", "2026-10-03", "USD", "119.00")
DIFFERENCES = ("tax", "marketplace", "late", "fx", "rounding")


def invoices(folder: Path, *rows: tuple[str, ...], name: str = "invoices-2026-09.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *(row + ("",) * (len(HEADER) - len(row)) for row in rows)])
    return folder / name


def source(root: Path) -> Workspace:
    return open_workspace(root / "w", {"name": "inv", "format": "invoices", "uri": str(root / "in")})


def rows(con: duckdb.DuckDBPyConnection, columns: str, where: str = "true") -> list[tuple]:
    return con.execute(f"select {columns} from fct_invoice_reconciliation where {where} order by all").fetchall()


def test_invoices_land_as_deliveries_and_are_replaced_as_a_whole(tmp_path):
    """Two files make September; a corrected file replaces its delivery, an unchanged one is not read again."""
    line = TOTAL[:5]
    path = invoices(tmp_path / "in", TOTAL, (*line, "100.00", "1", "usage"), (*line, "19.00", "2", "tax"))
    invoices(tmp_path / "in", ("payer", "2026-09", "INV-2", "2026-10-04", "USD", "5.00"), name="second.csv")
    opened = source(tmp_path)
    assert outcomes(land(opened)) == {("inv", "2026-09"): "landed"}
    assert sum(landed(opened, "amount", "inv")) == Decimal("243.00")
    assert outcomes(land(opened)) == {("inv", "2026-09"): "unchanged"}
    path.write_text(path.read_text().replace("119.00", "119.50").replace("19.00,2", "19.50,2"))
    assert outcomes(land(opened)) == {("inv", "2026-09"): "restated"}
    assert sum(landed(opened, "amount", "inv")) == Decimal("244.00")
    assert len(list(opened.landing_history.glob("invoices/source=inv/billing_period=2026-09/*"))) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    {
        "lines that do not sum": ([(*TOTAL[:5], "100.00", "1")], "is 119 USD in total, its lines sum to 100"),
        "one line twice": ([(*TOTAL[:5], "119.00", "1"), (*TOTAL[:5], "119.00", "1")], "has line 1 2 times"),
        "two totals": ([TOTAL], "has 2 totals in USD"),
        "unknown category": ([(*TOTAL[:5], "119.00", "1", "vat")], "has the category 'vat', which is not one of usage"),
        "no rate": ([(*TOTAL[:5], "119.00", "1", "", "EUR")], "its charges in EUR, without an exchange_rate"),
        "no bill": ([("", *TOTAL[1:5], "1.00")], "names no bill or no invoice_id"),
    }.values(),
)  # fmt: skip
def test_an_unsound_invoice_is_quarantined_and_the_previous_delivery_stays(tmp_path, wrong, said):
    """The gate names the invoice and what is wrong; what had landed before is still there."""
    path = invoices(tmp_path / "in", TOTAL)
    opened = source(tmp_path)
    land(opened)
    invoices(tmp_path / "in", TOTAL, *wrong)
    (result,) = land(opened).results
    assert isinstance(result.error, GateError) and said in str(result.error)
    assert landed(opened, "amount", "inv") == [Decimal(119)]
    assert (opened.quarantine / "inv" / "2026-09" / "reasons.json").is_file() and path.is_file()


def test_every_invoice_of_the_sample_is_explained_to_the_cent_as_its_generator_knows(built):
    """Tax, marketplace, late, FX and rounding of each invoice equal the truth, and nothing is left."""
    truth = json.loads((built.root / "truth.json").read_text())["invoices"]
    with duckdb.connect(str(built.warehouse), read_only=True) as con:
        columns = "x_source, billing_period, invoice_id, seller, currency, charges_total, ledger_total, invoice_total"
        differences = ", ".join(f"{name}_difference" for name in DIFFERENCES)
        found = {row[1:5]: row for row in rows(con, f"status, {columns}, {differences}, unexplained, credit_difference",
                                               "invoice_total is not null")}  # fmt: skip
        ledger = con.execute("select sum(billed_cost) from int_focus__charges").fetchone()
        charged = con.execute("select sum(charges_total) from fct_invoice_reconciliation").fetchone()
        missing = missing_invoices(con, "2026-10")
    assert len(found) == len(truth) == 19
    for invoice in truth:
        row = found[tuple(invoice[name] for name in ("bill", "billing_period", "invoice_id", "seller"))]
        assert row[0] in ("ok", "explained") and row[5] == invoice["currency"]
        for value, name in zip(row[6:9], ("charges_total", "ledger_total", "invoice_total"), strict=True):
            assert abs(value - Decimal(invoice[name])) < Decimal("1e-6"), name
        for value, name in zip(row[9:14], DIFFERENCES, strict=True):
            assert abs(value - Decimal(invoice.get(f"{name}_difference", 0))) < Decimal("1e-6"), name
        assert row[14:] == (0, 0)
    cases = {name: [i for i in truth if Decimal(i.get(f"{name}_difference", 0))] for name in DIFFERENCES}
    assert {name: len(with_it) for name, with_it in cases.items()} == {
        "tax": 3, "marketplace": 6, "late": 2, "fx": 1, "rounding": 12
    }  # fmt: skip
    assert ledger == charged  # every charge stands with exactly one invoice
    assert [text.split(" for ")[0] for text in missing] == [
        f"{bill}: no invoice of the provider" for bill in ("aws-acquired", "aws-payer", "azure-ea", "gcp-main")
    ]


def test_reconciliation_leads_from_the_ledger_by_named_stages_to_the_providers_invoices(built):
    """ledger + tax + marketplace + late + fx + rounding + unexplained (0) = invoices, per bill and month."""
    with duckdb.connect(str(built.warehouse), read_only=True) as con:
        found = con.execute(
            "select x_source, billing_period, currency, any_value(ledger_total), any_value(invoice_total), "
            "sum(difference), sum(difference) filter (stage = 'invoice'), list(stage order by stage) "
            "from fct_reconciliation where stage like 'invoice%' group by 1, 2, 3 order by 1, 2"
        ).fetchall()
    assert len(found) == 12
    for _, _, _, ledger, total, differences, unexplained, _ in found:
        assert ledger + differences == total and unexplained == 0
    stages = {row[:3]: set(row[7]) for row in found}
    assert stages["azure-ea", "2026-07", "EUR"] >= {"invoice_tax", "invoice_marketplace"}
    assert stages["azure-ea", "2026-08", "USD"] >= {"invoice_tax", "invoice_fx"}
    assert "invoice_late" in stages["gcp-main", "2026-07", "USD"]


def test_a_rest_above_the_tolerance_stops_the_build_and_a_decision_lets_it_through(built, tmp_path):
    """Google's invoice asks for 12.34 more than its charges: named with amounts and fix, until finance tolerates it."""
    shutil.copytree(built.root, tmp_path / "w", symlinks=True)
    opened = Workspace.open(tmp_path / "w")
    path = opened.root / "exports/invoices/invoices-2026-09.csv"
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith("gcp-main"))
    cells = lines[number].split(",")
    cells[9] = f"{Decimal(cells[9]) + Decimal('12.34'):f}"
    kept = [line for i, line in enumerate(lines) if i == number or not line.startswith("gcp-main")]
    kept[kept.index(lines[number])] = ",".join(cells)
    path.write_text("\n".join([*kept, ""]))
    assert outcomes(land(opened, ["invoices"]))["invoices", "2026-09"] == "restated"

    def reconcile() -> None:
        land_decisions(opened)
        register_deliveries(opened)
        register_history(opened)
        run_dbt(
            opened,
            ["run", "--select", "+int_invoices__totals", "int_invoices__matched", "stg_decisions__invoice_tolerances",
             "fct_invoice_reconciliation"],
        )  # fmt: skip
        check_invoices(opened)

    with pytest.raises(InvoiceError) as error:
        reconcile()
    assert f"gcp-main 2026-09, invoice GCP-MAIN-2026-09: asks for {cells[9]} USD" in str(error.value)
    assert "12.3" in str(error.value) and "decisions/invoice_tolerances.csv" in str(error.value)
    assert "azure-ea" not in str(error.value)
    header = "bill,invoice_id,currency,tolerance,note\n"
    (opened.decisions / "invoice_tolerances.csv").write_text(
        f"{header}*,,USD,0.01,\ngcp-main,GCP-MAIN-2026-09,USD,12.50,Disputed\n"
    )
    reconcile()
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        [(status, tolerance)] = rows(con, "status, tolerance", "invoice_id = 'GCP-MAIN-2026-09'")
    assert (status, tolerance) == ("tolerated", Decimal("12.50"))
