"""A number, led back: from a statement line, a cost centre's day or a ledger line to rules, deliveries, files and rows.

Reads published marts only, so everyone who may read them can explain them.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import SettingsError
from pipelines.explain_recommendation import recommendation_lines
from pipelines.explain_screening import screening_lines
from pipelines.outputs.statement_periods import first_day, is_week_or_day, last_day

Row = dict[str, Any]

_CHARGE_OF_A_LEDGER_LINE = re.compile(r"(?P<source>[^/]+)/(?P<period>\d{4}-\d{2})/(?P<file>.+):(?P<row>\d+)")
_DAY_OF_A_COST_CENTER = re.compile(r"(?P<center>[^/]+)/(?P<day>\d{4}-(\d{2}-\d{2}|W\d{2}))(/(?P<rule>.+))?")

# Statement lines are whole cents of allocated rows of one kind; see fct_chargeback.
STATEMENT_KIND = (
    "case when charge_kind not in ('cost', 'correction') then charge_kind "
    "when method in ('direct', 'unallocated') then 'direct' else 'shared' end"
)

# The charges that the chosen allocated rows (table chosen) divided: by their day, account, service, category and kind;
# a direct rule's are those it claimed, a pool's are those that no rule claimed.
_CHARGES = """
with wanted as (
    select distinct x_source, billing_period, charge_date, sub_account_id, service_name, charge_category,
        -- Commitment benefit is moved between the users of a service, whatever rule claims their usage.
        case charge_kind when 'commitment_benefit' then 'cost' else charge_kind end as charge_kind,
        charge_kind = 'commitment_benefit' as is_of_all_rules,
        currency, case when method = 'direct' and not starts_with(rule_id, '~') then rule_id end as claimed_by
    from chosen
),
keys as (
    select distinct d.x_source, d.billing_period, d.charge_date, d.sub_account_id, d.service_name, d.resource_id,
        d.x_resource_group, d.charge_category, d.charge_kind, d.commitment_discount_status, d.tags,
        d.billing_currency as currency, c.rule_id as claimed_by
    from fct_daily_costs as d
    left join fct_allocation_claims as c
        on d.x_allocation_key = c.x_allocation_key and d.charge_kind = c.charge_kind
        and d.charge_date between c.first_charge_date and c.last_charge_date
    semi join wanted as w
        on d.x_source = w.x_source and d.billing_period = w.billing_period and d.service_name = w.service_name
),
divided as (
    select keys.* from keys
    semi join wanted
        on keys.x_source = wanted.x_source and keys.billing_period = wanted.billing_period
        and keys.charge_date = wanted.charge_date and keys.service_name = wanted.service_name
        and keys.charge_category = wanted.charge_category and keys.charge_kind = wanted.charge_kind
        and keys.currency = wanted.currency
        and keys.sub_account_id is not distinct from wanted.sub_account_id
        and (wanted.is_of_all_rules or keys.claimed_by is not distinct from wanted.claimed_by)
)
select f.* from focus_cost_and_usage as f
semi join divided
    on f.x_source = divided.x_source and f.x_billing_period = divided.billing_period
    and cast(f.ChargePeriodStart as date) = divided.charge_date and f.ServiceName = divided.service_name
    and f.ChargeCategory = divided.charge_category and f.BillingCurrency = divided.currency
    and f.SubAccountId is not distinct from divided.sub_account_id
    and f.ResourceId is not distinct from divided.resource_id
    and f.x_resource_group is not distinct from divided.x_resource_group
    and f.CommitmentDiscountStatus is not distinct from divided.commitment_discount_status
    and f.Tags is not distinct from divided.tags
"""

# Where each charge lies: its row of the file, the file's hash, the delivery.
_SOURCES = """
select
    c.x_source as source, c.x_billing_period as billing_period, cast(c.ChargePeriodStart as date) as charge_date,
    c.BilledCost as billed_cost, c.EffectiveCost as effective_cost, c.BillingCurrency as currency,
    c.ChargeCategory as charge_category, c.ServiceName as service_name, c.SubAccountId as sub_account_id,
    c.ResourceId as resource_id, c.x_rule as mapping_rule, c.x_delivery_id as delivery_id, l.sequence,
    d.landed_at, l.uri, c.x_source_file as file, c.x_source_row as row, l.sha256,
    c.x_source || '/' || c.x_billing_period || '/' || c.x_source_file || ':' || c.x_source_row as line
from charges as c
left join fct_lineage as l
    on c.x_source = l.x_source and c.x_billing_period = l.billing_period and c.x_delivery_id = l.delivery_id
    and l.is_current and split_part(c.x_source_file, '!', 1) = l.source_file
    and coalesce(c.x_dataset, '') = coalesce(l.x_dataset, '')
