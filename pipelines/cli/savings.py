"""What to do about cost: recommend."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.app import JsonOption, WorkspaceOption, amount, app, one_line, out, program, say, shown
from pipelines.errors import FinopsError
from pipelines.settings import Workspace

# What guard-rails did or ask to look at, in words.
GUARDS = {
    "first_purchase_80_percent": "first purchase: 80 % of the best size",
    "long_term_capped_at_p5": "three years: no more than all but a twentieth of hours use",
    "ladder_of_4": "in 4 quarterly steps",
    "ladder_of_12": "in 12 monthly steps",
    "wait_3_days_after_a_purchase": "nothing now: bought something in the last 3 days",
    "wait_until_the_last_purchase_is_billed": "nothing now: a commitment exists that no bill shows",
    "wait_until_the_anomaly_is_over": "nothing now: an anomaly of this usage is not over",
    "planned_falls_are_off": "less what planned events will take off",
    "utilisation_below_80_percent": "CAUTION used less than 80 %",
    "return_below_10_percent": "CAUTION returns less than 10 %",
    "break_even_after_9_months": "CAUTION pays back after 9 months",
    "daily_data_hides_peaks": "CAUTION the bill is daily: peaks are not seen",
}
WAVES = {1: "1 quick and safe", 2: "2 with care", 3: "3 projects", 4: "4 commitments"}


@app.command()
def recommend(
    what_if: Annotated[
        str | None, typer.Option("--what-if", help="Only try a commitment in this pool; lands nothing.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option("--commit", help="With --what-if: money per hour, such as 4.20.")
    ] = None,
    discount: Annotated[str | None, typer.Option("--discount", help="With --what-if: percent off, such as 28.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan purchases and say what can be saved, per provider and in which order.

    Example: finops recommend --what-if aws/123456789012/compute/USD --commit 4.20 --discount 28
    """
    opened = Workspace.open(workspace)
    if not opened.warehouse.is_file():
        raise FinopsError(str(opened.warehouse), "has not been built yet", fix="Run `finops build` first")
    if what_if is not None:
        _try(opened, what_if, _number(commit, "--commit"), _number(discount, "--discount") / 100, as_json)
        return
    from pipelines.build import compute_results
    from pipelines.outputs.optimization_result import optimization_result

    compute_results(opened, say).raise_failed()
    result = optimization_result(opened.warehouse)
    if as_json:
        out.print_json(json.dumps(result.as_dict(), default=str))
    else:
        print_result(result)
        out.print(f"\nNext: {program()} publish -w {shown(opened.root)}")


def _number(text: str | None, option: str) -> Decimal:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        raise typer.BadParameter(f"--what-if needs {option} with a number") from None
    if not value.is_finite() or value <= 0 or (option == "--discount" and value >= 100):
        raise typer.BadParameter(f"{option} must be above 0{' and below 100' if option == '--discount' else ''}")
    return value


def _try(opened: Workspace, pool: str, commit: Decimal, discount: Decimal, as_json: bool) -> None:
    from pipelines.steps import find_step

    found = find_step("what_if")(opened, pool, commit, discount)
    if as_json:
        out.print_json(json.dumps(found, default=str))
        return
    out.print(f"{found['pool_id']}, {found['hours']} hours of usage on demand, {found['currency']}", markup=False)
    used = "-" if found["utilisation"] is None else f"{found['utilisation'] * 100:.1f} %"
    out.print(f"Commit      {commit.normalize():f} an hour at {discount * 100:.1f} % off the price list")
    if found["discount"] != discount:
        out.print(f"            {found['discount'] * 100:.1f} % off what is paid now, which is cheaper by itself")
    out.print(f"Saves       {amount(found['savings_month'])} a month ({found['effective_savings_rate'] * 100:.1f} %)")
    out.print(f"Used        {used}, covers {found['coverage'] * 100:.1f} %")
    out.print(f"Best        {found['best_commitment_hour']:.4f} an hour saves {amount(found['best_savings_month'])}")


def _print_purchases(pool_id: str, rows: list[dict[str, Any]]) -> None:
    """What is said of all of them stands once, below the pool."""
    guards = [json.loads(row["guard_rails"]) for row in rows]
    shared = [guard for guard in guards[0] if all(guard in others for others in guards)]
    out.print(f"  {pool_id}", markup=False)
    for guard in shared:
        out.print(f"    {GUARDS[guard]}", markup=False)
    for row, own in zip(rows, guards, strict=True):
        _print_purchase(row, [guard for guard in own if guard not in shared])


