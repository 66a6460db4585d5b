"""A wide table is written in the order of its rows and in small row groups, and the memory limit comes back."""

from pathlib import Path

import duckdb
import pytest

from pipelines.landing.casts import connect
from pipelines.landing.parquet import write_parquet

COLUMNS = 150
ROWS = 130_000


def test_a_wide_table_keeps_its_order_and_the_limit_its_size(tmp_path: Path) -> None:
    target = tmp_path / "wide.parquet"
    columns = ", ".join(f"i * {number} as c{number}" for number in range(COLUMNS))
    with connect("1GB", 2, str(tmp_path / "spill")) as con:
        before = con.execute("select current_setting('memory_limit')").fetchone()
        write_parquet(con, f"select {columns} from range({ROWS}) as rows(i)", target, "zstd")
        assert con.execute("select current_setting('memory_limit')").fetchone() == before
    out_of_order = f"select count(*) from read_parquet('{target}', file_row_number=true) where c1 <> file_row_number"
    assert duckdb.sql(out_of_order).fetchall() == [(0,)]
    assert duckdb.sql(f"select sum(c149) from '{target}'").fetchall() == [(149 * ROWS * (ROWS - 1) // 2,)]
    groups = duckdb.sql(f"select count(distinct row_group_id) from parquet_metadata('{target}')")
    assert groups.fetchall() == [(3,)]  # of 61,440 rows at most


@pytest.mark.parametrize("limit", ["1GB", "1.5 GiB", "800MB", "2 TiB"])
def test_limits_are_read_as_duckdb_reads_them(limit: str, tmp_path: Path) -> None:
    with connect(limit, 1, str(tmp_path / "spill")) as con:
        before = con.execute("select current_setting('memory_limit')").fetchone()
        write_parquet(con, "select 1 as one", tmp_path / "one.parquet", "zstd")
        assert con.execute("select current_setting('memory_limit')").fetchone() == before


def test_the_limit_comes_back_when_rows_can_not_be_read(tmp_path: Path) -> None:
    columns = ", ".join(f"cast(i as varchar) as c{number}" for number in range(COLUMNS))
    with connect("1GB", 2, str(tmp_path / "spill")) as con:
        before = con.execute("select current_setting('memory_limit')").fetchone()
        with pytest.raises(duckdb.ConversionException):
            select = f"select {columns}, cast('x' || i as integer) as bad from range(10) as rows(i)"
            write_parquet(con, select, tmp_path / "bad.parquet", "zstd")
        assert con.execute("select current_setting('memory_limit')").fetchone() == before
