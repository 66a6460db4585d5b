"""What Halden's people have decided: cost centres, allocation rules, shared cost rules, drivers, aliases, FX rates.

Written only where a file does not exist yet: decisions belong to people.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from pipelines.sample import budgets
from pipelines.sample.estate import COST_CENTERS, CostCenter, account_named
from pipelines.sample.fleet import random_for
from pipelines.sample.months import Window
from pipelines.sample.tags import value_aliases

Rows = Iterable[Sequence[object]]
ENGINEERING = "CC-1010;CC-1020;CC-1030;CC-1040;CC-2020;CC-4010;CC-4020"
SELLING = "CC-1010;CC-1020;CC-1030;CC-1040;CC-4010;CC-4020;CC-6010"
HEADERS = {
    "cost_centers": "cost_center_id,name,team,department,business_unit,owner,owner_email,gl_account,headcount,revenue,"
    "valid_from,valid_to",
    "allocation_rules": "rule_id,priority,match_type,match_key,match_value,cost_center_id,share_percent,valid_from,"
    "valid_to,note",
    "shared_cost_rules": "pool_id,priority,match_type,match_key,match_value,method,driver,fallback,targets,valid_from,"
    "valid_to,note",
    "drivers": "date,driver,cost_center_id,unit,quantity",
    "tag_aliases": "kind,tag_key,alias,canonical",
    "fx_rates": "month,from_currency,to_currency,rate,rate_type,source",
    "budgets": budgets.BUDGETS,
    "planned_events": budgets.EVENTS,
    "workload_places": "workload,provider,region,note",
    "interconnect_offers": "offer_id,provider,other_provider,fixed_month,price_gb,currency,note",
    "licence_entitlements": "licence,cores,valid_from,valid_to,note",
}
# More cores than its machines in the cloud need: its own data centre is being emptied.
_LICENCES: Rows = [
    ("windows_server", 2048, "", "", "Software Assurance"),
    ("sql_server_standard", 1024, "", "", "Software Assurance"),
]
FINOPS_TOML = """\
# Halden Commerce: a demo workspace written by `finops sample`. Relative uris start at this folder.

[workspace]
reporting_currency = "USD"

[optimization]
hour_of_work = "95"

[[sources]]
name = "aws-payer"
provider = "aws"
format = "cur2"
uri = "exports/aws-payer"

[[sources]]
name = "aws-acquired"
provider = "aws"
format = "cur"
uri = "exports/aws-acquired"

[[sources]]
name = "azure-ea"
provider = "azure"
format = "cost_details"
actual = "exports/azure/halden-actual"
amortized = "exports/azure/halden-amortized"

[[sources]]
name = "gcp-main"
provider = "gcp"
format = "billing_export"
uri = "exports/gcp"

[[sources]]
name = "invoices"
format = "invoices"
uri = "exports/invoices"

[[signals]]
name = "aws-signals"
provider = "aws"
uri = "exports/signals/aws"

[[signals]]
name = "azure-signals"
provider = "azure"
uri = "exports/signals/azure"

