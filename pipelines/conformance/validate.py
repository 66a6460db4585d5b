"""`finops validate`: is the ledger FOCUS? The official validator on 1.2, the 1.4 checks, our own rules, and the gaps.

Clean means that every failing rule is explained: by the allow-list, which must account for as many rows as the checker
counts, or because the rows came as FOCUS and are published as they were delivered; strictly, that is no explanation.
A gap that the ledger names explains nothing where the source has the value: then our conversion lost it.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from pipelines.conformance.lost_values import lost_values
from pipelines.conformance.tool_environment import find_python, no_python, tool_environment
from pipelines.errors import BuildError, SettingsError, ToolError
from pipelines.settings import Workspace

CHECKERS = ("official", "toolkit")
_VIEWS = {"official": "focus_cost_and_usage_1_2", "toolkit": "focus_cost_and_usage"}
_KNOWN = Path(__file__).with_name("known_failures.toml")
_CHECK = Path(__file__).with_name("check_focus.py")
_UNION = "all"


@dataclass(frozen=True)
class Failure:
    """One rule that a checker finds broken in one group of rows."""

    group: str
    checker: str  # official | toolkit
    rule: str
    violations: int
    message: str
    verdict: str  # checker | source | delivered | parts | unexplained
    reason: str


@dataclass(frozen=True)
class Tally:
    """One checker's run over one group. The toolkit counts failures only: rules, passed and skipped are None."""

    group: str
    checker: str
    rows: int
    rows_in_ledger: int
    rules: int | None
    passed: int | None
    failed: int
    skipped: int | None
    explained: int
    unexplained: int


@dataclass(frozen=True)
class OwnRule:
    rule: str
    origin: str
    rows_broken: int
    example: str


@dataclass(frozen=True)
class Gap:
    source: str
    column: str
    rows: int
    share: float  # of the source's rows


@dataclass
class Conformance:
    tallies: list[Tally] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    own_rules: int = 0
    own_rows: int = 0
    broken: list[OwnRule] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    strict: bool = False  # files that came as FOCUS must keep the rules, too
    problem: ToolError | None = None  # the checkers could not run
    folder: Path | None = None

    @property
    def unexplained(self) -> list[Failure]:
        return [failure for failure in self.failures if failure.verdict == "unexplained"]

    @property
    def is_clean(self) -> bool:
        origins = ("converted", "delivered") if self.strict else ("converted",)
        broken = [rule for rule in self.broken if rule.origin in origins]
        return not self.unexplained and not broken and self.problem is None

    def as_dict(self) -> dict[str, Any]:
        return {
            "clean": self.is_clean,
            "checkers_ran": self.problem is None,
            "tallies": [asdict(tally) for tally in self.tallies],
            "failures": [asdict(failure) for failure in self.failures],
            "own_rules": {"rules": self.own_rules, "rows": self.own_rows, "broken": [asdict(b) for b in self.broken]},
            "gaps": [asdict(gap) for gap in self.gaps],
        }


def validate(
    workspace: Workspace,
    source: str | None = None,
    sample: int = 20_000,
    progress: Callable[[str], None] = lambda _: None,
    find: Callable[[], Path | None] = find_python,
    strict: bool = False,
) -> Conformance:
    """Check the built ledger and write reports/validation; `sample` rows per provider, 0 for all of them.

    `strict`: what files that came as FOCUS break themselves is not clean either.

    Raises BuildError without a warehouse and SettingsError for a source that the ledger does not have. Without a Python
    for the checkers only our own rules run, and `problem` says how to get one.
    """
    if not workspace.warehouse.is_file():
        raise BuildError(str(workspace.warehouse), "there is no warehouse yet", fix="Run `finops build` first")
    work = workspace.scratch / "validation"
    work.mkdir(parents=True, exist_ok=True)
    found = Conformance(strict=strict)
    config = {"memory_limit": workspace.settings.build.memory_limit, "temp_directory": str(workspace.scratch / "spill")}
    with duckdb.connect(config=config) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach '{workspace.warehouse}' as warehouse (read_only)")
        con.execute("use warehouse")
        if (
            source is not None
            and not con.execute("select 1 from int_focus__charges where x_source = ? limit 1", [source]).fetchone()
        ):
            raise SettingsError("validate", f"the ledger has no source '{source}'", fix="`finops status` lists them")
        _own_rules(con, source, found)
        found.broken += [OwnRule(*lost) for lost in lost_values(con, workspace, source)]
        try:
            python = find()
            if python is None:
                raise no_python()
            tool = tool_environment(python, Path.home() / ".cache" / "finops-warehouse", progress)
            groups = _sample(con, source, sample, work)
            progress(f"checking    {', '.join(group for group, _ in groups)}")
            answers = _run_checkers(tool, work, [group for group, _ in groups])
            _judge(con, dict(groups), answers, found)
        except ToolError as problem:
            found.problem = problem
    return found


