"""Disks and database storage that are faster, dearer or busier than they need to be; prices are the bill's own."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.optimization_models import TODAY, Bill, Signals

READS_AND_WRITES = ("disk_read_iops", "disk_write_iops", "disk_read_bytes_per_s", "disk_write_bytes_per_s")


def days_ago(days):
    return TODAY - timedelta(days=days)


def per_day(month, price="1"):
    """A day's quantity of something of which a month of 365 / 12 days has `month`, and what it costs at `price`."""
    quantity = (Decimal(month) * 12 / 365).quantize(Decimal("1e-12"))
    return {"quantity": str(quantity), "cost": str((quantity * Decimal(price)).quantize(Decimal("1e-12")))}


def busy(signals, name, iops, mibps, days=32, **values):
    """Half of it reads, half of it writes."""
    for metric in READS_AND_WRITES:
        signals.hours(name, metric, (iops if metric.endswith("iops") else mibps * 1048576) / 2, days=days, **values)
    return signals


def seen(meter, price, **values):
    """A price that another resource's bill shows."""
    return Bill("another", meter, cost=price, quantity="1", unit="GB-Months", first=TODAY, **values)


IO1 = (("EU-EBS:VolumeUsage.piops", "500", "0.125"), ("EU-EBS:VolumeP-IOPS.piops", "8000", "0.065"))


def io1(name="vol-1"):
    """500 GiB and 8,000 IOPS: 62.50 + 520.00 a month."""
    return [Bill(name, meter, unit="GB-Months", **per_day(amount, price)) for meter, amount, price in IO1]


@pytest.mark.parametrize(
    ("iops", "prices", "expected"),
    [
        # 2,500 × 1.2 = 3,000 IOPS are in gp3's price: 500 × 0.08 = 40.00 instead of 582.50.
        (2500, {"gp3": "0.08"}, ("gp3", "40.00")),
        # 3,200 × 1.2 = 3,840: 40.00 + 840 × 0.005 = 44.20.
        (3200, {"gp3": "0.08", "iops": "0.005"}, ("gp3", "44.20")),
        # gp3's extra IOPS have no price here, so fewer IOPS of io1: 62.50 + 3,840 × 0.065 = 312.10.
        (3200, {"gp3": "0.08"}, ("io1", "312.10")),
        # No price of gp3 at all: the same.
        (3200, {}, ("io1", "312.10")),
        # 3,300 of 8,000 are more than 40 %.
        (3300, {"gp3": "0.08", "iops": "0.005"}, None),
    ],
)
def test_provisioned_speed_that_nothing_uses(rules, iops, prices, expected):
    """Domain page 1.5.10: below 40 % of provisioned IOPS, the cheapest kind that holds the peak with 20 % headroom."""
    signals = Signals().resource("vol-1", "disk", state="in_use", attached_count=1, provisioned_iops=8000.0,
                                 size_gib=500.0)  # fmt: skip
    busy(signals, "vol-1", iops, 50)
    bills = io1()
    if "gp3" in prices:
        bills.append(seen("EU-EBS:VolumeUsage.gp3", prices["gp3"]))
    if "iops" in prices:
        bills.append(seen("EU-EBS:VolumeP-IOPS.gp3", prices["iops"]))
    columns = "json_extract_string(recommended_config, '$.storage_type'), round(target_cost_month, 2), " \
        "round(contracted_cost_month, 2)"  # fmt: skip
    found = rules.found(signals, bills, columns=columns)
    if expected is None:
        assert found == []
    else:
        kind, cost = expected
        assert found == [("aws_ebs_speed", "vol-1", kind, Decimal(cost), Decimal("582.50"))]


def test_a_disk_whose_writes_were_not_measured_says_nothing(rules):
    """Unknown is not zero: reads alone are no load, and neither is half of the look-back."""
    signals = Signals()
    for name in ("vol-1", "vol-2"):
        signals.resource(name, "disk", state="in_use", attached_count=1, provisioned_iops=8000.0, size_gib=500.0)
    for metric in READS_AND_WRITES[::2]:
        signals.hours("vol-1", metric, 1.0, days=32)
    busy(signals, "vol-2", 100, 1, days=16)
    assert rules.found(signals, io1() + io1("vol-2")) == []


