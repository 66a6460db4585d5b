"""Licences, databases, caches, functions, burstable machines, nodes, warehouses: known cases (domain 1.4 to 1.7)."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.errors import DecisionError
from tests.integration.optimization_models import TODAY, Bill, Signals

AZURE = {"provider": "azure", "currency": "EUR"}
WINDOWS = {"service": "Virtual Machines", "product": "Virtual Machines Dsv5 Series Windows - D4s v5", **AZURE}
LINUX = {"service": "Virtual Machines", "product": "Virtual Machines Dsv5 Series - D4s v5", **AZURE}


def windows_machine(signals, name, **values):
    values = {"state": "running", "sku": "D4s v5", "os": "windows", "license_model": "included", **values}
    return signals.resource(name, "vm", provider="azure", **values)


def test_owned_windows_cores_are_promised_once_and_first_where_they_save_most(rules):
    """D4s v5 with Windows 0.40 an hour, without 0.20: half of 292.00 a month. A machine of 4 cores needs 8.

    24 are owned, 8 are in use: 16 for two machines of three. The one that runs half days saves half and goes without.
    """
    signals = Signals()
    for name in ("/vm/a", "/vm/b", "/vm/half"):
        windows_machine(signals, name)
    windows_machine(signals, "/vm/own", license_model="byol")
    bills = [
        Bill("/vm/a", "D4s v5", cost="9.60", **WINDOWS),
        Bill("/vm/b", "D4s v5", cost="9.60", **WINDOWS),
        Bill("/vm/half", "D4s v5", cost="4.80", quantity="12", **WINDOWS),
        Bill("/vm/own", "D4s v5", cost="4.80", **LINUX),
    ]
    columns = (
        "contracted_cost_month, target_cost_month, json_extract(evidence, '$.cores_needed'), "
        "json_extract(evidence, '$.cores_free_before'), json_extract(evidence, '$.cores_free_after'), dimension"
    )
    decided = ["windows_server,24,2026-01-01,2027-01-01,"]
    month, half = Decimal("292.000000000000"), Decimal("146.000000000000")
    assert rules.found(signals, bills, columns=columns, licences=decided) == [
        ("azure_windows_licence", "/vm/a", month, half, "8", "16", "8", "licence"),
        ("azure_windows_licence", "/vm/b", month, half, "8", "8", "0", "licence"),
    ]
    # Not owned any more, or never said to be owned: nothing is promised.
    assert rules.found(signals, bills, licences=["windows_server,24,2025-01-01,2026-01-01,"]) == []
    assert rules.found(signals, bills) == []
    with pytest.raises(DecisionError, match="licence"):
        rules.found(signals, bills, licences=["windows,24,,,"])


def test_what_does_not_fit_leaves_its_cores_to_the_next_that_does(rules):
    """20 cores: 8 for a, 16 for b do not fit into the 12 that are left, 8 for c do."""
    signals, bills = Signals(), []
    for name, sku, cost in (("/vm/a", "D4s v5", "9.60"), ("/vm/b", "D16s v5", "18.00"), ("/vm/c", "D4s v5", "8.00")):
        windows_machine(signals, name, sku=sku)
        bills.append(Bill(name, "4 vCPU VM License", cost=cost, service="Virtual Machines",
                          product="Virtual Machines Licenses Windows Server", **AZURE))  # fmt: skip
    found = rules.found(signals, bills, columns="saved_share, cost_part", licences=["windows_server,20,,,"])
    assert found == [
        ("azure_windows_licence", "/vm/a", 1, "licence_windows_server"),
        ("azure_windows_licence", "/vm/c", 1, "licence_windows_server"),
    ]


def test_a_machine_that_should_be_stopped_gets_no_core(rules):
    """One idle, one busy, cores for one: the busy one has them."""
    signals, bills = Signals(), []
    for name, load in (("/vm/a-idle", 1.0), ("/vm/busy", 50.0)):
        windows_machine(signals, name)
        signals.hours(name, "cpu_pct", load, provider="azure")
        for metric in ("net_in_bytes_per_s", "net_out_bytes_per_s"):
            signals.hours(name, metric, 1.0, provider="azure")
        bills.append(Bill(name, "D4s v5", cost="9.60", **WINDOWS))
    bills.append(Bill("/vm/linux", "D4s v5", cost="4.80", **LINUX))
    found = rules.found(signals, bills, licences=["windows_server,8,,,"])
    assert ("azure_windows_licence", "/vm/busy") in found and ("azure_windows_licence", "/vm/a-idle") not in found


def test_databases_and_linux_pay_for_licences_by_lines_of_their_own(rules):
    """A machine's SQL Server needs 4 cores at least; enterprise and standard are two licences, as are RHEL and SLES."""
    signals = Signals()
    windows_machine(signals, "/vm/sql", engine="sqlserver-standard", vcpu=2.0)
    signals.resource("/vm/rhel", "vm", provider="azure", state="running", os="rhel", vcpu=8.0)
    signals.resource("/db/general", "db", provider="azure", state="available", sku="GP_Gen5_4")
    signals.resource("/db/critical", "db", provider="azure", state="available", sku="BC_Gen5_4")
    signals.resource("/pool/1", "db_pool", provider="azure", attached_count=3, sku="GP_Gen5_2")
    signals.resource("/db/own", "db", provider="azure", state="available", sku="GP_Gen5_4", license_model="byol")
    bills = [
        Bill("/vm/sql", "4 vCPU VM License", cost="3", service="Virtual Machines",
             product="Virtual Machines Licenses SQL Server Standard", **AZURE),
        Bill("/vm/rhel", "8 vCPU VM License", cost="3", service="Virtual Machines",
             product="Virtual Machines Licenses Red Hat Enterprise Linux", **AZURE),
        *[
            Bill(name, "vCore", cost="6", service="Azure SQL Database",
                 product="SQL Database Single/Elastic Pool General Purpose - SQL License - vCore", **AZURE)
            for name in ("/db/general", "/db/critical", "/pool/1")
        ],
    ]  # fmt: skip
    decided = ["sql_server_standard,14,,,", "rhel,8,,,"]
    columns = "dimension, round(contracted_cost_month, 2), json_extract(evidence, '$.cores_needed')"
    # 14 standard cores less 4 of the own database: 4 + 2 + 4 = 10. Nobody owns an enterprise core.
    assert rules.found(signals, bills, columns=columns, licences=decided) == [
        ("azure_linux_licence", "/vm/rhel", "licence", Decimal("91.25"), "8"),
        ("azure_sql_licence", "/db/general", "database_licence", Decimal("182.50"), "4"),
        ("azure_sql_pool_licence", "/pool/1", "database_licence", Decimal("182.50"), "2"),
        ("azure_sql_vm_licence", "/vm/sql", "database_licence", Decimal("91.25"), "4"),
    ]


