"""Rows into one Parquet file: in their order, by all threads, in row groups that few of fit into memory."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from pipelines.landing.casts import quoted

# Half of DuckDB's own: what waits for its turn in the file is bounded by groups, and wide bills wait in memory.
ROW_GROUP = 61_440

# DuckDB 1.5 sets aside 4 MB per column and thread for an ordered copy, out of a quarter of its memory limit, whatever
# the columns hold. Where that does not reach it writes with fewer threads, and where it hardly does they wait for each
# other at full speed: 2 million lines of 142 columns took 15 s with 1300MB, and 7 s with more. This much is in use with
# ten million lines in Parquet: 1.9 GiB, Python included. The setting has the last word on many threads and wide bills.
_SET_ASIDE_PER_COLUMN = 5 * 4_000_000
_TIMES_THE_LIMIT = 3

_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4}


def write_parquet(con: duckdb.DuckDBPyConnection, select: str, target: Path, compression: str) -> None:
    """COPY `select` to `target`, in the order of its rows. Raises duckdb.Error, also for what `select` cannot read."""
    limit, threads = con.execute("select getvariable('memory_limit'), current_setting('threads')").fetchall()[0]
    columns = len(con.execute(f"describe {select}").fetchall())
    wanted = _SET_ASIDE_PER_COLUMN * columns * (int(threads) - 1)
    con.execute(f"set memory_limit = '{max(_bytes(limit), min(wanted, _TIMES_THE_LIMIT * _bytes(limit)))}B'")
    try:
        con.execute(
            f"copy ({select}) to {quoted(str(target))} "
            f"(format parquet, compression {compression}, row_group_size {ROW_GROUP})"
        )
    finally:
        con.execute(f"set memory_limit = '{limit}'")


def _bytes(size: str) -> int:
    """Bytes of a size as finops.toml has it: 2GB is 2 * 1000**3, 2GiB is 2 * 1024**3."""
    number, unit, binary = re.fullmatch(r"([\d.]+)\s?([KMGT])(i?)B", size).groups()  # type: ignore[union-attr]
    return int(float(number) * (1024 if binary else 1000) ** _UNITS[unit])
