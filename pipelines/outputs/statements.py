"""Statements for people: one XLSX, PDF and CSV per cost centre and one showback of all, under reports/PERIOD/.

A period's folder is replaced as a whole or not at all, and the same marts give the same bytes. Files that other steps
put into the folder (the journal) stay.
"""

import csv
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path

from pipelines.outputs.estimate_reader import read_estimate
from pipelines.outputs.showback_workbook import write_showback_workbook
from pipelines.outputs.statement_fonts import StatementFonts
from pipelines.outputs.statement_model import (
    ROUNDING,
    MissingPeriodError,
    Showback,
    Statement,
    StatementError,
)
from pipelines.outputs.statement_pdf import StatementPrinter
from pipelines.outputs.statement_periods import is_month, is_week_or_day
from pipelines.outputs.statement_reader import read_showback
from pipelines.outputs.statement_rows import DATA_COLUMNS, flat_rows
from pipelines.outputs.statement_text import csv_text, plain_decimal
from pipelines.outputs.statement_workbook import write_statement_workbook

__all__ = ["MissingPeriodError", "Progress", "StatementError", "StatementSummary", "file_stems", "write_statements"]

Progress = Callable[[int, int, str], None]  # statements done, statements in all, what was just written

_CONTENTS = "statements.json"  # what this module wrote into a period's folder, with hashes
_EXACT = 60  # digits; sums of DECIMAL(28,12) outgrow Python's default of 28
_PLAIN_NAME = re.compile(r"[A-Za-z0-9~_][A-Za-z0-9_~.-]{0,79}(?<![.])")
_HASHED_NAME = re.compile(r".*-([0-9a-f]{10}|[0-9a-f]{64})", re.IGNORECASE)
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class StatementSummary:
    period: str
    status: str  # open | soft_closed | closed
    folder: Path
    statements: int
    lines: int
    files: int
    totals: dict[str, Decimal]  # chargeback total per currency, rounding included
    previous_totals: dict[str, Decimal]
    unprintable: tuple[str, ...] = ()  # characters that no font holds; PDFs name them by their code point


def write_statements(
    marts: Path,
    period: str,
    reports: Path,
    *,
    is_estimate: bool = False,
    fonts: Path | None = None,
    progress: Progress = lambda done, total, what: None,
) -> StatementSummary:
    """Write the statements of `period` from the published `marts` into `reports/PERIOD/`.

    An estimate is of an open period, so far: marked on every page and sheet, by week and day, not to be booked. A
    week (2026-W47) and a day (2026-11-24) are estimates always.
    `fonts` is a folder of fonts for scripts that the packaged ones lack.
    """
    if not is_month(period) and not is_week_or_day(period):
        raise StatementError("statements", f"'{period}' is not a period", fix="Write it as YYYY-MM, such as 2026-07")
    with localcontext() as context:
        context.prec = _EXACT
        if is_month(period):
            showback = read_showback(marts, period, is_estimate=is_estimate)
        else:
            showback = read_estimate(marts, period)
        with _period_folder(reports, period) as folder:
            loaded = StatementFonts(fonts)
            files = _write_files(showback, folder, loaded, progress)
        return _summary(showback, reports / period, files, loaded)


def file_stems(cost_center_ids: Iterable[str]) -> dict[str, str]:
    """A file name without extension per id: the id itself where that is safe on every system, else a hashed form.

    Ids are text from people and bills. They may hold slashes, differ only in case, or be a name Windows reserves.
    """
    ids = sorted(set(cost_center_ids))
    folded = Counter(cost_center_id.casefold() for cost_center_id in ids)
    stems = {i: i if _is_plain(i) and folded[i.casefold()] == 1 else _hashed(i, 10) for i in ids}
    taken = Counter(stem.casefold() for stem in stems.values())
    return {i: stem if taken[stem.casefold()] == 1 else _hashed(i, 64) for i, stem in stems.items()}


def _is_plain(cost_center_id: str) -> bool:
    return (
        _PLAIN_NAME.fullmatch(cost_center_id) is not None
        and _HASHED_NAME.fullmatch(cost_center_id) is None
        and _WINDOWS_DEVICE.fullmatch(cost_center_id) is None
        and not cost_center_id.casefold().startswith(("showback", "journal"))
    )


def _hashed(cost_center_id: str, length: int) -> str:
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", cost_center_id).strip("-")[:40] or "cost-center"
    return f"{readable}-{hashlib.sha256(cost_center_id.encode()).hexdigest()[:length]}"