def test_a_windows_machine_is_compared_with_prices_that_hold_windows_too(rules):
    """D8s v5 to D4s v5: 0.80 and 0.44 with Windows; without they cost 0.40 and 0.20, which is another ratio."""
    signals = windows_machine(Signals(), "/vm/1", sku="D8s v5", tags={"Environment": "prod"})
    for metric, load in (("cpu_pct", 10.0), ("mem_used_pct", 10.0)):
        signals.hours("/vm/1", metric, load, days=32, provider="azure")
    bills = [
        Bill("/vm/1", "D8s v5", cost="19.20", **WINDOWS),
        Bill("/vm/2", "D4s v5", cost="10.56", **WINDOWS),
        Bill("/vm/3", "D8s v5", cost="9.60", **LINUX),
        Bill("/vm/4", "D4s v5", cost="4.80", **LINUX),
    ]
    with rules.on(signals, bills) as con:
        found = con.execute(
            "select c.current_sku, c.target_sku, round(t.contracted_unit_price / n.contracted_unit_price, 6) "
            "from int_optimization__candidates as c "
            "join dim_price_observed as n on c.cost_part = n.meter_kind and c.current_sku = n.meter_sku "
            "join dim_price_observed as t on c.cost_part = t.meter_kind and c.target_sku = t.meter_sku "
            "where c.rule_id = 'azure_vm_rightsize'"
        ).fetchall()
    assert found == [("D8s v5 Windows", "D4s v5 Windows", 0.55)]


@pytest.mark.parametrize(
    ("sku", "metric", "load", "environment", "target", "ratio"),
    [
        # 20 of 100 DTU with headroom are 24: S2 has 50, S1 only 20. The DTU metric is the load; memory is not asked.
        ("S3", "dtu_pct", 20.0, "dev", "S2", "0.500000"),
        # 8 cores at 30 % are 2.4, with headroom 2.88 of 4; production goes one step: 6 cores.
        ("GP_Gen5_8", "cpu_pct", 30.0, "dev", "GP_Gen5_4", "0.500000"),
        ("GP_Gen5_8", "cpu_pct", 30.0, "prod", "GP_Gen5_6", "0.750000"),
        ("GP_Gen5_8", "cpu_pct", 61.0, "dev", None, None),
    ],
)
def test_sql_databases_go_down_by_throughput_units_or_cores(rules, sku, metric, load, environment, target, ratio):
    signals = Signals().resource("/db/1", "db", provider="azure", state="available", sku=sku,
                                 tags={"Environment": environment})  # fmt: skip
    signals.hours("/db/1", metric, load, days=32, provider="azure")
    found = rules.found(signals, columns="target_sku, normalised_ratio, metrics_factor")
    assert found == ([("azure_sql_rightsize", "/db/1", target, Decimal(ratio), Decimal("0.5"))] if target else [])


