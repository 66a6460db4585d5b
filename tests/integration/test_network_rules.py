"""Gateways, addresses, traffic and buckets: what moves nothing, what could go a cheaper way, what nobody can read."""

from decimal import Decimal

import pytest

from tests.integration.optimization_models import TODAY, Bill, Signals
from tests.integration.test_disk_rules import days_ago, per_day

S3 = {"service": "Amazon Simple Storage Service", "unit": "GB-Months"}


def test_an_idle_address_costs_half_a_cent_an_hour(rules):
    """Domain page 1.5.12: 3.6525 a month of 365.25 / 12 days is 3.65 a month of 730 hours, as every month here."""
    bills = [Bill("eipalloc-1", "EU-PublicIPv4:IdleAddress", cost="0.12", service="Amazon Virtual Private Cloud")]
    [(rule, address, cost, share)] = rules.found(Signals(), bills, columns="contracted_cost_month, saved_share")
    assert (rule, address, cost, share) == ("aws_ip_idle_line", "eipalloc-1", Decimal("3.65"), 1)
    assert cost / 730 * 24 * Decimal("365.25") / 12 == Decimal("3.6525")


def test_early_deletion_is_a_line_that_a_patient_lifecycle_ends(rules):
    bills = [Bill("bucket", "EU-EarlyDelete-SIA", cost="2", **S3)]
    columns = "round(contracted_cost_month, 2), confidence_cap, is_automatable"
    assert rules.found(Signals(), bills, columns=columns) == [
        ("aws_s3_early_delete", "bucket", Decimal("60.83"), Decimal("0.50"), False)
    ]


@pytest.mark.parametrize(
    ("rule", "hours", "work"),
    [
        ("aws_nat_silent", "EU-NatGateway-Hours", "EU-NatGateway-Bytes"),
        ("aws_lb_silent", "EU-LoadBalancerUsage", "EU-LCUUsage"),
        ("aws_endpoint_silent", "EU-VpcEndpoint-Hours", "EU-VpcEndpoint-Bytes"),
    ],
)
def test_hours_without_work_are_a_proxy_where_the_bill_itemises_work(rules, rule, hours, work):
    """30 days of hours and nothing else. Where no resource has a line of work, such lines may not be itemised."""
    bills = [Bill("silent", hours, cost="1.2"), Bill("busy", hours, cost="1.2"),
             Bill("new", hours, cost="1.2", first=days_ago(20))]  # fmt: skip
    assert rules.found(Signals(), bills) == []
    columns = "round(contracted_cost_month, 2), confidence_cap, is_automatable"
    assert rules.found(Signals(), [*bills, Bill("busy", work, cost="0.5")], columns=columns) == [
        (rule, "silent", Decimal("36.50"), Decimal("0.50"), False)
    ]


def test_a_gigabyte_less_is_one_of_the_cheapest_tier(rules):
    """Domain page 1.5.17: 10,000 GB at 0.09 and 2,000 at 0.085; half of them through a content network at 0.06.

    6,000 GB less are 2,000 × 0.085 + 4,000 × 0.09 = 530.00, not 535.00 at the average: 530 − 360 = 170.00 saved.
    """
    out = "EU-DataTransfer-Out-Bytes"
    bills = [
        Bill("i-1", out, price_id="tier-1", unit="GB", **per_day("10000", "0.09")),
        Bill("i-1", out, price_id="tier-2", unit="GB", **per_day("2000", "0.085")),
    ]
    decided = ["aws_egress_cdn,any,cdn_traffic_share,0.5,Half of our answers can be cached"]
    columns = "round(contracted_cost_month, 2), round(target_cost_month, 2), confidence_cap"
    place = "111111111111/eu-west-1/to the internet"
    assert rules.found(Signals(), bills, columns=columns) == []
    # Without a price of a content network the saving is unknown.
    assert rules.found(Signals(), bills, decided, columns) == [
        ("aws_egress_cdn", place, Decimal("1070.00"), None, Decimal("0.40"))
    ]
    bills.append(Bill("E1", out, cost="0.06", quantity="1", unit="GB", service="Amazon CloudFront", first=TODAY))
    assert rules.found(Signals(), bills, decided, columns) == [
        ("aws_egress_cdn", place, Decimal("1070.00"), Decimal("900.00"), Decimal("0.40"))
    ]


def test_an_endpoint_is_worth_its_hours_from_enough_traffic_on(rules):
    """10,000 GB at 0.048, half of it to services: 240 + 5,000 × 0.01 + 730 × 3 × 0.011 = 314.09 of 480; not of 500."""
    priced = [
        Bill("vpce-1", "EU-VpcEndpoint-Hours", cost="0.011", quantity="1", first=TODAY),
        Bill("vpce-1", "EU-VpcEndpoint-Bytes", cost="0.01", quantity="1", unit="GB", first=TODAY),
    ]
    decided = ["aws_nat_interface,any,service_traffic_share,0.5,Flow logs of October"]
    columns = "round(contracted_cost_month, 2), round(target_cost_month, 2)"
    for gb, found in (("10000", [(Decimal("480.00"), Decimal("314.09"))]), ("500", [])):
        bills = [Bill("nat-1", "EU-NatGateway-Bytes", unit="GB", **per_day(gb, "0.048")), *priced]
        assert rules.found(Signals(), bills, decided, columns) == [
            ("aws_nat_interface", "nat-1", *row) for row in found
        ]


