"""Which files make up the newest complete version of each billing period of a source.

The manifest decides where there is one; strays, older runs and half-written files never take part. Without a
manifest, the newest file (or set of numbered parts in one folder) per period does, and the files themselves say which
periods they hold.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlparse

from pipelines.errors import BadExportError, ExportError, ExportNotReadyError
from pipelines.landing.reading import file_kind
from pipelines.landing.stores import SourceFile, Store, TableStore
from pipelines.settings import is_period

# An export takes hours at most (Azure: four); files without a manifest that are older than this are finished.
_SETTLED_SECONDS = 24 * 3600

# Given the files of one undeclared version, the billing periods (YYYY-MM) that their rows state, each with the first
# and last day (YYYY-MM-DD) that is charged in it; None where its rows have no days.
PeriodsOf = Callable[[Store, list[SourceFile]], dict[str, tuple[str, str] | None]]


@dataclass(frozen=True)
class Part:
    """Some files of a delivery, all of one dataset of one store."""

    store: Store | TableStore
    dataset: str  # "" | "actual" | "amortized"
    files: tuple[SourceFile, ...]
    rows: dict[str, int] = field(default_factory=dict)  # key -> rows, where the manifest says so
    period_filter: bool = False  # the files hold other periods too: take only this one's rows


@dataclass(frozen=True)
class Found:
    """The newest complete version of one billing period, or why there is none."""

    period: str
    parts: tuple[Part, ...]
    manifest: str | None = None
    problem: ExportError | None = None

    @property
    def files(self) -> list[SourceFile]:
        return [file for part in self.parts for file in part.files]


@dataclass(frozen=True)
class _Version:
    """One declared version: what its manifest (or, without one, its folder) lists."""

    export: str  # versions of different exports must never be taken for each other
    period: str
    order: tuple[str, ...]  # newest last
    manifest: str | None
    names: tuple[str, ...]
    dataset: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # bytes that a file must have, where the manifest says so
    problem: ExportError | None = None


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
    read_manifest = {
        "cur": _cur_version,
        "cur2": _data_export_version,
        "focus": _focus_version,
        "cost_details": _cost_details_version,
        "billing_export": _extract_version,
        "invoices": _no_version,
    }[source_format]
    versions: list[_Version] = []
    unreadable: dict[str, Found] = {}
    for file in listing:
        if not file.key.lower().endswith("manifest.json"):
            continue
        try:
            version = read_manifest(_json(store, file), file, listing)
            if version and not is_period(version.period):
                raise _bad_manifest(f"{store.uri}: {file.key}", f"states '{version.period}' as its month")
        except BadExportError as problem:
            period = _path_period(file.key)
            if period is None:
                raise
            unreadable[period] = Found(period, (), file.key, problem)
            continue
        if version and (not role or version.dataset in ("", role)):
            versions.append(version)
    if versions or unreadable:
        found = _from_manifests(versions, role, store, listing)
        for period, bad in unreadable.items():
            above = [v for v in versions if v.period == period and _depth(v.manifest) < _depth(bad.manifest)]
            for dataset in [] if above else found or {role: {}}:
                found.setdefault(dataset, {})[period] = bad
        return _with_months_of_no_manifest(found, source_format, role, store, listing, periods_of)
    return _undeclared(source_format, role, store, listing, periods_of)


def _undeclared(
    source_format: str, role: str, store: Store, listing: list[SourceFile], periods_of: PeriodsOf
) -> dict[str, dict[str, Found]]:
    """Files without a manifest, by dataset: Azure's legacy exports say by their path which of the two they are."""
    if source_format != "cost_details" or role:
        return {role: _without_manifest(source_format, role, store, listing, periods_of)}
    amortized = [file for file in listing if re.search(r"amorti[sz]ed", file.key, re.IGNORECASE)]
    split = {"actual": [file for file in listing if file not in amortized], "amortized": amortized}
    return {
        dataset: _without_manifest(source_format, dataset, store, files, periods_of)
        for dataset, files in split.items()
        if files
    }