def test_a_cloud_sql_instance_keeps_its_memory_per_core(rules):
    """4 cores, 16 GiB at 15 % and 30 %: 0.72 cores but 5.76 GiB with headroom: two cores with 8 GiB."""
    signals = Signals().resource("/sql/1", "db", provider="gcp", state="available", sku="db-custom-4-16384",
                                 tags={"Environment": "dev"})  # fmt: skip
    for metric, load in (("cpu_pct", 15.0), ("mem_used_pct", 30.0)):
        signals.hours("/sql/1", metric, load, days=32, provider="gcp")
    found = rules.found(signals, columns="target_sku, normalised_ratio")
    assert found == [("gcp_sql_rightsize", "/sql/1", "db-custom-2-8192", Decimal("0.500000"))]


def test_caches_and_search_nodes_move_to_graviton_at_the_price_that_was_seen(rules):
    """cache.r5.large 0.24 and cache.r7g.large 0.20; nobody has seen r7g.large.search: 5 % as peers assume."""
    signals = Signals()
    signals.resource("arn:cache", "cache", state="available", sku="cache.r5.large")
    signals.resource("arn:search", "search", state="active", sku="r5.large.search")
    bills = [
        Bill("arn:cache", "EU-NodeUsage:cache.r5.large", cost="5.76", service="Amazon ElastiCache"),
        Bill("arn:other", "EU-NodeUsage:cache.r7g.large", cost="4.80", service="Amazon ElastiCache"),
        Bill("arn:search", "EU-ESInstance:r5.large", cost="4.00", service="Amazon OpenSearch Service"),
    ]
    columns = "current_sku, target_sku, cost_part, fixed_saving_share, confidence_cap"
    share = Decimal("0.050000")
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_cache_arm", "arn:cache", "cache.r5.large", "cache.r7g.large", "cache_compute", share, Decimal("0.80")),
        ("aws_search_arm", "arn:search", "r5.large.search", "r7g.large.search", "search_compute", share,
         Decimal("0.50")),
    ]  # fmt: skip


def test_functions_pay_for_what_is_kept_ready_for_errors_and_for_x86(rules):
    """30 % of the instances at most: 36 % with headroom, 64 % go. 200 of 1,000 calls fail: a fifth. Arm: 20 % less."""
    signals = Signals()
    signals.resource("fn-ready", "function").hours("fn-ready", "fn_provisioned_pct", 30.0)
    signals.resource("fn-fails", "function").hours("fn-fails", "fn_invocations", 1000.0)
    signals.hours("fn-fails", "fn_errors", 200.0)
    signals.resource("fn-x86", "function", architecture="x86_64")
    signals.resource("fn-arm", "function", architecture="arm64")
    of_it = {"service": "AWS Lambda", "unit": "GB-Second", "quantity": "1000"}
    bills = [
        Bill("fn-ready", "EU-Lambda-Provisioned-Concurrency", cost="10", **of_it),
        Bill("fn-fails", "EU-Lambda-GB-Second", cost="10", **of_it),
        Bill("fn-x86", "EU-Lambda-GB-Second", cost="10", **of_it),
        Bill("fn-arm", "EU-Lambda-GB-Second-ARM", cost="8", **of_it),
    ]
    columns = "cost_part, saved_share, round(target_cost_month, 2), is_upper_bound, confidence_cap"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_lambda_arm", "fn-x86", "fn_compute", None, Decimal("243.33"), False, Decimal("0.80")),
        ("aws_lambda_errors", "fn-fails", "fn_compute", Decimal("0.2"), Decimal("243.33"), True, Decimal("0.50")),
        ("aws_lambda_provisioned", "fn-ready", "fn_provisioned", Decimal("0.64"), Decimal("243.33"), False, 1),
    ]
    # Without a price of Arm the saving is what peers assume.
    unpriced = rules.found(signals, bills[:3], columns="target_cost_month, fixed_saving_share, confidence_cap")
    assert unpriced[0] == ("aws_lambda_arm", "fn-x86", None, Decimal("0.200000"), Decimal("0.50"))


