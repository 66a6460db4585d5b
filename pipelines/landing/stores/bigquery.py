"""A billing export in BigQuery: every month of the table (or view) is one file, made of that month's rows.

What changed is known without reading the rows. A table whose metadata did not change is not asked at all; else one
query over three columns gives each month's rows, newest export and cost, and only the months where one of these differs
are read: by the Storage Read API, or page by page over REST where that is not to be had.

Credentials come from Google's own chain. BIGQUERY_EMULATOR_HOST (and BIGQUERY_STORAGE_EMULATOR_HOST, host:port) point
to a local server, which gets none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.errors import BadExportError, ExportError, SettingsError
from pipelines.landing.casts import connect
from pipelines.landing.stores import store as stores
from pipelines.landing.stores.store import SourceFile, TableMonth, changed, scratch_path, without_secrets

_PAGE_ROWS = 10_000  # of REST; BigQuery sends fewer where they are long
_QUERY_SECONDS = 900.0
_SORT_MEMORY = "1GB"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Shape:
    """Where an export keeps what tells its months apart."""

    month: str  # the billing period, SQL giving YYYYMM
    of_month: Callable[[str], str]  # SQL condition for YYYYMM
    exported: str  # a timestamp that grows with every append
    cost: str
    start: str


def _starts_in(month: str) -> str:
    first = date(int(month[:4]), int(month[4:]), 1)
    after = (first + timedelta(days=32)).replace(day=1)
    return f"BillingPeriodStart >= timestamp('{first}') and BillingPeriodStart < timestamp('{after}')"


_SHAPES = {
    "billing_export": _Shape(
        "invoice.month", lambda m: f"invoice.month = '{m}'", "export_time", "cost", "usage_start_time"
    ),
    "focus": _Shape(
        "format_timestamp('%Y%m', BillingPeriodStart)", _starts_in, "x_ExportTime", "BilledCost", "ChargePeriodStart"
    ),
}


@dataclass(frozen=True)
class _Month:
    """One billing period of the table as the query over it found it."""

    month: str  # YYYYMM
    rows: int
    newest: str  # ISO 8601, the last export_time; empty where the table has none
    cost: str
    first_day: str  # partitions that hold rows of the month; empty where there are none
    last_day: str

    @property
    def file(self) -> SourceFile:
        modified = datetime.fromisoformat(self.newest).timestamp() if self.newest else 0.0
        name = f"{self.month[:4]}-{self.month[4:]}.parquet"
        return SourceFile(name, 0, f"{self.rows} rows, newest {self.newest}, cost {self.cost}", modified)


class BigQueryTable:
    def __init__(self, uri: str, path: str, remembered: dict[str, Any]) -> None:
        self.uri = uri
        self.remembered = remembered
        self._months: dict[str, _Month] = {}
        parts = path.strip("/").split("/")
        if len(parts) != 3 or not all(re.fullmatch(r"[\w.:-]+", part) for part in parts):
            wildcard = "*" in path or "$" in path
            raise SettingsError(
                uri,
                "names more than one table" if wildcard else "is not bigquery://project/dataset/table",
                "Nothing was read, since the standard and the detailed export of one account hold the same costs"
                if wildcard
                else "Nothing was read",
                "Name one table or view; give each further table a source of its own",
            )
        self.project, self.dataset, self.table = parts

    @cached_property
    def client(self) -> Any:
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        host = os.environ.get("BIGQUERY_EMULATOR_HOST")
        if host:
            endpoint = host if "://" in host else f"http://{host}"
            options = {"api_endpoint": endpoint}
            return bigquery.Client(self.project, credentials=AnonymousCredentials(), client_options=options)
        credentials, own_project = google.auth.default(scopes=["https://www.googleapis.com/auth/bigquery"])
        return bigquery.Client(own_project or self.project, credentials=credentials)

    @cached_property
    def storage(self) -> Any:
        """The client of the Storage Read API; None beside an emulator that has none."""
        from google.cloud import bigquery_storage

        host = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST")
        if host:
            import grpc

            transport = bigquery_storage.BigQueryReadClient.get_transport_class("grpc")
            return bigquery_storage.BigQueryReadClient(transport=transport(channel=grpc.insecure_channel(host)))
        if os.environ.get("BIGQUERY_EMULATOR_HOST"):
            return None
        return bigquery_storage.BigQueryReadClient(credentials=self.client._credentials)

    @cached_property
    def described(self) -> Any:
        return self.client.get_table(
            f"{self.project}.{self.dataset}.{self.table}", retry=_patient(), timeout=stores.PATIENCE
        )

    @cached_property
    def _columns(self) -> set[str]:
        from google.cloud import bigquery

        schema = self.described.schema
        if self.described.table_type != "TABLE":  # a view keeps the schema of the day it was made; a dry run is free
            dry = bigquery.QueryJobConfig(dry_run=True)
            location = self.described.location
            schema = self.client.query(
                f"select * from {self._name}", dry, location=location, retry=_patient(), timeout=stores.PATIENCE
            ).schema
        names = set()
        for field in schema:
            names |= {field.name, *(f"{field.name}.{child.name}" for child in field.fields)}
        return names

    def months(self, source_format: str) -> list[TableMonth]:
        """The billing periods of the table, each as a file that `fetch` makes."""
        shape = _SHAPES.get(source_format)
        if shape is None:
            raise SettingsError(
                self.uri, f"'{source_format}' is not read from BigQuery", fix="Use format billing_export or focus"
            )
        self._shape = shape
        with _explained(self.uri):
            needed = [shape.cost, "BillingPeriodStart" if source_format == "focus" else shape.month]
            missing = [name for name in needed if name not in self._columns]
            if missing:
                raise BadExportError(
                    self.uri,
                    f"has no {' and no '.join(missing)}: it is not a '{source_format}' export",
                    "The previous deliveries stay",
                    "Check the table's name, or `format` of the source in finops.toml",
                )
            found = self._remembered_months(source_format) or self._profile()
        self._months = {month.file.key: month for month in found}
        return [TableMonth(f"{m.month[:4]}-{m.month[4:]}", m.file, m.rows) for m in found]

    def _remembered_months(self, source_format: str) -> list[_Month]:
        """What the last query found, when the table has certainly not changed since."""
        table = self.described
        version = f"{source_format}|{table.etag}|{table.modified}|{table.num_rows}|{table.num_bytes}"
        # A view's metadata says nothing of its rows, and rows still in the streaming buffer are not counted.
        self._version = version if table.table_type == "TABLE" and table.streaming_buffer is None else None
        known = self.remembered.get(self.uri, {})
        if self._version is None or known.get("version") != version:
            return []
        return [_Month(**month) for month in known["months"]]

    def _profile(self) -> list[_Month]:
        shape, partition = self._shape, self._partition()
        exported = shape.exported if shape.exported in self._columns else "cast(null as timestamp)"
        day = f"date({partition[0]})" if partition else "cast(null as date)"
        sql = (
            f"select {shape.month} as month, count(*) as row_count, max({exported}) as newest, "
            f"sum(cast({shape.cost} as bignumeric)) as cost, min({day}) as first_day, max({day}) as last_day "
            f"from {self._name} {f'where {_any_day(*partition)}' if partition else ''} group by 1 order by 1"
        )
        months = []
        for row in self._query(sql):
            if not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", str(row["month"])):
                raise BadExportError(
                    self.uri,
                    f"has {row['row_count']:,} rows whose billing period is {row['month'] or 'empty'}",
                    "Nothing of it was read",
                    "Every row needs its invoice month; mend the table or view",
                )
            newest = row["newest"].astimezone(UTC).isoformat() if row["newest"] else ""
            cost = format(Decimal(row["cost"] or 0).normalize(), "f")
            days = (str(row["first_day"] or ""), str(row["last_day"] or ""))
            months.append(_Month(row["month"], row["row_count"], newest, cost, *days))
        self.remembered.pop(self.uri, None)
        if self._version:
            self.remembered[self.uri] = {"version": self._version, "months": [asdict(month) for month in months]}
        return months

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        """That month's rows as Parquet in an order of their own, so the same rows always give the same bytes."""
        month = self._months[file.key]
        path = scratch_path(scratch, file)
        raw = path.with_suffix(".unsorted")
        with _explained(f"{self.uri}: {file.key}"):
            self._download(month, raw)
        con = connect(_SORT_MEMORY, 1, str(path.with_suffix(".spill")))
        con.execute(f"create view rows_of_month as from read_parquet('{str(raw).replace(chr(39), chr(39) * 2)}')")
        columns = {row[0] for row in con.execute("describe rows_of_month").fetchall()}
        exported = self._shape.exported if self._shape.exported in columns else "null::timestamptz"
        rows, newest = con.execute(f"select count(*), max({exported}) from rows_of_month").fetchone() or (0, None)
        if rows != month.rows or (month.newest and newest != datetime.fromisoformat(month.newest)):
            raise changed(self.uri, file)
        start = f"{self._shape.start}, " if self._shape.start in columns else ""
        con.execute(
            f"copy (select * from rows_of_month order by {start}hash(rows_of_month)) "
            f"to '{str(path).replace(chr(39), chr(39) * 2)}' (format parquet, compression zstd)"
        )
        raw.unlink()
        return path

    def _download(self, month: _Month, target: Path) -> None:
        """Write the month's rows to `target`; over REST when the Storage Read API fails, from the first row again."""
        from google.api_core.exceptions import GoogleAPIError

        if self.storage:
            try:
                return _write(self._streamed(month), target)
            except GoogleAPIError as problem:
                _log.warning("%s: read over REST, since the Storage Read API failed: %s", self.uri, _reason(problem))
        _write(self._paged(month).to_arrow_iterable(), target)

    def _streamed(self, month: _Month) -> Iterator[Any]:
        import pyarrow as pa
        from google.cloud.bigquery_storage import types

        if self.described.table_type != "TABLE":
            yield from self._paged(month).to_arrow_iterable(bqstorage_client=self.storage)
            return
        session = self.storage.create_read_session(
            parent=f"projects/{self.client.project}",
            read_session=types.ReadSession(
                table=f"projects/{self.project}/datasets/{self.dataset}/tables/{self.table}",
                data_format=types.DataFormat.ARROW,
                read_options=types.ReadSession.TableReadOptions(row_restriction=self._condition(month)),
            ),
            max_stream_count=1,
            retry=_patient_stream(),
            timeout=stores.PATIENCE,
        )
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for stream in session.streams:
            for answer in self.storage.read_rows(stream.name, retry=_patient_stream()):
                yield pa.ipc.read_record_batch(pa.py_buffer(answer.arrow_record_batch.serialized_record_batch), schema)

    def _paged(self, month: _Month) -> Any:
        return self._query(f"select * from {self._name} where {self._condition(month)}")

    def _condition(self, month: _Month) -> str:
        conditions = [self._shape.of_month(month.month)]
        if month.newest:  # what is appended from now on belongs to the next landing
            conditions.append(f"{self._shape.exported} <= timestamp('{month.newest}')")
        partition = self._partition()
        if partition and month.first_day:
            column, kind = partition
            after = date.fromisoformat(month.last_day) + timedelta(days=1)
            conditions.append(
                f"(({column} >= {kind}('{month.first_day}') and {column} < {kind}('{after}')) or {column} is null)"
            )
        return " and ".join(conditions)

    def _partition(self) -> tuple[str, str] | None:
        """The column that the table is partitioned by and its type; rows in the streaming buffer have none yet."""
        partitioning = self.described.time_partitioning
        if self.described.table_type != "TABLE" or partitioning is None:
            return None
        if not partitioning.field:
            return "_PARTITIONTIME", "timestamp"
        kinds = {field.name: field.field_type.lower() for field in self.described.schema}
        return partitioning.field, kinds[partitioning.field]

    @property
    def _name(self) -> str:
        return f"`{self.project}.{self.dataset}.{self.table}`"

    def _query(self, sql: str) -> Any:
        from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

        return self.client.query_and_wait(
            sql,
            location=self.described.location,
            page_size=_PAGE_ROWS,
            api_timeout=stores.PATIENCE,
            wait_timeout=_QUERY_SECONDS,
            retry=_patient(),
            job_retry=DEFAULT_JOB_RETRY.with_timeout(stores.PATIENCE),
        )


