"""Rules that find waste: numbers a person can check by hand (domain page 1.5 to 1.7)."""

from datetime import date, timedelta
from decimal import Decimal

from tests.integration.optimization_models import TODAY, Bill, Signals

# 100 GiB gp3 at 0.08 a month: 8.00 in 365 / 12 days.
GP3 = {"meter": "EU-EBS:VolumeUsage.gp3", "unit": "GB-Months"}
DAY_OF_8_A_MONTH = "0.263013698630"


def days_ago(days):
    return TODAY - timedelta(days=days)


def test_a_disk_without_a_machine_is_found_after_thirty_days_and_not_after_twenty_nine(rules):
    """Counted from the first snapshot that saw it free, never from its creation in 2025."""
    signals = Signals()
    for name, days in (("vol-old", 30), ("vol-new", 29)):
        signals.resource(name, "disk", state="in_use", attached_count=1, size_gib=100.0, on=[days_ago(days + 1)])
        signals.resource(name, "disk", state="available", attached_count=0, size_gib=100.0, on=[days_ago(days), TODAY])
    bills = [Bill(name, cost=DAY_OF_8_A_MONTH, **GP3) for name in ("vol-old", "vol-new")]
    columns = "round(effective_cost_month, 6), saved_share, data_gaps"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_ebs_unattached", "vol-old", Decimal("8.000000"), 1, '["snapshot_price"]')
    ]


def test_an_attached_unknown_or_managed_disk_is_no_waste(rules):
    """NULL is unknown, not free; a disk that a service manages is its business."""
    signals = Signals()
    old = [days_ago(60), TODAY]
    signals.resource("vol-used", "disk", state="in_use", attached_count=1, on=old)
    signals.resource("vol-unknown", "disk", state="available", attached_count=None, on=old)
    signals.resource("vol-managed", "disk", state="available", attached_count=0, managed_by="operator", on=old)
    assert rules.found(signals, [Bill("vol-used", cost="1", **GP3)]) == []


def test_the_snapshot_that_is_kept_is_part_of_the_price(rules):
    """Domain page 1.5.10: 100 GiB at 0.05 is 5.00 a month for 90 days (2.96 months of 365 / 12 days)."""
    signals = Signals().resource(
        "vol-1", "disk", state="available", attached_count=0, size_gib=100.0, on=[days_ago(40), TODAY]
    )
    snapshots = Bill("snap-1", "EU-EBS:SnapshotUsage", cost="0.5", quantity="10", unit="GB-Months")
    columns = "ongoing_cost_month, round(ongoing_months, 2), data_gaps"
    bills = [Bill("vol-1", cost=DAY_OF_8_A_MONTH, **GP3), snapshots]
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_ebs_unattached", "vol-1", Decimal("5.000000000000"), Decimal("2.96"), "[]")
    ]


def test_a_disk_that_no_bill_names_has_no_saving_rather_than_none(rules):
    """Savings are NULL, not 0: the price is a data gap."""
    signals = Signals().resource("vol-1", "disk", state="available", attached_count=0, on=[days_ago(40), TODAY])
    columns = "effective_cost_month, currency, data_gaps"
    assert rules.found(signals, columns=columns) == [
        ("aws_ebs_unattached", "vol-1", None, None, '["price", "snapshot_price"]')
    ]


def test_a_place_that_could_not_be_looked_at_loses_no_resource(rules):
    """Denied on the last day: what was there the day before is still current; looked at and not found, it is gone."""
    signals = Signals().resource("vol-1", "disk", state="available", attached_count=0, on=[days_ago(40), days_ago(1)])
    signals.resource("vol-2", "disk", region="us-east-1", state="available", attached_count=0,
                     on=[days_ago(40), days_ago(1)])  # fmt: skip
    signals.resource("vm-1", "vm", state="running")
    looks = [("eu-west-1", "denied"), ("us-east-1", "ok")]
    signals.collection = [
        {"source": "signals", "day": TODAY, "account_id": "111111111111", "region": region, "signal": "disk",
         "status": status}
        for region, status in looks
    ]  # fmt: skip
    assert rules.found(signals) == [("aws_ebs_unattached", "vol-1")]
    with rules.on(signals) as con:
        history = con.execute(
            "select resource_id, valid_to, is_current from dim_resource_inventory where resource_type = 'disk' "
            "order by 1"
        ).fetchall()
    assert history == [("vol-1", None, True), ("vol-2", TODAY, False)]


def test_a_threshold_is_a_decision_and_changes_the_version_of_its_rule_only(rules):
    """10 days in development instead of 30; the rule of production keeps its version."""
    signals = Signals()
    for name, environment in (("vol-dev", "dev"), ("vol-prod", "prod")):
        signals.resource(name, "disk", state="available", attached_count=0, tags={"Environment": environment},
                         on=[days_ago(12), TODAY])  # fmt: skip
    decided = ["aws_ebs_unattached,nonprod,min_unattached_days,10,Cleaned up weekly"]
    assert rules.found(signals, thresholds=decided) == [("aws_ebs_unattached", "vol-dev")]
    versions = "select profile, rule_version from int_optimization__rules where rule_id = 'aws_ebs_unattached'"
    with rules.on(signals) as con:
        before = dict(con.execute(versions).fetchall())
    with rules.on(signals, thresholds=decided) as con:
        after = dict(con.execute(versions).fetchall())
    assert before["prod"] == after["prod"] and before["nonprod"] != after["nonprod"]


def test_history_keeps_one_row_as_long_as_nothing_changed(rules):
    """Three days, one change of size: two versions, the first ends when the second begins."""
    signals = Signals()
    for day, size in ((2, 100.0), (1, 100.0), (0, 200.0)):
        signals.resource("vol-1", "disk", state="in_use", attached_count=1, size_gib=size, on=[days_ago(day)])
    with rules.on(signals) as con:
        history = con.execute(
            "select size_gib, valid_from, valid_to, is_current from dim_resource_inventory order by valid_from"
        ).fetchall()
    assert history == [(100, date(2026, 10, 29), TODAY, False), (200, TODAY, None, True)]
