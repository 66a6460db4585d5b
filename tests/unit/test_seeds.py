"""Shipped tables of facts have one row per key: with two, the order in which rows are read would decide."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
KEYS = {
    "rule_threshold_defaults": ("rule_id", "profile", "threshold"),
    "optimization_rules": ("rule_id",),
    "environment_profiles": ("environment",),
    "instance_sizes": ("provider", "resource_type", "sku"),
    "burstable_baselines": ("provider", "sku"),
    "currencies": ("currency_code",),
    "billing_lags": ("provider",),
    "commitment_programs": ("program", "service_category"),
    "effort_levels": ("effort",),
    "migration_equivalents": ("provider", "meter_kind", "sku_pattern"),
    "regions": ("provider_region_key",),
}


@pytest.mark.parametrize("seed", KEYS)
def test_a_shipped_table_has_one_row_per_key(seed: str) -> None:
    with (SEEDS / f"{seed}.csv").open(newline="", encoding="utf-8") as lines:
        keys = Counter(tuple(row[column] for column in KEYS[seed]) for row in csv.DictReader(lines))
    assert keys
    assert [key for key, count in keys.items() if count > 1] == []
