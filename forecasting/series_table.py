"""A file of series as people have it, read into unique_id, ds, y: Parquet, or CSV as any spreadsheet writes it.

Separator, encoding, date notation and decimal sign are told from the file, each for its whole column. What can be read
in two ways (01/02/2026, 1,234) is refused and never guessed.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import polars as pl

from pipelines.errors import SeriesError

COLUMNS = ("unique_id", "ds", "y")
_SEPARATORS = ",;\t|"
# A day is what stands before a time; a month ("2026-10") is its first day.
_NOTATIONS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y")
_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"


def read_series(path: Path) -> pl.DataFrame:
    """Columns unique_id (text), ds (date or null), y (double or null), and `at`: ds as it was given, with its time.

    Raises SeriesError when the file cannot be read, lacks a column, or can be read in two ways.
    """
    table = _table(path)
    names = {name.strip().lower(): name for name in reversed(table.columns)}
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise SeriesError(
            str(path),
            f"has no column {', '.join(missing)}",
            fix="Name the columns unique_id, ds (a date) and y (a number)",
        )
    uid, ds, y = (table[names[name]] for name in COLUMNS)
    if uid.dtype.is_nested() or uid.dtype == pl.Binary:
        raise SeriesError(str(path), f"column unique_id is {uid.dtype}, not a name", fix="Write names as text")
    days = _dates(path, ds)
    series = pl.DataFrame(
        {
            "unique_id": uid.cast(pl.String).fill_null(""),
            "ds": days.set(~days.dt.year().is_between(1, 9999), None),  # no date of any calendar: a wrong unit
            "y": _numbers(path, y),
            "at": ds.cast(pl.String, strict=False),
        }
    )
    return series.filter(~((pl.col("unique_id") == "") & pl.col("at").is_null() & pl.col("y").is_null()))


def _table(path: Path) -> pl.DataFrame:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise SeriesError(str(path), f"cannot be opened ({problem.strerror})", fix="Name a file") from None
    try:
        if content[:4] == b"PAR1":
            return pl.read_parquet(io.BytesIO(content))
        text = _text(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
        header = text.lstrip().partition("\n")[0]
        separator = max(_SEPARATORS, key=header.count)
        return pl.read_csv(io.BytesIO(text.encode()), infer_schema=False, separator=separator)
    except (OSError, EOFError, UnicodeError, zlib.error, pl.exceptions.PolarsError) as problem:
        said = " ".join(str(problem).split())[:200]
        raise SeriesError(
            str(path), f"cannot be read as CSV or Parquet ({said})", fix="Save it as CSV in UTF-8, or as Parquet"
        ) from None


def _text(content: bytes) -> str:
    """UTF-8 or UTF-16 by its mark, else what spreadsheets on Windows write."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _dates(path: Path, ds: pl.Series) -> pl.Series:
    if ds.dtype == pl.Date:
        return ds
    if isinstance(ds.dtype, pl.Datetime):
        # Midnight in Berlin is still the day before in UTC: the day is the one that the file's own zone shows.
        return (ds.dt.replace_time_zone(None) if ds.dtype.time_zone else ds).dt.date()
    if not (ds.dtype == pl.String or ds.dtype.is_integer()):
        raise SeriesError(str(path), f"column ds is {ds.dtype}, not a date", fix="Write days like 2026-10-31")
    text = ds.cast(pl.String).str.strip_chars().str.extract(r"^([^T\s]*)")
    text = text.str.replace(r"^(\d{4}-\d{2})$", "$1-01")
    found = max((_parsed(text, notation) for notation in _NOTATIONS), key=pl.Series.count)
    day_first, month_first = _parsed(text, _DAY_FIRST), _parsed(text, _MONTH_FIRST)
    if found.count() < max(day_first.count(), month_first.count()):
        if day_first.count() == month_first.count() and not day_first.equals(month_first):
            raise SeriesError(
                str(path),
                f"dates like {text.drop_nulls()[0]} can be read day first or month first",
                fix="Write days like 2026-10-31",
            )
        found = max(day_first, month_first, key=pl.Series.count)
    if len(text) and not found.count():
        example = "it is empty" if not text.count() else f"the first is '{text.drop_nulls()[0][:30]}'"
        raise SeriesError(str(path), f"column ds holds no date ({example})", fix="Write days like 2026-10-31")
    return found


def _parsed(text: pl.Series, notation: str) -> pl.Series:
    return text.str.to_date(notation, strict=False)


def _numbers(path: Path, y: pl.Series) -> pl.Series:
    if y.dtype.is_numeric():
        return y.cast(pl.Float64)
    if y.dtype != pl.String:
        if y.dtype == pl.Null:
            return y.cast(pl.Float64)
        raise SeriesError(str(path), f"column y is {y.dtype}, not a number", fix="Write numbers like 1234.56")
    text = y.str.replace_all(r"[\s\u{a0}\u{202f}']", "")
    if text.str.contains(",").any():
        # 1.234,56 or 12,5 says that the comma is the decimal sign; 1,234.56 or 1,234,567 that it parts thousands.
        is_decimal = text.str.contains(r"\.\d+,|^[-+]?\d*,(\d{1,2}|\d{4,})$").any()
        is_thousands = text.str.contains(r",\d{3}[,.]").any()
        if is_decimal == is_thousands:
            example = text.filter(text.str.contains(",").fill_null(value=False))[0]
            raise SeriesError(
                str(path),
                f"numbers like {example[:30]} can be read with the comma as decimal sign or between thousands",
                fix="Write numbers like 1234.56",
            )
        if is_decimal:
            # 12.5 between 12,5 and 13,75 is no notation of any country: not a number rather than 125.
            whole = text.str.contains(r"^[-+]?(\d{1,3}(\.\d{3})+|\d*)(,\d*)?$")
            text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
            text = pl.select(pl.when(whole).then(text)).to_series()
        else:
            text = text.str.replace_all(",", "", literal=True)
    return text.cast(pl.Float64, strict=False)