def test_an_azure_disk_goes_to_the_cheapest_tier_that_holds_size_and_load(rules):
    """P30 (1,024 GiB, 5,000 IOPS) at 400 IOPS: 480 fit E30 (500). At 600 they do not, nor at more than 30 % of P30."""
    signals = Signals()
    for name, iops in (("/disks/a", 400), ("/disks/b", 600), ("/disks/c", 1600)):
        signals.resource(name, "disk", provider="azure", state="in_use", attached_count=1, size_gib=1024.0)
        busy(signals, name, iops, 20, days=30, provider="azure")
    azure = {"provider": "azure", "service": "Storage", "currency": "EUR", "unit": "Months"}
    names = ("/disks/a", "/disks/b", "/disks/c")
    bills = [Bill(name, "P30 LRS Disk", **azure, **per_day("1", "115.84")) for name in names]
    columns = "json_extract_string(recommended_config, '$.storage_type'), round(target_cost_month, 2), data_gaps"
    # No price of E30 in this bill: named, not priced.
    assert rules.found(signals, bills, columns=columns) == [
        ("azure_disk_speed", "/disks/a", "E30", None, '["target_price"]')
    ]
    bills.append(Bill("another", "E30 LRS Disk", **azure, quantity="1", cost="76.80", first=TODAY))
    [first, *rest] = rules.found(signals, bills, columns=columns)
    assert first == ("azure_disk_speed", "/disks/a", "E30", Decimal("76.80"), "[]") and rest == []
    # Premium v2 by the hour: 1,024 × 0.0001 × 730 = 74.75, and its 3,000 IOPS hold 720.
    bills.append(
        Bill("another", "Premium LRS Provisioned Capacity", cost="0.0001", quantity="1", first=TODAY,
             **{**azure, "unit": "GiB-Hours"})
    )  # fmt: skip
    assert rules.found(signals, bills, columns=columns) == [
        ("azure_disk_speed", "/disks/a", "PremiumV2", Decimal("74.75"), "[]"),
        ("azure_disk_speed", "/disks/b", "PremiumV2", Decimal("74.75"), "[]"),
    ]


def test_a_google_disk_steps_down_to_the_type_that_its_size_makes_fast_enough(rules):
    """500 GiB SSD do 21,000 IOPS. 250 × 1.2 fit a standard disk (375); 1,000 need a balanced one (6,000)."""
    signals = Signals()
    for name, iops in (("//disks/a", 250), ("//disks/b", 1000)):
        signals.resource(name, "disk", provider="gcp", state="in_use", attached_count=1, size_gib=500.0)
        busy(signals, name, iops, 20, days=30, provider="gcp")
    gcp = {"provider": "gcp", "service": "Compute Engine", "unit": "GiB-Months"}
    names = ("//disks/a", "//disks/b")
    bills = [Bill(name, "SSD backed PD Capacity", **gcp, **per_day("500", "0.187")) for name in names]
    for meter, price in (("Balanced PD Capacity", "0.11"), ("Storage PD Capacity", "0.044")):
        bills.append(Bill("another", meter, cost=price, quantity="1", first=TODAY, **gcp))
    columns = "json_extract_string(recommended_config, '$.storage_type'), round(target_cost_month, 2)"
    assert rules.found(signals, bills, columns=columns) == [
        ("gcp_disk_speed", "//disks/a", "pd-standard", Decimal("22.00")),
        ("gcp_disk_speed", "//disks/b", "pd-balanced", Decimal("55.00")),
    ]


def test_database_storage_with_bought_iops_goes_to_gp3_if_the_peak_fits(rules):
    """Domain page 1.5.8: from 400 GB on gp3 has 12,000 IOPS in its price.

    500 × 0.127 instead of 500 × 0.138 + 10,000 × 0.11.
    """
    signals = Signals().resource("arn:db", "db", state="available", provisioned_iops=10000.0, size_gib=500.0)
    busy(signals, "arn:db", 9000, 200)
    database = {"service": "Amazon RDS", "unit": "GB-Months"}
    bills = [
        Bill("arn:db", "EU-RDS:PIOPS-Storage", **database, **per_day("500", "0.138")),
        Bill("arn:db", "EU-RDS:PIOPS", **database, **per_day("10000", "0.11")),
        Bill("arn:db", "EU-InstanceUsage:db.r5.large", cost="6", service="Amazon RDS"),
        Bill("another", "EU-RDS:GP3-Storage", cost="0.127", quantity="1", first=TODAY, **database),
    ]
    columns = "round(contracted_cost_month, 2), round(target_cost_month, 2), cost_part"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_rds_speed", "arn:db", Decimal("1169.00"), Decimal("63.50"), "db_storage")
    ]


def test_an_attached_disk_that_nothing_touches_is_kept_as_a_snapshot_and_deleted(rules):
    """Not the disk of a stopped machine, not what a machine starts from, not one with a single write."""
    signals = Signals().resource("i-1", "vm", state="running").resource("i-2", "vm", state="stopped")
    for name, machine, boot, writes in (
        ("vol-quiet", "i-1", "false", 0), ("vol-boot", "i-1", "true", 0), ("vol-rests", "i-2", "false", 0),
        ("vol-written", "i-1", "false", 1 / 3600),
    ):  # fmt: skip
        signals.resource(name, "disk", state="in_use", attached_count=1, attached_to=machine, size_gib=100.0,
                         raw='{"is_boot": ' + boot + "}")  # fmt: skip
        for metric in READS_AND_WRITES:
            value = writes if metric == "disk_write_iops" else 0.0
            signals.hours(name, metric, lambda hour, v=value: v if hour % 24 == 3 else 0.0, days=7)
    bills = [
        Bill("vol-quiet", "EU-EBS:VolumeUsage.gp3", unit="GB-Months", **per_day("100", "0.08")),
        seen("EU-EBS:SnapshotUsage", "0.05"),
    ]
    columns = "round(contracted_cost_month, 2), round(ongoing_cost_month, 2), is_automatable, confidence_cap"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_ebs_quiet", "vol-quiet", Decimal("8.00"), Decimal("5.00"), False, Decimal("0.80"))
    ]


