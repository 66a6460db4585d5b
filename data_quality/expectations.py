"""A thin door to Great Expectations: named checks over a few rows, failures as sentences."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from functools import cache
from threading import Thread
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


@dataclass(frozen=True)
class Check:
    column: str
    rule: str  # equals | at_most | matches
    limit: Any
    sentence: str  # {value} is the first value that broke the rule


@cache
def _batch_definition() -> Any:
    """One ephemeral context per process: building it costs seconds, reusing it milliseconds."""
    gc.disable()  # what an import makes stays: looking for garbage in it, again and again, was a seventh of its time
    try:
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
    finally:
        gc.enable()
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("finops").add_dataframe_asset("profile")
    return asset.add_batch_definition_whole_dataframe("whole")


@cache
def get_ready() -> Thread:
    """Load the library beside whatever the caller does next (DuckDB reading a file, say); `failures` waits for it."""
    loading = Thread(target=_batch_definition, name="great-expectations")
    loading.start()
    return loading


def failures(rows: list[dict[str, Any]], checks: list[Check]) -> list[str]:
    """The sentence of each check that `rows` (column -> value, at least one row) break, in the order of `checks`."""
    get_ready().join()
    import great_expectations as gx
    import pandas as pd

    batch = _batch_definition().get_batch(batch_parameters={"dataframe": pd.DataFrame(rows)})
    suite = gx.ExpectationSuite(name="checks", expectations=[_expectation(check) for check in checks])
    outcome = batch.validate(suite, result_format="COMPLETE")
    sentences = []
    for check, result in zip(checks, outcome.results, strict=True):
        if not result.success:
            unexpected = result.result.get("unexpected_list") or [result.exception_info]
            sentences.append(check.sentence.format(value=unexpected[0]))
    return sentences


def _expectation(check: Check) -> Any:
    import great_expectations.expectations as gxe

    if check.rule == "equals":
        return gxe.ExpectColumnValuesToBeInSet(column=check.column, value_set=[check.limit])
    if check.rule == "at_most":
        return gxe.ExpectColumnValuesToBeBetween(column=check.column, max_value=check.limit)
    if check.rule == "matches":
        return gxe.ExpectColumnValuesToMatchRegex(column=check.column, regex=check.limit)
    raise ValueError(f"unknown rule {check.rule}")
