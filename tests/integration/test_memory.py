"""How the ledger is made decides how much memory a build takes: lines flow through, they are not kept."""

import json

import duckdb
import pytest

_FEW_COLUMNS = 30


# Of Google's lines one is several charges; they are kept, and spilled.
@pytest.mark.parametrize("view", ["int_focus__aws_charges", "int_focus__azure_charges", "int_focus__native_charges"])
def test_no_bill_is_kept_whole_while_it_becomes_the_ledger(built, view):
    """DuckDB keeps what a query reads twice of a CTE, or finds equal in two places: never at the width of a line."""
    with duckdb.connect(str(built.warehouse), read_only=True) as con:
        plan = json.loads(con.execute(f"explain (format json) select * from {view}").fetchall()[0][1])

    kept = {node["extra_info"]["CTE Name"]: columns_of(node["children"][0]) for node in nodes(plan[0], "CTE")}

    assert nodes(plan[0], "READ_PARQUET")
    assert {name: columns for name, columns in kept.items() if columns > _FEW_COLUMNS} == {}


def nodes(node, name):
    found = [node] if node["name"].strip() == name else []
    return found + [one for child in node["children"] for one in nodes(child, name)]


def columns_of(node):
    columns = node["extra_info"].get("Projections")
    if columns is None:
        return max(map(columns_of, node["children"]), default=0)
    return len(columns) if isinstance(columns, list) else 1
