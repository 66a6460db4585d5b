"""A forecast total as a distribution: the five calibrated points that the engine gives, joined on a normal scale."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
_LEVELS = (0.025, 0.10, 0.50, 0.90, 0.975)
_SCORES = tuple(_NORMAL.inv_cdf(level) for level in _LEVELS)


@dataclass(frozen=True)
class Total:
    """What is still to come, in currency: the middle and its calibrated bounds."""

    lo95: float
    lo80: float
    middle: float
    hi80: float
    hi95: float

    @property
    def _points(self) -> NDArray[np.float64]:
        """Rising strictly, so that every amount has one probability."""
        points = np.maximum.accumulate([self.lo95, self.lo80, self.middle, self.hi80, self.hi95])
        rising: NDArray[np.float64] = points + np.arange(5) * max(float(np.max(np.abs(points))), 1.0) * 1e-9
        return rising

    def quantile(self, level: float) -> float:
        score = _NORMAL.inv_cdf(level)
        points = self._points
        if score <= _SCORES[0]:
            return float(points[0] + (score - _SCORES[0]) * (points[1] - points[0]) / (_SCORES[1] - _SCORES[0]))
        if score >= _SCORES[-1]:
            return float(points[-1] + (score - _SCORES[-1]) * (points[-1] - points[-2]) / (_SCORES[-1] - _SCORES[-2]))
        return float(np.interp(score, _SCORES, points))

    def chance_above(self, amount: float) -> float:
        """The probability that the total is above `amount`."""
        points = self._points
        if amount <= points[0]:
            slope = (_SCORES[1] - _SCORES[0]) / (points[1] - points[0])
            score = _SCORES[0] + (amount - points[0]) * slope
        elif amount >= points[-1]:
            slope = (_SCORES[-1] - _SCORES[-2]) / (points[-1] - points[-2])
            score = _SCORES[-1] + (amount - points[-1]) * slope
        else:
            score = float(np.interp(amount, points, _SCORES))
        return 1 - _NORMAL.cdf(score)
