"""SQL macros that turn source text into landed types, exactly.

Money never passes through a float where the source is text: 12 decimals are read as an integer, what lies beyond is
rounded half-even on the digits themselves, for up to 16 digits before the point. A Parquet DOUBLE is read as the
shortest decimal that names it, which is what its writer printed.
"""

from __future__ import annotations

import duckdb

# Below this size a double times 10**12 is off by less than 0.1, so the direct cast finds the same 12 decimals as the
# shortest text. Above it, a double that is the nearest one to some six decimals is those; else its text decides (slow).
_DIRECT_DOUBLE = 500

# What 64 bits hold exactly with 12 decimals; nearly every value of a bill. 128 bits take 30 times longer.
_SHORT = r"[-+]?\d{0,5}(\.\d{0,12})?"
_LONG = r"[-+]?\d{0,5}\.\d{13,}"

# A number as programs write it, and as people do: a currency sign, thousands commas. Commas count only in front of a
# decimal point: 1,234 may be a decimal comma, 1,234.50 may not.
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?"
_GROUPED = r"[-+]?[$€£¥]?\d{1,3}(,\d{3})+\.\d+|[-+]?[$€£¥]\d+(\.\d+)?"

# Macros repeat their argument, and DuckDB reserves a vector for every repetition: keep them small. A lambda over a list
# of one value binds it once.
_MACROS = rf"""
create or replace macro half_even(d) as cast(
    cast(d as decimal(28,12)) - case
        when abs(d - cast(d as decimal(28,12))) = 0.0000000000005
            and cast(d as decimal(28,12)) % 0.000000000002 <> 0
        then cast(sign(d) as integer) * cast(0.000000000001 as decimal(28,12))
        else cast(0 as decimal(28,12)) end as decimal(28,12));

-- DuckDB itself would read 1_000 as a thousand.
create or replace macro number_text(t) as case
    when regexp_full_match(t, '{_NUMBER}') then t
    when regexp_full_match(t, '{_GROUPED}') then regexp_replace(t, '[,$€£¥]', '', 'g')
    else cast(cast('not a number: ' || t as decimal(1,0)) as varchar) end;

-- What lies beyond `kept` + 1 decimals as one digit: it can break a tie, and is too small for more.
create or replace macro shortened(n, kept) as
    regexp_replace(n, '(\.\d{{' || kept || '}})\d+[1-9]\d*$', '\11');

create or replace macro exact_money(n) as coalesce(
    list_transform([try_cast(shortened(n, '24') as decimal(38,25))], lambda d: half_even(d))[1],
    list_transform([cast(shortened(n, '20') as decimal(38,21))], lambda d: half_even(d))[1]);

-- Azure's 20 and more decimals: twelve are read with 64 bits, the digits after them are compared as text.
create or replace macro long_parts(t) as regexp_extract(t, '^([-+]?\d*\.\d{{12}})(\d*?)0*$', ['kept', 'rest']);

create or replace macro long_step(p) as
    case when p.rest > '5' or (p.rest = '5' and contains('13579', right(p.kept, 1)))
        then case when starts_with(p.kept, '-') then -0.000000000001 else 0.000000000001 end
        else 0.000000000000 end;

create or replace macro long_money(t) as list_transform(
    [long_parts(t)], lambda p: cast(cast(p.kept as decimal(18,12)) + long_step(p) as decimal(28,12)))[1];

create or replace macro long_rounding(t) as list_transform(
    [long_parts(t)], lambda p: cast(
        cast(cast(if(starts_with(p.kept, '-'), '-', '') || rpad(left(p.rest, 13), 13, '0') as bigint) as decimal(13,0))
        * cast(0.0000000000000000000000001 as decimal(25,25)) - long_step(p) as decimal(38,25)))[1];

create or replace macro money_text(t) as case
    when regexp_full_match(t, '{_SHORT}') then cast(cast(t as decimal(18,12)) as decimal(28,12))
    when regexp_full_match(t, '{_LONG}') then long_money(t)
    else list_transform([number_text(t)], lambda n: exact_money(n))[1] end;

create or replace macro money_double(v) as case
    when abs(v) < {_DIRECT_DOUBLE} then cast(v as decimal(28,12))
    when abs(v) < 1e9 and round(v * 1e6) / 1e6 = v
        then cast(cast(cast(round(v * 1e6) as bigint) as decimal(18,0)) * 0.000001 as decimal(28,12))
    else list_transform([cast(v as varchar)], lambda n: exact_money(n))[1] end;

create or replace macro quantity_text(t) as case
    when regexp_full_match(t, '{_SHORT}') then cast(cast(t as decimal(18,12)) as decimal(38,12))
    else cast(number_text(t) as decimal(38,12)) end;

create or replace macro quantity_double(v) as case
    when abs(v) < {_DIRECT_DOUBLE} then cast(v as decimal(38,12))
    when abs(v) < 1e9 and round(v * 1e6) / 1e6 = v
        then cast(cast(cast(round(v * 1e6) as bigint) as decimal(18,0)) * 0.000001 as decimal(38,12))
    else cast(cast(v as varchar) as decimal(38,12)) end;

create or replace macro price_text(t) as case
    when regexp_full_match(t, '{_SHORT}') then cast(cast(t as decimal(18,12)) as decimal(38,18))
    else cast(number_text(t) as decimal(38,18)) end;

-- What rounding to 12 decimals took away: exact text minus landed value.
create or replace macro exact_rounding(n) as coalesce(
    list_transform([try_cast(shortened(n, '24') as decimal(38,25))], lambda d: d - half_even(d))[1],
    list_transform(
        [cast(shortened(n, '20') as decimal(38,21))], lambda d: cast(d - half_even(d) as decimal(38,25)))[1]);

create or replace macro rounding_text(t) as case
    when regexp_full_match(t, '{_SHORT}') then cast(0 as decimal(38,25))
    when regexp_full_match(t, '{_LONG}') then long_rounding(t)
    else list_transform([number_text(t)], lambda n: exact_rounding(n))[1] end;

-- ISO with Z, with an offset, with a blank, without seconds (FOCUS 1.0 of Azure), and American dates (Azure EA, Excel).
create or replace macro utc_text(t) as case
    when contains(t, '/') then strptime(t, [
        '%m/%d/%y', '%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M:%S %p', '%m/%d/%y %H:%M', '%m/%d/%Y %H:%M'])
    when strlen(t) = 10 then cast(t as timestamp)
    when strlen(t) = 17 and ends_with(t, 'Z') then cast(replace(t, 'Z', ':00') as timestamp)
    when ends_with(t, 'Z') then cast(t as timestamp)
    else cast(t as timestamptz) at time zone 'UTC' end;

-- Providers write "nothing" in many ways. (IN with this many values would become a hash join per column.)
create or replace macro filled(t) as
    case when list_contains(['', 'NULL', 'null', 'N/A', 'None'], trim(t)) then null else trim(t) end;
"""

