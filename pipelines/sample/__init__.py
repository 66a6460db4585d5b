"""A demo workspace: a fictional company's cloud bills in the providers' own layouts, with the truth beside them.

Same arguments, same bytes: no clock, no random identifiers. A folder that a person has filled is never replaced.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.sample.commitment_inventory import listed_commitments
from pipelines.sample.decisions import fx_rates, write_decisions
from pipelines.sample.files import write_json
from pipelines.sample.invoices import Invoice, invoices_of, write_invoices
from pipelines.sample.months import Month, Window
from pipelines.sample.savings import savings_of
from pipelines.sample.signals import write_signals
from pipelines.sample.sources import ESTATES, FOLDERS, Order, write_sources
from pipelines.sample.truth import Total

GENERATOR_VERSION = 7

__all__ = ["SampleExistsError", "SampleSummary", "write_sample"]


class SampleExistsError(Exception):
    """Exports that this generator did not write stand where it would write."""


@dataclass(frozen=True)
class SampleSummary:
    """What the workspace holds after the call."""

    rows: int  # charge lines of the current deliveries; older deliveries are not counted
    files: int  # below exports/
    months: tuple[str, ...]
    sources: tuple[str, ...]
    written: bool  # False: the workspace already held this sample


def write_sample(
    workspace: Path,
    *,
    rows: int = 520_000,
    seed: int = 7,
    months: int = 13,
    last_month: str = "2026-10",
    progress: Callable[[str], None] = lambda _: None,
) -> SampleSummary:
    """Fill `workspace` with about `rows` charge lines over `months` months up to `last_month`."""
    window = Window.ending(Month.parse(last_month), months)
    arguments = {
        "generator_version": GENERATOR_VERSION,
        "rows": rows,
        "seed": seed,
        "months": months,
        "last_month": last_month,
    }
    exports = workspace / "exports"
    marker, partial = exports / ".sample.json", exports / ".sample.partial"
    done = json.loads(marker.read_text(encoding="utf-8")) if marker.exists() else {}
    if done.get("arguments") != arguments:
        _refuse_to_replace(exports, is_ours=bool(done) or partial.exists())
    write_decisions(workspace, window, seed)
    if done.get("arguments") == arguments:
        shutil.rmtree(partial, ignore_errors=True)
        progress(f"{workspace}: already holds this sample, nothing written")
        return _summary(window, done["charge_lines"], done["files"], written=False)

    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    totals = []
    for total in write_sources(partial, Order(window, seed, rows)):
        totals.append(total)
        progress(f"{total.source}  {total.period}  {total.rows:>7,} rows  {total.billed} {total.currency}")
    invoices = invoices_of(window, totals)
    write_invoices(partial / FOLDERS["invoices"], invoices)
    order = Order(window, seed, rows)
    fleets = [order.fleet(source) for source in ESTATES]
    waste = write_signals(partial, fleets, listed_commitments(order), window.months, seed)
    savings = savings_of(order, waste)
    files = sum(1 for path in partial.rglob("*") if path.is_file())
    lines = sum(total.rows for total in totals)

    # From here a killed run leaves no marker, and the partial folder says that the rest is ours to redo.
    marker.unlink(missing_ok=True)
    for folder in (*FOLDERS.values(), "signals"):
        shutil.rmtree(exports / folder, ignore_errors=True)
        (partial / folder).rename(exports / folder)
    _write_truth(workspace, arguments, window, totals, invoices, waste, savings)
    write_json(partial / marker.name, {"arguments": arguments, "charge_lines": lines, "files": files})
    (partial / marker.name).rename(marker)
    partial.rmdir()
    return _summary(window, lines, files, written=True)


def _refuse_to_replace(exports: Path, is_ours: bool) -> None:
    foreign = [folder for folder in FOLDERS.values() if (exports / folder).exists()]
    if foreign and not is_ours:
        raise SampleExistsError(
            f"{exports}: {', '.join(foreign)} was not written by finops sample; kept it and wrote nothing. "
            "Choose an empty folder: finops sample DIR"
        )


def _write_truth(
    workspace: Path,
    arguments: dict[str, object],
    window: Window,
    totals: list[Total],
    invoices: list[Invoice],
    waste: list[dict[str, object]],
    savings: list[dict[str, object]],
) -> None:
    rates = fx_rates(window, int(str(arguments["seed"])))
    spike = window.at(0.8).first_day
    content = {
        "arguments": arguments,
        "anomalies": [
            {
                "source": source,
                "sub_account": next(account.id for account in estate.accounts if account.name == pin.account),
                "meter": pin.meter,
                "first_day": spike.replace(day=11).isoformat(),
                "last_day": spike.replace(day=13).isoformat(),
            }
            for source, estate in ESTATES.items()
            for pin in estate.pins
            if pin.spikes
        ],
        "waste": waste,
        "savings": savings,
        "totals": [total.as_json() for total in totals],
        "invoices": [invoice.as_json(rates[invoice.period]) for invoice in invoices],
    }
    partial = workspace / ".truth.json.partial"
    write_json(partial, content)
    partial.rename(workspace / "truth.json")


def _summary(window: Window, rows: int, files: int, written: bool) -> SampleSummary:
    periods = tuple(month.period for month in window.months)
    return SampleSummary(rows, files, periods, tuple(FOLDERS), written)
