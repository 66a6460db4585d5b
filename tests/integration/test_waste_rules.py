"""Rules that find waste: numbers a person can check by hand (domain page 1.5 to 1.7)."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.errors import DecisionError
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


def test_without_a_price_of_snapshots_at_least_keeping_the_disk_for_ninety_days_is_left(rules):
    """8.00 a month for 2.96 months more, then nothing: nobody has to believe a price that no bill has."""
    signals = Signals().resource(
        "vol-1", "disk", state="available", attached_count=0, size_gib=100.0, on=[days_ago(40), TODAY]
    )
    columns = (
        "round(ongoing_cost_month, 6), round(ongoing_months, 2), json_extract_string(evidence, '$.kept_meanwhile'), "
        "data_gaps"
    )
    assert rules.found(signals, [Bill("vol-1", cost=DAY_OF_8_A_MONTH, **GP3)], columns=columns) == [
        ("aws_ebs_unattached", "vol-1", Decimal("8.000000"), Decimal("2.96"), "disk", '["snapshot_price"]')
    ]


def test_what_sustained_use_takes_off_is_not_saved_again(rules):
    """Ten at the list, 8.80 after sustained use: ending it saves 8.80 a day, 267.67 in 365 / 12 days."""
    signals = Signals().resource("vm-1", "vm", provider="gcp", state="running", on=[TODAY])
    bills = [
        Bill("vm-1", "N1 Predefined Instance Core running in EMEA", cost="10", effective="8.8", provider="gcp",
             service="Compute Engine")
    ]  # fmt: skip
    with rules.on(signals, bills) as con:
        costs = con.execute(
            "select round(contracted_cost_month, 2), round(compute_contracted_month, 2) "
            "from int_optimization__resources"
        ).fetchall()
    assert costs == [(Decimal("267.67"), Decimal("267.67"))]


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


@pytest.mark.parametrize(
    ("gb", "extra_iops", "extra_mibps", "gp2", "gp3"),
    [
        ("500", "0", "125", "50.00", "45.00"),
        ("2000", "3000", "125", "200.00", "180.00"),
        ("8000", "13000", "125", "800.00", "710.00"),
        ("100", "0", "3", "10.00", "8.12"),
    ],
)
def test_gp3_is_priced_with_the_speed_that_gp2_gives(rules, gb, extra_iops, extra_mibps, gp2, gp3):
    """Domain page 1.5.10, prices 0.10 / 0.08 / 0.005 / 0.04: savings 5.00, 20.00, 90.00 and 1.88."""

    def seen(name, meter, price, unit):
        return Bill(name, meter, cost=price, quantity="1", unit=unit, first=TODAY)

    daily = (Decimal(gb) * 12 / 365).quantize(Decimal("1e-12"))
    bills = [
        Bill(
            "vol-1",
            "EU-EBS:VolumeUsage.gp2",
            cost=str((daily / 10).quantize(Decimal("1e-12"))),
            quantity=str(daily),
            unit="GB-Months",
        ),
        seen("vol-2", "EU-EBS:VolumeUsage.gp3", "0.08", "GB-Months"),
        seen("vol-2", "EU-EBS:VolumeP-IOPS.gp3", "0.005", "IOPS-Months"),
        seen("vol-2", "EU-EBS:VolumeP-Throughput.gp3", "0.04", "MiBps-Months"),
    ]
    columns = (
        "round(contracted_cost_month, 2), round(target_cost_month, 2), "
        "round(cast(json_extract_string(evidence, '$.extra_iops') as double)), "
        "round(cast(json_extract_string(evidence, '$.extra_mibps') as double))"
    )
    [(rule, volume, *numbers)] = rules.found(Signals(), bills, columns=columns)
    assert (rule, volume) == ("aws_ebs_gp3", "vol-1")
    assert numbers == [Decimal(gp2), Decimal(gp3), float(extra_iops), float(extra_mibps)]


def test_without_a_price_of_gp3_the_saving_is_an_estimate(rules):
    """No target price is invented: 20 % of peers, and at most half sure."""
    bills = [Bill("vol-1", "EU-EBS:VolumeUsage.gp2", cost="1", quantity="10", unit="GB-Months")]
    columns = "target_cost_month, fixed_saving_share, confidence_cap, is_automatable"
    assert rules.found(Signals(), bills, columns=columns) == [
        ("aws_ebs_gp3", "vol-1", None, Decimal("0.200000"), Decimal("0.50"), False)
    ]


def test_a_balancer_or_database_that_nobody_talks_to_is_found_and_a_silent_meter_is_not(rules):
    """99 requests a day are quiet, 101 are not; no datapoints are unknown; a replica is another's copy."""
    signals = Signals()
    for name, requests in (("lb-quiet", 99), ("lb-busy", 101)):
        signals.resource(name, "lb", state="active", attached_count=2)
        signals.hours(name, "requests", lambda hour, n=requests: n if hour % 24 == 12 else 0.0, days=7)
    signals.resource("lb-silent", "lb", state="active", attached_count=2)
    for name, replica in (("db-idle", None), ("db-copy", "db-1")):
        signals.resource(name, "db", state="available", replica_of=replica).hours(name, "db_connections", 0.0)
    assert rules.found(signals) == [("aws_lb_quiet", "lb-quiet"), ("aws_rds_idle", "db-idle")]


