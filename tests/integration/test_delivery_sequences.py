"""Whatever was delivered, in whatever order, however often, and whoever was killed: the marts of one clean landing.

Hypothesis draws the sequences. Each plays on a source of its own, so that one build proves all of them.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pipelines.build import build
from pipelines.landing import land
from pipelines.landing.history import chains
from pipelines.settings import Workspace
from tests.integration.delivery_sequences import (
    _PROCESSES,
    SEQUENCES,
    Export,
    Sequence,
    play,
    with_its_turn,
    write_version,
)

COUNT = 200
# These tell how the marts came to be; all others tell what they hold.
HISTORY = ("dim_deliveries", "fct_restatements", "fct_schema_changes", "fct_completeness", "rpt_close_readiness")


def drawn() -> list[Sequence]:
    """As many as asked for, drawn from a fixed seed."""
    found: list[Sequence] = []

    @settings(
        max_examples=COUNT,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(SEQUENCES)
    def draw(sequence: Sequence) -> None:
        found.append(with_its_turn(sequence, len(found)))

    draw()
    return found


def workspace_of(root: Path, exports: Path, names: list[str]) -> Workspace:
    blocks = [
        f'[[sources]]\nname = "{name}"\nprovider = "aws"\nformat = "cur"\nuri = {json.dumps(str(exports / name))}\n'
        for name in names
    ]
    root.mkdir(parents=True)
    (root / "finops.toml").write_text("\n".join(blocks))
    return Workspace.open(root)


def land_in(root: Path, names: list[str]) -> None:
    land(Workspace.open(root), names)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Iterator[tuple[Workspace, Workspace, dict[str, Export]]]:
    """The workspace on which everything happened, a clean one, and what the model says has landed."""
    folder = tmp_path_factory.mktemp("sequences")
    sequences = {f"s{number:03d}": sequence for number, sequence in enumerate(drawn())}
    twins = {f"{name}-twin": name for name, sequence in sequences.items() if sequence.has_twin}
    tried = workspace_of(folder / "tried" / "w", folder / "tried" / "exports", [*sequences, *twins])
    with ProcessPoolExecutor(2, mp_context=_PROCESSES) as pool:
        played = {name: pool.submit(play, tried.root, name, sequence) for name, sequence in sequences.items()}
        model = {name: future.result() for name, future in played.items()}
        for twin, name in twins.items():
            export = Export(folder / "tried" / "exports" / twin, overwrites=True)
            export.folder.mkdir(parents=True)
            for month, (parts, _) in model[name].landed.items():
                export.write(month, parts)
            export.seen()
            model[twin] = export
        delivered = {name: export for name, export in model.items() if export.landed}
        for name, export in delivered.items():
            for month, (parts, place) in export.landed.items():
                write_version(folder / "clean" / "exports" / name, month, place, parts)
        clean = workspace_of(folder / "clean" / "w", folder / "clean" / "exports", list(delivered))
        halves = [list(delivered)[::2], list(delivered)[1::2]]
        jobs = [pool.submit(land_in, clean.root, half) for half in halves]
        jobs.append(pool.submit(land_in, tried.root, [name for name in twins if name in delivered]))
        for job in jobs:
            job.result()
    build(tried)
    build(clean)
    yield tried, clean, delivered


def marts(opened: Workspace) -> dict[str, list[tuple]]:
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        names = [
            row[0]
            for row in con.execute(
                "select table_name from information_schema.tables where table_schema = 'main' "
                "and regexp_matches(table_name, '^(fct|dim|rpt)_|^focus_cost_and_usage$') order by 1"
            ).fetchall()
            if row[0] not in HISTORY
        ]
        rows = {name: con.execute(f"select * from {name} order by all").fetchall() for name in names}
        rows["fct_lineage"] = con.execute(
            "select x_source, billing_period, delivery_id, source_file, sha256, bytes, row_count, first_row, last_row "
            "from fct_lineage where is_current order by all"
        ).fetchall()
    return rows


def test_every_sequence_ends_in_the_marts_of_one_clean_load(worlds):
    """200 sequences: each mart of the workspace that went through them equals the clean one's, row by row."""
    tried, clean, delivered = worlds
    found, expected = marts(tried), marts(clean)
    assert len(drawn()) >= 200 and len(expected["focus_cost_and_usage"]) > 200
    assert sum(export.kills for export in delivered.values()) >= 30
    assert found.keys() == expected.keys()
    for name in expected:
        assert found[name] == expected[name], name


def test_every_sequence_leaves_exactly_what_the_model_says(worlds):
    """Source, month and number of charges, from the model alone; a twin of an account counts on its own."""
    tried, _, delivered = worlds
    assert not list(tried.scratch.glob("landing/*"))
    expected = {
        (name, month): sum(len(part) for part in parts)
        for name, export in delivered.items()
        for month, (parts, _) in export.landed.items()
    }
    current = {key: chain[-1].delivery.rows for key, chain in chains(tried).items()}
    assert current == expected
    with duckdb.connect(str(tried.warehouse), read_only=True) as con:
        cents = con.execute("select cast(sum(billed_cost) * 100 as bigint) from fct_daily_costs").fetchone()
    assert cents == (
        sum(
            charge[0]
            for export in delivered.values()
            for parts, _ in export.landed.values()
            for part in parts
            for charge in part
        ),
    )


def test_every_pair_of_deliveries_of_every_sequence_is_compared(worlds):
    """No build saw most of them; their differences add up from the first delivery to the ledger."""
    tried, _, _ = worlds
    with duckdb.connect(str(tried.warehouse), read_only=True) as con:
        assert con.execute(
            "select count(*) filter (not is_compared), count(is_compared) > 50 from dim_deliveries"
        ).fetchone() == (0, True)
