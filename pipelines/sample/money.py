"""Money of the sample company: whole numbers of 1e-10, so that every total is exact.

Floats appear only in `to_double`, for provider columns that are DOUBLE in the real exports. Lines above a few
thousand are generated in whole quarters, which a DOUBLE holds exactly.
"""

from decimal import Decimal

import numpy as np
import polars as pl

UNIT = 10**10  # one dollar or euro
CENT = UNIT // 100
QUARTER = UNIT // 4
EXACT_BELOW = 4_000 * UNIT  # larger lines lose digits in a DOUBLE unless they are whole quarters

Integers = np.ndarray  # int64, 1e-10 of a currency


def money(text: str) -> int:
    """Return the 1e-10 units of a decimal text."""
    return int(Decimal(text).scaleb(10))


def lump(amount: int) -> int:
    """Round a fee, tax or credit down to cents, or to quarters when it is large."""
    step = CENT if abs(amount) < EXACT_BELOW else QUARTER
    return amount // step * step


def total_text(units: int, tail: int = 0) -> str:
    """Return the plain decimal text of 1e-10 units plus a tail in 1e-20 units."""
    total = Decimal(units).scaleb(-10) + Decimal(tail).scaleb(-20)
    text = format(total, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_double(units: Integers) -> np.ndarray:
    """Return the nearest DOUBLE of each amount, for exports whose own columns are DOUBLE."""
    return units / float(UNIT)


def to_text(column: str | pl.Expr, digits: int = 10) -> pl.Expr:
    """Plain decimal text of an integer column that counts 10**-digits, without trailing zeros."""
    value = pl.col(column) if isinstance(column, str) else column
    scale = 10**digits
    fraction = (value.abs() % scale).cast(pl.String).str.zfill(digits).str.strip_chars_end("0")
    return pl.concat_str(
        pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        (value.abs() // scale).cast(pl.String),
        pl.when(fraction == "").then(pl.lit("")).otherwise(pl.lit(".") + fraction),
    )


def to_long_text(column: str, tail: str) -> pl.Expr:
    """Decimal text of 1e-10 units with a tail in 1e-20 units, with the idle zeros that Azure adds to some of them."""
    digits = (pl.col(column) % UNIT).cast(pl.String).str.zfill(10) + pl.col(tail).cast(pl.String).str.zfill(10)
    padded = digits + pl.when(pl.col(tail) % 2 == 0).then(pl.lit("00000000")).otherwise(pl.lit(""))
    long = pl.concat_str((pl.col(column) // UNIT).cast(pl.String), pl.lit("."), padded)
    return pl.when(pl.col(tail) > 0).then(long).otherwise(to_text(column))


def to_java_text(values: pl.Series) -> pl.Series:
    """Decimal text as Java prints it: small amounts in scientific notation (6.71E-8), as legacy CURs do."""
    small = values.filter((values != 0) & (values.abs() < UNIT // 1000)).unique(maintain_order=True)
    plain = values.to_frame("units").select(to_text("units")).to_series()
    if small.is_empty():
        return plain
    spelled = [_scientific(units) for units in small.to_list()]
    return (
        plain.to_frame("plain")
        .select(
            pl.coalesce(pl.Series(values).replace_strict(small, spelled, default=None, return_dtype=pl.String), "plain")
        )
        .to_series()
    )


def _scientific(units: int) -> str:
    digits = str(abs(units))
    mantissa = digits[1:].rstrip("0") or "0"
    return f"{'-' if units < 0 else ''}{digits[0]}.{mantissa}E{len(digits) - 11}"