left join dim_deliveries as d
    on l.x_source = d.x_source and l.billing_period = d.billing_period and l.sequence = d.sequence
order by abs(c.EffectiveCost) desc, c.x_source_file, c.x_source_row, c.x_rule
"""


_STATEMENT_KEY = ("billing_period", "x_source", "service_name", "cost_center_id", "currency")

_ADVICE = {
    "recommendation": ("fct_recommendations", "recommendation_id"),
    "screening": ("fct_migration_screening", "screening_id"),
}


@dataclass(frozen=True)
class Explanation:
    """What a number is made of. `rules` sum to it before rounding; `charges` are the dearest of those it divides."""

    what: str  # statement line | cost centre's day | ledger line | recommendation | screening
    subject: Row
    rules: list[Row]  # method, rule, version, match, driver, share, days, amount
    decisions: list[Row]  # decision file, version, rows
    charges: list[Row]  # source file, row, hash, delivery, mapping rule, costs
    charge_lines: int  # how many charges there are in all
    totals: list[Row] = field(default_factory=list)  # currency, billed and effective cost of all the charges

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def explain(run_folder: Path, reference: str, limit: int = 10) -> Explanation:
    """Explain a number of a published run.

    `reference` is a statement's line_id (or its first characters, if they are unique), a cost centre's day
    or week COST_CENTER/YYYY-MM-DD[/RULE] (YYYY-Www), a ledger line SOURCE/YYYY-MM/FILE:ROW, where FILE may be the end
    of its path, or the first characters of a recommendation's or screening's id.
    """
    with duckdb.connect(str(run_folder / "marts.duckdb"), read_only=True) as con:
        charge = _CHARGE_OF_A_LEDGER_LINE.fullmatch(reference)
        if charge:
            return _ledger_line(con, reference, charge.groupdict(), limit)
        day = _DAY_OF_A_COST_CENTER.fullmatch(reference)
        if day and is_week_or_day(day["day"]):
            return _cost_center_day(con, reference, day.groupdict(), limit)
        return _advice(con, reference) or _statement_line(con, reference, limit)


def _advice(con: duckdb.DuckDBPyConnection, reference: str) -> Explanation | None:
    """The recommendation or screening whose id begins so; None when none or several do, or the run is too old."""
    for what, (table, key) in _ADVICE.items():
        if not _rows(con, "select 1 from duckdb_tables() where table_name = ?", [table]):
            continue
        found = _rows(con, f"select * from {table} where starts_with({key}, ?) limit 2", [reference])
        if len(found) == 1:
            return Explanation(what, found[0], [], [], [], 0)
    return None


def _statement_line(con: duckdb.DuckDBPyConnection, line_id: str, limit: int) -> Explanation:
    found = _rows(con, "select * from fct_chargeback where starts_with(line_id, ?) limit 2", [line_id])
    if len(found) != 1:
        what = "is no line of the published statements" if not found else "begins several lines"
        raise SettingsError(
            line_id,
            what,
            fix="Take the line's id from a statement, or see `finops explain --help` for the other forms",
        )
    line = found[0]
    con.execute(
        "create or replace temp table chosen as select * from fct_allocated_costs where billing_period = ? "
        "and x_source = ? and service_name = ? and cost_center_id = ? and currency = ? "
        f"and ? in ('adjustment', {STATEMENT_KIND})",
        [line[key] for key in (*_STATEMENT_KEY, "kind")],
    )
    if line["kind"] == "adjustment":
        # Whole cents, as the statement counts them: what was posted before this line, and what it makes of it.
        posted = con.execute(
            "select coalesce(sum(amount), 0) from fct_chargeback where billing_period = ? and x_source = ? "
            "and service_name = ? and cost_center_id = ? and currency = ? and provider is not distinct from ? "
            "and posting_period < ?",
            [line[key] for key in (*_STATEMENT_KEY, "provider", "posting_period")],
        ).fetchone()
        line["posted_before"] = posted[0] if posted else Decimal(0)
        line["restatements"] = _rows(
            con,
            "select landed_at, from_delivery_id, to_delivery_id, sum(effective_difference) as difference "
            "from fct_restatements where billing_period = ? and x_source = ? and service_name = ? "
            "and billing_currency = ? group by all order by landed_at",
            [line[key] for key in ("billing_period", "x_source", "service_name", "currency")],
        )
    return _explained(con, "statement line", line, limit)


def _cost_center_day(con: duckdb.DuckDBPyConnection, reference: str, given: dict[str, str], limit: int) -> Explanation:
    con.execute(
        "create or replace temp table chosen as select * from fct_allocated_costs "
        "where cost_center_id = ? and charge_date between ? and ? and rule_id = coalesce(?, rule_id)",
        [given["center"], first_day(given["day"]), last_day(given["day"]), given["rule"]],
    )
    sums = _rows(
        con,
        "select cost_center_id, ? as charge_date, currency, count(*) as allocated_rows, sum(allocated_cost) as amount "
        "from chosen group by all order by currency",
        [given["day"]],
    )
    if not sums:
        raise SettingsError(
            reference, "nothing was allocated there", fix="Take cost centre, day and rule from fct_allocated_costs"
        )
    return _explained(con, "cost centre's day", {**sums[0], "amounts": sums}, limit)


def _ledger_line(con: duckdb.DuckDBPyConnection, reference: str, given: dict[str, str], limit: int) -> Explanation:
    con.execute(
        "create or replace temp table charges as select * from focus_cost_and_usage where x_source = ? "
        "and x_billing_period = ? and x_source_row = cast(? as bigint) "
        "and (x_source_file = ? or ends_with(x_source_file, '/' || ?))",
        [given["source"], given["period"], given["row"], given["file"], given["file"]],
    )
    sources = _rows(con, _SOURCES)
    if not sources:
        raise SettingsError(
            reference,
            "is no line of the published ledger",
            fix="Take x_source, x_billing_period, x_source_file and x_source_row from focus_cost_and_usage",
        )
    if len({(row["file"], row["uri"]) for row in sources}) > 1:
        raise SettingsError(reference, "ends the path of several files", fix="Give more of the file's path")
    con.execute(
        "create or replace temp table chosen as select a.* from fct_allocated_costs as a semi join ("
        "select distinct c.x_source, c.x_billing_period, d.charge_date, d.service_name, d.charge_category, "
        "d.charge_kind, d.sub_account_id, r.rule_id from charges as c "
        "join fct_daily_costs as d on c.x_source = d.x_source and c.x_billing_period = d.billing_period "
        "and cast(c.ChargePeriodStart as date) = d.charge_date and c.ServiceName = d.service_name "
        "and c.ChargeCategory = d.charge_category and c.SubAccountId is not distinct from d.sub_account_id "
        "and c.ResourceId is not distinct from d.resource_id "
        "and c.x_resource_group is not distinct from d.x_resource_group "
        "and c.CommitmentDiscountStatus is not distinct from d.commitment_discount_status "
        "and c.Tags is not distinct from d.tags "
        "left join fct_allocation_claims as r on d.x_allocation_key = r.x_allocation_key "
        "and d.charge_kind = r.charge_kind and d.charge_date between r.first_charge_date and r.last_charge_date) as w "
        "on a.x_source = w.x_source and a.billing_period = w.x_billing_period and a.charge_date = w.charge_date "
        "and a.service_name = w.service_name and a.charge_category = w.charge_category "
        "and a.charge_kind = w.charge_kind and a.sub_account_id is not distinct from w.sub_account_id "
        "and case when a.method = 'direct' and not starts_with(a.rule_id, '~') then a.rule_id end "
        "is not distinct from w.rule_id",
    )
    return _explained(con, "ledger line", sources[0], limit, has_charges=True)


def _explained(
    con: duckdb.DuckDBPyConnection, what: str, subject: Row, limit: int, has_charges: bool = False
) -> Explanation:
    """Rules and charges behind the temp table chosen (rows of fct_allocated_costs)."""
    rules = _rows(
        con,
        "select cost_center_id, method, rule_id, rule_version, currency, min(share) as share, "
        "max(driver_value) as driver_value, count(distinct charge_date) as days, sum(allocated_cost) as amount "
        "from chosen group by all order by abs(sum(allocated_cost)) desc, 1, 2, 3",
    )
    if not has_charges:
        con.execute(f"create or replace temp table charges as {_CHARGES}")
    totals = _rows(
        con,
        "select BillingCurrency as currency, sum(BilledCost) as billed_cost, sum(EffectiveCost) as effective_cost "
        "from charges group by all order by 1",
    )
    count = con.execute("select count(*) from charges").fetchone()
    decisions = _rows(con, "select decision, version, row_count from dim_decision_files where row_count > 0 order by 1")
    charges = _rows(con, f"{_SOURCES} limit {limit:d}")
    return Explanation(what, subject, rules, decisions, charges, int(count[0]) if count else 0, totals)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[object] | None = None) -> list[Row]:
    result = con.execute(sql, parameters or [])
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def lines_of(found: Explanation, width: int = 80) -> list[str]:
    """The explanation as text lines; only a file's path may be longer than `width`, and is shortened in its middle."""
    subject = found.subject
    if found.what in _ADVICE:
        return recommendation_lines(subject) if found.what == "recommendation" else screening_lines(subject)
    lines = []
    if found.what == "statement line":
        lines.append(f"{subject['cost_center_id']}  {subject['billing_period']}  {subject['kind']}")
        lines.append(f"{subject['service_name']}, billed by {subject['x_source']}")
        is_rounding = subject["kind"] == "rounding"
        amount = f"{subject['amount'].normalize():f}" if is_rounding else _money(subject["amount"])
        lines.append(f"{amount} {subject['currency']}  ({subject['status']})")
        if subject["kind"] == "fx":
            lines[-1] = f"{_money(subject['amount_reporting'])} in the reporting currency  ({subject['status']})"
            lines.append(
                f"What today's {subject['currency']} rate makes of a month closed at another; see dim_fx_rates"
            )
        elif "posted_before" in subject:
            lines += _adjustment_lines(subject)
        elif subject["status"] == "closed":
            lines.append("Closed and never changed; what follows is how costs and rules stand today")
    elif found.what == "ledger line":
        lines.append(f"{subject['service_name']}, {subject['charge_category']} of {subject['charge_date']}")
        lines.append(f"account {subject['sub_account_id']}, resource {subject['resource_id'] or '-'}")
    else:
        lines.append(f"{subject['cost_center_id']} on {subject['charge_date']}")
        for amount in subject["amounts"]:
            lines.append(
                f"{_money(amount['amount'])} {amount['currency']} in {amount['allocated_rows']} allocated rows"
            )
    lines += ["", "Rules (exact amounts, before cents)"]
    for rule in found.rules:
        center = f"{rule['cost_center_id']}  " if found.what == "ledger line" else ""
        share = f"  share {rule['share'] * 100:.4f} %" if rule["share"] is not None else ""
        lines.append(f"  {center}{rule['method']}  {rule['rule_id']}{share}")
        lines.append(
            f"    version {rule['rule_version'] or '-'}, {rule['days']} day(s), {rule['amount']} {rule['currency']}"
        )
    if not found.rules:
        lines.append("  none: what is smaller than a cent, or not allocated yet")
    names = [f"{decision['decision']} {decision['version'][:8]}" for decision in found.decisions]
    lines += ["", "Decision files (version)", *_wrapped(names, width)]
    sums = ", ".join(f"{_money(total['effective_cost'])} {total['currency']}" for total in found.totals) or "nothing"
    shown = "" if len(found.charges) == found.charge_lines else f", the dearest {len(found.charges)} of them"
    lines += ["", f"Charges: {found.charge_lines:,} lines, effective {sums}{shown}"]
    for charge in found.charges:
        lines.append(
            f"  {charge['charge_date']}  billed {_money(charge['billed_cost'])}  effective "
            f"{_money(charge['effective_cost'])} {charge['currency']}  {charge['mapping_rule']}"
        )
        row = f" row {charge['row']}"
        lines.append(f"    {_shortened(str(charge['file']), width - 4 - len(row))}{row}")
    deliveries = {charge["delivery_id"]: charge for charge in found.charges}
    lines += ["", "Deliveries"] if deliveries else []
    for charge in deliveries.values():
        number = f"no. {charge['sequence']}" if charge["sequence"] else "no. ?"
        lines.append(f"  {charge['source']}  {charge['billing_period']}  {charge['delivery_id']}  {number}")
        if charge["sha256"]:
            lines.append(f"    landed {charge['landed_at']:%Y-%m-%d %H:%M} UTC, file sha256 {charge['sha256'][:16]}…")
    return lines


def _adjustment_lines(subject: Row) -> list[str]:
    before = subject["posted_before"]
    lines = [
        "",
        f"Adjustment of {subject['billing_period']}, posted in {subject['posting_period']}",
        f"  posted before  {_money(before)} {subject['currency']}",
        f"  counted now    {_money(before + subject['amount'])} {subject['currency']}, by the rules below",
    ]
    for change in subject["restatements"]:
        lines.append(
            f"  restated by the provider, landed {change['landed_at']:%Y-%m-%d}: {_money(change['difference'])} in all "
        )
    if not subject["restatements"]:
        lines.append("  the provider restated nothing here: a tag, a rule or a driver changed")
    return [line.rstrip() for line in lines]


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _wrapped(words: list[str], width: int) -> list[str]:
    lines = [" "]
    for word in words:
        if len(lines[-1]) + len(word) + 2 > width:
            lines.append(" ")
        lines[-1] += f" {word}" if lines[-1] == " " else f", {word}"
    return lines


def _shortened(path: str, width: int) -> str:
    return path if len(path) <= width else f"{path[: width // 3]}…{path[-(width - width // 3 - 1) :]}"