def _from_manifests(
    versions: list[_Version], role: str, store: Store, listing: list[SourceFile]
) -> dict[str, dict[str, Found]]:
    newest: dict[tuple[str, str], _Version] = {}
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
        period = _path_period(file.key)
        if period and period not in declared and file_kind(file.key) and file.size:
            per_period.setdefault(period, []).append(file)
    for period, files in per_period.items():
        if max(file.modified for file in files) < time.time() - _SETTLED_SECONDS:
            for dataset, months in _undeclared(source_format, role, store, files, periods_of).items():
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


def _resolve(version: _Version, dataset: str, store: Store, listing: list[SourceFile]) -> Found:
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
        file = _lookup(name, listing, store.uri, version.manifest or "")
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


def _lookup(name: str, listing: Iterable[SourceFile], uri: str, manifest: str) -> SourceFile | None:
    """The listed file that a manifest means. Manifests count from the bucket or container, listings from the uri.

    The file must lie where the manifest says, seen from the manifest: a file of the same name elsewhere is a stray.
    """
    wanted = PurePosixPath(name.lstrip("/")).parts
    root = PurePosixPath(urlparse(uri).path.lstrip("/")).parts
    anchor = _export_folder(manifest)
    full_anchor = (*root, *anchor)
    in_place = bool(full_anchor) and wanted[: len(full_anchor)] == full_anchor
    for file in listing:
        parts = PurePosixPath(file.key).parts
        if parts[: len(anchor)] != anchor:
            continue
        if in_place:
            if (*root, *parts) == wanted:
                return file
            continue
        below = parts[len(anchor) :]
        if _common_tail(below, wanted) < min(len(below), len(wanted)):
            continue
        # A copy of the export in another place: the export's own folder has to fit too, unless it was renamed.
        rest = wanted[: len(wanted) - len(below)]
        if not rest or not full_anchor or rest[-1] == full_anchor[-1] or full_anchor[-1] not in wanted:
            return file
    return None


def _export_folder(manifest: str) -> tuple[str, ...]:
    """The folder below which a manifest's files lie: its own, without metadata/ and partition folders."""
    parts = PurePosixPath(manifest).parent.parts
    if "metadata" in parts:
        return parts[: len(parts) - 1 - parts[::-1].index("metadata")]
    while parts and "=" in parts[-1] and "year=" in "/".join(parts):
        parts = parts[:-1]
    return parts