def test_addresses_balancers_and_plans_without_anything_behind_them(rules):
    """An address counts after 7 days, an empty App Service plan after 30."""
    signals = Signals()
    signals.resource("eip-1", "ip", state="idle", attached_count=0, on=[days_ago(7), TODAY])
    signals.resource("eip-2", "ip", state="idle", attached_count=0, on=[days_ago(6), TODAY])
    signals.resource("/plan", "app_plan", provider="azure", attached_count=0, on=[days_ago(30), TODAY])
    signals.resource("lb-1", "lb", attached_count=0, on=[days_ago(30), TODAY])
    assert rules.found(signals) == [
        ("aws_ip_idle", "eip-1"), ("aws_lb_no_targets", "lb-1"), ("azure_plan_empty", "/plan"),
    ]  # fmt: skip


def test_a_machine_that_is_stopped_and_not_deallocated_is_paid_for(rules):
    signals = Signals()
    for name, state in (("/vm/a", "stopped"), ("/vm/b", "deallocated")):
        signals.resource(name, "vm", provider="azure", state=state, sku="D4s v5", on=[days_ago(2), TODAY])
    bills = [Bill("/VM/A", "D4s v5", cost="4.80", provider="azure", service="Virtual Machines", currency="EUR")]
    assert rules.found(signals, bills, columns="currency, effective_cost_month") == [
        ("azure_vm_not_deallocated", "/vm/a", "EUR", Decimal("146.000000000000"))
    ]


def test_old_snapshots_are_an_upper_bound_and_images_keep_theirs(rules):
    """More than 365 days old; one is an image's, one is managed by a backup plan, one is young."""
    signals = Signals()
    for name, created, managed in (
        ("snap-old", datetime(2025, 10, 1), None),
        ("snap-image", datetime(2025, 10, 1), None),
        ("snap-backup", datetime(2025, 10, 1), "aws_backup"),
        ("snap-young", datetime(2026, 10, 1), None),
    ):
        signals.resource(name, "snapshot", created_at=created, managed_by=managed)
    signals.resource("ami-1", "image", source_resource_id="snap-image")
    assert rules.found(signals, columns="is_upper_bound, confidence_cap") == [
        ("aws_ebs_snapshot_age", "snap-old", True, Decimal("0.50"))
    ]


def test_a_bucket_that_nobody_reads_any_more_is_a_proxy_from_the_bill(rules):
    """60 days of 3,650 GB-months without a request after some in July; one now, or none ever, is another case."""
    storage = "Amazon Simple Storage Service"
    bills = [
        Bill(name, "EU-TimedStorage-ByteHrs", cost="2.76", quantity="120", unit="GB-Months", first=date(2026, 7, 1),
             service=storage)
        for name in ("cold", "warm", "unknown")
    ]  # fmt: skip
    for name, day in (("cold", date(2026, 7, 1)), ("warm", date(2026, 7, 1)), ("warm", TODAY)):
        bills.append(
            Bill(name, "EU-Requests-Tier2", cost="0.01", unit="Requests", service=storage, first=day, last=day)
        )
    columns = "fixed_saving_share, confidence_cap, is_automatable, one_time_cost"
    assert rules.found(Signals(), bills, columns=columns) == [
        ("aws_s3_class", "cold", Decimal("0.300000"), Decimal("0.50"), False, None)
    ]


def test_a_function_with_twice_its_memory_gets_the_next_step_above_its_peak(rules):
    """Used 300 of 1024 MB: 300 × 1.3 = 390, the next 64 MB step is 448; 600 of 1024 is not half."""
    signals = Signals()
    for name, used in (("fn-large", 300.0), ("fn-right", 600.0)):
        signals.resource(name, "function", memory_mb=1024).hours(name, "fn_memory_max_mb", used)
    assert rules.found(signals, columns="normalised_ratio, is_upper_bound") == [
        ("aws_lambda_memory", "fn-large", Decimal("0.437500"), True)
    ]


def test_extended_support_is_its_own_line_and_certain(rules):
    bills = [Bill("arn:db-1", "EU-ExtendedSupport:Yr1-Yr2:MySQL5.7", cost="2.40", service="Amazon RDS")]
    columns = "effective_cost_month, saved_share, confidence_cap"
    assert rules.found(Signals(), bills, columns=columns) == [
        ("aws_extended_support", "arn:db-1", Decimal("73.000000000000"), 1, Decimal("1.00"))
    ]