def _own_rules(con: duckdb.DuckDBPyConnection, source: str | None, found: Conformance) -> None:
    where, values = ("where x_source = ?", [source]) if source else ("", [])
    row = con.execute(
        f"select count(distinct rule), sum(rows_checked) / count(distinct rule) from fct_conformance {where}", values
    ).fetchone()
    found.own_rules, found.own_rows = (int(row[0]), int(row[1] or 0)) if row else (0, 0)
    found.broken = [
        OwnRule(*broken)
        for broken in con.execute(
            "select rule, origin, cast(sum(rows_broken) as bigint), "
            "min(concat(x_source, ' ', x_billing_period, ': ', example)) "
            f"from fct_conformance {where} {'and' if where else 'where'} rows_broken > 0 group by all order by all",
            values,
        ).fetchall()
    ]
    found.gaps = [
        Gap(*gap)
        for gap in con.execute(
            f"with g as (select * from fct_conformance_gaps {where}), "
            "rows as (select x_source, count(*) as n from int_focus__charges group by 1) "
            "select x_source, focus_column, cast(sum(gap_rows) as bigint), sum(gap_rows) / any_value(n) "
            "from g join rows using (x_source) where focus_column <> '' group by all order by 1, 3 desc, 2",
            values,
        ).fetchall()
    ]


def _sample(
    con: duckdb.DuckDBPyConnection, source: str | None, sample: int, work: Path
) -> list[tuple[str, tuple[int, int]]]:
    """Write the checked rows of each group and of their union; return (group, (rows checked, rows in the ledger)).

    A group is a provider's converted rows, or its rows that came as FOCUS. Stratified: the first row of every kind
    (source, month, rule, service, gaps), then the second of every kind, and so on; the same rows each time.
    """
    where = "where x_source = ?" if source else ""
    con.execute(
        f"""create or replace temp table chosen as
        with kinds as (
            select x_source, x_billing_period, x_dataset, x_source_file, x_source_row, x_rule,
                x_provider || case x_rule when 'focus/as_delivered' then ' FOCUS files' else '' end as check_group,
                hash(x_source, x_billing_period, x_dataset, x_source_file, x_source_row, x_rule) as lot,
                row_number() over (
                    partition by x_source, x_billing_period, x_rule, ServiceName, ChargeCategory, x_gaps
                    order by hash(x_dataset, x_source_file, x_source_row)
                ) as turn
            from focus_cost_and_usage {where}
        )
        select *, row_number() over (
            partition by check_group order by turn, lot
        ) as place, count(*) over (partition by check_group) as in_ledger
        from kinds {f"qualify place <= {int(sample)}" if sample else ""}""",
        [source] if source else [],
    )  # fmt: skip
    groups = [
        (str(name), (int(rows), int(total)))
        for name, rows, total in con.execute(
            "select check_group, count(*), any_value(in_ledger) from chosen group by 1 order by 1"
        ).fetchall()
    ]
    if len(groups) > 1:
        groups.append((_UNION, (sum(n for _, (n, _) in groups), sum(n for _, (_, n) in groups))))
    keys = "x_source, x_billing_period, x_dataset, x_source_file, x_source_row, x_rule"
    for checker, view in _VIEWS.items():
        con.execute(
            f"create or replace temp table checked_{checker} as select v.*, c.check_group from {view} as v "
            f"join (select distinct {keys}, check_group from chosen) as c using ({keys})"
        )
        # Times as instants: the validator takes a zone for granted.
        times = ", ".join(f"timezone('UTC', {c}) as {c}" for c in _TIMES)
        for group, _ in groups:
            rows = "true" if group == _UNION else f"check_group = '{group}'"
            con.execute(
                f"copy (select * exclude (check_group) replace ({times}) from checked_{checker} where {rows}) "
                f"to '{_file(work, group, checker)}' (format parquet)"
            )
    return groups


_TIMES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


