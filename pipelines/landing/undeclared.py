"""Exports without a manifest: the newest file (or set of numbered parts in one folder) per billing period counts.

The files themselves say which periods they hold.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pipelines.errors import BadExportError
from pipelines.landing.export_paths import path_period, run_stamp, shared_stem
from pipelines.landing.found import Found, Part, PeriodsOf
from pipelines.landing.reading import file_kind
from pipelines.landing.stores import SourceFile, Store


def undeclared_deliveries(
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
        labels = {label for label in (path_period(file.key) for file in files) if label}
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
        groups.setdefault((folder, shared_stem(file.key)), []).append(file)
    for (folder, stem), files in _numbered(groups, source_format).items():
        for file in files:
            del groups[(folder, shared_stem(file.key))]
        groups[(folder, f"{stem}*")] = files
    filled = [[file for file in files if file.size] or files for files in groups.values() if files]
    # Newest last, so that it overwrites: by the run that the path names, then by time; the key decides between equals.
    return sorted(filled, key=lambda files: (run_stamp(files[0].key), max(f.modified for f in files), files[0].key))


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


def _slices(role: str, store: Store, versions: list[list[SourceFile]], periods_of: PeriodsOf) -> dict[str, Found]:
    """GCP extracts: an invoice month's rows may lie in several slices (usage crosses the month's edge).

    The newest extract of each labelled slice counts; a month is made of all the slices that hold rows of it.
    """
    newest: dict[str, list[SourceFile]] = {}
    for files in versions:
        label = path_period(files[0].key) or str(PurePosixPath(files[0].key).parent)
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
