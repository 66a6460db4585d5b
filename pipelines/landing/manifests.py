"""Manifests: the versions that an export declares, and the listed files that they name.

One reader per kind of manifest; each returns None for a manifest of some other dataset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlparse

from pipelines.errors import BadExportError, ExportError, ExportNotReadyError
from pipelines.landing.export_paths import path_period
from pipelines.landing.stores import SourceFile, Store
from pipelines.settings import is_period


@dataclass(frozen=True)
class Version:
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


def read_manifests(
    source_format: str, store: Store, listing: list[SourceFile]
) -> tuple[list[Version], dict[str, tuple[str, BadExportError]]]:
    """The versions that an export's manifests declare, and by period the manifest that is damaged and how.

    Raises BadExportError for a damaged one whose path names no period.
    """
    read = {
        "cur": _cur_version,
        "cur2": _data_export_version,
        "focus": _focus_version,
        "cost_details": _cost_details_version,
        "billing_export": _extract_version,
        "invoices": _no_version,
    }[source_format]
    versions: list[Version] = []
    damaged: dict[str, tuple[str, BadExportError]] = {}
    for file in listing:
        if not file.key.lower().endswith("manifest.json"):
            continue
        try:
            version = read(_json(store, file), file, listing)
            if version and not is_period(version.period):
                raise _bad_manifest(f"{store.uri}: {file.key}", f"states '{version.period}' as its month")
        except BadExportError as problem:
            period = path_period(file.key)
            if period is None:
                raise
            damaged[period] = (file.key, problem)
            continue
        if version:
            versions.append(version)
    return versions, damaged


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


def _cur_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> Version | None:
    """Legacy CUR. The manifest in the period folder is the newest; those in assembly folders repeat older ones."""
    if "reportKeys" not in manifest:
        return _data_export_version(manifest, file, listing)
    period_start = str(_get(manifest, "billingPeriod", "start") or "")
    period = f"{period_start[:4]}-{period_start[4:6]}" if re.match(r"\d{6}", period_start) else path_period(file.key)
    if not period:
        raise _bad_manifest(file.key, "states no billing period")
    assembly = str(manifest.get("assemblyId", ""))
    is_copy = bool(assembly) and PurePosixPath(file.key).parent.name == assembly
    export = str(manifest.get("reportName") or PurePosixPath(file.key).name.removesuffix("-Manifest.json"))
    order = ("0" if is_copy else "1", f"{file.modified:020.6f}", file.key)
    return Version(export, period, order, file.key, _names(manifest["reportKeys"], file))


def _data_export_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> Version | None:
    """CUR 2.0 and AWS FOCUS (BCM Data Exports): dataFiles are s3:// URIs, the period is in the key."""
    if "dataFiles" not in manifest:
        return None
    uris = _names(manifest["dataFiles"], file)
    period = path_period(file.key) or next((p for uri in uris if (p := path_period(uri))), None)
    if not period:
        raise _bad_manifest(file.key, "neither its path nor its files name a BILLING_PERIOD")
    names = tuple(unquote(urlparse(uri).path) for uri in uris)
    in_execution_folder = not re.search(r"billing_period=[0-9-]+$", str(PurePosixPath(file.key).parent), re.IGNORECASE)
    order = ("0" if in_execution_folder else "1", PurePosixPath(file.key).parent.name, f"{file.modified:020.6f}")
    export = str(manifest.get("exportArn") or PurePosixPath(file.key).name.removesuffix("-Manifest.json"))
    return Version(export, period, order, file.key, names)


def _azure_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> Version | None:
    kind = str(_get(manifest, "exportConfig", "type") or "")
    dataset = {"actualcost": "actual", "amortizedcost": "amortized", "usage": "actual"}.get(kind.lower())
    if "blobs" not in manifest or (kind and dataset is None and kind.lower() != "focuscost"):
        return None
    start = str(_get(manifest, "runInfo", "startDate") or "")
    period = path_period(file.key) or start[:7]
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
    return Version(export, period, order, file.key, names, dataset or "", rows, sizes, problem)


def _cost_details_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> Version | None:
    is_focus = str(_get(manifest, "exportConfig", "type") or "").lower() == "focuscost"
    return None if is_focus else _azure_version(manifest, file, listing)


def _focus_version(manifest: dict[str, object], file: SourceFile, listing: list[SourceFile]) -> Version | None:
    found = _data_export_version(manifest, file, listing) or _azure_version(manifest, file, listing)
    return found if found and not found.dataset else None


def _extract_version(manifest: dict[str, object], file: SourceFile, _: list[SourceFile]) -> Version | None:
    """The manifest an extract of the BigQuery export writes after its shards: run id, files, rows."""
    names = [n.get("name") if isinstance(n, dict) else n for n in _list(manifest.get("files"))]
    period = path_period(file.key) or str(manifest.get("invoice_month") or "")
    if not names or not period:
        return None
    period = period if "-" in period else f"{period[:4]}-{period[4:6]}"
    folder = PurePosixPath(file.key).parent
    near = tuple(str(folder / str(name)) if "/" not in str(name) else str(name) for name in names)
    order = (folder.name, f"{file.modified:020.6f}")
    return Version(str(manifest.get("table") or ""), period, order, file.key, near)


def _no_version(_manifest: dict[str, object], _file: SourceFile, _listing: list[SourceFile]) -> Version | None:
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


def listed_file(name: str, listing: Iterable[SourceFile], uri: str, manifest: str) -> SourceFile | None:
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
