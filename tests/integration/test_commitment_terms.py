"""Commitments over their whole term: what was billed is what they cost, per commitment, for every way to pay.

Hand-made exports; the expected numbers are whole hours of a term of 365 days at a price of one per hour, so that
they can be checked by hand. The term begins and ends in the middle of a month, at noon.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.build import build
from pipelines.landing import land
from tests.integration.bills import open_workspace, report

HOUR = timedelta(hours=1)
START = datetime(2025, 1, 15, 12, tzinfo=UTC)
END = START + 8760 * HOUR
# Of each 1.00 per hour, what is paid every hour; the rest is paid in the beginning.
PAYMENTS = {"no-upfront": Decimal(1), "partial": Decimal("0.4"), "all-upfront": Decimal(0)}

COLUMNS = """
bill/PayerAccountId bill/BillingPeriodStartDate bill/BillingPeriodEndDate bill/BillType lineItem/UsageAccountId
lineItem/LineItemType lineItem/UsageStartDate lineItem/UsageEndDate lineItem/ProductCode lineItem/UsageType
lineItem/ResourceId lineItem/UsageAmount lineItem/CurrencyCode lineItem/UnblendedCost pricing/publicOnDemandCost
pricing/unit savingsPlan/SavingsPlanARN savingsPlan/SavingsPlanEffectiveCost savingsPlan/TotalCommitmentToDate
savingsPlan/UsedCommitment savingsPlan/RecurringCommitmentForBillingPeriod
savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod reservation/ReservationARN reservation/EffectiveCost
reservation/UnusedAmortizedUpfrontFeeForBillingPeriod reservation/UnusedRecurringFee
splitLineItem/ParentResourceId splitLineItem/SplitCost splitLineItem/UnusedCost resourceTags/user:team
""".split()
NET = {
    name: re.sub("/", "/Net", name)
    for name in """lineItem/UnblendedCost savingsPlan/SavingsPlanEffectiveCost
    savingsPlan/RecurringCommitmentForBillingPeriod savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod
    reservation/EffectiveCost reservation/UnusedAmortizedUpfrontFeeForBillingPeriod
    reservation/UnusedRecurringFee""".split()
}
Line = dict[str, str | Decimal]


def months() -> Iterator[tuple[str, datetime, datetime, int]]:
    """Every month of the term: its name, first and next first, and the hours of the term that lie in it."""
    first = datetime(2025, 1, 1, tzinfo=UTC)
    while first < END:
        after = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
        yield first.strftime("%Y-%m"), first, after, int((min(END, after) - max(START, first)) / HOUR)
        first = after


def aws_lines(month: str, hours: int) -> list[Line]:
    """Of each hour three quarters are used, by two accounts; on demand the usage would have cost two per hour."""
    used, unused = hours * Decimal("0.75"), hours * Decimal("0.25")
    lines: list[Line] = []
    for payment, recurring in PAYMENTS.items():
        plan = {"savingsPlan/SavingsPlanARN": f"arn:plan/{payment}", "lineItem/ProductCode": "ComputeSavingsPlans"}
        held = {"reservation/ReservationARN": f"arn:ri/{payment}", "lineItem/ProductCode": "AmazonRDS"}
        upfront = 1 - recurring
        if month == START.strftime("%Y-%m") and upfront:
            lines.append(
                plan | {"lineItem/LineItemType": "SavingsPlanUpfrontFee", "lineItem/UnblendedCost": 8760 * upfront}
            )
            lines.append(held | {"lineItem/LineItemType": "Fee", "lineItem/UnblendedCost": 8760 * upfront})
        lines.append(plan | {
            "lineItem/LineItemType": "SavingsPlanRecurringFee", "lineItem/UnblendedCost": hours * recurring,
            "savingsPlan/TotalCommitmentToDate": Decimal(hours), "savingsPlan/UsedCommitment": used,
            "savingsPlan/RecurringCommitmentForBillingPeriod": hours * recurring,
            "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": hours * upfront,
        })  # fmt: skip
        lines.append(held | {
            "lineItem/LineItemType": "RIFee", "lineItem/UnblendedCost": hours * recurring,
            "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": unused * upfront,
            "reservation/UnusedRecurringFee": unused * recurring,
        })  # fmt: skip
        for account, part in (("111111111111", used / 3), ("222222222222", 2 * used / 3)):
            usage = {
                "lineItem/UsageAccountId": account, "lineItem/UsageAmount": part, "pricing/unit": "Hrs",
                "pricing/publicOnDemandCost": 2 * part,
            }  # fmt: skip
            covered = plan | usage | {"lineItem/ProductCode": "AmazonEC2"}
            lines.append(covered | {
                "lineItem/LineItemType": "SavingsPlanCoveredUsage", "lineItem/UnblendedCost": 2 * part,
                "savingsPlan/SavingsPlanEffectiveCost": part,
            })  # fmt: skip
            lines.append(covered | {
                "lineItem/LineItemType": "SavingsPlanNegation", "lineItem/UnblendedCost": -2 * part,
                "pricing/publicOnDemandCost": Decimal(0),
            })  # fmt: skip
            lines.append(held | usage | {
                "lineItem/LineItemType": "DiscountedUsage", "lineItem/UnblendedCost": Decimal(0),
                "reservation/EffectiveCost": part,
            })  # fmt: skip
    return lines


def on_demand() -> list[Line]:
    """An instance with two pods (one of them tagged), what is left of it, tax and a credit."""
    node = {
        "lineItem/LineItemType": "Usage", "lineItem/ProductCode": "AmazonEC2", "lineItem/ResourceId": "i-0a1",
        "lineItem/UsageAmount": Decimal(10), "lineItem/UnblendedCost": Decimal(10), "pricing/unit": "Hrs",
        "pricing/publicOnDemandCost": Decimal(12), "resourceTags/user:team": "platform",
    }  # fmt: skip
    pod = {
        "lineItem/LineItemType": "Usage", "lineItem/ProductCode": "AmazonEKS", "lineItem/UnblendedCost": Decimal(0),
        "pricing/unit": "vCPU-Hours", "splitLineItem/ParentResourceId": "i-0a1", "splitLineItem/UnusedCost": Decimal(1),
    }  # fmt: skip
    return [
        node,
        pod
        | {"lineItem/ResourceId": "pod/web", "splitLineItem/SplitCost": Decimal(4), "resourceTags/user:team": "web"},
        pod | {"lineItem/ResourceId": "pod/job", "splitLineItem/SplitCost": Decimal(3)},
        {"lineItem/LineItemType": "Tax", "lineItem/ProductCode": "AmazonEC2", "lineItem/UnblendedCost": Decimal(7)},
        {"lineItem/LineItemType": "Credit", "lineItem/ProductCode": "AmazonEC2", "lineItem/UnblendedCost": Decimal(-3)},
    ]


def discounted(lines: list[Line], has_discount_lines: bool) -> list[Line]:
    """The same bill under a private discount of a tenth of everything but tax and credit."""
    result: list[Line] = []
    total = Decimal(0)
    for line in lines:
        rate = Decimal(1) if line["lineItem/LineItemType"] in ("Tax", "Credit") else Decimal("0.9")
        nets = {net: rate * Decimal(line[gross]) for gross, net in NET.items() if gross in line}
        if rate == 1:
            nets.pop("lineItem/NetUnblendedCost")  # as AWS leaves it
        cost = Decimal(line["lineItem/UnblendedCost"])
        total += (1 - rate) * cost
        own = (
            {}
            if has_discount_lines
            else {"discount/EdpDiscount": (rate - 1) * cost, "discount/TotalDiscount": (rate - 1) * cost}
        )
        result.append(line | nets | own)
    if has_discount_lines:
        edp = {"lineItem/LineItemType": "EdpDiscount", "lineItem/ProductCode": "AmazonEC2"}
        result.append(edp | {"lineItem/UnblendedCost": -total, "lineItem/NetUnblendedCost": Decimal(0)})
    return result


def write_cur(folder: Path, lines: list[Line], month: str, first: datetime, after: datetime) -> None:
    columns = [*COLUMNS, *sorted({name for line in lines for name in line} - set(COLUMNS))]
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    common = {
        "bill/PayerAccountId": "999999999999", "bill/BillType": "Anniversary", "lineItem/CurrencyCode": "USD",
        "bill/BillingPeriodStartDate": first.strftime(stamp), "bill/BillingPeriodEndDate": after.strftime(stamp),
        "lineItem/UsageAccountId": "999999999999", "lineItem/UsageStartDate": first.strftime(stamp),
        "lineItem/UsageEndDate": after.strftime(stamp),
    }  # fmt: skip
    texts = [",".join(str((common | line).get(name, "")) for name in columns) for line in lines]
    report(folder, texts, header=",".join(columns), month=month)


def write_azure(folder: Path, month: str, first: datetime, after: datetime, lines: list[Line]) -> None:
    columns = sorted({name for line in lines for name in line})
    common = {
        "BillingAccountId": "8611537", "BillingCurrencyCode": "USD", "SubscriptionId": "s-1",
        "Date": f"{first:%m/%d/%Y}",
        "BillingPeriodStartDate": f"{first:%m/%d/%Y}", "BillingPeriodEndDate": f"{after - 24 * HOUR:%m/%d/%Y}",
        "UnitOfMeasure": "1 Hour", "MeterCategory": "Virtual Machines",
    }  # fmt: skip
    header = [*common, *columns]
    texts = [",".join(str((common | line).get(name, "")) for name in header) for line in lines]
    path = folder / f"{first:%Y%m%d}-{after - 24 * HOUR:%Y%m%d}" / "bill.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([",".join(header), *texts, ""]))


def azure_lines(number: int, hours: int) -> tuple[list[Line], list[Line]]:
    """The (actual, amortised) lines of the term's month `number`: two orders paid at once, two in twelve rates."""
    actual: list[Line] = []
    amortized: list[Line] = []
    other = {
        "ChargeType": "Usage",
        "PricingModel": "OnDemand",
        "CostInBillingCurrency": Decimal(5),
        "Quantity": Decimal(5),
    }
    rounding = {"ChargeType": "RoundingAdjustment", "CostInBillingCurrency": Decimal("0.01")}
    for model, kind, unused in (
        ("Reservation", "Microsoft.Capacity/reservationOrders/{}/reservations/", "UnusedReservation"),
        ("SavingsPlan", "Microsoft.BillingBenefits/savingsPlanOrders/{}/savingsPlans/", "UnusedSavingsPlan"),
    ):
        for payment in ("upfront", "monthly"):
            order = f"{model}-{payment}".upper()
            bought = {"ProductOrderId": order, "PricingModel": model, "benefitId": "/providers/" + kind.format(order)}
            held = bought | {"benefitId": f"{bought['benefitId']}one-of-it"}
            paid = {"upfront": 8760 if number == 0 else 0, "monthly": 730 if number < 12 else 0}[payment]
            if paid:
                actual.append(
                    bought | {"ChargeType": "Purchase", "CostInBillingCurrency": Decimal(paid), "Quantity": 1}
                )
            usage = held | {"ChargeType": "Usage", "PayGPrice": 2, "UnitPrice": 2, "Quantity": hours * Decimal("0.75")}
            actual.append(usage | {"CostInBillingCurrency": Decimal(0)})
            amortized.append(usage | {"CostInBillingCurrency": hours * Decimal("0.75")})
            amortized.append(
                held
                | {"ChargeType": unused, "CostInBillingCurrency": hours / Decimal(4), "Quantity": hours / Decimal(4)}
            )
    return [*actual, other, rounding], [*amortized, other, rounding]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    root = tmp_path_factory.mktemp("terms")
    for number, (month, first, after, hours) in enumerate(months()):
        for side, azure in zip(("actual", "amortized"), azure_lines(number, hours), strict=True):
            write_azure(root / side, month, first, after, azure)
        lines = aws_lines(month, hours)
        if month == "2025-03":
            lines += on_demand()
            for name, has_lines in (("lines", True), ("columns", False)):
                write_cur(root / name, discounted(lines, has_lines), month, first, after)
        write_cur(root / "plain", lines, month, first, after)
    sources = [
        {"name": name, "provider": "aws", "format": "cur", "uri": str(root / name)}
        for name in ("plain", "lines", "columns")
    ]
    exports = {side: str(root / side) for side in ("actual", "amortized")}
    sources.append({"name": "azure", "provider": "azure", "format": "cost_details", **exports})
    workspace = open_workspace(root / "w", *sources)
    assert land(workspace).failed == []
    build(workspace)
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        yield con


