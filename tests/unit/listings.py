"""A store held in memory, and what discovery finds in it."""

import csv
import io
from pathlib import Path

from pipelines.landing.discovery import find_deliveries
from pipelines.landing.found import Found
from pipelines.landing.stores import SourceFile


class Listing:
    """A store held in memory: files in the order they were put, each a second younger than the one before."""

    uri = "memory"

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.entries: dict[str, SourceFile] = {}

    def put(self, key: str, content: str = "") -> "Listing":
        self.content[key] = content.encode()
        self.entries[key] = SourceFile(key, len(content), f"etag-{len(self.entries)}", float(len(self.entries)))
        return self

    def list(self) -> list[SourceFile]:
        return sorted(self.entries.values())

    def read(self, file: SourceFile) -> bytes:
        return self.content[file.key]

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        raise AssertionError(f"discovery opened {file.key}")


def stated_months(store: Listing, files: list[SourceFile]) -> dict[str, tuple[str, str] | None]:
    """The months in the first column of undeclared files, days in the second; stands in for reading the rows."""
    rows = [row for file in files for row in csv.reader(io.StringIO(store.content[file.key].decode())) if row]
    days = {month: sorted(row[1] for row in rows if row[0] == month and len(row[1]) == 10) for month, *_ in rows}
    return {month: (days[month][0], days[month][-1]) if days[month] else None for month in sorted(days)}


def find(source_format: str, store: Listing) -> list[Found]:
    return find_deliveries(source_format, {"": store}, stated_months, "main")


def taken(source_format: str, store: Listing) -> dict[str, list[str]]:
    """Period -> the keys that make it up; fails on a delivery with a problem."""
    found = find(source_format, store)
    assert [str(one.problem) for one in found if one.problem] == []
    return {one.period: sorted(file.key for file in one.files) for one in found}