def _common_tail(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _json(store: Store, file: SourceFile) -> dict[str, object]:
    try:
        content = json.loads(store.read(file).decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise _bad_manifest(f"{store.uri}: {file.key}", f"is not a readable manifest ({problem})") from None
    if not isinstance(content, dict):
        raise _bad_manifest(f"{store.uri}: {file.key}", "is not a manifest: it should be one JSON object")
    return content


def _bad_manifest(where: str, what: str) -> BadExportError:
    return BadExportError(
        where, what, "Nothing of that month was read", "Let the export write it again, then run `finops land`"
    )


# --- one reader per kind of manifest; each returns None for a manifest of some other dataset ---


def _cur_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> _Version | None:
    """Legacy CUR. The manifest in the period folder is the newest; those in assembly folders repeat older ones."""
    if "reportKeys" not in manifest:
        return _data_export_version(manifest, file, listing)
    period_start = str(_get(manifest, "billingPeriod", "start") or "")
    period = f"{period_start[:4]}-{period_start[4:6]}" if re.match(r"\d{6}", period_start) else _path_period(file.key)
    if not period:
        raise _bad_manifest(file.key, "states no billing period")
    assembly = str(manifest.get("assemblyId", ""))
    is_copy = bool(assembly) and PurePosixPath(file.key).parent.name == assembly
    export = str(manifest.get("reportName") or PurePosixPath(file.key).name.removesuffix("-Manifest.json"))
    order = ("0" if is_copy else "1", f"{file.modified:020.6f}", file.key)
    return _Version(export, period, order, file.key, _names(manifest["reportKeys"], file))


def _data_export_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> _Version | None:
    """CUR 2.0 and AWS FOCUS (BCM Data Exports): dataFiles are s3:// URIs, the period is in the key."""
    if "dataFiles" not in manifest:
        return None
    uris = _names(manifest["dataFiles"], file)
    period = _path_period(file.key) or next((p for uri in uris if (p := _path_period(uri))), None)
    if not period:
        raise _bad_manifest(file.key, "neither its path nor its files name a BILLING_PERIOD")
    names = tuple(unquote(urlparse(uri).path) for uri in uris)
    in_execution_folder = not re.search(r"billing_period=[0-9-]+$", str(PurePosixPath(file.key).parent), re.IGNORECASE)
    order = ("0" if in_execution_folder else "1", PurePosixPath(file.key).parent.name, f"{file.modified:020.6f}")
    export = str(manifest.get("exportArn") or PurePosixPath(file.key).name.removesuffix("-Manifest.json"))
    return _Version(export, period, order, file.key, names)


def _azure_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> _Version | None:
    kind = str(_get(manifest, "exportConfig", "type") or "")
    dataset = {"actualcost": "actual", "amortizedcost": "amortized", "usage": "actual"}.get(kind.lower())
    if "blobs" not in manifest or (kind and dataset is None and kind.lower() != "focuscost"):
        return None
    start = str(_get(manifest, "runInfo", "startDate") or "")
    period = _path_period(file.key) or start[:7]
    blobs = [blob for blob in _list(manifest["blobs"]) if isinstance(blob, dict)]
    if any("blobName" not in blob for blob in blobs):
        raise _bad_manifest(file.key, "lists a blob without a blobName")
    submitted = str(_get(manifest, "runInfo", "submittedTime") or "")
    export = f"{_get(manifest, 'exportConfig', 'exportName') or ''} {dataset or kind}".strip().lower()
    rows = {str(b["blobName"]): int(b["dataRowCount"]) for b in blobs if isinstance(b.get("dataRowCount"), int)}
    # byteCount of a compressed blob is not documented to be that of the file, so only plain ones are held to it.
    sizes = {
        str(b["blobName"]): int(b["byteCount"])
        for b in blobs
        if isinstance(b.get("byteCount"), int) and str(b["blobName"]).lower().endswith((".csv", ".parquet"))
    }
    names = tuple(str(blob["blobName"]) for blob in blobs)
    order = (submitted[:26], f"{file.modified:020.6f}", file.key)
    problem = None
    announced = manifest.get("blobCount") or (1 if manifest.get("dataRowCount") else 0)
    if isinstance(announced, int) and announced > len(blobs):
        problem = ExportNotReadyError(
            file.key,
            f"announces {announced} blobs and lists {len(blobs)}",
            "The previous delivery of that month stays",
            "If the export is still being written, run `finops land` again later; else let it run again",
        )
    return _Version(export, period, order, file.key, names, dataset or "", rows, sizes, problem)


def _cost_details_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> _Version | None:
    is_focus = str(_get(manifest, "exportConfig", "type") or "").lower() == "focuscost"
    return None if is_focus else _azure_version(manifest, file, listing)


def _focus_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> _Version | None:
    found = _data_export_version(manifest, file, listing) or _azure_version(manifest, file, listing)
    return found if found and not found.dataset else None


def _extract_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> _Version | None:
    """The manifest an extract of the BigQuery export writes after its shards: run id, files, rows."""
    names = [n.get("name") if isinstance(n, dict) else n for n in _list(manifest.get("files"))]
    period = _path_period(file.key) or str(manifest.get("invoice_month") or "")
    if not names or not period:
        return None
    period = period if "-" in period else f"{period[:4]}-{period[4:6]}"
    folder = PurePosixPath(file.key).parent
    near = tuple(str(folder / str(name)) if "/" not in str(name) else str(name) for name in names)
    order = (folder.name, f"{file.modified:020.6f}")
    return _Version(str(manifest.get("table") or ""), period, order, file.key, near)


def _no_version(_manifest: dict[str, object], _file: SourceFile, _listing: list[SourceFile]) -> _Version | None:
    """Nobody writes manifests of invoices."""
    return None


def _get(manifest: dict[str, object], *path: str) -> object:
    value: object = manifest
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _names(value: object, file: SourceFile) -> tuple[str, ...]:
    """The data files that an AWS manifest lists; AWS delivers no empty ones, so none means damage."""
    names = _list(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise _bad_manifest(file.key, "lists no data files" if not names else "lists a data file without a name")
    return tuple(str(name) for name in names)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


# --- exports without a manifest ---


def _without_manifest(
    source_format: str, role: str, store: Store, listing: list[SourceFile], periods_of: PeriodsOf
) -> dict[str, Found]:
    versions = _undeclared_versions(source_format, listing)
    if source_format == "billing_export":
        return _slices(role, store, versions, periods_of)
    if source_format == "invoices":
        return _all_together(role, store, versions, periods_of)
    found: dict[str, Found] = {}
    spans: dict[str, list[tuple[str, str, str]]] = {}  # per period, first and last day and a file of each version
    for files in versions:
        labels = {label for label in (_path_period(file.key) for file in files) if label}
        held: dict[str, list[SourceFile]] = {}
        days: dict[str, list[str]] = {}
        several = False
        try:
            for file in files:
                periods = periods_of(store, [file])
                several = several or len(periods) > 1
                for period, span in periods.items():
                    held.setdefault(period, []).append(file)
                    days.setdefault(period, []).extend(span or ())
        except BadExportError as problem:
            if len(labels) != 1:
                raise
            (label,) = labels
            found[label] = Found(label, (), None, problem)
            continue
        for period in held or labels:
            own = tuple(held.get(period, files))
            fault = None
            if days.get(period):
                whole = (min(days[period]), max(days[period]), own[0].key)
                fault = _increment_of(spans.get(period, []), whole, f"{store.uri} {period}")
                spans.setdefault(period, []).append(whole)
            found[period] = Found(period, (Part(store, role, own, period_filter=several),), problem=fault)
    return found


def _increment_of(older: list[tuple[str, str, str]], newest: tuple[str, str, str], where: str) -> BadExportError | None:
    """Why the newest version of a month may not replace it: it begins and ends with other days than an older one.

    A version that replaces a month begins with the month's first charges, as every earlier one does; files that begin
    later and end later are increments, of which the newest alone would lose the others' rows.
    """
    first, last, key = newest
    for other_first, other_last, other in older:
        if (first > other_first and last > other_last) or (first < other_first and last < other_last):
            return BadExportError(
                where,
                f"{other} holds {other_first} to {other_last}, and the newer {key} holds {first} to {last}: "
                "these are increments, and the newest file alone would lose rows",
                "Nothing of that month was read; its previous delivery stays",
                "Deliver the whole month in each file, or its increments as numbered parts of one folder (part-0, "
                "part-1, …) or with a manifest; or remove the file that is not of this export",
            )
    return None


def _undeclared_versions(source_format: str, listing: list[SourceFile]) -> list[list[SourceFile]]:
    """The files that stand for one version each (numbered parts of a folder together), newest last.

    Objects without a byte, left behind where an export shrank, do not count beside others.
    """
    groups: dict[tuple[str, str], list[SourceFile]] = {}
    charges = [f for f in listing if file_kind(f.key) and "cost_and_usage_data_status" not in f.key]
    for file in charges:
        folder = str(PurePosixPath(file.key).parent)
        groups.setdefault((folder, _stem(file.key)), []).append(file)
    for (folder, stem), files in _numbered(groups, source_format).items():
        for file in files:
            del groups[(folder, _stem(file.key))]
        groups[(folder, f"{stem}*")] = files
    filled = [[file for file in files if file.size] or files for files in groups.values() if files]
    # Newest last, so that it overwrites: by the run that the path names, then by time; the key decides between equals.
    return sorted(filled, key=lambda files: (_run_stamp(files[0].key), max(f.modified for f in files), files[0].key))


def _numbered(
    groups: dict[tuple[str, str], list[SourceFile]], source_format: str
) -> dict[tuple[str, str], list[SourceFile]]:
    """Files of one folder whose names differ by a number only, from 0 or 1 on without a gap: mycur-1, mycur-2 …

    AWS numbers the parts of a report so, and tools write part-0 and data_1. Any other pair of numbered files is taken
    for two versions: to leave one out shows in the totals, to add a version twice might not.
    """
    name = r"(.*[-_])" if source_format in ("cur", "cur2") else r"((?:.*[-_])?(?:part|data|chunk|shard)[-_])"
    series: dict[tuple[str, str], dict[int, SourceFile]] = {}
    for (folder, stem), files in groups.items():
        match = re.fullmatch(rf"{name}(\d{{1,4}})", stem, re.IGNORECASE)
        if match and len(files) == 1:
            series.setdefault((folder, match.group(1)), {})[int(match.group(2))] = files[0]
    return {
        key: [numbers[number] for number in sorted(numbers)]
        for key, numbers in series.items()
        if len(numbers) > 1
        and sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers)))
        and min(numbers) in (0, 1)
    }


