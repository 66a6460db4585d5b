"""The most memory that landing and building take, at two sizes of a bill, one four times the other.

Of the command and its children together, with the default settings; asserts that every peak is below 2 GiB.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tests.benchmarks.ten_million_lines import FINOPS, measured, write_exports, write_workspace

STEPS = ("land", "build")
LIMIT_GIB = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the larger bill")
    parser.add_argument("--folder", type=Path, default=Path(".cache/peak-memory"), help="made anew, left for a look")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    print(f"{'lines':>12}{'step':>8}{'CPU s':>9}{'peak GiB':>10}")
    peaks = []
    for rows in (arguments.rows // 4, arguments.rows):
        folder = arguments.folder / str(rows)
        exports, lines = write_exports(folder, rows)
        workspace = write_workspace(folder, exports)
        for step in STEPS:
            made = measured(str(FINOPS), step, "-w", str(workspace))
            peaks.append(made.peak_bytes / 2**30)
            print(f"{lines:>12,}{step:>8}{made.cpu_seconds:>9.1f}{peaks[-1]:>10.2f}", flush=True)
    assert max(peaks) < LIMIT_GIB, f"{max(peaks):.2f} GiB"


if __name__ == "__main__":
    main()