def test_gateway_traffic_to_storage_is_counted_only_where_flow_logs_said_how_much(rules):
    """10.00 a day through the gateway; 60 % of it to storage, by decision. Without one nothing is said."""
    bills = [Bill("nat-1", "EU-NatGateway-Bytes", cost="10", unit="GB")]
    assert rules.found(Signals(), bills) == []
    decided = ["aws_nat_endpoint,any,storage_traffic_share,0.6,Flow logs of October"]
    columns = "saved_share, round(contracted_cost_month, 2), confidence_cap, is_automatable"
    assert rules.found(Signals(), bills, thresholds=decided, columns=columns) == [
        ("aws_nat_endpoint", "nat-1", Decimal("0.6"), Decimal("304.17"), Decimal("0.40"), False)
    ]


def test_traffic_between_zones_above_a_twentieth_is_halved_at_most(rules):
    """6 of 100 a day between zones is more than 5 %; 5 of 100 is not."""
    columns = "fixed_saving_share, confidence_cap, is_upper_bound"
    for traffic, machines, found in (("6", "94", True), ("5", "95", False)):
        bills = [
            Bill("i-1", "EU-BoxUsage:m8g.xlarge", cost=machines),
            Bill("i-1", "EU-DataTransfer-Regional-Bytes", cost=traffic, unit="GB"),
        ]
        place = "111111111111/eu-west-1/between zones"
        expected = [("aws_inter_zone", place, Decimal("0.500000"), Decimal("0.40"), True)]
        assert rules.found(Signals(), bills, columns=columns) == (expected if found else [])


def test_logs_that_are_kept_for_ever_keep_a_year_in_production_and_a_month_elsewhere(rules):
    """Made 730 days ago: half of an evenly filled log is older than 365 days, 700 of 730 than 30."""
    signals = Signals()
    for name, environment, kept in (("/prod", "prod", None), ("/dev", "dev", None), ("/short", "prod", 30)):
        signals.resource(name, "log_group", created_at=datetime(2024, 10, 31), retention_days=kept,
                         tags={"Environment": environment})  # fmt: skip
    storage = {"meter": "EU-TimedStorage-ByteHrs", "unit": "GB-Months", "service": "AmazonCloudWatch"}
    bills = [Bill(name, cost="3", **storage) for name in ("/prod", "/dev", "/short")]
    bills.append(Bill("/prod", "EU-DataProcessing-Bytes", cost="50", unit="GB", service="AmazonCloudWatch"))
    columns = "round(contracted_cost_month, 2), round(saved_share, 6), is_upper_bound"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_log_retention", "/dev", Decimal("91.25"), Decimal("0.958904"), True),
        ("aws_log_retention", "/prod", Decimal("91.25"), Decimal("0.500000"), True),
    ]


def test_a_bucket_without_a_lifecycle_is_named_and_its_saving_is_unknown(rules):
    """How much old versions and unfinished uploads hold is not known: no number is made up."""
    signals = Signals()
    for name, has_lifecycle in (("tidied", True), ("untidied", False), ("unknown", None)):
        signals.resource(name, "bucket", has_lifecycle=has_lifecycle)
    storage = {"unit": "GB-Months", "service": "Amazon Simple Storage Service"}
    bills = [Bill(name, "EU-TimedStorage-ByteHrs", cost="2", **storage) for name in ("tidied", "untidied", "unknown")]
    columns = "saved_share, target_cost_month, fixed_saving_share, data_gaps"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_s3_lifecycle", "untidied", None, None, None, '["old_versions", "unfinished_uploads"]')
    ]


def test_an_app_service_plan_goes_down_one_tier_in_production(rules):
    """P3 v3 (8 cores) at 15 % would be 30 % on P2 v3; half of its normalised units, and P1 v3 is two steps away."""
    signals = Signals().resource("/plan", "app_plan", provider="azure", state="running", sku="P3 v3", attached_count=3,
                                 tags={"Environment": "prod"})  # fmt: skip
    for metric in ("cpu_pct", "mem_used_pct"):
        signals.hours("/plan", metric, 15.0, days=32, provider="azure")
    bills = [Bill("/plan", "P3 v3 App", cost="10", provider="azure", service="Azure App Service", currency="EUR")]
    columns = "target_sku, normalised_ratio, round(contracted_cost_month, 2)"
    assert rules.found(signals, bills, columns=columns) == [
        ("azure_plan_rightsize", "/plan", "P2 v3", Decimal("0.500000"), Decimal("304.17"))
    ]


def test_a_misspelt_rule_or_threshold_is_refused(rules):
    with pytest.raises(DecisionError, match="no rule is named 'aws_ec2_idel'"):
        rules.found(Signals(), thresholds=["aws_ec2_idel,any,cpu_max_pct,3,"])
    with pytest.raises(DecisionError, match="'cpu_max' is unknown"):
        rules.found(Signals(), thresholds=["aws_ec2_idle,any,cpu_max,3,"])
