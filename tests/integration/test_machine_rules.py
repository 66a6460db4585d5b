"""Idle, oversized, outdated machines: known cases with the numbers in the open (domain page 1.5.2 to 1.5.5)."""

from datetime import datetime
from decimal import Decimal

import pytest

from tests.integration.optimization_models import Bill, Signals

BUSY, QUIET_NETWORK = 60.0, 10.0


def machine(name, sku="m6i.4xlarge", environment="dev", **values):
    values = {"state": "running", "sku": sku, "os": "linux", "architecture": "x86_64", **values}
    return Signals().resource(name, "vm", tags={"Environment": environment}, **values)


def networked(signals, name, bytes_per_s=QUIET_NETWORK, days=32):
    for metric in ("net_in_bytes_per_s", "net_out_bytes_per_s"):
        signals.hours(name, metric, bytes_per_s, days=days)
    return signals


def rule_ids(rules, signals, bills=(), thresholds=()):
    return [rule for rule, _ in rules.found(signals, bills, thresholds)]


def test_an_idle_machine_saves_its_compute_only(rules):
    """2 % of the processor, 20 B/s: 0.20 an hour of compute is 146.00 in 730 h; its transfer of 1.00 a day stays."""
    signals = networked(machine("i-1").hours("i-1", "cpu_pct", 2.0, days=14), "i-1")
    bills = [
        Bill("i-1", "EU-BoxUsage:m6i.4xlarge", cost="4.80"),
        Bill("i-1", "EU-DataTransfer-Out-Bytes", cost="1.00", unit="GB"),
    ]
    columns = "action_type, effective_cost_month, saved_share, data_gaps"
    idle = [row for row in rules.found(signals, bills, columns=columns) if row[0] == "aws_ec2_idle"]
    assert idle == [("aws_ec2_idle", "i-1", "Stop", Decimal("146.000000000000"), 1, '["memory"]')]


def test_missing_metrics_are_unknown_and_never_idle(rules):
    """No network, half of the hours, no metric at all: three machines that may be idle, and nothing is said of them."""
    no_network = machine("i-1").hours("i-1", "cpu_pct", 1.0)
    half = networked(machine("i-2").hours("i-2", "cpu_pct", lambda hour: 1.0 if hour % 2 else None), "i-2")
    for signals in (no_network, half, machine("i-3")):
        assert "aws_ec2_idle" not in rule_ids(rules, signals)


