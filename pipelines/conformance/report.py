"""What `finops validate` found, for people and programs: reports/validation/conformance.md, .json and gaps.csv."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from pipelines.conformance.validate import Conformance
from pipelines.landing.deliveries import write_atomically

_VERDICTS = {
    "checker": "the checker is wrong",
    "source": "the source does not give it",
    "delivered": "as delivered",
    "parts": "its parts",
    "unexplained": "UNEXPLAINED",
}
HEADER = "| rows of | checker | rules run | passed | failed | skipped | explained | unexplained |"


def write_report(found: Conformance, reports: Path) -> Path:
    """Write the report's three files; returns their folder."""
    folder = reports / "validation"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "conformance.json", json.dumps(found.as_dict(), indent=1))
    write_atomically(folder / "conformance.md", as_markdown(found))
    gaps = io.StringIO()
    writer = csv.writer(gaps, lineterminator="\n")
    writer.writerow(["source", "focus_column", "rows", "share_of_rows"])
    writer.writerows([gap.source, gap.column, gap.rows, f"{gap.share:.6f}"] for gap in found.gaps)
    write_atomically(folder / "gaps.csv", gaps.getvalue())
    return folder


def tally_lines(found: Conformance) -> list[str]:
    """The table of both checkers, without row counts: the numbers that the repository tracks."""
    lines = [HEADER, "|---|---|--:|--:|--:|--:|--:|--:|"]
    for t in found.tallies:
        name = "focus-validator 2.2.1, FOCUS 1.2" if t.checker == "official" else "focus-data-toolkit 0.14.1, FOCUS 1.4"
        run = "" if t.rules is None else str(t.rules - (t.skipped or 0))
        passed, skipped = ("" if n is None else str(n) for n in (t.passed, t.skipped))
        lines.append(
            f"| {t.group} | {name} | {run} | {passed} | {t.failed} | {skipped} | {t.explained} | {t.unexplained} |"
        )
    return lines


def as_markdown(found: Conformance) -> str:
    """The report as one page."""
    lines = ["# FOCUS conformance", ""]
    if found.problem:
        lines += [f"The checkers did not run. {found.problem}", ""]
    else:
        lines += tally_lines(found)
        lines += ["", "Rows checked: " + ", ".join(_rows(found)) + ".", "", "## Failing rules", ""]
        lines += ["| rows of | rule | violations | why | reason |", "|---|---|--:|---|---|"]
        lines += [
            f"| {f.group} | `{f.rule}` | {f.violations} | {_VERDICTS[f.verdict]} | {f.reason or f.message} |"
            for f in found.failures
        ]
    lines += ["", "## Our own rules", "", f"{found.own_rules} rules on {found.own_rows:,} rows."]
    lines += [f"* {b.rule} ({b.origin}): {b.rows_broken} rows, e.g. {b.example}" for b in found.broken]
    lines += ["", "## What the sources do not give", "", "| source | column | rows | share |", "|---|---|--:|--:|"]
    lines += [f"| {g.source} | {g.column} | {g.rows} | {g.share:.1%} |" for g in found.gaps]
    return "\n".join(lines) + "\n"


def _rows(found: Conformance) -> list[str]:
    return [
        f"{t.group} {t.rows:,}" + (f" of {t.rows_in_ledger:,} (stratified sample)" if t.rows < t.rows_in_ledger else "")
        for t in found.tallies
        if t.checker == "official"
    ]
