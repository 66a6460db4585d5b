"""What a published run holds, per mart and billing period, so that the next run writes only what differs.

marts.duckdb starts as a copy of the previous run's; months that differ are replaced in it. A mart's Parquet file is
linked when nothing differs; else its unchanged months are copied from the previous file. Its rows are ordered by
billing period, then by all columns, however a run came about. Marts without billing periods are one part.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

# Older BI drivers open this storage version.
_STORAGE_VERSION = "v1.2.0"
_CONTENTS = "contents.json"
_WHOLE = ""  # the one part of a mart without billing periods
# A file whose months were replaced many times holds gaps; beyond this it is written anew.
_MOST_GAPS = 1.5


@dataclass(frozen=True)
class Content:
    """One mart: its columns, and per billing period its rows and a hash of them, whatever their order."""

    columns: list[str]  # name and type
    parts: dict[str, tuple[int, str]]

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.parts.values())

    @property
    def names(self) -> list[str]:
        return [column.split(" ")[0] for column in self.columns]

    def differing(self, before: Content) -> list[str]:
        """The periods that the earlier content does not hold as this one does."""
        return sorted(
            period for period in {*self.parts, *before.parts} if self.parts.get(period) != before.parts.get(period)
        )


def write_marts(
    con: duckdb.DuckDBPyConnection,
    names: list[str],
    folder: Path,
    before: Path | None,
    descriptions: dict[str, dict[str, str]],
) -> dict[str, Content]:
    """Write the warehouse's marts as tables of marts.duckdb (attached as `marts` from here on) and as Parquet files."""
    earlier, full_size = _contents(before)
    file = folder / "marts.duckdb"
    if before and earlier and (before / file.name).stat().st_size < full_size * _MOST_GAPS:
        shutil.copyfile(before / file.name, file)
    else:
        earlier, full_size = {}, 0
    con.execute(f"attach '{file}' as marts (storage_version '{_STORAGE_VERSION}')")
    _drop_others(con, names)
    contents = {name: _content(con, name) for name in names}
    for name, content in contents.items():
        known = earlier.get(name)
        if before is None or known is None or known.columns != content.columns:
            con.execute(f"create or replace table marts.{name} as {_ordered(name, content)}")
            con.execute(f"copy marts.{name} to '{folder / f'{name}.parquet'}' (format parquet, compression zstd)")
        else:
            differing = content.differing(known)
            _replace_parts(con, name, content, differing)
            _write_parquet(con, name, content, differing, before, folder)
        describe(con, "table", f"marts.{name}", descriptions[name])
    con.execute("checkpoint marts")
    size = full_size or file.stat().st_size
    described = {name: asdict(content) for name, content in contents.items()}
    text = json.dumps({"duckdb": duckdb.__version__, "full_size": size, "marts": described})
    (folder / _CONTENTS).write_text(text, "utf-8")
    return contents


def _contents(run: Path | None) -> tuple[dict[str, Content], int]:
    """What a run holds, and the size of its marts.duckdb when that was last written as a whole."""
    try:
        assert run is not None
        known = json.loads((run / _CONTENTS).read_text("utf-8"))
    except (AssertionError, OSError, ValueError):
        return {}, 0
    # The hashes are DuckDB's own, and may be others in another version.
    if known["duckdb"] != duckdb.__version__ or not (run / "marts.duckdb").is_file():
        return {}, 0
    marts = {
        name: Content(
            content["columns"], {period: (rows, digest) for period, (rows, digest) in content["parts"].items()}
        )
        for name, content in known["marts"].items()
        if (run / f"{name}.parquet").is_file()
    }
    return marts, known["full_size"]


def _drop_others(con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Views (they name the previous run's files) and marts that are no more."""
    for name, kind in con.execute(
        "select table_name, table_type from information_schema.tables where table_catalog = 'marts' order by all"
    ).fetchall():
        if kind == "VIEW":
            con.execute(f"drop view marts.{name}")
        elif name not in names:
            con.execute(f"drop table marts.{name}")


def _content(con: duckdb.DuckDBPyConnection, name: str) -> Content:
    columns = con.execute(f"describe warehouse.main.{name}").fetchall()
    names = [row[0] for row in columns]
    period = "coalesce(billing_period, '')" if "billing_period" in names else f"'{_WHOLE}'"
    # A sum of the rows' 64-bit hashes: equal rows count as often as they are there.
    parts = con.execute(
        f"select {period}, count(*), cast(sum(cast(hash({', '.join(names)}) as hugeint)) as varchar) "
        f"from warehouse.main.{name} group by 1 order by 1"
    ).fetchall()
    return Content([f"{row[0]} {row[1]}" for row in columns], {part: (rows, digest) for part, rows, digest in parts})


def _ordered(name: str, content: Content, periods: list[str] | None = None) -> str:
    """The mart's rows by billing period, then by all columns: the same rows are the same bytes."""
    names = ", ".join(content.names)
    if "billing_period" not in content.names:
        return f"select * from warehouse.main.{name} order by {names}"
    where = f"where {_of(periods)}" if periods is not None else ""
    return f"select * from warehouse.main.{name} {where} order by billing_period nulls first, {names}"


def _of(periods: list[str]) -> str:
    listed = ", ".join("'" + period.replace("'", "''") + "'" for period in periods)
    return f"(billing_period in ({listed}){' or billing_period is null' if _WHOLE in periods else ''})"


def _replace_parts(con: duckdb.DuckDBPyConnection, name: str, content: Content, differing: list[str]) -> None:
    if not differing:
        return
    if "billing_period" not in content.names:
        con.execute(f"create or replace table marts.{name} as {_ordered(name, content)}")
        return
    con.execute(f"delete from marts.{name} where {_of(differing)}")
    con.execute(f"insert into marts.{name} {_ordered(name, content, differing)}")


def _write_parquet(
    con: duckdb.DuckDBPyConnection, name: str, content: Content, differing: list[str], before: Path, folder: Path
) -> None:
    target, earlier = folder / f"{name}.parquet", before / f"{name}.parquet"
    if not differing:
        os.link(earlier, target)
        return
    if "billing_period" not in content.names or not content.parts:
        con.execute(f"copy marts.{name} to '{target}' (format parquet, compression zstd)")
        return
    # Runs of months that stay, from the previous file, between those that do not, in order of the months.
    pieces: list[str] = []
    staying: list[str] = []
    for period in [*sorted(content.parts), None]:
        if period is not None and period not in differing:
            staying.append(period)
            continue
        if staying:
            pieces.append(f"select * from read_parquet('{earlier}', hive_partitioning = false) where {_of(staying)}")
            staying = []
        if period is not None:
            pieces.append(f"select * from ({_ordered(name, content, [period])})")
    con.execute(f"copy ({' union all '.join(pieces)}) to '{target}' (format parquet, compression zstd)")


def describe(con: duckdb.DuckDBPyConnection, kind: str, relation: str, descriptions: dict[str, str]) -> None:
    """Write the meanings where BI tools show them: as comments on the table or view and on its columns."""
    for column, text in descriptions.items():
        target = f'column {relation}."{column}"' if column else f"{kind} {relation}"
        quoted = text.replace("'", "''")
        con.execute(f"comment on {target} is '{quoted}'")