def test_one_busy_day_in_the_look_back_is_not_idle(rules):
    """Day 10 of 14 at 60 %: the P95 of that day is 60."""
    signals = networked(machine("i-1").hours("i-1", "cpu_pct", lambda h: BUSY if h // 24 == 10 else 1.0), "i-1")
    assert "aws_ec2_idle" not in rule_ids(rules, signals)


def test_a_machine_that_idles_outside_office_hours_gets_a_schedule(rules):
    """Busy Monday to Friday 08 to 18: 50 of 168 hours stay, 118 / 168 = 70.2 % of the compute goes."""

    def office(hour):
        day, clock = (hour // 24 + 6) % 7, hour % 24  # the look-back of 14 days begins on a Sunday
        return BUSY if day < 5 and 8 <= clock < 18 else 1.0

    signals = networked(machine("i-1").hours("i-1", "cpu_pct", office, days=14), "i-1", days=14)
    found = rules.found(signals, columns="saved_share, stack_order")
    assert ("aws_ec2_schedule", "i-1", Decimal("0.702380952381"), 2) in found
    production = networked(machine("i-1", environment="prod").hours("i-1", "cpu_pct", office, days=14), "i-1", days=14)
    assert "aws_ec2_schedule" not in rule_ids(rules, production)


def sized(environment="dev", cpu=10.0, memory=10.0, days=32, **values):
    """16 vCPU, 64 GiB: 10 % is 1.6 vCPU and 6.4 GiB."""
    signals = machine("i-1", environment=environment, **values).hours("i-1", "cpu_pct", cpu, days=days)
    if memory is not None:
        signals.hours("i-1", "mem_used_pct", memory, days=days)
    return networked(signals, "i-1", 1_000_000.0)


@pytest.mark.parametrize(
    ("environment", "target", "ratio"),
    [
        # 1.6 vCPU × 1.2 = 1.92 and 6.4 GiB × 1.2 = 7.68 fit m6i.large (2, 8); 1.6 / 2 is just 80 %.
        ("dev", "m6i.large", "0.125000"),
        # One step at a time in production: 16 to 8 vCPU.
        ("prod", "m6i.2xlarge", "0.500000"),
    ],
)
def test_rightsizing_holds_the_peak_with_headroom(rules, environment, target, ratio):
    """The smallest size of the family that holds peak and headroom; half the units, half the price."""
    found = rules.found(sized(environment), columns="target_sku, normalised_ratio")
    assert [row[2:] for row in found if row[0] == "aws_ec2_rightsize"] == [(target, Decimal(ratio))]


def test_unknown_memory_may_not_shrink(rules):
    """Every smaller size of the family has less memory, so without a memory metric nothing is proposed."""
    assert "aws_ec2_rightsize" not in rule_ids(rules, sized(memory=None))


@pytest.mark.parametrize(
    "values",
    [
        {"cpu": 25.0},
        {"memory": 35.0},
        {"managed_by": "autoscaling"},
        {"purchase_option": "spot"},
        {"tenancy": "dedicated"},
        {"created_at": datetime(2026, 10, 10)},
    ],
)
def test_what_is_busy_managed_interruptible_dedicated_or_young_keeps_its_size(rules, values):
    assert "aws_ec2_rightsize" not in rule_ids(rules, sized(**values))


def test_performance_risk_is_that_of_the_fullest_dimension(rules):
    """On m6i.large 1.6 of 2 vCPU are 80 %: 4 × (0.8 − 0.6) / 0.4 = 2; memory 6.4 of 8 GiB is the same."""
    found = rules.found(sized(), columns="performance_risk")
    assert [row[2] for row in found if row[0] == "aws_ec2_rightsize"] == [Decimal("2.00")]


def test_a_dearer_successor_is_not_recommended_and_an_unpriced_one_says_estimate(rules):
    """m5.xlarge 0.20; m7i.xlarge 0.21 is dearer, m7a is unpriced: no upgrade. Arm m8g.xlarge at 0.16 is cheaper."""
    signals = machine("i-1", sku="m5.xlarge")
    own = Bill("i-1", "EU-BoxUsage:m5.xlarge", cost="4.80")
    newer = Bill("i-2", "EU-BoxUsage:m7i.xlarge", cost="5.04")
    amd = Bill("i-3", "EU-BoxUsage:m7a.xlarge", cost="5.10")
    arm = Bill("i-4", "EU-BoxUsage:m8g.xlarge", cost="3.84")
    columns = "target_sku, confidence_cap"
    assert rules.found(signals, [own, newer, amd, arm], columns=columns) == [
        ("aws_ec2_arm", "i-1", "m8g.xlarge", Decimal("0.80"))
    ]
    unpriced = rules.found(signals, [own], columns=columns + ", fixed_saving_share")
    assert unpriced == [
        ("aws_ec2_arm", "i-1", "m8g.xlarge", Decimal("0.50"), Decimal("0.200000")),
        ("aws_ec2_generation", "i-1", "m7a.xlarge", Decimal("0.50"), Decimal("0.050000")),
    ]


def test_windows_does_not_move_to_arm(rules):
    assert "aws_ec2_arm" not in rule_ids(rules, machine("i-1", sku="m5.xlarge", os="windows"))


def test_spot_takes_the_price_that_was_seen(rules):
    """On demand 0.20, spot 0.05 in the same region: 75 % less; only for what says that it may be interrupted."""
    signals = Signals().resource(
        "i-1", "vm", state="running", sku="c6i.xlarge", os="linux", tags={"Environment": "dev", "Interruptible": "true"}
    )
    bills = [
        Bill("i-1", "EU-BoxUsage:c6i.xlarge", cost="4.80"),
        Bill("i-9", "EU-SpotUsage:c6i.xlarge", cost="1.20", category="Dynamic"),
    ]
    found = rules.found(signals, bills, columns="saved_share, is_automatable")
    assert [row[2:] for row in found if row[0] == "aws_ec2_spot"] == [(Decimal("0.750000"), False)]
    assert "aws_ec2_spot" not in rule_ids(rules, machine("i-1", sku="c6i.xlarge"), bills)


def test_a_healthy_estate_gets_no_recommendation(rules):
    """Busy, current, attached, read: one of each kind and provider, and nothing is said of any."""
    signals, bills = Signals(), []
    machines = {"aws": "m8g.xlarge", "azure": "D4ps v5", "gcp": "t2a-standard-4"}
    for provider, sku in machines.items():
        of_it = {"provider": provider}

        def busy(name, kind, of_it=of_it, **levels):
            for metric, level in levels.items():
                signals.hours(f"{of_it['provider']}-{kind}-{name}", metric, level, days=32, **of_it)

        of_vm = {"state": "running", "sku": sku, "os": "linux", "architecture": "arm64", **of_it}
        signals.resource(f"{provider}-vm-1", "vm", tags={"Environment": "prod"}, **of_vm)
        busy("1", "vm", cpu_pct=45.0, mem_used_pct=50.0, net_in_bytes_per_s=2e6, net_out_bytes_per_s=2e6)
        signals.resource(f"{provider}-disk-1", "disk", state="in_use", attached_count=1, size_gib=100.0, **of_it)
        signals.resource(f"{provider}-ip-1", "ip", state="in_use", attached_count=1, **of_it)
        signals.resource(f"{provider}-lb-1", "lb", state="active", attached_count=3, **of_it)
        busy("1", "lb", requests=500.0)
        signals.resource(f"{provider}-nat-1", "nat", state="active", attached_count=1, **of_it)
        busy("1", "nat", nat_bytes_out=1e6)
        signals.resource(f"{provider}-db-1", "db", state="available", sku="db.m8g.large", engine="postgres", **of_it)
        busy("1", "db", db_connections=12.0, cpu_pct=40.0)
        signals.resource(f"{provider}-snapshot-1", "snapshot", created_at=datetime(2026, 10, 20), **of_it)
        signals.resource(f"{provider}-app_plan-1", "app_plan", attached_count=4, **of_it)
        signals.resource(f"{provider}-gateway-1", "gateway", attached_count=1, **of_it)
        busy("1", "gateway", requests=90.0)
    signals.resource("fn-1", "function", memory_mb=512).hours("fn-1", "fn_memory_max_mb", 400.0)
    signals.hours("fn-1", "fn_invocations", 10.0, days=30)
    bills += [
        Bill("aws-vm-1", "EU-BoxUsage:m8g.xlarge", cost="3.84"),
        Bill("aws-disk-1", "EU-EBS:VolumeUsage.gp3", cost="0.26", unit="GB-Months"),
        Bill("azure-vm-1", "D4ps v5", cost="3.84", provider="azure", service="Virtual Machines", currency="EUR"),
        Bill("gcp-vm-1", "T2A Instance Core running in EMEA", cost="3.84", provider="gcp", service="Compute Engine"),
    ]
    assert len(signals.inventory) == 28 and rules.found(signals, bills) == []
