"""Which files make up the newest complete version of each billing period of a source.

The manifest decides where there is one; strays, older runs and half-written files never take part. Without a
manifest, the newest file (or set of numbered parts in one folder) per period does, and the files themselves say which
periods they hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlparse

from pipelines.errors import BadExportError, ExportError, ExportNotReadyError
from pipelines.landing.reading import file_kind
from pipelines.landing.stores import SourceFile, Store, TableStore

# Given the files of one undeclared version, the billing periods (YYYY-MM) that their rows state.
PeriodsOf = Callable[[Store, list[SourceFile]], list[str]]


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
    }[source_format]
    versions = []
    for file in listing:
        if file.key.lower().endswith("manifest.json"):
            version = read_manifest(_json(store, file), file, listing)
            if version:
                versions.append(version)
    if versions:
        return _from_manifests(versions, role, store, listing)
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


def _resolve(version: _Version, dataset: str, store: Store, listing: list[SourceFile]) -> Found:
    """Look the manifest's names up in the listing; a name that is not there means: not ready."""
    where = f"{store.uri}: {version.manifest}"
    files, rows, absent = [], {}, []
    for name in version.names:
        if ".." in PurePosixPath(name).parts:
            problem: ExportError = BadExportError(
                where,
                f"names a path that leaves the export's folder: {name}",
                "It was not opened",
                "Find out who wrote this manifest, and mend or remove it",
            )
            return Found(version.period, (), version.manifest, problem)
        file = _lookup(name, listing, version.manifest or "")
        if file is None:
            absent.append(name)
            continue
        files.append(file)
        if name in version.rows:
            rows[file.key] = version.rows[name]
    if absent:
        problem = ExportNotReadyError(
            where,
            f"names {len(absent)} of {len(version.names)} files that are not there, the first is {absent[0]}",
            "The previous delivery of that month stays",
            "If the export is still being written, run `finops land` again later; else deliver the file again",
        )
        return Found(version.period, (), version.manifest, problem)
    return Found(version.period, (Part(store, dataset, tuple(files), rows),), version.manifest)


def _lookup(name: str, listing: Iterable[SourceFile], manifest: str) -> SourceFile | None:
    """The listed file that a manifest means. Manifests count from the bucket or container, listings from the uri."""
    wanted = PurePosixPath(name.lstrip("/")).parts
    near = PurePosixPath(manifest).parent.parts
    best, best_score = None, (0, 0)
    for file in listing:
        parts = PurePosixPath(file.key).parts
        if parts[-1] != wanted[-1]:
            continue
        shared = _common_tail(parts, wanted)
        if shared == min(len(parts), len(wanted)):
            score = (shared, _common_head(parts, near))
            if score > best_score:
                best, best_score = file, score
    return best


def _common_tail(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _common_head(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return _common_tail(tuple(reversed(one)), tuple(reversed(other)))


def _json(store: Store, file: SourceFile) -> dict[str, object]:
    try:
        content = json.loads(store.read(file).decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise BadExportError(f"{store.uri}: {file.key}", f"is not a readable manifest ({problem})") from None
    if not isinstance(content, dict):
        raise BadExportError(f"{store.uri}: {file.key}", "is not a manifest: it should be one JSON object")
    return content


# --- one reader per kind of manifest; each returns None for a manifest of some other dataset ---


def _cur_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> _Version | None:
    """Legacy CUR. The manifest in the period folder is the newest; those in assembly folders repeat older ones."""
    if "reportKeys" not in manifest:
        return _data_export_version(manifest, file, listing)
    period_start = str(_get(manifest, "billingPeriod", "start") or "")
    period = f"{period_start[:4]}-{period_start[4:6]}" if re.match(r"\d{6}", period_start) else _path_period(file.key)
    if not period:
        raise BadExportError(file.key, "the manifest states no billing period")
    assembly = str(manifest.get("assemblyId", ""))
    is_copy = bool(assembly) and PurePosixPath(file.key).parent.name == assembly
    export = str(manifest.get("reportName") or PurePosixPath(file.key).name.removesuffix("-Manifest.json"))
    names = tuple(str(name) for name in _list(manifest.get("reportKeys")))
    return _Version(export, period, ("0" if is_copy else "1", f"{file.modified:020.6f}", file.key), file.key, names)


def _data_export_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> _Version | None:
    """CUR 2.0 and AWS FOCUS (BCM Data Exports): dataFiles are s3:// URIs, the period is in the key."""
    if "dataFiles" not in manifest:
        return None
    period = _path_period(file.key) or next(
        (p for name in _list(manifest["dataFiles"]) if (p := _path_period(str(name)))), None
    )
    if not period:
        raise BadExportError(file.key, "neither the manifest's path nor its files name a BILLING_PERIOD")
    names = tuple(unquote(urlparse(str(name)).path) for name in _list(manifest["dataFiles"]))
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
        raise BadExportError(file.key, "the manifest lists a blob without a blobName")
    submitted = str(_get(manifest, "runInfo", "submittedTime") or "")
    export = f"{_get(manifest, 'exportConfig', 'exportName') or ''} {dataset or kind}".strip().lower()
    rows = {str(b["blobName"]): int(b["dataRowCount"]) for b in blobs if isinstance(b.get("dataRowCount"), int)}
    names = tuple(str(blob["blobName"]) for blob in blobs)
    order = (submitted[:26], f"{file.modified:020.6f}", file.key)
    return _Version(export, period, order, file.key, names, dataset or "", rows)


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


def _get(manifest: dict[str, object], *path: str) -> object:
    value: object = manifest
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


# --- exports without a manifest ---


def _without_manifest(
    source_format: str, role: str, store: Store, listing: list[SourceFile], periods_of: PeriodsOf
) -> dict[str, Found]:
    groups: dict[tuple[str, str], list[SourceFile]] = {}
    for file in listing:
        if file_kind(file.key) and "cost_and_usage_data_status" not in file.key:
            groups.setdefault((str(PurePosixPath(file.key).parent), _stem(file.key)), []).append(file)
    # Newest last, so that it overwrites; the key decides between equals.
    versions = sorted(groups.values(), key=lambda files: (max(f.modified for f in files), files[0].key))
    if source_format == "billing_export":
        return _slices(role, store, versions, periods_of)
    found: dict[str, Found] = {}
    for files in versions:
        periods = periods_of(store, files)
        labels = [label for label in {_path_period(file.key) for file in files} if label]
        for period in periods or labels:
            found[period] = Found(period, (Part(store, role, tuple(files), period_filter=len(periods) > 1),))
    return found


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


def _stem(key: str) -> str:
    """Numbered parts of one version share a stem: part_0_0001, export-00002, 000000000003."""
    name = PurePosixPath(key).name.split(".")[0]
    return re.sub(r"^(part)[_-]\d+[_-]\d+.*$|^(.*?)[-_]?0\d{11}$|^(.*?)-\d{5}$", r"\1\2\3", name)


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
