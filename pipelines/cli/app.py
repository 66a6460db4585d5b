"""What every command shares: the application, its two consoles, common options, and how things are shown."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.settings import is_period

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Three clouds' bills to one ledger, allocated, reconciled and published.",
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace's folder; default $FINOPS_WORKSPACE, ./workspace."),
]
PeriodOption = Annotated[str | None, typer.Option("--period", help="Only this billing period, YYYY-MM.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def say(message: str) -> None:
    """Progress and warnings: on stderr, so that stdout stays the result."""
    err.print(message, markup=False)


def checked(period: str | None) -> str | None:
    """`period` as it is, when it is a billing period; wrong arguments (exit code 2) when not."""
    if period is not None and not is_period(period):
        raise typer.BadParameter(f"'{period}' is not a billing period; write it like 2026-10")
    return period


def check_files(series: Path | None, to: Path | None) -> None:
    """Wrong arguments (exit code 2) unless --series and --out are both named, and apart, or neither is."""
    if (series is None) != (to is None):
        raise typer.BadParameter("name both --series FILE and --out FILE, or neither for the workspace")
    if series and to and series.resolve() == to.resolve():
        raise typer.BadParameter("--out would replace the file of --series; name another one")


def amount(value: Decimal | None) -> str:
    """Money with two decimals and thousands, or a dash where it is not known."""
    return "-" if value is None else f"{value:,.2f}"


def program() -> str:
    """How the person called us, so that a printed command can be pasted as it is."""
    return "finops" if shutil.which("finops") else shown(Path(sys.argv[0]).resolve())


def one_line(text: str, width: int) -> str:
    """A provider's or customer's own words in one line of at most `width` characters; they may hold line breaks."""
    return " ".join(text.split())[:width]


def shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
