"""The sample is what the other tests are judged by, so it is read back here with readers of its own."""

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.sample import SampleExistsError, SampleSummary, write_sample

Totals = dict[str, Decimal]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, rows=6_000, months=3)
    return folder


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def truth_of(workspace: Path, source: str) -> dict[str, dict[str, object]]:
    content = json.loads((workspace / "truth.json").read_text(encoding="utf-8"))
    return {total["billing_period"]: total for total in content["totals"] if total["source"] == source}


def read_cur2(workspace: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Line items of the latest manifest of each period."""
    root = workspace / "exports/aws-payer/cur2/finops-cur2"
    for manifest in sorted(root.glob("metadata/BILLING_PERIOD=*/finops-cur2-Manifest.json")):
        keys = [uri.split("/finops-cur2/", 1)[1] for uri in json.loads(manifest.read_text())["dataFiles"]]
        columns = ["line_item_line_item_type", "line_item_unblended_cost", "line_item_usage_account_id"]
        columns += [
            "line_item_product_code",
            "savings_plan_savings_plan_a_r_n",
            "savings_plan_savings_plan_effective_cost",
        ]
        columns += [
            "savings_plan_total_commitment_to_date",
            "savings_plan_used_commitment",
            "reservation_effective_cost",
        ]
        columns += ["reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee"]
        columns += ["reservation_reservation_a_r_n"]
        rows = [row for key in keys for row in pq.ParquetFile(root / key).read(columns).to_pylist()]
        yield manifest.parent.name.removeprefix("BILLING_PERIOD="), rows


def read_cur(workspace: Path) -> Iterator[tuple[str, list[dict[str, str]]]]:
    root = workspace / "exports/aws-acquired"
    for path in sorted(root.glob("cur/acquired-cur/*/acquired-cur-Manifest.json")):
        manifest = json.loads(path.read_text())
        start = manifest["billingPeriod"]["start"]
        yield f"{start[:4]}-{start[4:6]}", [row for key in manifest["reportKeys"] for row in read_csv_gz(root / key)]


def read_azure(workspace: Path, export: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for period in sorted((workspace / "exports/azure" / export).iterdir()):
        manifest = json.loads(max(period.glob("*/*/manifest.json")).read_text())
        rows: list[dict[str, str]] = []
        for blob in manifest["blobs"]:
            path = workspace / "exports" / blob["blobName"]
            part = read_csv_gz(path)
            assert (len(part), path.stat().st_size) == (blob["dataRowCount"], blob["byteCount"])
            rows += part
        yield f"{period.name[:4]}-{period.name[4:6]}", rows


def read_gcp(workspace: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    for period in sorted((workspace / "exports/gcp").glob("*/invoice_month=*")):
        manifest = max(period.glob("run=*/_manifest.json"))
        files = json.loads(manifest.read_text())["files"]
        rows = [row for name in files for row in pq.ParquetFile(manifest.parent / name).read().to_pylist()]
        yield f"{period.name[14:18]}-{period.name[18:]}", rows


def read_csv_gz(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8"), newline="")))


def exact(value: object) -> Decimal:
    """The shortest decimal of a DOUBLE, or the decimal of a text; nothing counts as zero."""
    return Decimal(repr(value) if isinstance(value, float) else str(value)) if value not in (None, "") else Decimal(0)


def summed(pairs: list[tuple[object, Decimal]]) -> Totals:
    sums: Totals = defaultdict(Decimal)
    for key, amount in pairs:
        sums[str(key or "")] += amount
    return dict(sums)


def assert_equals_truth(
    truth: dict[str, object], rows: int, costs: list[Decimal], accounts: list[object], services: list[object]
) -> None:
    assert rows == truth["rows"]
    assert sum(costs) == Decimal(str(truth["billed"]))
    for field, keys in (("billed_by_sub_account", accounts), ("billed_by_service", services)):
        expected = truth[field]
        assert isinstance(expected, dict)
        assert summed(list(zip(keys, costs, strict=True))) == {key: Decimal(text) for key, text in expected.items()}


def amortised(row: dict[str, object]) -> Decimal:
    """Effective cost of a CUR 2.0 line by the rules of the provider."""
    kind = row["line_item_line_item_type"]
    if kind == "SavingsPlanCoveredUsage":
        return exact(row["savings_plan_savings_plan_effective_cost"])
    if kind == "SavingsPlanRecurringFee":
        return exact(row["savings_plan_total_commitment_to_date"]) - exact(row["savings_plan_used_commitment"])
    if kind == "DiscountedUsage":
        return exact(row["reservation_effective_cost"])
    if kind == "RIFee":
        unused = row["reservation_unused_amortized_upfront_fee_for_billing_period"]
        return exact(unused) + exact(row["reservation_unused_recurring_fee"])
    if kind in ("SavingsPlanNegation", "SavingsPlanUpfrontFee") or (
        kind == "Fee" and row["reservation_reservation_a_r_n"]
    ):
        return Decimal(0)
    return exact(row["line_item_unblended_cost"])


def test_cur2_totals_equal_the_truth(workspace: Path) -> None:
    truth = truth_of(workspace, "aws-payer")
    periods = dict(read_cur2(workspace))
    assert periods.keys() == truth.keys()
    for period, rows in periods.items():
        costs = [exact(row["line_item_unblended_cost"]) for row in rows]
        accounts = [row["line_item_usage_account_id"] for row in rows]
        assert_equals_truth(truth[period], len(rows), costs, accounts, [row["line_item_product_code"] for row in rows])
        assert sum(amortised(row) for row in rows) == Decimal(str(truth[period]["effective"]))


def test_every_line_kind_of_an_aws_bill_occurs(workspace: Path) -> None:
    kinds = {row["line_item_line_item_type"] for _, rows in read_cur2(workspace) for row in rows}
    assert kinds == {
        "Usage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee",
        "DiscountedUsage", "RIFee", "Fee", "Tax", "Credit", "Refund", "EdpDiscount",
    }  # fmt: skip


def test_negation_takes_back_exactly_what_savings_plans_cover(workspace: Path) -> None:
    """Per account, product and plan; a difference would be money that nobody owes."""
    for _, rows in read_cur2(workspace):
        nets = summed(
            [
                (
                    (
                        row["line_item_usage_account_id"],
                        row["line_item_product_code"],
                        row["savings_plan_savings_plan_a_r_n"],
                    ),
                    exact(row["line_item_unblended_cost"]),
                )
                for row in rows
                if row["line_item_line_item_type"] in ("SavingsPlanCoveredUsage", "SavingsPlanNegation")
            ]
        )
        assert nets
        assert set(nets.values()) == {Decimal(0)}


def test_legacy_cur_totals_equal_the_truth(workspace: Path) -> None:
    truth = truth_of(workspace, "aws-acquired")
    for period, rows in read_cur(workspace):
        costs = [exact(row["lineItem/UnblendedCost"]) for row in rows]
        accounts = [row["lineItem/UsageAccountId"] for row in rows]
        assert_equals_truth(truth[period], len(rows), costs, accounts, [row["lineItem/ProductCode"] for row in rows])


def test_azure_totals_equal_the_truth(workspace: Path) -> None:
    truth = truth_of(workspace, "azure-ea")
    spread = dict(read_azure(workspace, "halden-amortized"))
    for period, rows in read_azure(workspace, "halden-actual"):
        costs = [exact(row["CostInBillingCurrency"]) for row in rows]
        accounts: list[object] = [row["SubscriptionId"] for row in rows]
        services: list[object] = [row["MeterCategory"] for row in rows]
        assert_equals_truth(truth[period], len(rows) + len(spread[period]), costs, accounts, services)
        effective = sum(exact(row["CostInBillingCurrency"]) for row in spread[period])
        assert effective == Decimal(str(truth[period]["effective"]))


def test_azure_quantity_times_price_is_the_cost(workspace: Path) -> None:
    for _, rows in read_azure(workspace, "halden-amortized"):
        for row in rows:
            if row["ChargeType"] == "Usage":
                assert exact(row["Quantity"]) * exact(row["EffectivePrice"]) == exact(row["CostInBillingCurrency"])


def test_gcp_totals_after_credits_equal_the_truth(workspace: Path) -> None:
    truth = truth_of(workspace, "gcp-main")
    for period, rows in read_gcp(workspace):
        costs = [exact(row["cost"]) + sum(exact(credit["amount"]) for credit in row["credits"]) for row in rows]
        accounts = [(row["project"] or {}).get("id") for row in rows]
        assert_equals_truth(truth[period], len(rows), costs, accounts, [row["service"]["description"] for row in rows])


def test_older_complete_deliveries_stand_beside_the_newest(workspace: Path) -> None:
    """A reader that takes every file it finds counts these months twice."""
    data = workspace / "exports/aws-payer/cur2/finops-cur2/data"
    assert sorted(len(list(period.iterdir())) for period in data.iterdir()) == [1, 2, 2]
    for export in ("halden-actual", "halden-amortized"):
        runs = [len(list(period.iterdir())) for period in (workspace / "exports/azure" / export).iterdir()]
        assert sorted(runs) == [1, 1, 2]
    assert len(list((workspace / "exports/gcp").glob("*/*/run=*"))) == 4


def test_rules_name_accounts_that_are_billed(workspace: Path) -> None:
    content = json.loads((workspace / "truth.json").read_text(encoding="utf-8"))
    billed = {account for total in content["totals"] for account in total["billed_by_sub_account"]}
    for name in ("allocation_rules", "shared_cost_rules"):
        rules = csv.DictReader((workspace / "decisions" / f"{name}.csv").open(encoding="utf-8", newline=""))
        assert {rule["match_value"] for rule in rules if rule["match_type"] == "account"} <= billed


def test_same_arguments_give_the_same_bytes(workspace: Path, tmp_path: Path) -> None:
    write_sample(tmp_path, rows=6_000, months=3)

    def contents(folder: Path) -> dict[str, str]:
        return {name: digest for name, (digest, _) in fingerprint(folder).items()}

    assert contents(tmp_path) == contents(workspace)


def test_a_second_call_rewrites_nothing(workspace: Path) -> None:
    before = fingerprint(workspace)

    summary = write_sample(workspace, rows=6_000, months=3)

    assert not summary.written
    assert fingerprint(workspace) == before


def test_other_arguments_replace_the_exports_but_keep_decisions(tmp_path: Path) -> None:
    write_sample(tmp_path, rows=1_000, months=1)
    mine = tmp_path / "decisions" / "cost_centers.csv"
    mine.write_text("my own cost centres\n")

    summary = write_sample(tmp_path, rows=1_000, months=1, seed=8)

    assert isinstance(summary, SampleSummary)
    assert summary.written
    assert mine.read_text() == "my own cost centres\n"


def test_waste_that_a_short_bill_can_not_show_is_no_truth(workspace: Path, tmp_path: Path) -> None:
    """A silent gateway is one after 30 days without a byte: February has 28."""
    write_sample(tmp_path, rows=1_000, months=1, last_month="2026-02")

    def planted(folder: Path) -> set[str]:
        return {row["rule_id"] for row in json.loads((folder / "truth.json").read_text("utf-8"))["waste"]}

    assert "aws_nat_silent" in planted(workspace) and "aws_nat_silent" not in planted(tmp_path)


def test_a_killed_run_is_done_again(tmp_path: Path) -> None:
    write_sample(tmp_path, rows=1_000, months=1)
    complete = fingerprint(tmp_path)
    (tmp_path / "exports/.sample.json").unlink()
    (tmp_path / "exports/.sample.partial").mkdir()
    (tmp_path / "truth.json").unlink()

    write_sample(tmp_path, rows=1_000, months=1)

    assert fingerprint(tmp_path).keys() == complete.keys()


def test_exports_of_somebody_else_are_never_replaced(tmp_path: Path) -> None:
    theirs = tmp_path / "exports/aws-payer/real.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("real bill\n")

    with pytest.raises(SampleExistsError, match="was not written by finops sample"):
        write_sample(tmp_path, rows=1_000, months=1)

    assert theirs.read_text() == "real bill\n"
    assert not (tmp_path / "decisions").exists()