def _run_stamp(key: str) -> str:
    """When the run of an export folder was made, as far as the path says so: 202610050307, run=20261123T0300Z …"""
    match = re.search(r"/(?:run=)?(20\d\d-?[01]\d-?[0-3]\dT?[0-2]\d:?[0-5]\d[\d:.]*)Z?[^/]*/", f"/{key}")
    return re.sub(r"\D", "", match.group(1)) if match else ""


def _slices(role: str, store: Store, versions: list[list[SourceFile]], periods_of: PeriodsOf) -> dict[str, Found]:
    """GCP extracts: an invoice month's rows may lie in several slices (usage crosses the month's edge).

    The newest extract of each labelled slice counts; a month is made of all the slices that hold rows of it.
    """
    newest: dict[str, list[SourceFile]] = {}
    for files in versions:
        label = _path_period(files[0].key) or str(PurePosixPath(files[0].key).parent)
        newest.pop(label, None)
        newest[label] = files
    found: dict[str, Found] = {}
    for files in newest.values():
        for period in periods_of(store, files):
            part = Part(store, role, tuple(files), period_filter=True)
            before = found[period].parts if period in found else ()
            found[period] = Found(period, (*before, part))
    return found


def _all_together(role: str, store: Store, versions: list[list[SourceFile]], periods_of: PeriodsOf) -> dict[str, Found]:
    """Invoices: a month is the rows of every file that has some; the gate refuses an invoice that is there twice."""
    parts: dict[str, list[SourceFile]] = {}
    for file in sorted((file for files in versions for file in files), key=lambda file: file.key):
        for period in periods_of(store, [file]):
            parts.setdefault(period, []).append(file)
    return {p: Found(p, (Part(store, role, tuple(files), period_filter=True),)) for p, files in parts.items()}


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def _stem(key: str) -> str:
    """Parts of one version share a stem: part_0_0001, export-00002, 000000000003, Spark's part-00001-<job>-c000 …"""
    name = PurePosixPath(key).name.split(".")[0]
    for pattern in (
        rf"^part-\d{{5}}-((?:tid-\d+-)?{_UUID})",  # Spark, Databricks: parts of one job share its id
        r"^(\d{8}_\d{6}_\d{5}_[a-z0-9]{5})_",  # Athena UNLOAD: parts of one query share its id
        r"^(data)_\d+_\d+_\d+$",  # Snowflake COPY INTO
        r"^(part)[_-]\d+[_-]\d+.*$",
        r"^(.*?)[-_]?0\d{11}$",
        r"^(.*?)[-_]\d{5}$",
    ):
        match = re.match(pattern, name, re.IGNORECASE)
        if match:
            return match.group(1)
    return name


def _path_period(key: str) -> str | None:
    """The billing period that a path states: a 20261001-20261101 folder, BILLING_PERIOD=2026-10, year=2026/month=9 …"""
    for pattern in (
        r"billing_period=(\d{4})-(\d{2})",
        r"invoice_month=(\d{4})-?(\d{2})",
        r"year=(\d{4})/month=(\d{1,2})(?=/)",
        r"(?:^|/)(\d{4})(\d{2})\d{2}-\d{8}(?=/)",
        r"(?:^|/)(\d{4})(\d{2})_[^/]*$",
    ):
        match = re.search(pattern, key, re.IGNORECASE)
        if match and 1 <= int(match.group(2)) <= 12:
            return f"{match.group(1)}-{int(match.group(2)):02d}"
    return None
