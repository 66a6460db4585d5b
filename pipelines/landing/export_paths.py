"""What the paths of exported files say: their month, their run, and which files are parts of one version."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def shared_stem(key: str) -> str:
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


def path_period(key: str) -> str | None:
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


def run_stamp(key: str) -> str:
    """When the run of an export folder was made, as far as the path says so: 202610050307, run=20261123T0300Z …"""
    match = re.search(r"/(?:run=)?(20\d\d-?[01]\d-?[0-3]\dT?[0-2]\d:?[0-5]\d[\d:.]*)Z?[^/]*/", f"/{key}")
    return re.sub(r"\D", "", match.group(1)) if match else ""