def bursty(average, peak_hour=60.0, **values):
    """Busy for one hour a day; 4 cores and 16 GiB, half of them in use."""
    of_it = {"state": "running", "sku": "D4s v5", "os": "linux", "purchase_option": "reserved", **values}
    signals = Signals().resource("/vm/1", "vm", provider="azure", **of_it)
    signals.hours("/vm/1", "cpu_pct", lambda hour: peak_hour if hour % 24 == 9 else average, provider="azure")
    signals.hours("/vm/1", "mem_used_pct", 50.0, provider="azure")
    return signals


def test_a_machine_that_is_busy_for_moments_becomes_burstable(rules):
    """(23 × 20 + 60) / 24 = 21.7 % a day, below the 40 % that B4s v2 earns; its hour of 60 % is below 80 %.

    8 GiB with headroom are 9.6: B4ls v2 has 8, B4s v2 has 16. D4s v5 0.20, B4s v2 0.16.
    """
    bills = [
        Bill("/vm/1", "D4s v5", cost="4.80", **LINUX),
        Bill("/vm/2", "B4s v2", cost="3.84", service="Virtual Machines", **AZURE),
    ]
    columns = "current_sku, target_sku, dimension, json_extract(evidence, '$.cpu_busiest_day_avg_pct')"
    [(rule, _, now, then, dimension, average)] = rules.found(bursty(20.0), bills, columns=columns)
    assert (rule, now, then, dimension) == ("azure_vm_burstable", "D4s v5", "B4s v2", "size")
    assert abs(float(average) - 21.67) < 0.01
    # More than the baseline on a day, credits that never suffice, a network card of its own, dearer: none of these.
    assert rules.found(bursty(41.0, 45.0), bills) == []
    assert rules.found(bursty(20.0, 85.0)) == [("azure_vm_burstable", "/vm/1")]  # one hour of 24 is above p95
    assert rules.found(bursty(20.0, raw='{"accelerated_networking": "true"}'), bills) == []
    assert rules.found(bursty(20.0), [bills[0], Bill("/vm/2", "B4s v2", cost="5", service="Virtual Machines",
                                                     **AZURE)]) == []  # fmt: skip


def test_a_burstable_machine_that_buys_more_credits_than_a_fixed_one_costs(rules):
    """t3.large 0.08 and 0.06 of credits an hour: 0.14; m6i.large costs 0.10: 73.00 instead of 102.20 a month."""
    signals = Signals().resource("i-1", "vm", state="running", sku="t3.large", os="linux", purchase_option="reserved")
    bills = [
        Bill("i-1", "EU-BoxUsage:t3.large", cost="1.92"),
        Bill("i-1", "EU-CPUCredits:t3", cost="1.44", unit="vCPU-Hours"),
        Bill("i-2", "EU-BoxUsage:m6i.large", cost="2.40"),
    ]
    columns = "contracted_cost_month, target_cost_month, dimension"
    assert rules.found(signals, bills, columns=columns) == [
        ("aws_ec2_burst_surplus", "i-1", Decimal("102.200000000000"), Decimal("73.000000000000"), "size")
    ]
    bills[1] = Bill("i-1", "EU-CPUCredits:t3", cost="0.24", unit="vCPU-Hours")
    assert rules.found(signals, bills) == []


def cluster(loads, environment="dev"):
    """Nodes of 4 cores and 16 GiB; what pods are allocated of each, processor and memory alike."""
    signals = Signals()
    for number, load in enumerate(loads, 1):
        name = f"i-{number}"
        signals.resource(name, "vm", state="running", sku="m8g.xlarge", managed_by="eks", attached_to="shop-nodes",
                         purchase_option="reserved", tags={"Environment": environment})  # fmt: skip
        for metric in ("node_cpu_allocated_pct", "node_mem_allocated_pct"):
            if load is not None:
                signals.hours(name, metric, load)
    return signals


def test_a_group_of_nodes_shrinks_to_what_its_pods_are_allocated(rules):
    """30 + 20 + 20 + 10 % of 4 cores are 3.2, with headroom 3.84: one node of four; the emptiest three go.

    Production keeps two. 50 + 50 + 60 % is not half idle. A node without metrics makes the group unknown.
    """
    columns = "action_type, saved_share, json_extract(evidence, '$.nodes_needed')"
    assert rules.found(cluster([30.0, 20.0, 20.0, 10.0]), columns=columns) == [
        ("aws_eks_nodes", name, "ScaleIn", 1, "1") for name in ("i-2", "i-3", "i-4")
    ]
    production = rules.found(cluster([30.0, 20.0, 20.0, 10.0], "prod"))
    assert production == [("aws_eks_nodes", "i-2"), ("aws_eks_nodes", "i-4")]
    assert rules.found(cluster([50.0, 50.0, 60.0])) == []
    assert rules.found(cluster([20.0, 20.0, None])) == []


