"""Why a cost moved: its leaves ranked by how unusual their own move is (reference forecast.md 4, root cause)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.anomalies.panel import Matrix

_LEAST_NOISE = 0.05  # of the leaf's own usual day: a flat leaf's first wobble is not the cause of everything
_SEASON_WEEKS = 4


@dataclass(frozen=True)
class Leaf:
    """One value of a dimension: its days before, oldest first, and its mean day during the incident."""

    name: str
    before: Matrix
    during: float
    quantity_before: float | None = None  # per day, where all of it is in one unit
    quantity_during: float | None = None


@dataclass(frozen=True)
class Cause:
    """A leaf's part of the change, per day in the series' unit. delta = price_effect + quantity_effect."""

    name: str
    expected: float
    actual: float
    delta: float
    score: float  # delta over the leaf's own robust noise, positive in the incident's direction
    share: float  # of the sum of all leaves' deltas
    price_effect: float | None
    quantity_effect: float | None
    state: str  # new | ended | changed


def rank(leaves: Sequence[Leaf], direction: int) -> list[Cause]:
    """Causes, most likely first: those that moved with the incident by signed score, then the others.

    A score above 20 says no more than 20, so that of many clearly unusual leaves the one with most money is first.
    """
    total = sum(leaf.during - _expected(leaf) for leaf in leaves)
    causes = [_cause(leaf, direction, total) for leaf in leaves]
    weight = max((abs(cause.delta) for cause in causes), default=1.0) or 1.0
    return sorted(
        causes,
        key=lambda cause: (
            -min(cause.score, 20.0) * (direction * cause.delta / weight if cause.score > 0 else 1.0),
            cause.name,
        ),
    )


def _expected(leaf: Leaf) -> float:
    same_weekday = leaf.before[-7 : -7 * _SEASON_WEEKS - 1 : -7]
    return float(np.nanmedian(same_weekday)) if len(same_weekday) else 0.0


def _cause(leaf: Leaf, direction: int, total: float) -> Cause:
    expected = _expected(leaf)
    delta = leaf.during - expected
    changes = leaf.before[7:] - leaf.before[:-7]
    noise = 1.4826 * float(np.nanmedian(np.abs(changes))) if len(changes) else 0.0
    noise = max(noise, _LEAST_NOISE * max(abs(expected), abs(leaf.during)), 1e-9)
    price_effect, quantity_effect = _split(leaf, expected)
    state = "new" if expected == 0 and leaf.during else "ended" if leaf.during == 0 and expected else "changed"
    return Cause(
        name=leaf.name,
        expected=expected,
        actual=leaf.during,
        delta=delta,
        score=direction * delta / noise,
        share=delta / total if total else 0.0,
        price_effect=price_effect,
        quantity_effect=quantity_effect,
        state=state,
    )


def _split(leaf: Leaf, expected: float) -> tuple[float | None, float | None]:
    """delta = ΔQ × P0 + ΔP × Q1; a leaf without a quantity, or without a price before, has no such split."""
    before, during = leaf.quantity_before, leaf.quantity_during
    if before is None or during is None or before <= 0 or expected == 0:
        return None, None
    quantity_effect = (during - before) * expected / before
    return leaf.during - expected - quantity_effect, quantity_effect
