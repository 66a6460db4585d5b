"""Answers of models, kept between runs by what was asked: the same history, models and seed have the same answer.

A run asks again only where a history has changed; yesterday's backtests are today's while they stand at the same day
(`engine.origins_back` moves once a week). Nothing but time depends on it: without the file the same is computed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.series import Series, Values

# Part of every question: answers of other code are no answers.
METHOD = "5"
_LIBRARIES = ("statsforecast", "lightgbm", "xgboost-cpu", "scikit-learn", "prophet", "numpy")
_SCHEMA: dict[str, pl.DataType] = {
    "question": pl.String(),
    "name": pl.String(),
    "answer": pl.List(pl.Float64),
    "failure": pl.String(),
}

Answers = dict[str, Values | str]  # by name: the numbers, or why there are none


class Memory:
    """What is asked in this run and was answered in the last one; `keep` writes it for the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = _read(path)
        self._asked: dict[str, Answers] = {}
        self._code = "|".join([METHOD, *(f"{name} {version(name)}" for name in _LIBRARIES)])

    def question(self, series: Iterable[Series], *about: object) -> str:
        """The name of a question about these series; their own names are no part of it."""
        digest = hashlib.sha256(f"{self._code}|{about!r}".encode())
        for one in series:
            digest.update(f"{one.frequency}|{one.start}|{len(one.values)}|".encode())
            digest.update(np.ascontiguousarray(one.values).tobytes())
        return digest.hexdigest()

    def recall(self, question: str) -> Answers | None:
        known = self._last.get(question) or self._asked.get(question)
        if known is not None:
            self._asked[question] = known
        return known

    def remember(self, question: str, answers: Answers) -> None:
        self._asked[question] = answers

    def keep(self) -> None:
        """Write what this run asked, and nothing older; in place by one rename."""
        if self._asked.keys() == self._last.keys():
            return
        rows = [(question, name, answer) for question, answers in sorted(self._asked.items())
                for name, answer in answers.items()]  # fmt: skip
        table = {
            "question": [question for question, _, _ in rows],
            "name": [name for _, name, _ in rows],
            "answer": [np.empty(0) if isinstance(answer, str) else answer.ravel() for _, _, answer in rows],
            "failure": [answer if isinstance(answer, str) else None for _, _, answer in rows],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}")
        pl.DataFrame(table, schema=_SCHEMA).write_parquet(temporary)
        temporary.replace(self._path)


def _read(path: Path) -> dict[str, Answers]:
    """Nothing when the file is missing or unreadable: it only saves time."""
    if not path.is_file():
        return {}
    try:
        table = pl.read_parquet(path, schema=_SCHEMA)
    except (OSError, pl.exceptions.PolarsError):
        return {}
    found: dict[str, Answers] = {}
    for question, name, answer, failure in zip(*(table[column] for column in _SCHEMA), strict=True):
        found.setdefault(question, {})[name] = answer.to_numpy() if failure is None else failure
    return found
