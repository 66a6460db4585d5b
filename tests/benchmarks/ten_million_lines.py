"""How long, and in how much memory, millions of CUR 2.0 lines in Parquet land, build and publish, against a plain copy.

The baseline is DuckDB reading the same files and writing them to one Parquet file, on as many threads, in the same run.
The last steps rewrite one month of thirteen and run again, then run with nothing changed. Prints CPU seconds (user and
system, of the command and its children) beside the clock, because other work on the machine slows the clock; ratios are
of CPU seconds. Asserts nothing about time.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import duckdb
import psutil

from pipelines.sample import write_sample

FINOPS = Path(sys.executable).with_name("finops")
THREADS = 2
STEPS = ("land", "build", "publish", "showback")
_CHANGED_MONTH = "2026-04"


@dataclass(frozen=True)
class Measured:
    seconds: float
    cpu_seconds: float
    peak_bytes: int  # proportional set size of the command and its children together, sampled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path(".cache/benchmark"), help="made anew, left for a look")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    exports, rows = write_exports(arguments.folder, arguments.rows)
    workspace = write_workspace(arguments.folder, exports)
    copy = measured(
        sys.executable, "-c", _PLAIN_COPY, *map(str, data_files(exports)), str(arguments.folder / "copy.parquet")
    )
    print(
        f"{rows:,} CUR 2.0 lines in Parquet, {THREADS} threads; times as ratios to a plain DuckDB copy of the files\n"
    )
    print(f"{'step':<28}{'seconds':>9}{'CPU s':>9}{'ratio':>8}{'peak GiB':>10}")
    show("plain copy", copy, copy)
    first = [step(name, workspace, copy) for name in STEPS]
    rewrite(exports, _CHANGED_MONTH)
    again = [step(name, workspace, copy, "one month changed: ") for name in STEPS]
    same = [step(name, workspace, copy, "nothing changed: ") for name in STEPS]
    changed, unchanged = share(again, first), share(same, first)
    peak = max(m.peak_bytes for m in (*first, *again, *same)) / 2**30
    print(
        f"\nOf the first run's CPU time, one changed month of thirteen costs {changed:.2f}, no change {unchanged:.3f}."
    )
    print(f"Highest peak: {peak:.2f} GiB.")


def share(some: list[Measured], of: list[Measured]) -> float:
    return sum(m.cpu_seconds for m in some) / sum(m.cpu_seconds for m in of)


_PLAIN_COPY = f"""
import duckdb, sys
con = duckdb.connect(config={{"threads": {THREADS}, "memory_limit": "2GB"}})
con.sql("set preserve_insertion_order = false")
con.read_parquet(sys.argv[1:-1], union_by_name=True).write_parquet(sys.argv[-1])
"""


def write_exports(folder: Path, rows: int) -> tuple[Path, int]:
    """The sample's payer account, each line as many times as it takes, under its own ids and resources."""
    write_sample(folder / "sample", rows=50_000, seed=7, months=13)
    exports = folder / "exports"
    shutil.move(folder / "sample" / "exports" / "aws-payer", exports)
    files = data_files(exports)
    con = duckdb.connect(config={"threads": THREADS, "memory_limit": "2GB"})
    lines = con.read_parquet([str(file) for file in files], union_by_name=True).aggregate("count(*)").fetchall()[0][0]
    times = -(-rows // lines)
    for file in files:
        _rewrite(
            con,
            file,
            f"""
            select * replace (
                identity_line_item_id || '-' || copy as identity_line_item_id,
                line_item_resource_id || '-' || copy % 50 as line_item_resource_id
            ), copy from read_parquet('{file}') cross join range({times}) as copies(copy)
            """,
        )
    return exports, lines * times


def rewrite(exports: Path, month: str) -> None:
    """The provider restates a month: every on-demand line costs a hundredth more."""
    con = duckdb.connect(config={"threads": THREADS, "memory_limit": "2GB"})
    for file in data_files(exports):
        if f"BILLING_PERIOD={month}" in str(file):
            cost = "line_item_unblended_cost"
            _rewrite(
                con, file, f"select * replace (cast({cost} * 1.01 as double) as {cost}) from read_parquet('{file}')"
            )


def _rewrite(con: duckdb.DuckDBPyConnection, file: Path, query: str) -> None:
    changed = file.with_suffix(".new")
    lines = f"read_parquet('{file}', hive_partitioning = false)"  # a folder's BILLING_PERIOD= is no column of the file
    names = [row[0] for row in con.execute(f"describe select * from {lines}").fetchall()]
    con.sql(f"select {', '.join(names)} from ({query})").write_parquet(str(changed))
    os.replace(changed, file)


def data_files(exports: Path) -> list[Path]:
    return sorted(exports.rglob("*.parquet"))


def write_workspace(folder: Path, exports: Path) -> Path:
    workspace = folder / "workspace"
    subprocess.run([FINOPS, "init", workspace], check=True, stdout=subprocess.DEVNULL)
    (workspace / "finops.toml").write_text(
        '[workspace]\nreporting_currency = "USD"\n\n[[sources]]\nname = "payer"\nprovider = "aws"\nformat = "cur2"\n'
        f'uri = "{exports.resolve()}"\n',
        "utf-8",
    )
    return workspace


def step(command: str, workspace: Path, copy: Measured, note: str = "") -> Measured:
    period = ["2026-10"] if command == "showback" else []
    made = measured(str(FINOPS), command, *period, "-w", str(workspace))
    show(f"{note}{command}", made, copy)
    return made


def show(name: str, made: Measured, copy: Measured) -> None:
    ratio = made.cpu_seconds / copy.cpu_seconds
    print(
        f"{name:<28}{made.seconds:>9.1f}{made.cpu_seconds:>9.1f}{ratio:>8.1f}{made.peak_bytes / 2**30:>10.2f}",
        flush=True,
    )


def measured(*command: str) -> Measured:
    """Run a command; raises CalledProcessError with what it said when it fails."""
    began, peak, before = time.monotonic(), 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    # Into a file: a pipe that nobody reads fills up and stops the command (DuckDB draws progress bars under -c).
    with TemporaryFile("w+") as output:
        with psutil.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
            while process.poll() is None:
                peak = max(peak, sum(_memory_of(process)))
                time.sleep(0.2)
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, said[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(time.monotonic() - began, cpu_seconds, peak)


def _memory_of(process: psutil.Popen) -> Iterator[int]:
    try:
        for one in (process, *process.children(recursive=True)):
            yield one.memory_full_info().pss
    except psutil.Error:
        return


if __name__ == "__main__":
    main()
