"""Run by the tool environment's Python, not by ours: the official validator and the 1.4 checks, one JSON answer.

Reads {"out": path, "groups": [{"name", "file_1_2", "file_1_4"}]} from standard input.
"""

import collections
import contextlib
import io
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import focus_validator
from focus_data_toolkit.io.row_source import open_row_source
from focus_data_toolkit.model.validator import lint_focus_1_4_structure
from focus_validator.validator import Validator

DATASET_1_4 = "Cost and Usage"


def official(path: str, package: Path) -> list[dict[str, Any]]:
    """One entry per rule: id, status, violations, message and, for a composite, the rules it failed by."""
    with contextlib.redirect_stdout(io.StringIO()):
        results = Validator(
            data_filename=path,
            data_format=None,
            rule_set_path=str(package / "rules"),
            rules_version="1.2",
            output_type="console",
            output_destination=None,
            column_namespace=None,
            focus_dataset="CostAndUsage",
            rules_block_remote_download=True,
            applicability_criteria="ALL",  # else every conditional rule is skipped
        ).validate()
    found = []
    for rule_id, entry in results.by_rule_id.items():
        details = entry.get("details") or {}
        status = "skipped" if details.get("skipped") else "passed" if entry.get("ok") else "failed"
        found.append(
            {
                "rule": rule_id,
                "status": status,
                "violations": int(details.get("violations") or 0),
                "message": str(details.get("message") or details.get("reason") or ""),
                "children": re.findall(
                    r"[A-Za-z]+-[CD]-\d+-[A-Z]", str(details.get("message")).partition("child rules: ")[2]
                ),
            }
        )
    return found


def toolkit(path: str) -> list[dict[str, Any]]:
    """One entry per kind of violation: rule and column, violations and a message."""
    rows = [record.values for record in open_row_source(path, dataset=DATASET_1_4)]
    counts: collections.Counter[str] = collections.Counter()
    messages: dict[str, str] = {}
    for violation in lint_focus_1_4_structure(DATASET_1_4, rows).violations:
        name = f"{violation.rule}:{violation.column}"
        counts[name] += 1
        messages.setdefault(name, violation.message)
    return [
        {"rule": name, "status": "failed", "violations": count, "message": messages[name], "children": []}
        for name, count in sorted(counts.items())
    ]


def main() -> None:
    job = json.load(sys.stdin)
    logging.disable(logging.CRITICAL)
    package = Path(focus_validator.__file__).parent
    os.chdir(package.parent)  # the validator opens its list of currencies relative to the working directory
    answer = [
        {"name": g["name"], "official": official(g["file_1_2"], package), "toolkit": toolkit(g["file_1_4"])}
        for g in job["groups"]
    ]
    Path(job["out"]).write_text(json.dumps(answer), "utf-8")


main()