def test_queries_are_priced_by_what_they_read_or_by_slots(rules):
    """Two hours a day of 60 slot hours are 100 rented ones each: 30 × 200 × 0.066 = 396 in 30 days, 401.50 a month.

    Reading costs 20 a day, 608.33 a month. The other way round: 30 TiB × 6.25 = 187.50, 190.10 a month.
    """
    place = {"provider": "gcp", "region": "eu"}
    signals = Signals().resource("/jobs", "warehouse", **place).resource("/slots", "warehouse", **place)
    signals.hours("/jobs", "slot_hours", lambda hour: 60.0 if hour % 24 in (2, 3) else 0.0, days=30, provider="gcp")
    signals.hours("/slots", "scanned_tib", lambda hour: 1.0 if hour % 24 == 2 else 0.0, days=30, provider="gcp")
    of_it = {"service": "BigQuery", **place}
    bills = [
        Bill("/jobs", "Analysis (eu)", cost="20", quantity="3.2", unit="tebibyte", **of_it),
        Bill("/slots", "BigQuery Enterprise Edition for EU", cost="19.80", quantity="300", unit="hour", **of_it),
    ]
    columns = "round(contracted_cost_month, 2), round(target_cost_month, 2)"
    assert rules.found(signals, bills, columns=columns) == [
        ("gcp_bigquery_on_demand", "/slots", Decimal("602.25"), Decimal("190.10")),
        ("gcp_bigquery_slots", "/jobs", Decimal("608.33"), Decimal("401.50")),
    ]
    # A third of the hours unknown, or no price of the other way: nothing is said.
    sparse = Signals().resource("/jobs", "warehouse", **place)
    sparse.hours("/jobs", "slot_hours", lambda hour: 0.0 if hour % 3 else None, days=30, provider="gcp")
    assert rules.found(sparse, bills) == [] and rules.found(signals, bills[:1]) == []


def test_data_is_stored_by_the_measure_that_costs_less(rules):
    """1,000 GiB are 300 compressed: at twice the price 60 % stay. 400 of 1,000 allocated GiB: 500 with a fifth free."""
    signals = Signals()
    for name, used in (("/data/dense", 600.0), ("/data/loose", 300.0)):
        signals.resource(name, "dataset", provider="gcp", size_gib=1000.0, used_gib=used)
    for name, used in (("/db/roomy", 400.0), ("/db/full", 610.0)):
        signals.resource(name, "db", provider="azure", state="available", size_gib=1000.0, used_gib=used)
    bills = [
        Bill(name, "Active Logical Storage (eu)", cost="1", provider="gcp", service="BigQuery", unit="GiB-Months")
        for name in ("/data/dense", "/data/loose")
    ] + [
        Bill(name, "General Purpose Data Stored", cost="4", service="Azure SQL Database", unit="GB-Months", **AZURE)
        for name in ("/db/roomy", "/db/full")
    ]
    columns = "saved_share, confidence_cap, data_gaps"
    half = Decimal("0.5")
    assert rules.found(signals, bills, columns=columns) == [
        ("azure_sql_storage", "/db/roomy", half, 1, "[]"),
        ("gcp_bigquery_storage", "/data/loose", Decimal("0.4"), half, '["physical_price"]'),
    ]


def test_disks_of_a_machine_that_was_off_for_a_month_are_paid_for_nothing(rules):
    """Off for 30 days and for 29; the disk is attached, so no other rule sees it. Never done by itself."""
    signals = Signals()
    for name, days in (("long", 30), ("short", 29)):
        since = datetime(TODAY.year, TODAY.month, TODAY.day) - timedelta(days=days)
        signals.resource(f"/vm/{name}", "vm", provider="azure", state="deallocated", state_changed_at=since)
        signals.resource(f"/disk/{name}", "disk", provider="azure", state="in_use", attached_count=1,
                         attached_to=f"/VM/{name}")  # fmt: skip
    columns = "is_automatable, json_extract_string(evidence, '$.machine')"
    assert rules.found(signals, columns=columns) == [("azure_disk_of_stopped", "/disk/long", False, "/VM/long")]
