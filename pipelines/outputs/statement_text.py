"""Untrusted text and exact money on their way to a file that a person, a spreadsheet or another program opens."""

import unicodedata
from decimal import Decimal

from pipelines.outputs.statement_model import rounded

MAX_CELL = 32_000  # an Excel cell holds 32,767 characters
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Bidirectional controls can make a statement show another text than it holds.
_INVISIBLE = {"Cc", "Cs", "Co", "Zl", "Zp"}
_BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(text: str) -> str:
    """Text for a cell or a page: one line, nothing invisible that changes how the rest reads."""
    kept = (" " if unicodedata.category(c) in _INVISIBLE else c for c in text if c not in _BIDI)
    return "".join(kept)[:MAX_CELL]


def csv_text(text: str) -> str:
    """Text that a spreadsheet will not run as a formula when it opens the CSV."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def plain_decimal(amount: Decimal, digits: int = 0) -> str:
    """The exact amount with at least `digits` decimals: no exponent, no thousands separators."""
    exponent = amount.normalize().as_tuple().exponent
    scale = -exponent if isinstance(exponent, int) else 0
    return f"{rounded(amount, max(digits, scale)):f}"


def money_text(amount: Decimal, digits: int) -> str:
    """The amount as a page shows it, with a real minus sign."""
    return f"{rounded(amount, digits):,f}".replace("-", "−")
