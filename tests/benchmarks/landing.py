"""A legacy CUR (csv.gz) landed against a bare read of it, and brought to the ledger beside the focus-converter.

Two sizes, four times apart. The bare read is DuckDB's own copy of the same csv.gz to Parquet, all columns text, on as
many threads; focus-converter 1.0.0 runs in an environment of its own on the same lines unpacked, as it reads no csv.gz.
One after the other in one run: prints CPU seconds (user and system, with children) beside the clock, ratios of CPU
seconds, and peak memory. What a line costs is the difference between the two sizes: the start of Python, dbt and the
gate is in both. Asserts nothing about time.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from pipelines.sample import write_sample
from tests.benchmarks.ten_million_lines import FINOPS, THREADS, Measured, measured

TIMES = 4
_PEER = (
    "focus-converter==1.0.0",
    "multimethod<1.11",
    "click<8.2",
)  # a fresh install does not start without the last two

_BARE_READ = f"""
import duckdb, sys
con = duckdb.connect(config={{"threads": {THREADS}, "memory_limit": "2GB"}})
con.execute("copy (from read_csv($1, all_varchar = true)) to '" + sys.argv[2] + "' (format parquet)", [sys.argv[1]])
"""

# What `finops land` and `finops build` do for the ledger, without the marts behind it and the checks.
_TO_THE_LEDGER = """
import sys
from pathlib import Path
from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.landing import land
from pipelines.landing.decisions import land_decisions
from pipelines.landing.history import register_history
from pipelines.settings import Workspace

workspace = Workspace.open(Path(sys.argv[1]))
for failed in land(workspace).failed:
    raise failed.error
land_decisions(workspace)
register_deliveries(workspace)
register_history(workspace)
run_dbt(workspace, ["build", "--select", "+int_focus__charges", "--exclude-resource-type", "test", "unit_test"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000, help="lines of the smaller file")
    parser.add_argument("--folder", type=Path, default=Path(".cache/landing"), help="made anew, left for a look")
    parser.add_argument("--peer", type=Path, default=Path(".cache/focus-converter"), help="its environment, made once")
    arguments = parser.parse_args()
    peer = peer_environment(arguments.peer)
    shutil.rmtree(arguments.folder, ignore_errors=True)
    write_sample(arguments.folder / "sample", rows=60_000, seed=11, months=3)
    print(f"{'lines':>11}  {'':<34}{'seconds':>9}{'CPU s':>9}{'peak GiB':>10}")
    small, large = (
        compare(arguments.folder / name, arguments.folder / "sample", rows, peer)
        for name, rows in (("small", arguments.rows), ("large", TIMES * arguments.rows))
    )
    print("\nCPU time as a ratio    whole commands, small    whole commands, large    per line")
    for label, one, other in (("land / bare read", "land", "bare"), ("focus-converter / ours", "peer", "ledger")):
        per_line = (large[one].cpu_seconds - small[one].cpu_seconds) / (
            large[other].cpu_seconds - small[other].cpu_seconds
        )
        whole = [made[one].cpu_seconds / made[other].cpu_seconds for made in (small, large)]
        print(f"{label:<23}{whole[0]:>21.2f}{whole[1]:>25.2f}{per_line:>12.2f}")
    beside_peer = [made["ledger"].peak_bytes / made["peer"].peak_bytes for made in (small, large)]
    print(f"\nPeak memory: {beside_peer[0]:.2f} and {beside_peer[1]:.2f} times focus-converter's;", end=" ")
    print(
        f"landing {TIMES} times as much takes {large['land'].peak_bytes / small['land'].peak_bytes:.2f} times as much."
    )


def peer_environment(folder: Path) -> Path:
    """The focus-converter command in an environment of its own, made on first use."""
    command = folder / "bin" / "focus-converter"
    if not command.is_file():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *_PEER], check=True)
    return command


def compare(folder: Path, sample: Path, rows: int, peer: Path) -> dict[str, Measured]:
    """Measure all four on one CUR of about `rows` lines; each into a folder or workspace of its own."""
    packed, plain, lines = write_bill(folder, sample, rows)
    runs = {
        "bare": ("bare read to Parquet (csv.gz)", (sys.executable, "-c", _BARE_READ, packed, folder / "bare.parquet")),
        "land": ("finops land (csv.gz)", (FINOPS, "land", "-w", workspace(folder / "land", packed.parent))),
        "ledger": (
            "land and convert to the ledger (csv)",
            (sys.executable, "-c", _TO_THE_LEDGER, workspace(folder / "ledger", plain.parent)),
        ),
        "peer": (
            "focus-converter (csv)",
            (peer, "convert", "--provider", "aws-cur", "--data-format", "csv", "--data-path", plain)
            + ("--export-path", folder / "converted", "--export-format", "parquet"),
        ),
    }
    made = {}
    for name, (label, command) in runs.items():
        made[name] = measured(*map(str, command))
        one = made[name]
        print(
            f"{lines:>11,}  {label:<36}{one.seconds:>7.1f}{one.cpu_seconds:>9.1f}{one.peak_bytes / 2**30:>10.2f}",
            flush=True,
        )
    return made


def write_bill(folder: Path, sample: Path, rows: int) -> tuple[Path, Path, int]:
    """One month of the sample's legacy CUR, each line as many times as it takes, packed and plain."""
    report = sorted((sample / "exports" / "aws-acquired").rglob("*.csv.gz"))[-1]
    packed, plain = folder / "packed" / "bill.csv.gz", folder / "plain" / "bill.csv"
    for path in (packed, plain):
        path.parent.mkdir(parents=True)
    con = duckdb.connect(config={"threads": THREADS, "memory_limit": "2GB"})
    lines = con.read_csv(str(report), all_varchar=True)
    times = -(-rows // len(lines))
    con.sql(f"""
        select lines.* exclude (copy) replace (
            "identity/LineItemId" || '-' || copy as "identity/LineItemId",
            "lineItem/ResourceId" || '-' || copy % 50 as "lineItem/ResourceId"
        ) from (select * from lines cross join range({times}) as copies(copy)) as lines
    """).write_csv(str(plain), header=True)
    with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=4) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return packed, plain, len(lines) * times


def workspace(folder: Path, bill: Path) -> Path:
    subprocess.run([FINOPS, "init", folder], check=True, stdout=subprocess.DEVNULL)
    (folder / "finops.toml").write_text(
        '[workspace]\nreporting_currency = "USD"\n\n[[sources]]\nname = "payer"\nprovider = "aws"\nformat = "cur"\n'
        f'uri = "{bill.resolve()}"\n',
        "utf-8",
    )
    return folder


if __name__ == "__main__":
    main()
