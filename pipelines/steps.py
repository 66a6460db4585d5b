"""Steps that live above `pipelines` (the gate, the audit), found by entry point so that imports keep pointing down."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from pipelines.errors import SettingsError


@cache
def find_step(name: str) -> Any:
    """The function registered under the entry-point group `finops.steps`."""
    found = [point for point in entry_points(group="finops.steps") if point.name == name]
    if not found:
        raise SettingsError("finops", f"the step '{name}' is not installed", fix="Run `make setup`")
    return found[0].load()