def test_over_its_term_a_commitment_costs_what_was_billed_however_it_is_paid(ledger):
    """8760 hours at 1: three quarters used, one quarter not; the month of purchase bills more than it costs."""
    found = ledger.execute(
        "select commitment_discount_id, sum(billed_cost), sum(effective_cost), "
        "sum(effective_cost) filter (where commitment_discount_status = 'Used'), "
        "sum(effective_cost) filter (where commitment_discount_status = 'Unused') "
        "from int_focus__charges where x_source = 'plain' and commitment_discount_id is not null group by 1 order by 1"
    ).fetchall()

    names = sorted(f"arn:{kind}/{payment}" for kind in ("plan", "ri") for payment in PAYMENTS)
    assert found == [(name, 8760, 8760, 6570, 2190) for name in names]


def test_over_its_term_an_azure_order_costs_what_was_billed_though_its_use_names_another_id(ledger):
    """A purchase names the order and its use the commitment. Unused hours stand once, and are not billed again."""
    found = ledger.execute(
        "select x_commitment_order_id, count(distinct commitment_discount_id), sum(billed_cost), sum(effective_cost), "
        "sum(effective_cost) filter (where commitment_discount_status = 'Unused') "
        "from int_focus__charges where x_source = 'azure' and x_commitment_order_id is not null group by 1 order by 1"
    ).fetchall()

    orders = [f"{model}-{payment}" for model in ("reservation", "savingsplan") for payment in ("monthly", "upfront")]
    assert found == [(order, 2, 8760, 8760, 2190) for order in orders]