_NUMBER_TYPES = ("double", "float")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def connect(memory_limit: str, threads: int, spill: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with the macros, bounded in memory, in UTC, keeping the order of rows."""
    con = duckdb.connect(config={"memory_limit": memory_limit, "threads": threads, "temp_directory": spill})
    con.execute("set variable memory_limit = $1", [memory_limit])
    con.execute("set TimeZone = 'UTC'")
    con.execute("set preserve_insertion_order = true")
    con.execute(_MACROS)
    return con


def cast_sql(kind: str, expr: str, source_type: str) -> str:
    """SQL that turns `expr`, of DuckDB type `source_type`, into the landed type of `kind`.

    Give a plain column name: the macros repeat their argument many times, and each repetition costs a vector.
    """
    is_text = source_type == "varchar"
    text = expr if is_text else f"cast({expr} as varchar)"
    if kind == "money":
        if source_type in _NUMBER_TYPES:
            return f"money_double({expr})"
        if source_type == "decimal":
            return f"half_even({expr})"
        return f"money_text({text})"
    if kind in ("quantity", "price"):
        target = "decimal(38,12)" if kind == "quantity" else "decimal(38,18)"
        if source_type in _NUMBER_TYPES:
            return f"quantity_double({expr})" if kind == "quantity" else f"cast(cast({expr} as varchar) as {target})"
        return f"{kind}_text({text})" if is_text else f"cast({expr} as {target})"
    if kind == "ts":
        if source_type in ("timestamp", "date", "timestamp_ns", "timestamp_ms", "timestamp_s"):
            return f"cast({expr} as timestamp)"
        if source_type in ("timestamp with time zone", "timestamp_tz"):
            return f"{expr} at time zone 'UTC'"
        return f"utc_text({text})"
    if source_type in ("map", "struct", "list", "json"):
        return f"cast(to_json({expr}) as varchar)"
    return text


def rounding_sql(expr: str, source_type: str) -> str:
    """SQL for what landing `expr` as money rounds away, DECIMAL(38,25)."""
    if source_type in _NUMBER_TYPES:
        return f"cast({expr} - cast(money_double({expr}) as double) as decimal(38,25))"
    if source_type == "decimal":
        return f"cast({expr} - half_even({expr}) as decimal(38,25))"
    return f"rounding_text({expr})" if source_type == "varchar" else f"rounding_text(cast({expr} as varchar))"