def test_premium_snapshots_become_standard_and_old_ones_go_to_the_archive_where_that_costs_less(rules):
    """100 GiB premium: 12.00, standard 5.00. 80 of 100 GiB at 0.05 are 4.00, whole in the archive 1.25; 20 are 1.00."""
    signals = Signals().resource("/premium", "snapshot", provider="azure", storage_type="Premium_LRS", size_gib=100.0,
                                 created_at=datetime(2026, 9, 25))  # fmt: skip
    signals.resource("/standard", "snapshot", provider="azure", storage_type="Standard_LRS", size_gib=100.0,
                     created_at=datetime(2026, 10, 25))  # fmt: skip
    for name, created in (("snap-full", datetime(2026, 7, 1)), ("snap-thin", datetime(2026, 7, 1)),
                          ("snap-young", datetime(2026, 10, 1))):  # fmt: skip
        signals.resource(name, "snapshot", size_gib=100.0, created_at=created)
    azure = {"provider": "azure", "service": "Storage", "currency": "EUR", "unit": "GB-Months"}
    bills = [
        Bill("/premium", "LRS Snapshots", price_id="premium", **azure, **per_day("100", "0.12")),
        Bill("/standard", "LRS Snapshots", price_id="standard", **azure, **per_day("100", "0.05")),
        *(Bill(name, "EU-EBS:SnapshotUsage", unit="GB-Months", **per_day(gib, "0.05"))
          for name, gib in (("snap-full", "80"), ("snap-thin", "20"), ("snap-young", "80"))),
        seen("EU-EBS:SnapshotArchiveStorage", "0.0125"),
    ]  # fmt: skip
    columns = "round(contracted_cost_month, 2), round(target_cost_month, 2)"
    found = [row for row in rules.found(signals, bills, columns=columns) if "snapshot_age" not in row[0]]
    assert found == [
        ("aws_ebs_snapshot_archive", "snap-full", Decimal("4.00"), Decimal("1.25")),
        ("azure_snapshot_premium", "/premium", Decimal("12.00"), Decimal("5.00")),
    ]


@pytest.mark.parametrize(("io", "saved"), [("400", "75.00"), ("320", None)])
def test_a_cluster_whose_io_costs_more_than_the_price_with_io_included(rules, io, saved):
    """Domain page 1.5.8: I/O above 30 % of compute and 125 % of storage: 0.3 × 500 + 1.25 × 140 = 325; 400 saves 75."""
    signals = Signals().resource("arn:cluster", "db_cluster", state="available")
    for name in ("arn:writer", "arn:reader"):
        signals.resource(name, "db", state="available", attached_to="arn:cluster")
    aurora = {"service": "Amazon RDS"}
    bills = [
        Bill("arn:cluster", "EU-Aurora:StorageIOUsage", **aurora, **per_day(io)),
        Bill("arn:cluster", "EU-Aurora:StorageUsage", **aurora, **per_day("140")),
        *(
            Bill(name, "EU-InstanceUsage:db.r6g.large", **aurora, **per_day("250"))
            for name in ("arn:writer", "arn:reader")
        ),
    ]
    columns = "round(contracted_cost_month - target_cost_month, 2)"
    found = [] if saved is None else [("aws_aurora_io", "arn:cluster", Decimal(saved))]
    assert rules.found(signals, bills, columns=columns) == found


def test_without_an_inventory_the_bill_tells_how_old_a_snapshot_is_at_least(rules):
    """First named 365 days ago, not 364; one that the inventory knows is young, whatever the bill says."""
    signals = Signals().resource("snap-known", "snapshot", created_at=datetime(2026, 10, 1))
    usage = {"meter": "EU-EBS:SnapshotUsage", "unit": "GB-Months", "cost": "0.1"}
    bills = [
        Bill(name, first=days_ago(days), **usage)
        for name, days in (("snap-old", 365), ("snap-young", 364), ("snap-known", 365))
    ]
    columns = "round(contracted_cost_month, 2), confidence_cap, is_upper_bound, is_automatable"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_ebs_snapshot_billed", "snap-old", Decimal("3.04"), Decimal("0.50"), True, False)
    ]