def _write_files(showback: Showback, folder: Path, fonts: StatementFonts, progress: Progress) -> int:
    issued = showback.issued
    stems = file_stems(statement.cost_center.cost_center_id for statement in showback.statements)
    printer = StatementPrinter(showback, fonts)
    for done, statement in enumerate(issued, start=1):
        stem = stems[statement.cost_center.cost_center_id]
        write_statement_workbook(folder / f"{stem}.xlsx", statement, showback)
        (folder / f"{stem}.pdf").write_bytes(printer.pdf(statement))
        _write_csv(folder / f"{stem}.csv", [statement], showback)
        progress(done, len(issued), stem)
    workbooks = {s.cost_center.cost_center_id: f"{stems[s.cost_center.cost_center_id]}.xlsx" for s in issued}
    everyone = f"showback-{showback.period}"
    write_showback_workbook(folder / f"{everyone}.xlsx", showback, workbooks)
    _write_csv(folder / f"{everyone}.csv", showback.statements, showback)
    written = sorted(path.name for path in folder.iterdir())
    _write_contents(folder, written, showback, stems)
    progress(len(issued), len(issued), everyone)
    return len(written) + 1


def _write_csv(path: Path, statements: Sequence[Statement], showback: Showback) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([name for name, _ in DATA_COLUMNS])
        for statement in statements:
            for section in statement.sections:
                for row in flat_rows(statement, section, showback):
                    writer.writerow(
                        plain_decimal(value, section.digits) if isinstance(value, Decimal) else csv_text(value)
                        for value in row
                    )


def _write_contents(folder: Path, written: list[str], showback: Showback, stems: dict[str, str]) -> None:
    contents = {
        "period": showback.period,
        "status": showback.status,
        "statements": [
            {
                "cost_center_id": statement.cost_center.cost_center_id,
                "files": stems[statement.cost_center.cost_center_id],
                "totals": {s.currency: plain_decimal(s.total, s.digits) for s in statement.sections},
            }
            for statement in showback.issued
        ],
        "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in written},
    }
    (folder / _CONTENTS).write_text(json.dumps(contents, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _summary(showback: Showback, folder: Path, files: int, fonts: StatementFonts) -> StatementSummary:
    sections = [section for statement in showback.statements for section in statement.sections]
    totals = {currency: Decimal(0) for currency in showback.currencies}
    previous = dict(totals)
    for section in sections:
        totals[section.currency] += section.total
        previous[section.currency] += section.previous
    return StatementSummary(
        period=showback.period,
        status=showback.status,
        folder=folder,
        statements=len(showback.issued),
        lines=sum(
            1
            for statement in showback.statements
            if statement.cost_center.cost_center_id != ROUNDING
            for section in statement.sections
            for line in section.lines
            if line.line_id
        ),
        files=files,
        totals=totals,
        previous_totals=previous,
        unprintable=tuple(sorted(fonts.missing)),
    )


@contextmanager
def _period_folder(reports: Path, period: str) -> Iterator[Path]:
    """A hidden folder that becomes reports/PERIOD when the block succeeds and vanishes when it does not."""
    reports.mkdir(parents=True, exist_ok=True)
    target, staged, retired = reports / period, reports / f".{period}.new", reports / f".{period}.old"
    with _only_writer(reports):
        _restore(target, retired)
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        try:
            yield staged
            _keep_files_of_others(target, staged)
            if target.exists():
                target.rename(retired)
            staged.rename(target)
        finally:
            _restore(target, retired)
            shutil.rmtree(staged, ignore_errors=True)


def _restore(target: Path, retired: Path) -> None:
    """Finish or undo a swap that was killed between its two renames."""
    if target.exists():
        shutil.rmtree(retired, ignore_errors=True)
    elif retired.exists():
        retired.rename(target)


def _keep_files_of_others(target: Path, staged: Path) -> None:
    if not target.is_dir():
        return
    contents = target / _CONTENTS
    ours = {_CONTENTS}
    if contents.is_file():
        ours |= set(json.loads(contents.read_text(encoding="utf-8"))["sha256"])
    for path in target.iterdir():
        kept = staged / path.name
        if path.name not in ours and not kept.exists():
            if path.is_dir():
                shutil.copytree(path, kept, symlinks=True)
            else:
                shutil.copy2(path, kept, follow_symlinks=False)


@contextmanager
def _only_writer(reports: Path) -> Iterator[None]:
    """The lock is on the folder itself, so a killed run leaves neither a lock nor a lock file."""
    handle = os.open(reports, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            what, fix = "another run is writing statements here", "Wait for it to end, then rerun"
            raise StatementError(str(reports), what, fix=fix) from busy
        yield
    finally:
        os.close(handle)
