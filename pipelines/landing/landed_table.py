"""The files of a delivery as one table in landed shape: what DuckDB reads of each, and the casts above their union."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import duckdb

from pipelines.landing.casts import cast_sql, identifier, quoted, rounding_sql
from pipelines.landing.contracts import LINEAGE, Contract, landed_types
from pipelines.landing.reading import Column, SourceTable

_NOTHING = "cast(null as varchar)"
_CREDIT_FIELDS = ("name", "full_name", "id", "type", "amount")


def _raw_sql(
    tables: list[SourceTable], contract: Contract, unknown: list[str], constants: dict[str, str], mixed: set[str]
) -> str:
    """SELECT over files of one shape with canonical names and the files' own types; columns they lack are NULL.

    Casting happens once, above the union of all shapes: the casts are long expressions.
    """
    first = tables[0]
    labels = ", ".join(f"{quoted(str(table.path))}: {quoted(table.label)}" for table in tables)
    items = [f"{quoted(value)} as {name}" for name, value in constants.items()]
    items += [f"map {{{labels}}}[filename] as x_source_file", "file_row_number + 1 as x_source_row"]
    for name, kind in contract.columns.items():
        items.append(f"{_raw_expr(first, contract, name, kind, name in mixed)} as {identifier(name)}")
    for name in unknown:
        column = first.columns.get(name)
        value = (_text_of(column) if name in mixed else column.expr) if column else _NOTHING
        items.append(f"{value} as {identifier(name)}")
    paths = ", ".join(quoted(str(table.path)) for table in tables)
    options = "filename=true, file_row_number=true, hive_partitioning=false"
    return f"select {', '.join(items)} from read_parquet([{paths}], {options})"


def _text_of(column: Column) -> str:
    """A value of any type as the text that another file would give it in a column of text."""
    if column.type in ("map", "struct", "list"):
        return f"cast(to_json({column.expr}) as varchar)"
    if column.type == "json":
        return f"({column.expr} ->> '$')"
    return column.expr if column.type == "varchar" else f"cast({column.expr} as varchar)"


def _raw_expr(source: SourceTable, contract: Contract, name: str, kind: str, as_text: bool) -> str:
    if kind == "credits" or name == "credits_total":
        return _credits_json_sql(source)
    if name == "cost_after_discounts":
        return _cost_after_discounts_sql(source)
    if name == "resource_tags" and name not in source.columns:
        return _tag_columns_sql(source)
    if name == "tags" and name not in source.columns and "x_labels" in source.columns:
        return _labels_sql(source.columns["x_labels"])
    column = source.column(contract, name)
    if column is None:
        return _NOTHING
    if as_text:
        return _text_of(column)
    if kind == "json" and column.type in ("map", "struct", "list", "json"):
        return f"cast(to_json({column.expr}) as varchar)"
    return f"({column.expr} ->> '$')" if column.type == "json" else column.expr


def _cost_after_discounts_sql(source: SourceTable) -> str:
    """What a CUR line costs after discounts: its net cost, or, as fees, tax and credits may have none, its cost; a
    discount without one is in the other lines' net costs.

    NULL in files without net columns, which AWS writes for payers with private discounts only.
    """
    net, gross = source.columns.get("line_item_net_unblended_cost"), source.columns["line_item_unblended_cost"]
    kind = source.columns["line_item_line_item_type"]
    if net is None:
        return _NOTHING
    as_number = net.type == gross.type != "varchar"
    found, given = (net.expr, gross.expr) if as_number else (f"filled({_text_of(net)})", _text_of(gross))
    nothing = "0" if as_number else "'0'"
    return f"coalesce({found}, case when lower({kind.expr}) like '%discount' then {nothing} else {given} end)"


def _credits_json_sql(source: SourceTable) -> str:
    """Credits as JSON text of an array: from nested rows, from JSON, or from a printed Python list."""
    column = source.columns.get("credits")
    if column is None:
        return _NOTHING
    if column.type in ("list", "struct", "json"):
        as_json = column.expr if column.type == "json" else f"to_json({column.expr})"
        text = f"cast({as_json} as varchar)"
        return f"case when json_type({as_json}) = 'OBJECT' then '[' || {text} || ']' else {text} end"
    text = f"filled({column.expr})"
    as_json = f"replace({text}, chr(39), chr(34))"
    return f"case when json_valid({text}) then {text} else regexp_replace({as_json}, ': None\\b', ': null', 'g') end"


def _tag_columns_sql(source: SourceTable) -> str:
    """The resourceTags/* columns of a legacy CUR as one JSON object of those that are filled."""
    tags = {
        re.sub(r"^resource_?tags[/_]", "", column.original, flags=re.IGNORECASE): column.expr
        for name, column in source.columns.items()
        if name.startswith("resource_tags_")
    }
    if not tags:
        return _NOTHING
    pairs = ", ".join(
        f"{quoted(json.dumps(key, ensure_ascii=False) + ':')} || to_json(nullif({expr}, ''))"
        for key, expr in tags.items()
    )
    return f"'{{' || nullif(concat_ws(',', {pairs}), '') || '}}'"


def _labels_sql(labels: Column) -> str:
    """The labels of Google's FOCUS table, which has no Tags, as one JSON object; twin keys are told apart later."""
    records = labels.expr
    if labels.type != "list":
        records = f'from_json({_text_of(labels)}, \'[{{"Key": "VARCHAR", "Value": "VARCHAR"}}]\')'
    pairs = f"list_transform({records}, lambda e: to_json(e.key) || ':' || to_json(e.value))"
    return f"case when {labels.expr} is not null then '{{' || array_to_string({pairs}, ',') || '}}' end"


@dataclass(frozen=True)
class Table:
    """All files of a delivery as one relation with raw columns, and the types these have."""

    sql: str
    types: dict[str, str]  # column -> DuckDB type id
    contract: Contract
    unknown: list[str]
    absent: set[str]  # columns of the contract that no file has: nothing of them needs casting
    default_currency: str | None

    def landed_sql(self, where: str) -> str:
        """SELECT in landed shape: lineage, contract columns typed, then unknown columns as text."""
        items = list(LINEAGE)
        for name, kind in self.contract.columns.items():
            value = self.currency_sql() if name == self.contract.currency else self.typed(name, kind)
            items.append(f"{value} as {identifier(name)}")
        items += [f"{cast_sql('text', identifier(n), self.types[n])} as {identifier(n)}" for n in self.unknown]
        return f"select {', '.join(items)} from ({self.sql}) {where}"

    def control_sql(self, where: str) -> str:
        """Control totals straight from the source: per dataset and currency the rows and exact sums of each metric."""
        sums = []
        for metric in self.contract.cost_metrics:
            rounding = "cast(0 as decimal(38,25))"
            if metric != "credits_total" and metric not in self.absent:
                rounding = rounding_sql(identifier(metric), self.types[metric])
            sums.append(f"sum({self.typed(metric, 'money')}), sum({rounding})")
        currency = self.currency_sql()
        return f"select x_dataset, {currency}, count(*), {', '.join(sums)} from ({self.sql}) {where} group by all"

    def typed(self, name: str, kind: str) -> str:
        """SQL of a raw column in its landed type; an error on a value that is none."""
        if name in self.absent:
            return f"cast(null as {landed_types(self.contract)[name]})"
        if kind == "credits":
            return _credits_sql()
        if name == "credits_total":
            return (
                f"cast(list_sum(list_transform({_credits_sql('credits_total')}, lambda c: c.amount)) as decimal(28,12))"
            )
        return cast_sql(kind, identifier(name), self.types[name])

    def currency_sql(self) -> str:
        """The billing currency of a row; the source's own default only where the file has none."""
        stated = self.typed(self.contract.currency, "text")
        if self.default_currency:
            stated = f"coalesce({stated}, {quoted(self.default_currency)})"
        return f"upper({stated})"

    def day_sql(self) -> str:
        """The day (YYYY-MM-DD) that a row is charged for; NULL where it states none that can be read."""
        return f"try(strftime({self.typed(self.contract.charge_start, 'ts')}, '%Y-%m-%d'))"

    def period_sql(self) -> str:
        """The billing period (YYYY-MM) that a row itself states: its period column, else the month of its charge."""
        if self.contract.dataset == "billing_export":
            month = self.typed(self.contract.period, "text")
            return f"(substr({month}, 1, 4) || '-' || substr({month}, 5, 2))"
        if self.contract.dataset == "invoices":
            return self.typed(self.contract.period, "text")
        stated = self.typed(self.contract.period, "ts")
        charged = self.typed(self.contract.charge_start, "ts")
        return f"strftime(coalesce({stated}, {charged}), '%Y-%m')"


def _credits_sql(column: str = "credits") -> str:
    """Credits as a typed list; every one counts, not only the first."""
    shape = json.dumps([dict.fromkeys(_CREDIT_FIELDS, "VARCHAR")])
    fields = ", ".join(f"{name} := c.{name}" for name in _CREDIT_FIELDS[:-1])
    # from_json turns what it cannot read into NULL; as an amount it is an error that names the row.
    readable = (
        f"{column} is null or (json_valid({column}) and json_type({column}) = 'ARRAY' "
        f"and coalesce(list_bool_and(list_transform(json_type({column}, '$[*]'), lambda t: t = 'OBJECT')), true))"
    )
    sound = f"""case when {readable} then {column} else '[{{"amount": "not a credit"}}]' end"""
    return (
        f"list_transform(from_json({sound}, {quoted(shape)}), "
        f"lambda c: struct_pack({fields}, amount := money_text(filled(c.amount))))"
    )


def open_table(
    con: duckdb.DuckDBPyConnection,
    sources: list[tuple[dict[str, str], SourceTable]],
    contract: Contract,
    default_currency: str | None,
) -> Table:
    """The union of `sources`, each with its constant columns; files of one shape are read as one."""
    unknown = _unknown_columns([source for _, source in sources], contract)
    shapes: dict[str, tuple[dict[str, str], list[SourceTable]]] = {}
    for constants, source in sources:
        shapes.setdefault(f"{constants}|{source.columns}", (constants, []))[1].append(source)
    firsts = [tables[0] for _, tables in shapes.values()]
    mixed = _mixed_columns(firsts, contract, unknown)
    union = " union all ".join(
        _raw_sql(tables, contract, unknown, constants, mixed) for constants, tables in shapes.values()
    )
    absent = {
        name
        for name, kind in contract.columns.items()
        if all(_raw_expr(first, contract, name, kind, name in mixed) == _NOTHING for first in firsts)
    }
    described = con.sql(f"select * from ({union}) limit 0")
    types = {name: kind.id for name, kind in zip(described.columns, described.types, strict=True)}
    fill = [
        f"filled({identifier(name)}) as {identifier(name)}" if types[name] == "varchar" else identifier(name)
        for name in described.columns
    ]
    sql = f"select {', '.join(fill)} from ({union})"
    return Table(sql, types, contract, unknown, absent, default_currency)


def _mixed_columns(shapes: list[SourceTable], contract: Contract, unknown: list[str]) -> set[str]:
    """Columns that have another type in another file: they meet as text, so that no digit goes."""
    types: dict[str, set[str]] = {}
    for source in shapes:
        for name in (*contract.columns, *unknown):
            column = source.column(contract, name)
            if column:
                types.setdefault(name, set()).add("varchar" if column.type == "json" else column.type)
    return {name for name, kinds in types.items() if len(kinds) > 1}


def _unknown_columns(sources: list[SourceTable], contract: Contract) -> list[str]:
    """Columns of any of the files that the contract does not name; they land as text."""
    known = set(contract.columns) | set(LINEAGE) | {path.partition(".")[0] for path in contract.paths.values()}
    return sorted(
        {
            name
            for source in sources
            for name, column in source.columns.items()
            if name not in known and (column.original or "." not in name)  # a struct's fields have no spelling
        }
    )
