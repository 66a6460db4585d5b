"""No model compares every row with every other: at millions of lines that is the whole build."""

import json

import duckdb

# They match by pattern, prefix or range, and one side is what a few decisions, rules, proposals or commitments name.
_MATCH_BY_PATTERN = {
    "int_allocation__commitment_benefit",
    "int_allocation__rule_matches",
    "int_budgets__compared",
    "int_budgets__months",
    "int_budgets__seasons",
    "int_budgets__versions",
    "int_commitments__demand",
    "int_commitments__purchases",
    "int_completeness__lags",
    "int_currency__decided_rates",
    "int_optimization__rules",
    "int_optimization__usage",
    "int_savings__baselines",
    "int_savings__current",
    "int_savings__gone",
    "int_savings__priced",
    "int_tags__values",
    "fct_conformance_gaps",
    "fct_migration_screening",
    "fct_realized_savings",
    "rpt_intercloud_transfer",
}


def test_models_join_by_keys_and_not_row_by_row(built):
    """A left join with a condition on its left side alone (`on a.kind = 'x' and a.id = b.id`) is a loop of loops in
    DuckDB: the condition belongs into the key (`on case when a.kind = 'x' then a.id end = b.id`).
    """
    compiled = built.root / ".dbt" / "target" / "compiled" / "finops" / "models"
    with duckdb.connect(str(built.warehouse), read_only=True) as con:
        loops = {path.stem for path in compiled.rglob("*.sql") if _has_loop(con, path.read_text("utf-8"))}

    assert loops - _MATCH_BY_PATTERN == set()
    assert loops, "no plan was looked at"


def _has_loop(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    waiting = json.loads(con.execute(f"explain (format json) {query}").fetchall()[0][1])
    while waiting:
        operator = waiting.pop()
        if operator["name"].strip() == "BLOCKWISE_NL_JOIN":
            return True
        waiting += operator["children"]
    return False
