"""What `make demo` runs, at its own size: every total as the generator says, and a second time nothing to do."""

import json
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

FINOPS = Path(sys.executable).with_name("finops")


def finops(folder: Path, *arguments: str) -> list[str]:
    said = subprocess.run([FINOPS, *arguments], cwd=folder, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout[-3000:] + said.stderr[-3000:]
    return said.stdout.splitlines()


def table(lines: list[str], title: str) -> list[list[str]]:
    """The rows of a printed table: its cells, without the line of headings."""
    first = lines.index(title) + 2
    return [line.split() for line in lines[first : lines.index("", first)]]


def test_the_demo_ties_from_invoice_to_statement_and_runs_again_without_reading_anything(tmp_path):
    """Half a million charge lines of 13 months: differences are 0, invoices are the sums of the generator's truth."""
    finops(tmp_path, "sample", "demo")
    said = finops(tmp_path, "run", "--workspace", "demo")

    totals = json.loads((tmp_path / "demo" / "truth.json").read_text())["totals"]
    assert sum(total["rows"] for total in totals) > 500_000
    assert len({total["billing_period"] for total in totals}) == 13
    billed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for total in totals:
        billed[total["source"].split("-")[0], total["currency"]] += Decimal(total["billed"])
    printed = table(said, "Invoice to statement: billed cost")
    assert {(row[0], row[1]): row[2:] for row in printed} == {
        key: [f"{amount:,.2f}"] * 4 + ["0"] for key, amount in billed.items()
    }
    assert [row[-1] for row in table(said, "Ledger to statement: effective cost (commitments amortised)")] == ["0"] * 3

    manifest = (tmp_path / "demo" / "published" / "manifest.json").read_bytes()
    again = finops(tmp_path, "run", "--workspace", "demo")
    assert not [line for line in again if line.startswith(("landed", "built", "published"))]
    assert (tmp_path / "demo" / "published" / "manifest.json").read_bytes() == manifest
