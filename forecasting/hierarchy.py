"""Teams, departments, providers and totals: sums of their leaves, so that they add up, with intervals of their own.

Bottom-up is exactly coherent and as accurate as anything else that was measured (reference, 6.6). Intervals do not add
up: a node's width starts as if its leaves erred independently, and the node's own errors at earlier origins (the sums
of its leaves' errors, so with all their correlation) say how much wider it must be.
"""

from __future__ import annotations

import numpy as np

from forecasting.intervals import LEVELS, Band, Told, calibrate, calibrate_totals
from forecasting.results import SeriesForecast
from forecasting.series import Values


def node_bands(nodes: list[list[SeriesForecast]], horizon: int) -> list[tuple[Band, Band]]:
    """Per node the bounds of each day and of the running total, around the sum of its leaves' points."""
    if not nodes:
        return []
    now = _stacked([_now(leaves, horizon) for leaves in nodes])
    count = max((len(leaf.said_before) for leaves in nodes for leaf in leaves), default=0)
    before = [_stacked([_before(leaves, at) for leaves in nodes]) for at in range(count)]
    days, totals = calibrate(before, now), calibrate_totals(before, now)
    return [(_row(days, at), _row(totals, at)) for at in range(len(nodes))]


def _now(leaves: list[SeriesForecast], horizon: int) -> Told:
    point = np.sum([leaf.point for leaf in leaves], axis=0)[None, :]
    return Told(point, np.full((1, horizon), np.nan), _independent([x.said for x in leaves], horizon, point))


def _before(leaves: list[SeriesForecast], at: int) -> Told:
    """The node at an earlier origin; leaves that did not exist then add nothing."""
    said = [leaf.said_before[at] for leaf in leaves if leaf.said_before]
    width = max((told.point.shape[1] for told in said), default=1)
    if not said:
        return Told(np.zeros((1, width)), np.full((1, width), np.nan), _independent([], width, np.zeros((1, width))))
    there = [told for told in said if np.isfinite(told.point).all()]
    actuals = np.sum([told.actuals for told in there], axis=0) if there else np.full((1, width), np.nan)
    point = np.sum([told.point for told in there], axis=0) if there else np.zeros((1, width))
    return Told(point, actuals, _independent(list(there), width, point))


def _independent(said: list[Told | None], horizon: int, point: Values) -> dict[int, tuple[Values, Values]]:
    """Widths of a sum of independent errors; never quite zero, so that scores stay finite."""
    found = {}
    least = 0.002 * np.abs(point) + 1e-9
    for level in LEVELS:
        squares = np.zeros((2, 1, horizon))
        for told in said:
            if told is not None:
                squares += np.square(np.nan_to_num(np.array(told.widths[level])))
        below, above = np.sqrt(squares)
        found[level] = (np.maximum(below, least), np.maximum(above, least))
    return found


def _stacked(rows: list[Told]) -> Told:
    widest = max(row.point.shape[1] for row in rows)

    def stack(parts: list[Values], fill: float) -> Values:
        return np.concatenate(
            [np.pad(part, ((0, 0), (0, widest - part.shape[1])), constant_values=fill) for part in parts]
        )

    return Told(
        stack([row.point for row in rows], 0.0),
        stack([row.actuals for row in rows], np.nan),
        {
            level: (
                stack([row.widths[level][0] for row in rows], 1.0),
                stack([row.widths[level][1] for row in rows], 1.0),
            )
            for level in LEVELS
        },
    )


def _row(band: Band, at: int) -> Band:
    return Band(
        {n: values[at] for n, values in band.lower.items()}, {n: values[at] for n, values in band.upper.items()}
    )