def test_azure_bills_what_the_actual_export_says_and_costs_what_the_amortised_one_says(ledger):
    """Thirteen months of one on-demand charge and one rounding of a cent, beside the four orders."""
    found = ledger.execute(
        "select sum(billed_cost), sum(effective_cost), count(*) filter (where x_dataset = 'amortized') "
        "from int_focus__charges where x_source = 'azure'"
    ).fetchone()

    total = 4 * 8760 + 13 * Decimal("5.01")
    assert found == (total, total, 13 * 8)


def test_in_every_month_a_commitment_costs_the_hours_of_its_term_in_it(ledger):
    """Also in the two months that the term begins and ends in the middle of."""
    found = ledger.execute(
        "select distinct x_billing_period, sum(effective_cost) from int_focus__charges where x_source = 'plain' "
        "and commitment_discount_id is not null group by x_billing_period, commitment_discount_id order by 1"
    ).fetchall()

    assert found == [(month, hours) for month, _, _, hours in months()]
    assert (found[0], found[-1]) == (("2025-01", 396), ("2026-01", 348))


def test_a_private_discount_is_taken_off_once_whether_lines_or_columns_carry_it(ledger):
    """A tenth off everything but tax and credit. Each month is read from one set of columns, and says from which."""
    bill = {
        source: rest
        for source, *rest in ledger.execute(
            "select x_source, list(distinct x_cost_columns), sum(billed_cost), sum(effective_cost) "
            "from int_focus__charges where x_billing_period = '2025-03' group by 1"
        ).fetchall()
    }

    # 744 hours: recurring fees of 1 + 0.4 + 0 for plans and for reservations; the node, tax and credit.
    fees, full = 744 * Decimal("2.8"), Decimal(6 * 744)
    assert bill["plain"] == [["unblended"], fees + 10 + 4, full + 10 + 4]
    for source in ("lines", "columns"):
        assert bill[source] == [["net"], (fees + 10) * Decimal("0.9") + 4, (full + 10) * Decimal("0.9") + 4]


