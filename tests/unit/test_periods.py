"""A billing period, or a range of them, as people type it."""

import pytest

from pipelines.settings import periods_in


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("2026-10", ["2026-10"]),
        ("2025-11..2026-02", ["2025-11", "2025-12", "2026-01", "2026-02"]),
        ("2026-02..2026-02", ["2026-02"]),
        ("2026-03..2026-02", []),
        ("2026-13", []),
        ("2026-01..", []),
        ("..2026-01", []),
        ("2026-01...2026-02", []),
        ("October", []),
    ],
)
def test_a_range_names_every_month_from_the_first_to_the_last(text, periods):
    """Backwards, half open or misspelt, it names none, and the command says so."""
    assert periods_in(text) == periods
