"""The `finops` command: one thin function per command. Exit code 0 done, 1 something is wrong, 2 wrong arguments."""

from __future__ import annotations

# Each adds its commands; help lists them in this order.
# isort: off
import pipelines.cli.daily
import pipelines.cli.finance
import pipelines.cli.outlook
import pipelines.cli.unusual
import pipelines.cli.savings
import pipelines.cli.waste
import pipelines.cli.checks  # noqa: F401
# isort: on

from pipelines.cli.app import app, err
from pipelines.errors import FinopsError


def main() -> None:
    """Run the command line; expected failures are one clear message and exit code 1."""
    try:
        app()
    except FinopsError as problem:
        err.print(f"finops: {problem}", markup=False, style="bold")
        raise SystemExit(1) from None