def test_what_is_read_net_reconciles_with_the_net_columns(ledger):
    """The invoice is the net one: source, landing, ledger, allocation and statements agree on it."""
    rows = ledger.execute("select x_source, stage, difference, status, source_total from fct_reconciliation").fetchall()

    assert {source for source, *_ in rows} == {"plain", "lines", "columns", "azure"}
    assert {status for *_, status, _ in rows} <= {"ok", "explained"}
    net = (744 * Decimal("2.8") + 10) * Decimal("0.9") + 4
    assert {total for source, stage, _, _, total in rows if source in ("lines", "columns") and stage == "landing"} == {
        net
    }


def test_pods_carry_their_part_of_the_instance_and_their_own_tags(ledger):
    """Of 10 for the node 5 and 4 go to pods, 1 stays; at list prices 6, 4.8 and 1.2. Billed cost moves with it."""
    rows = ledger.execute(
        "select allocated_resource_id, billed_cost, effective_cost, list_cost, consumed_quantity, tags "
        "from int_focus__charges where x_source = 'plain' and resource_id = 'i-0a1' order by effective_cost"
    ).fetchall()

    assert rows == [
        (None, 1, 1, Decimal("1.2"), 1, '{"team":"platform"}'),
        ("pod/job", 4, 4, Decimal("4.8"), 4, '{"team":"platform"}'),
        ("pod/web", 5, 5, 6, 5, '{"team":"web"}'),
    ]