def test_traffic_between_regions_is_named_and_its_saving_unknown(rules):
    bills = [
        Bill("i-1", "EU-BoxUsage:m8g.xlarge", cost="90"),
        Bill("i-1", "EU-USE1-AWS-Out-Bytes", cost="10", unit="GB"),
    ]
    columns = "saved_share, target_cost_month, fixed_saving_share, confidence_cap"
    assert rules.found(Signals(), bills, columns=columns) == [
        ("aws_inter_region", "111111111111/eu-west-1/between regions", None, None, None, Decimal("0.40"))
    ]


def test_what_a_network_pays_for_and_nothing_uses(rules):
    """Domain page 1.6: circuits nobody connected, plans without a network, gateways without a backend, firewalls."""
    signals = Signals()
    for name, kind in (("/circuit", "circuit"), ("/plan", "ddos_plan"), ("/gateway", "app_gateway")):
        signals.resource(name, kind, provider="azure", attached_count=0, on=[days_ago(30), TODAY])
        signals.resource(f"{name}-used", kind, provider="azure", attached_count=1, on=[days_ago(30), TODAY])
        signals.resource(f"{name}-new", kind, provider="azure", attached_count=0, on=[days_ago(29), TODAY])
    for name, kind, provider in (("/firewall", "firewall", "azure"), ("vpce-1", "endpoint", "aws")):
        for suffix, value in (("", 0.0), ("-busy", 5.0)):
            signals.resource(name + suffix, kind, provider=provider, state="active")
            signals.hours(name + suffix, "bytes_processed", value, days=30, provider=provider)
        signals.resource(f"{name}-unmeasured", kind, provider=provider, state="active")
    assert rules.found(signals) == [
        ("aws_endpoint_idle", "vpce-1"), ("azure_app_gateway_empty", "/gateway"),
        ("azure_circuit_unprovisioned", "/circuit"), ("azure_ddos_plan_unused", "/plan"),
        ("azure_firewall_idle", "/firewall"),
    ]  # fmt: skip


def test_old_versions_and_unfinished_uploads_are_their_share_of_the_bucket(rules):
    """Of 1,000 bytes 300 are old versions and 50 unfinished uploads: 30 % and 5 % of 60.83. Unmeasured is unknown."""
    signals = Signals()
    for name in ("kept", "unmeasured"):
        signals.resource(name, "bucket")
    for metric, value in (("bucket_bytes", 1000.0), ("bucket_noncurrent_bytes", 300.0),
                          ("bucket_incomplete_upload_bytes", 50.0)):  # fmt: skip
        signals.hours("kept", metric, lambda hour, v=value: v if hour % 24 == 0 else None, days=7)
    bills = [Bill(name, "EU-TimedStorage-ByteHrs", cost="2", **S3) for name in ("kept", "unmeasured")]
    columns = "round(contracted_cost_month, 2), round(saved_share, 6), is_upper_bound, risk"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_s3_noncurrent", "kept", Decimal("60.83"), Decimal("0.3"), True, "low"),
        ("aws_s3_unfinished_uploads", "kept", Decimal("60.83"), Decimal("0.05"), True, "very_low"),
    ]


def test_large_objects_of_unknown_readers_go_where_access_decides(rules):
    """1,000 GiB in 1,000,000 objects (1 MiB each): the fee is 1,000,000 × 0.0000025 = 2.50. Small objects stay."""
    signals = Signals()
    for name, objects in (("large", 1e6), ("small", 2e7), ("read", 1e6)):
        signals.resource(name, "bucket")
        for metric, value in (("bucket_bytes", 1000.0 * 2**30), ("bucket_objects", objects)):
            signals.hours(name, metric, lambda hour, v=value: v if hour % 24 == 0 else None, days=7)
    bills = [Bill(name, "EU-TimedStorage-ByteHrs", cost="2", **S3) for name in ("large", "small", "read")]
    bills += [
        Bill("read", "EU-Requests-Tier2", cost="1", **S3),
        Bill("another", "EU-Monitoring-Automation-INT", cost="0.0000025", quantity="1", **{**S3, "unit": "Objects"}),
    ]
    columns = "fixed_saving_share, round(ongoing_cost_month, 2), confidence_cap, is_automatable"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_s3_intelligent", "large", Decimal("0.3"), Decimal("2.50"), Decimal("0.50"), False)
    ]


def test_a_cold_bucket_goes_to_the_class_that_its_quiet_time_allows_at_prices_of_the_bill(rules):
    """1,000 GiB at 0.023, unread for 100 days: 12.50 infrequent, 4.00 in the instant archive, both seen."""
    month = per_day("1000", "0.023")
    bills = [
        Bill("cold", "EU-TimedStorage-ByteHrs", first=days_ago(100), **S3, **month),
        Bill("cold", "EU-Requests-Tier2", cost="1", first=days_ago(100), last=days_ago(100), **S3),
        Bill("another", "EU-TimedStorage-SIA-ByteHrs", cost="0.0125", quantity="1", first=TODAY, **S3),
        Bill("another", "EU-TimedStorage-GIR-ByteHrs", cost="0.004", quantity="1", first=TODAY, **S3),
    ]
    columns = "round(contracted_cost_month, 2), round(target_cost_month, 2), confidence_cap"
    assert rules.found(Signals(), bills, columns=columns) == [
        ("aws_s3_class", "cold", Decimal("23.00"), Decimal("12.50"), Decimal("0.50")),
        ("aws_s3_instant_archive", "cold", Decimal("23.00"), Decimal("4.00"), Decimal("0.50")),
    ]