def _any_day(column: str, kind: str) -> str:
    """True for every row, in the words that a table demands which is only to be read by partition."""
    return f"({column} >= {kind}('1970-01-01') or {column} is null)"


def _patient() -> Any:
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(initial=0.25, maximum=10, multiplier=2).with_timeout(stores.PATIENCE)


def _patient_stream() -> Any:
    from google.api_core import exceptions, retry

    passing = (exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.ResourceExhausted)
    return retry.Retry(predicate=retry.if_exception_type(*passing), initial=0.25, maximum=10, timeout=stores.PATIENCE)


def _write(batches: Iterator[Any], target: Path) -> None:
    """Arrow batches as one Parquet file, one after the other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as open_files:
        writer = None
        for batch in batches:
            if writer is None:
                schema = pa.schema([pa.field(field.name, _readable(field.type)) for field in batch.schema])
                writer = open_files.enter_context(pq.ParquetWriter(target, schema, compression="lz4"))
            columns = [column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    if writer is None:
        raise ExportError(target.name, "no rows came")


def _readable(kind: Any) -> Any:
    """BIGNUMERIC has more digits than DuckDB's decimals: as text it keeps them all."""
    import pyarrow as pa

    if pa.types.is_decimal256(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_readable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _readable(field.type)) for field in kind])
    return kind


@contextlib.contextmanager
def _explained(where: str) -> Iterator[None]:
    """Google's errors as ours: what failed, and what to do about it."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as problem:
        cause = getattr(problem, "cause", None) or problem
        reasons = {error.get("reason") for error in getattr(cause, "errors", None) or [] if isinstance(error, dict)}
        fix = stores.LATER
        if isinstance(cause, exceptions.NotFound):
            fix = "Check project, dataset and table in finops.toml"
        elif reasons & {"rateLimitExceeded", "quotaExceeded"}:
            pass
        elif isinstance(cause, (GoogleAuthError, exceptions.Unauthorized, exceptions.Forbidden)):
            fix = (
                "Renew the credentials (`gcloud auth application-default login`) and check this machine's clock, or "
                "grant them roles/bigquery.dataViewer on the table and roles/bigquery.jobUser on the project"
            )
        elif isinstance(cause, exceptions.BadRequest):
            fix = "Check the table (or the view's own query) in the BigQuery console"
        raise ExportError(where, f"cannot be read: {_reason(cause)}", "The previous delivery stays", fix) from None


def _reason(problem: object) -> str:
    return without_secrets(getattr(problem, "message", None) or problem)
