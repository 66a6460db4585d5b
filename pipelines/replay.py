"""Deliveries that no build saw: landed and replaced between two builds, or known only to a warehouse that is gone.

Their daily totals are computed by the same models, in a small warehouse of their own under .scratch/replay, and put
beside them in landing_history. Readers, the ledger and the audit never see that warehouse, so a kill leaves nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.landing.contracts import CONTRACTS
from pipelines.landing.deliveries import Delivery, Partition
from pipelines.landing.history import Kept, chains, delivery_version, write_totals
from pipelines.settings import Workspace

DAILY_TOTALS = "int_deliveries__daily_totals"
_COMPARED = "int_deliveries__differences"
Pair = tuple[str, str, int, int]  # source, billing period, sequence before and after


class Comparisons:
    """What the warehouse already knows of the chains: compared pairs, and daily totals by delivery version."""

    def __init__(self, warehouse: Path) -> None:
        self.pairs: set[Pair] = set()
        self.models: dict[str, str] = {}  # delivery version -> version of the models that computed its totals
        if not warehouse.is_file():
            return
        with duckdb.connect(str(warehouse), read_only=True) as con:
            names = {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}
            if _COMPARED in names:
                self.pairs = set(
                    con.execute(
                        f"select distinct x_source, billing_period, from_sequence, to_sequence from {_COMPARED}"
                    ).fetchall()
                )
            if DAILY_TOTALS in names:
                self.models = dict(
                    con.execute(f"select distinct x_delivery_version, models_version from {DAILY_TOTALS}").fetchall()
                )

    def is_pending(self, before: Delivery, after: Delivery) -> bool:
        return (before.source, before.billing_period, before.sequence, after.sequence) not in self.pairs


def missed_deliveries(workspace: Workspace, models_version: str) -> list[list[Kept]]:
    """Rounds of previous deliveries whose totals a pending comparison needs; a round has one per source and month.

    Both sides of a comparison are computed by the same models: what changed in the models is no restatement.
    """
    known = Comparisons(workspace.warehouse)
    rounds: list[list[Kept]] = []
    for chain in chains(workspace).values():
        if not CONTRACTS[chain[-1].delivery.dataset].is_bill:
            continue
        pending = [
            pair for pair in zip(chain, chain[1:], strict=False) if known.is_pending(pair[0].delivery, pair[1].delivery)
        ]
        wanted = {kept.folder: kept for pair in pending for kept in pair if not kept.is_current and kept.delivery.rows}
        current = delivery_version(chain[-1].delivery) if chain[-1].is_current else None
        missed = [
            kept
            for kept in wanted.values()
            if kept.data
            and delivery_version(kept.delivery) != current
            and known.models.get(delivery_version(kept.delivery)) != models_version
            and _models_of(kept.totals) != models_version
        ]
        for number, kept in enumerate(missed):
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(kept)
    return rounds


def replay(
    workspace: Workspace, models_version: str, run_models: Callable[[Workspace], None], progress: Callable[[str], None]
) -> int:
    """Compute and keep the daily totals of every missed delivery; `run_models` builds them in a given workspace."""
    rounds = missed_deliveries(workspace, models_version)
    for number, deliveries in enumerate(rounds, start=1):
        progress(f"comparing {len(deliveries)} deliveries that no build has seen ({number} of {len(rounds)})")
        small = _staged(workspace, deliveries)
        run_models(small)
        for kept, totals in _totals(small, deliveries):
            write_totals(kept, totals)
        shutil.rmtree(small.root)
    return sum(len(deliveries) for deliveries in rounds)


def _staged(workspace: Workspace, deliveries: list[Kept]) -> Workspace:
    """A workspace whose landing holds these deliveries alone, linked from the history."""
    small = Workspace(workspace.scratch / "replay", workspace.settings)
    shutil.rmtree(small.root, ignore_errors=True)
    small.landing.mkdir(parents=True)
    for path in workspace.landing.iterdir():
        if path.name == "register":
            shutil.copytree(path, small.landing / path.name)
        elif path.name not in CONTRACTS:
            (small.landing / path.name).symlink_to(path)
    for kept in deliveries:
        delivery = kept.delivery
        place = Partition(small, delivery.dataset, delivery.source, delivery.billing_period)
        place.folder.mkdir(parents=True)
        assert kept.data is not None
        os.link(kept.data, place.data)
        place.describe(delivery)
    return small


def _totals(small: Workspace, deliveries: list[Kept]) -> Iterator[tuple[Kept, pa.Table]]:
    with duckdb.connect(str(small.warehouse), read_only=True) as con:
        for kept in deliveries:
            yield kept, daily_totals(con, kept.delivery)


def daily_totals(con: duckdb.DuckDBPyConnection, delivery: Delivery) -> pa.Table:
    """A delivery's daily totals as a warehouse holds them; no rows when it holds none."""
    return con.execute(
        f"select * from {DAILY_TOTALS} where x_delivery_version = ? order by all", [delivery_version(delivery)]
    ).to_arrow_table()


def _models_of(totals: Path | None) -> str | None:
    """The version of the models that computed kept totals."""
    if totals is None:
        return None
    versions = pq.read_table(totals, columns=["models_version"]).column(0).unique().to_pylist()
    return str(versions[0]) if versions else None