[[signals]]
name = "gcp-signals"
provider = "gcp"
uri = "exports/signals/gcp"
"""


def write_decisions(workspace: Path, window: Window, seed: int) -> list[Path]:
    """Write the decision files and finops.toml that do not exist yet; return those."""
    contents: dict[str, Rows] = {
        "cost_centers": _cost_centers(window),
        "allocation_rules": _allocation_rules(window),
        "shared_cost_rules": _shared_cost_rules(window),
        "drivers": _drivers(window, seed),
        "tag_aliases": _tag_aliases(),
        "fx_rates": _fx_rates(window, seed),
        "budgets": budgets.budgets(window),
        "planned_events": budgets.planned_events(window),
        "workload_places": [
            ("*", "aws", "eu-west-1", "Customer data stays in the EU"),
            ("*", "azure", "westeurope", "Customer data stays in the EU"),
            ("*", "gcp", "europe-north1", "Customer data stays in the EU"),
        ],
        "interconnect_offers": [("line-dublin", "aws", "*", "1250", "0.02", "USD", "1 Gbit/s, the broker's offer")],
        "licence_entitlements": _LICENCES,
    }
    texts = {workspace / "decisions" / f"{name}.csv": _csv(HEADERS[name], rows) for name, rows in contents.items()}
    texts[workspace / "finops.toml"] = FINOPS_TOML
    written = [path for path in texts if not path.exists()]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(texts[path], encoding="utf-8")
        partial.rename(path)
    return written


def _csv(header: str, rows: Rows) -> str:
    text = io.StringIO()
    text.write(header + "\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _always(window: Window) -> str:
    return date(window.months[0].year - 1, 1, 1).isoformat()


def _cost_centers(window: Window) -> Rows:
    learning, moves = window.machine_learning_starts.first_day.isoformat(), window.logistics_moves.first_day.isoformat()
    for number, center in enumerate(COST_CENTERS):
        starts = learning if center.id == "CC-2030" else _always(window)
        ends = moves if center.id == "CC-4010" else ""
        yield _cost_center(center, number, center.department, center.headcount, starts, ends)
        if center.id == "CC-4010":  # the reorganisation: same cost centre, new department
            yield _cost_center(center, number, "Supply Chain", center.headcount + 6, moves, "")


def _cost_center(
    center: CostCenter, number: int, department: str, headcount: int, starts: str, ends: str
) -> list[object]:
    email = center.owner.lower().replace(" ", ".") + "@halden.example"
    return [center.id, center.title, center.name, department, center.business_unit, center.owner, email,
            f"6{4100 + number * 10}", headcount, center.revenue, starts, ends]  # fmt: skip


def _allocation_rules(window: Window) -> Rows:
    always = _always(window)
    learning, moves = window.machine_learning_starts.first_day.isoformat(), window.logistics_moves.first_day.isoformat()
    yield ["archive-bucket", 10, "resource", "", "halden-clickstream-archive", "CC-3010", 100, always, "",
           "Nobody tagged it; marketing keeps it for attribution"]  # fmt: skip
    yield ["erp-group", 20, "resource_group", "", "rg-erp-prod", "CC-5010", 100, always, "", "ERP production"]
    for center in COST_CENTERS:
        starts = learning if center.id == "CC-2030" else always
        yield [f"tag-{center.name}-id", 100, "tag", "CostCenter", center.id, center.id, 100, starts, "", ""]
        yield [f"tag-{center.name}-name", 110, "tag", "CostCenter", center.name, center.id, 100, starts, "", ""]
    yield ["tag-ml-projects", 120, "tag", "Project", "ml-*", "CC-2030", 100, learning, "", "Projects of the new team"]
    for rule, priority, account, center_id, share, starts, ends, note in (
        ("account-data-prod", 200, "halden-data-prod", "CC-2020", 100, always, "", ""),
        (
            "account-data-lab-before",
            200,
            "halden-data-lab",
            "CC-2020",
            100,
            always,
            learning,
            "Before there was an ML team",
        ),
        ("account-data-lab", 200, "halden-data-lab", "CC-2020", 60, learning, "", "Shared lab, agreed 60/40"),
        ("account-data-lab", 200, "halden-data-lab", "CC-2030", 40, learning, "", "Shared lab, agreed 60/40"),
        ("account-corp-it", 200, "halden-corp-it", "CC-5010", 100, always, "", ""),
        (
            "account-logistics-before",
            200,
            "halden-logistics",
            "CC-4010",
            100,
            always,
            moves,
            "Until the reorganisation",
        ),
        ("account-logistics-after", 200, "halden-logistics", "CC-4020", 100, moves, "", "Since the reorganisation"),
        ("account-parcel-root", 210, "brightparcel-root", "CC-6010", 100, always, "", ""),
        ("account-parcel-prod", 210, "brightparcel-prod", "CC-6010", 100, always, "", ""),
        ("account-parcel-staging", 210, "brightparcel-staging", "CC-6010", 100, always, "", ""),
        ("account-parcel-data", 210, "brightparcel-data", "CC-6010", 100, always, "", ""),
        ("account-parcel-routing", 210, "brightparcel-routing", "CC-4010", 100, always, "", ""),
        ("account-parcel-helpdesk", 210, "brightparcel-helpdesk", "CC-3020", 100, always, "", ""),
        ("subscription-erp", 220, "erp-prod", "CC-5010", 100, always, "", ""),
        ("subscription-erp-test", 220, "erp-test", "CC-5010", 100, always, "", ""),
        ("subscription-care", 220, "care-platform", "CC-3020", 100, always, "", ""),
        ("subscription-warehouse", 220, "warehouse-systems", "CC-4020", 100, always, "", ""),
        ("subscription-pay", 220, "pay-eu", "CC-1020", 100, always, "", ""),
        ("project-bigquery", 230, "BigQuery Analytics", "CC-2020", 100, always, "", ""),
        ("project-search", 230, "Search Production", "CC-1010", 100, always, "", ""),
        ("project-ml-before", 230, "ML Training", "CC-2020", 100, always, learning, "Before there was an ML team"),
        ("project-ml", 230, "ML Training", "CC-2030", 100, learning, "", ""),
        ("project-mobile", 230, "Mobile Backend", "CC-1040", 100, always, "", ""),
    ):
        yield [rule, priority, "account", "", account_named(account).id, center_id, share, starts, ends, note]


def _shared_cost_rules(window: Window) -> Rows:
    def account(name: str) -> str:
        return account_named(name).id

    by_cost, chain = "direct_cost", "direct_cost>equal_split>unallocated"
    for pool, priority, kind, value, method, driver, fallback, targets, note in (
        ("tax", 10, "charge_category", "Tax", "proportional_usage", by_cost, "equal_split>unallocated", "", ""),
        ("support", 20, "service", "AWS Support*", "proportional_usage", by_cost, "equal_split>unallocated", "", ""),
        (
            "unused-commitments",
            30,
            "commitment_status",
            "Unused",
            "equal_split",
            "",
            "unallocated",
            ENGINEERING,
            "Platform buys for all engineering teams",
        ),
        ("credits", 40, "charge_category", "Credit", "proportional_usage", by_cost, "equal_split>unallocated", "", ""),
        (
            "adjustments",
            45,
            "charge_category",
            "Adjustment",
            "proportional_usage",
            by_cost,
            "equal_split>unallocated",
            "",
            "Private discount and rounding",
        ),
        (
            "platform",
            50,
            "account",
            account("halden-platform-shared"),
            "proportional_usage",
            "k8s_pod_hours",
            chain,
            ENGINEERING,
            "Shared clusters and observability",
        ),
        ("gke", 55, "account", account("Shared GKE"), "proportional_usage", "api_requests", chain, ENGINEERING, ""),
        ("network", 60, "account", account("halden-network"), "headcount_based", "", "equal_split>unallocated", "", ""),
        (
            "security",
            62,
            "account",
            account("identity-security"),
            "headcount_based",
            "",
            "equal_split>unallocated",
            "",
            "",
        ),
        (
            "threat-detection",
            47,
            "service",
            "Amazon GuardDuty",
            "headcount_based",
            "",
            "equal_split>unallocated",
            "",
            "",
        ),
        ("cloud-security", 48, "service", "Security Command Center", "headcount_based", "", "equal_split", "", ""),
        (
            "marketing",
            70,
            "account",
            account("halden-marketing"),
            "revenue_based",
            "",
            "headcount_based>equal_split",
            SELLING,
            "Campaign analytics serve whoever sells",
        ),
        ("management", 80, "account", account("halden-management"), "headcount_based", "", "equal_split", "", ""),
        (
            "purchases",
            90,
            "charge_category",
            "Purchase",
            "proportional_usage",
            by_cost,
            "equal_split>unallocated",
            "",
            "Commitments bought at billing scope",
        ),
    ):
        yield [pool, priority, kind, "", value, method, driver, fallback, targets, _always(window), "", note]


def _drivers(window: Window, seed: int) -> Rows:
    """Pod hours per day and API requests per month; one month of pod hours was never measured."""
    rng = random_for(seed, "drivers")
    users = [center for center in COST_CENTERS if center.id in ENGINEERING.split(";")]
    missing = window.at(0.2) if len(window.months) > 3 else None
    for month in window.months:
        for offset in range(month.days if month != missing else 0):
            day = (month.first_day + timedelta(days=offset)).isoformat()
            for center in users:
                yield [
                    day,
                    "k8s_pod_hours",
                    center.id,
                    "pod-hours",
                    f"{center.headcount * 31 * (0.8 + 0.4 * rng.random()):.2f}",
                ]
        for center in users:
            quantity = int(center.headcount * 1_000_000 * (0.7 + 0.6 * rng.random()))
            yield [month.first_day.isoformat(), "api_requests", center.id, "requests", quantity]


def _tag_aliases() -> Rows:
    yield ["key", "", "costcentre", "costcenter"]
    for typed, meant in value_aliases():
        yield ["value", "CostCenter", typed, meant]


def _fx_rates(window: Window, seed: int) -> Rows:
    for period, rate in fx_rates(window, seed).items():
        yield [period, "EUR", "USD", rate, "monthly_average", "Halden treasury"]


def fx_rates(window: Window, seed: int) -> dict[str, Decimal]:
    """Dollars per euro by month."""
    rates = {}
    rng = random_for(seed, "fx")
    rate = 1.0850
    for month in window.months:
        rate = min(max(rate + (rng.random() - 0.48) * 0.012, 1.02), 1.19)
        rates[month.period] = Decimal(f"{rate:.4f}")
    return rates