def _file(work: Path, group: str, checker: str) -> Path:
    return work / f"{''.join(c if c.isalnum() else '_' for c in group)}-{checker}.parquet"


def _run_checkers(tool: Path, work: Path, groups: list[str]) -> list[dict[str, Any]]:
    out = work / "answer.json"
    out.unlink(missing_ok=True)
    job = {
        "out": str(out.resolve()),
        "groups": [
            {
                "name": group,
                "file_1_2": str(_file(work, group, "official").resolve()),
                "file_1_4": str(_file(work, group, "toolkit").resolve()),
            }
            for group in groups
        ],
    }
    done = subprocess.run([str(tool), str(_CHECK)], input=json.dumps(job), capture_output=True, text=True)
    if done.returncode or not out.is_file():
        raise ToolError(
            "validate",
            f"the FOCUS checkers broke off: {done.stderr.strip()[-600:]}",
            "Only our own rules were checked",
            f"Remove {tool.parents[1]} and run `finops validate` again",
        )
    answer: list[dict[str, Any]] = json.loads(out.read_text("utf-8"))
    return answer


def _judge(
    con: duckdb.DuckDBPyConnection, sizes: dict[str, tuple[int, int]], answers: list[dict[str, Any]], found: Conformance
) -> None:
    known = tomllib.loads(_KNOWN.read_text("utf-8"))["known"]
    delivered: set[str] = set()  # rules that files which came as FOCUS break themselves
    for answer in answers:
        group = answer["name"]
        for checker in CHECKERS:
            rules = answer[checker]
            failed = [rule for rule in rules if rule["status"] == "failed"]
            verdicts: dict[str, tuple[str, str]] = {}
            as_delivered = group.endswith(" FOCUS files") and not found.strict
            # A composite comes after its parts are judged, however deep they lie.
            for rule in sorted(failed, key=lambda r: bool(r["children"])) * 4:
                verdict = _verdict(con, group, checker, rule, known, verdicts)
                if verdict[0] == "unexplained" and (as_delivered or (group == _UNION and rule["rule"] in delivered)):
                    verdict = ("delivered", "The files came as FOCUS; they are published as they were delivered")
                verdicts[rule["rule"]] = verdict
            for rule in failed:
                why, reason = verdicts[rule["rule"]]
                if as_delivered:
                    delivered.add(rule["rule"])
                found.failures.append(
                    Failure(group, checker, rule["rule"], rule["violations"], rule["message"][:300], why, reason)
                )
            unexplained = sum(verdicts[rule["rule"]][0] == "unexplained" for rule in failed)
            official = checker == "official"
            found.tallies.append(
                Tally(
                    group, checker, *sizes[group],
                    len(rules) if official else None,
                    sum(r["status"] == "passed" for r in rules) if official else None,
                    len(failed),
                    sum(r["status"] == "skipped" for r in rules) if official else None,
                    len(failed) - unexplained, unexplained,
                )
            )  # fmt: skip


def _verdict(
    con: duckdb.DuckDBPyConnection,
    group: str,
    checker: str,
    rule: dict[str, Any],
    known: list[dict[str, Any]],
    verdicts: dict[str, tuple[str, str]],
) -> tuple[str, str]:
    """Why the rule fails: (verdict, reason). Explanations must account for as many rows as the checker counts."""
    entries = [entry for entry in known if entry["rule"] == rule["rule"]]
    children = [child for entry in entries for child in entry.get("children", [])] or [
        child for child in rule["children"] if child in verdicts
    ]
    if children and not any("rows" in entry for entry in entries):
        if all(verdicts.get(child, ("unexplained",))[0] != "unexplained" for child in children):
            return "parts", f"Fails by {', '.join(children)}"
        return "unexplained", ""
    if not entries:
        return "unexplained", ""
    scope = "true" if group == _UNION else f"check_group = '{group}'"
    counted = [(entry, _count(con, f"checked_{checker}", f"{scope} and ({entry['rows']})")) for entry in entries]
    explained = sum(rows for _, rows in counted)
    if explained >= rule["violations"]:
        told = [entry for entry, rows in counted if rows]
        return str(told[0]["kind"]), " ".join(str(entry["reason"]) for entry in told)
    return "unexplained", f"{rule['violations'] - explained} rows more than the allow-list explains"


def _count(con: duckdb.DuckDBPyConnection, table: str, where: str) -> int:
    row = con.execute(f"select count(*) from {table} where {where}").fetchone()
    return int(row[0]) if row else 0
