"""A run's files after months changed are those of a run that was written anew; what did not change is not written."""

from pathlib import Path

import duckdb
import pytest

from pipelines.outputs.contents import Content, write_marts

FIRST = [("2026-07", 1), ("2026-08", 2), ("2026-08", 3), ("2026-09", 4), (None, 5)]


def written(folder: Path, marts: dict[str, list[tuple]], before: Path | None = None) -> dict[str, Content]:
    """Write marts of (billing_period, amount) rows as a run in `folder`."""
    folder.mkdir()
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse; use warehouse")
        for name, rows in marts.items():
            con.execute(f"create table {name} (billing_period varchar, amount decimal(28, 12))")
            if rows:
                con.executemany(f"insert into {name} values (?, ?)", rows)
        return write_marts(con, list(marts), folder, before, {name: {"": name} for name in marts})


def rows_of(run: Path, name: str) -> tuple[list[tuple], list[tuple]]:
    """A mart's rows in marts.duckdb, sorted, and in its Parquet file, as they lie there."""
    with duckdb.connect(str(run / "marts.duckdb"), read_only=True) as con:
        table = con.execute(f"select * from {name} order by all").fetchall()
    return table, duckdb.sql(f"select * from read_parquet('{run / name}.parquet')").fetchall()


@pytest.mark.parametrize(
    "changed",
    [
        [("2026-07", 1), ("2026-08", 2), ("2026-08", 30), ("2026-09", 4), (None, 5)],
        [("2026-07", 1), ("2026-08", 3), ("2026-09", 4), (None, 5)],
        [("2026-06", 9), *FIRST, ("2026-10", 6)],
        [("2026-07", 1), ("2026-09", 4)],
        [("2026-08", 2), ("2026-08", 2)],
        [],
    ],
    ids=["another amount", "a row less", "new months", "months gone", "a row twice", "nothing left"],
)
def test_a_run_that_follows_another_holds_what_one_from_nothing_would(tmp_path, changed):
    """The same rows, and in the Parquet file in the same order."""
    written(tmp_path / "first", {"fct_costs": FIRST})
    written(tmp_path / "next", {"fct_costs": changed}, tmp_path / "first")
    written(tmp_path / "anew", {"fct_costs": changed})

    assert rows_of(tmp_path / "next", "fct_costs") == rows_of(tmp_path / "anew", "fct_costs")
    assert len(rows_of(tmp_path / "next", "fct_costs")[0]) == len(changed)


def test_an_unchanged_mart_shares_its_file_and_a_mart_that_is_gone_is_gone(tmp_path):
    """Rows that only lie in another order are the same."""
    written(tmp_path / "first", {"fct_costs": FIRST, "fct_old": FIRST})
    contents = written(tmp_path / "next", {"fct_costs": FIRST[::-1], "fct_new": FIRST[:2]}, tmp_path / "first")

    assert (tmp_path / "first" / "fct_costs.parquet").samefile(tmp_path / "next" / "fct_costs.parquet")
    assert {name: content.rows for name, content in contents.items()} == {"fct_costs": 5, "fct_new": 2}
    with duckdb.connect(str(tmp_path / "next" / "marts.duckdb"), read_only=True) as con:
        assert con.execute("select table_name from duckdb_tables() order by 1").fetchall() == [
            ("fct_costs",),
            ("fct_new",),
        ]
