"""Anomaly goals of reference forecast.md 6 on the shared daily series: python -m tests.benchmarks.anomalies [--train]

Protocol of forecast.md 4: online, event by event, no point adjustment, one incident told at most every four days and
each reminder counted. The series are split in two halves by a hash of their name; the model and its threshold are made
on one half and judged on the other, both ways: on the events that choices were made by, and on others.
Models learn from every series of at least 400 days; they are judged on the benchmark panel, as the reference was.
--train makes expectation.txt and stacker.txt of forecasting/anomalies anew from all of them.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.anomalies import expectation, injections, stacker
from forecasting.anomalies.causes import Leaf, rank
from forecasting.anomalies.injections import Quality
from forecasting.anomalies.panel import Panel, panel_of

SERIES = Path("shared/data/series")
SHORTEST = 400  # days
TRAINING_DAYS, TRAINING_SEEDS = 360, range(24)
JUDGED_DAYS, JUDGED_SEEDS, OTHER_SEEDS = 180, range(100, 106), range(400, 406)
THRESHOLDS = np.round(np.arange(0.60, 0.81, 0.02), 2)
# Per series and month on the tuning half. Tuning trains on a quarter of the series, which alarms more than a half does.
MOST_FALSE_ALARMS = 0.36
GOALS = (
    ("anomalies: F1", "f1", ">=0.65"),
    ("false alarms per series and month", "false_alarms_per_month", "<=0.35"),
    ("recall of +100 % and more", "large_recall", ">=0.92"),
    ("added cost caught", "cost_caught", ">=0.95"),
    ("mean delay, days (from a change of 15 %)", "delay_days", "<=0.7"),
    ("mean delay, days, without slow rises", "delay_of_sudden_days", "<=0.7"),
)


def shared_data() -> Path:
    """The folder of the shared series, beside the repository or beside a folder of worktrees."""
    found = [parent / SERIES for parent in Path(__file__).resolve().parents if (parent / SERIES).is_dir()]
    if not found:
        raise SystemExit(f"{SERIES}: is in no folder above {Path(__file__).parent}; nothing was measured")
    return found[0]


def shared_panel() -> Panel:
    table = pl.read_parquet(shared_data() / "daily_real.parquet").with_columns(pl.col("ds").str.to_date())
    return panel_of(table.filter(pl.len().over("unique_id") >= SHORTEST))


def benchmark_panel(panel: Panel) -> Panel:
    """The series of the protocol: marked in the manifest, at least 550 days."""
    chosen = pl.read_csv(shared_data() / "manifest.csv", infer_schema_length=None).filter(
        (pl.col("freq") == "D") & pl.col("in_bench_panel") & (pl.col("n") >= 550)
    )
    return _part(panel, np.array([name in set(chosen["unique_id"]) for name in panel.names]))


def halves(panel: Panel) -> tuple[Panel, Panel]:
    is_first = np.array([zlib.crc32(name.encode()) % 2 == 1 for name in panel.names])
    return _part(panel, is_first), _part(panel, ~is_first)


def _part(panel: Panel, chosen: np.ndarray) -> Panel:
    names = tuple(name for name, is_in in zip(panel.names, chosen, strict=True) if is_in)
    return Panel(names, panel.values[chosen], panel.last_day[chosen])


def trained_on(panel: Panel) -> stacker.Model:
    """Weights learn from days whose expectations were learnt on other series: each half of the panel from the other."""
    tables, labels, weights, names = [], [], [], []
    one, two = halves_by_position(panel)
    for part, expected in ((one, expectation.train(two)), (two, expectation.train(one))):
        for seed in TRAINING_SEEDS:
            injected, events = injections.inject(part, TRAINING_DAYS, seed)
            names, table = stacker.columns_of(injected, TRAINING_DAYS, expected)
            is_event, weight = injections.labels(injected, events, TRAINING_DAYS)
            counts = weight.ravel() > 0
            tables.append(table.reshape(-1, table.shape[-1])[counts])
            labels.append(is_event.ravel()[counts])
            weights.append(weight.ravel()[counts])
    learnt = stacker.train(names, np.concatenate(tables), np.concatenate(labels), np.concatenate(weights))
    return stacker.Model(expectation.train(panel), learnt)


def judged(
    panel: Panel, model: stacker.Model, thresholds: list[float], seeds: range = JUDGED_SEEDS
) -> dict[float, list[Quality]]:
    panel = benchmark_panel(panel)
    found: dict[float, list[Quality]] = {threshold: [] for threshold in thresholds}
    for seed in seeds:
        injected, events = injections.inject(panel, JUDGED_DAYS, seed)
        chances = stacker.probabilities(injected, JUDGED_DAYS, model)
        for threshold in thresholds:
            found[threshold].append(injections.measured(injected, events, chances, threshold, JUDGED_DAYS))
    return found


def mean(qualities: list[Quality], name: str) -> float:
    return float(np.mean([getattr(quality, name) for quality in qualities]))


def tuned(panel: Panel) -> float:
    """The threshold with the best F1 within the false alarms allowed, cross-fitted within `panel` itself."""
    one, two = halves_by_position(panel)
    found: dict[float, list[Quality]] = {}
    for learns, judges in ((one, two), (two, one)):
        for threshold, qualities in judged(judges, trained_on(learns), [float(t) for t in THRESHOLDS]).items():
            found.setdefault(threshold, []).extend(qualities)
    allowed = {t: q for t, q in found.items() if mean(q, "false_alarms_per_month") <= MOST_FALSE_ALARMS}
    return min(allowed) if allowed else max(found)


def halves_by_position(panel: Panel) -> tuple[Panel, Panel]:
    return tuple(Panel(panel.names[i::2], panel.values[i::2], panel.last_day[i::2]) for i in (0, 1))  # type: ignore[return-value]


def root_causes(panel: Panel) -> tuple[float, float]:
    """Top-1 and top-3: 10, 20 or 40 % of a bill's day put into one of its leaves, 400 times.

    The bill is the panel's own series, scaled to a long tail (leaf k costs 1/k); leaves above 1 % of it are hit.
    """
    usual = np.nanmean(panel.values[:, -60:], axis=1)
    values = panel.values[:, -200:] / usual[:, None] / np.arange(1, len(usual) + 1)[:, None]
    leaves = np.flatnonzero(np.nanmean(values, axis=1) >= 0.01 * np.nansum(np.nanmean(values, axis=1)))
    random = np.random.default_rng(5)
    first = third = 0
    for number in range(400):
        day, leaf = int(random.integers(60, 200)), int(random.choice(leaves))
        size = (0.1, 0.2, 0.4)[number % 3]
        added = size * np.nansum(values[:, day])
        found = rank(
            [
                Leaf(str(row), values[row, day - 56 : day], float(values[row, day] + (added if row == leaf else 0)))
                for row in range(len(values))
            ],
            direction=1,
        )
        names = [cause.name for cause in found[:3]]
        first += names[0] == str(leaf)
        third += str(leaf) in names
    return first / 400, third / 400


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--train", action="store_true", help="write the model that the package ships")
    panel = shared_panel()
    if arguments.parse_args().train:
        model = trained_on(panel)
        for learnt, artefact in ((model.expected, expectation.ARTEFACT), (model.weights, stacker.ARTEFACT)):
            learnt.save_model(str(artefact))
            print(f"{artefact}: {artefact.stat().st_size:,} bytes")
        return
    for title, value, must in goals():
        print(f"{title:<44} {value:>8.3f}  must {must}")


def goals() -> list[tuple[str, float, str]]:
    """Each goal of the table with its measured value and what it must be."""
    panel = shared_panel()
    one, two = halves(panel)
    qualities: dict[str, list[Quality]] = {"": [], ", other events": []}
    for learns, judges in ((one, two), (two, one)):
        threshold, model = tuned(learns), trained_on(learns)
        print(f"tuned on {len(learns.names)} series to {threshold}, judged on {len(benchmark_panel(judges).names)}")
        for which, seeds in zip(qualities, (JUDGED_SEEDS, OTHER_SEEDS), strict=True):
            qualities[which] += judged(judges, model, [threshold], seeds)[threshold]
    top1, top3 = root_causes(panel)
    return [
        *(
            (title + which, mean(found, name), must)
            for which, found in qualities.items()
            for title, name, must in GOALS
        ),
        ("root cause in top 1", top1, ">=0.87"),
        ("root cause in top 3", top3, ">=0.99"),
    ]


if __name__ == "__main__":
    main()
