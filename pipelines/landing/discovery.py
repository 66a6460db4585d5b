"""Which files make up the newest complete version of each billing period of a source.

The manifest decides where there is one (`manifests`); strays, older runs and half-written files never take part.
Without a manifest, the newest file per period does (`undeclared`).
"""

from __future__ import annotations

import re
import time
from pathlib import PurePosixPath

from pipelines.errors import BadExportError, ExportError, ExportNotReadyError
from pipelines.landing.export_paths import path_period
from pipelines.landing.found import Found, Part, PeriodsOf
from pipelines.landing.manifests import Version, listed_file, read_manifests
from pipelines.landing.reading import file_kind
from pipelines.landing.stores import SourceFile, Store, TableStore
from pipelines.landing.undeclared import undeclared_deliveries

# An export takes hours at most (Azure: four); files without a manifest that are older than this are finished.
_SETTLED_SECONDS = 24 * 3600


def find_deliveries(
    source_format: str, stores: dict[str, Store | TableStore], periods_of: PeriodsOf, name: str
) -> list[Found]:
    """The newest version per billing period over the stores of one source, sorted by period."""
    per_role: dict[str, dict[str, Found]] = {}
    for role, store in stores.items():
        for dataset, found in _find_in_store(source_format, role, store, periods_of).items():
            per_role.setdefault(dataset, {}).update(found)
    if not any(per_role.values()):
        where = ", ".join(store.uri for store in stores.values())
        raise ExportError(
            name, f"no export found below {where}", fix="Check uri in finops.toml, and that the export has run"
        )
    periods = sorted({period for found in per_role.values() for period in found})
    return [_joined(period, per_role, set(stores) - {""}, name) for period in periods]


def _joined(period: str, per_role: dict[str, dict[str, Found]], expected: set[str], name: str) -> Found:
    """One delivery out of the parts of each dataset (Azure's actual and amortised exports belong together)."""
    missing = sorted(role for role in expected if period not in per_role.get(role, {}))
    there = [found[period] for found in per_role.values() if period in found]
    problem = next((found.problem for found in there if found.problem), None)
    if missing and not problem:
        problem = ExportNotReadyError(
            f"{name} {period}",
            f"the {' and '.join(missing)} export has no such month, the other one has",
            "Nothing of that month was read",
            "Run the missing export for that month, then `finops land`",
        )
    parts = tuple(part for found in there for part in found.parts)
    return Found(period, parts, next((found.manifest for found in there if found.manifest), None), problem)


def _find_in_store(
    source_format: str, role: str, store: Store | TableStore, periods_of: PeriodsOf
) -> dict[str, dict[str, Found]]:
    """Found deliveries by dataset, then period."""
    if isinstance(store, TableStore):
        months = store.months(source_format)
        return {
            role: {m.period: Found(m.period, (Part(store, role, (m.file,), {m.file.key: m.rows}),)) for m in months}
        }
    listing = store.list()
    declared, bad_manifests = read_manifests(source_format, store, listing)
    versions = [version for version in declared if not role or version.dataset in ("", role)]
    unreadable = {period: Found(period, (), key, problem) for period, (key, problem) in bad_manifests.items()}
    if versions or unreadable:
        found = _from_manifests(versions, role, store, listing)
        for period, bad in unreadable.items():
            above = [v for v in versions if v.period == period and _depth(v.manifest) < _depth(bad.manifest)]
            for dataset in [] if above else found or {role: {}}:
                found.setdefault(dataset, {})[period] = bad
        return _with_months_of_no_manifest(found, source_format, role, store, listing, periods_of)
    return undeclared_deliveries(source_format, role, store, listing, periods_of)


def _from_manifests(
    versions: list[Version], role: str, store: Store, listing: list[SourceFile]
) -> dict[str, dict[str, Found]]:
    newest: dict[tuple[str, str], Version] = {}
    for version in sorted(versions, key=lambda v: v.order):
        dataset = role or version.dataset
        key = (dataset, version.period)
        other = newest.get(key)
        if other and other.export != version.export:
            raise ExportError(
                store.uri,
                f"holds two exports of {version.period}: {other.export} and {version.export}",
                "Neither was read, since together they would count the month twice",
                "Give each export a source (and uri) of its own",
            )
        newest[key] = version
    result: dict[str, dict[str, Found]] = {}
    for (dataset, period), version in newest.items():
        result.setdefault(dataset, {})[period] = _resolve(version, dataset, store, listing)
    return result


def _depth(key: str | None) -> int:
    return len(PurePosixPath(key or "").parts)


def _with_months_of_no_manifest(
    found: dict[str, dict[str, Found]],
    source_format: str,
    role: str,
    store: Store,
    listing: list[SourceFile],
    periods_of: PeriodsOf,
) -> dict[str, dict[str, Found]]:
    """Month folders with data but without any manifest, beside months that have one.

    Finished long ago, they are exports from before manifests and are read as such. Fresh ones wait for theirs.
    """
    declared = {period for months in found.values() for period in months}
    per_period: dict[str, list[SourceFile]] = {}
    for file in listing:
        period = path_period(file.key)
        if period and period not in declared and file_kind(file.key) and file.size:
            per_period.setdefault(period, []).append(file)
    for period, files in per_period.items():
        if max(file.modified for file in files) < time.time() - _SETTLED_SECONDS:
            for dataset, months in undeclared_deliveries(source_format, role, store, files, periods_of).items():
                found.setdefault(dataset, {}).update({p: one for p, one in months.items() if p == period})
            continue
        problem = ExportNotReadyError(
            f"{store.uri}: {files[0].key}",
            f"the files of {period} have no manifest, those of other months have one",
            "Nothing of that month was read",
            "If it is still being written, run `finops land` again later; files without a manifest are read a day "
            "after their last change",
        )
        for dataset in found:
            found[dataset][period] = Found(period, (), None, problem)
    return found


def _resolve(version: Version, dataset: str, store: Store, listing: list[SourceFile]) -> Found:
    """Look the manifest's names up in the listing; a name that is not there means: not ready."""
    where = f"{store.uri}: {version.manifest}"
    if version.problem:
        return Found(version.period, (), version.manifest, version.problem)
    files, rows, absent = [], {}, []
    for name in version.names:
        if ".." in re.split(r"[/\\]", name) or not PurePosixPath(name).name:
            problem: ExportError = BadExportError(
                where,
                f"names a path that leaves the export's folder: {name}" if name else "names a file without a name",
                "It was not opened",
                "Find out who wrote this manifest, and mend or remove it",
            )
            return Found(version.period, (), version.manifest, problem)
        file = listed_file(name, listing, store.uri, version.manifest or "")
        size = version.sizes.get(name)
        if file is None or (size is not None and file.size < size):
            absent.append(name)
            continue
        if file in files:
            problem = BadExportError(
                where, f"names {name} twice", "The previous delivery stays", "Have the export run again"
            )
            return Found(version.period, (), version.manifest, problem)
        files.append(file)
        if name in version.rows:
            rows[file.key] = version.rows[name]
    if absent:
        problem = ExportNotReadyError(
            where,
            f"names {len(absent)} of {len(version.names)} files that are not there in full, the first is {absent[0]}",
            "The previous delivery of that month stays",
            "If the export is still being written, run `finops land` again later; else deliver the file again",
        )
        return Found(version.period, (), version.manifest, problem)
    return Found(version.period, (Part(store, dataset, tuple(files), rows),), version.manifest)