def _print_purchase(row: dict[str, Any], guards: list[str]) -> None:
    term = f"{row['term_months']} months" if row["term_months"] else "term not known"
    out.print(
        f"    {row['buy_now_commitment_hour']:.4f} now, {row['guarded_commitment_hour']:.4f} in the end: "
        f"{row['offer_name']}, {term}",
        markup=False,
    )
    if row["scope"]:
        out.print(f"      for {row['scope']}", markup=False)
    out.print(
        f"      saves {amount(row['savings_month'])} {row['currency']} a month "
        f"({amount(row['savings_low_month'])} to {amount(row['savings_high_month'])})"
    )
    for guard in guards:
        out.print(f"      {GUARDS[guard]}", markup=False)


def print_result(result: Any) -> None:
    """Totals per provider and wave, the purchases, the largest recommendations; 80 columns."""
    table = Table(title="What can be saved per month", title_justify="left", box=None, padding=(0, 1), pad_edge=False)
    for column in ("provider", "cur", "wave"):
        table.add_column(column)
    for column in ("count", "raw", "now", "later", "hours", "by week"):
        table.add_column(column, justify="right")
    for row in result.waves:
        table.add_row(
            row["provider"], row["currency"], WAVES[row["wave"]], f"{row['counted']}/{row['recommendations']}",
            f"{row['savings_raw_month']:,.0f}", f"{row['savings_now_month']:,.0f}",
            f"{row['savings_after_expiry_month']:,.0f}", f"{row['effort_hours']:.1f}", str(row["done_by_week"]),
        )  # fmt: skip
    out.print(table)
    if not result.waves:
        out.print("Nothing is recommended.")
        return
    out.print("count: in the total, of all; raw: all of them, which overlap; now: off the bill at")
    out.print("once, each saving once; later: when commitments that pay for it today have ended")
    out.print(f"\nTogether {amount(result.total_month_reporting)} {result.reporting_currency} a month now")
    scores = {(row["provider"], row["currency"]): row["efficiency_score"] for row in result.waves}
    out.print(
        "Cost efficiency (1 - what can be saved / cost): "
        + ", ".join(f"{provider} {score * 100:.1f} %" for (provider, _), score in scores.items() if score is not None)
    )
    if result.unconverted:
        out.print(f"Without {', '.join(result.unconverted)}: no rate in decisions/fx_rates.csv")
    if result.purchases:
        out.print("\nCommit per hour (now, in the end), after guard-rails")
        for pool_id, of_pool in groupby(result.purchases, key=itemgetter("pool_id")):
            _print_purchases(pool_id, list(of_pool))
    actions = [
        row for row in result.top if row["action_type"] not in ("PurchaseSavingsPlans", "PurchaseReservedInstances")
    ]
    if actions:
        out.print("\nLargest")
    for row in actions:
        name = (row["resource_name"] or row["resource_id"])[-34:]
        out.print(
            f"  {row['recommendation_id'][:8]}  {row['savings_net_now_month']:>10,.2f} {row['currency']}  "
            f"{row['action_type']:<9} {name}",
            markup=False,
        )
    _print_moves(result)


def _print_moves(result: Any) -> None:
    """What was looked at between clouds: alternatives, each a screening, in no total."""
    if result.moves:
        out.print("\nMoves worth a look, at prices of your own bills (in no total, never automated)")
    for row in result.moves[:5]:
        now = f"{row['provider']} {row['region_id'] or '-'}"
        out.print(
            f"  {row['screening_id'][:8]}  {row['net_saving_month']:>10,.2f} {row['currency']}  "
            f"{one_line(row['workload'], 16)}: {now} to {row['target_provider']} {row['target_region_id']}",
            markup=False,
        )
    crossing = [row for row in result.transfers if row["line_saving_month"] is not None][:3]
    if crossing:
        out.print("\nTraffic of workloads in several clouds, beside a private line")
    for row in crossing:
        even = "never" if row["break_even_gb"] is None else f"from {row['break_even_gb']:,.0f} GB on"
        out.print(
            f"  {one_line(row['workload'], 20):<20}  {row['egress_gb_month']:,.0f} GB a month from {row['provider']}; "
            f"{row['offer_id']} is cheaper {even}",
            markup=False,
        )
