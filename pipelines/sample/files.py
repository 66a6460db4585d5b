"""Writing export files so that the same content gives the same bytes."""

import gzip
import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="snappy")


def write_csv_gz(path: Path, frame: pl.DataFrame) -> int:
    """Write a gzipped CSV without a time stamp in it; return its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blank_is_empty = frame.select(pl.when(pl.col(name) != "").then(pl.col(name)) for name in frame.columns)
    content = gzip.compress(blank_is_empty.write_csv(quote_style="necessary").encode(), compresslevel=4, mtime=0)
    path.write_bytes(content)
    return len(content)


def write_json(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def halves(rows: int, parts: int) -> list[tuple[int, int]]:
    """Split rows into parts: (offset, length) of each."""
    bounds = [rows * part // parts for part in range(parts + 1)]
    return [(low, high - low) for low, high in itertools.pairwise(bounds)]
