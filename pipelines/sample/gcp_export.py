"""Google Cloud detailed billing export, extracted from BigQuery: nested Parquet shards and the extractor's manifest."""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.sample.estate import BILLING_ACCOUNT_GCP, derived_id
from pipelines.sample.files import halves, write_json, write_parquet
from pipelines.sample.fleet import Fleet
from pipelines.sample.gcp_bill import CREDITS
from pipelines.sample.money import UNIT, to_double, total_text
from pipelines.sample.months import Month

TABLE = f"gcp_billing_export_resource_v1_{BILLING_ACCOUNT_GCP.replace('-', '_')}"
TEXT, STAMP, NUMERIC = pa.string(), pa.timestamp("us", "UTC"), pa.decimal128(38, 9)


def _record(*fields: str) -> pa.StructType:
    return pa.struct([(name, TEXT) for name in fields])


LABELS = pa.list_(_record("key", "value"))
TAGS = pa.list_(pa.struct([("key", TEXT), ("value", TEXT), ("inherited", pa.bool_()), ("namespace", TEXT)]))
CREDIT = pa.struct([("name", TEXT), ("amount", pa.float64()), ("full_name", TEXT), ("id", TEXT), ("type", TEXT)])
PROJECT = pa.struct(
    [("id", TEXT), ("number", TEXT), ("name", TEXT), ("labels", LABELS), ("ancestry_numbers", TEXT),
     ("ancestors", pa.list_(_record("resource_name", "display_name")))]
)  # fmt: skip
PRICE = pa.struct(
    [("effective_price", NUMERIC), ("tier_start_amount", NUMERIC), ("unit", TEXT), ("pricing_unit_quantity", NUMERIC),
     ("list_price", NUMERIC), ("effective_price_default", NUMERIC), ("list_price_consumption_model", NUMERIC)]
)  # fmt: skip
USAGE = pa.struct(
    [("amount", pa.float64()), ("unit", TEXT), ("amount_in_pricing_units", pa.float64()), ("pricing_unit", TEXT)]
)
PER_PRICING_UNIT = {"seconds": 3600, "byte-seconds": 2**30 * 3600, "bytes": 2**30, "requests": 1}


def write_run(root: Path, month: Month, table: pa.Table, total: int, when: datetime, shards: int) -> None:
    """Write one extract of an invoice month: its shards, then the manifest that says it is complete."""
    run = f"{when:%Y%m%dT%H%MZ}"
    folder = f"{TABLE}/invoice_month={month.compact}/run={run}"
    names = [f"{shard:012d}.parquet" for shard in range(shards)]
    for name, (offset, length) in zip(names, halves(table.num_rows, shards), strict=True):
        write_parquet(root / folder / name, table.slice(offset, length))
    exported = table.column("export_time").to_numpy().max().astype("datetime64[s]")
    manifest = {
        "run_id": run,
        "query": f"SELECT * FROM `halden-billing.export.{TABLE}` WHERE invoice.month = '{month.compact}'",
        "invoice_month": month.compact,
        "row_count": table.num_rows,
        "total_cost": total_text(total),
        "max_export_time": f"{exported}Z",
        "files": names,
    }
    write_json(root / folder / "_manifest.json", manifest)


def export_table(fleet: Fleet, month: Month, lines: pl.DataFrame) -> pa.Table:
    """The lines of an invoice month as rows of the detailed export."""
    rows = lines.height
    static = _series_text(fleet)[lines["series"].fill_null(len(fleet.price)).to_numpy()]
    text = lines.select(
        *(
            pl.coalesce(pl.col(name), static[name]).alias(name)
            for name in ("service", "service_id", "sku", "sku_id", "project")
        )
    )
    exported = np.minimum(lines["end"].to_numpy() + 9, month.end + 50)
    exported = np.where(lines["late"].to_numpy() == 1, month.start + 61, exported)
    return pa.table(
        {
            "billing_account_id": _same(BILLING_ACCOUNT_GCP, rows),
            "service": _struct(id=text["service_id"], description=text["service"]),
            "sku": _struct(id=text["sku_id"], description=text["sku"]),
            "usage_start_time": _time(lines["start"].to_numpy()),
            "usage_end_time": _time(lines["end"].to_numpy()),
            "project": _projects(fleet, text["project"]),
            "labels": _labels(fleet, lines),
            "system_labels": _empty(LABELS, rows),
            "location": _struct(
                location=static["region"], country=static["country"], region=static["region"], zone=static["zone"]
            ),
            "resource": _struct(name=static["name"], global_name=static["global_name"]),
            "tags": _empty(TAGS, rows),
            "price": _prices(static, lines),
            "transaction_type": pa.array(
                ["GOOGLE" if kind == "regular" else None for kind in lines["cost_type"]], TEXT
            ),
            "export_time": _time(exported),
            "cost": pa.array(to_double(lines["cost"].to_numpy())),
            "currency": _same("USD", rows),
            "currency_conversion_rate": pa.array(np.ones(rows)),
            "usage": _usages(static, lines),
            "credits": _credits(lines),
            "invoice": _struct(month=pl.Series([month.compact] * rows), publisher_type=pl.Series(["GOOGLE"] * rows)),
            "cost_type": _text(lines["cost_type"]),
            "adjustment_info": _struct(
                id=lines["adjustment"].replace_strict(
                    {name: derived_id("adjustment", name) for name in ("SLA credit", "Usage counted twice")},
                    default=None,
                    return_dtype=pl.String,
                ),
                description=lines["adjustment"], mode=lines["adjustment_mode"], type=lines["adjustment_type"],
            ),
            "cost_at_list": _double(lines["list_cost"]),
            "cost_at_effective_price_default": _numeric(lines["list_cost"]),
            "cost_at_list_consumption_model": _numeric(
                lines.select(pl.when(pl.col("series").is_not_null()).then("cost")).to_series()
            ),
            "consumption_model": _consumption(lines),
            "subscription": _struct(instance_id=lines["subscription"]),
            "seller_name": pa.nulls(rows, TEXT),
        }
    )  # fmt: skip


def _series_text(fleet: Fleet) -> pl.DataFrame:
    rows: list[dict[str, str | None]] = []
    for row in fleet.table.iter_rows(named=True):
        meter, account = fleet.estate.meters[row["meter"]], fleet.estate.accounts[row["account"]]
        country = "FI" if row["region"] == "europe-north1" else "NL"
        rows.append(
            {
                "service": meter.service, "service_id": meter.operation, "sku": meter.name, "sku_id": meter.product,
                "project": account.id, "region": row["region"], "country": country,
                "zone": f"{row['region']}-b" if meter.kind == "machine" else None,
                "name": row["name"] if row["resource"] else None, "global_name": row["resource"] or None,
                "unit": meter.family, "pricing_unit": meter.unit, "price": meter.price,
            }
        )  # fmt: skip
    return pl.DataFrame([*rows, dict.fromkeys(rows[0])], infer_schema_length=None)


def _text(values: pl.Series) -> pa.Array:
    return values.cast(pl.String).to_arrow().cast(TEXT)


def _same(text: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), rows)


def _struct(**columns: pl.Series) -> pa.StructArray:
    return pa.StructArray.from_arrays([_text(values) for values in columns.values()], list(columns))


def _time(hours: np.ndarray) -> pa.Array:
    return pa.array(hours * 3_600_000_000, pa.int64()).cast(STAMP)


def _empty(kind: pa.DataType, rows: int) -> pa.Array:
    return pa.array([[]], kind).take(pa.repeat(pa.scalar(0), rows))


def _double(values: pl.Series) -> pa.Array:
    return pa.array(to_double(values.fill_null(0).to_numpy()), mask=values.is_null().to_numpy())


def _numeric(values: pl.Series) -> pa.Array:
    """1e-10 units as BigQuery NUMERIC, which has nine decimals: the tenth is cut."""
    whole = pa.array(values.fill_null(0).to_numpy() // 10, mask=values.is_null().to_numpy())
    return pa.Array.from_buffers(NUMERIC, len(whole), _decimal_buffers(whole))


def _decimal_buffers(values: pa.Array) -> list[pa.Buffer | None]:
    low = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    words = np.empty((len(low), 2), dtype=np.int64)
    words[:, 0], words[:, 1] = low, low >> 63
    return [pa.array(np.asarray(values.is_valid())).buffers()[1], pa.py_buffer(words.tobytes())]


def _projects(fleet: Fleet, projects: pl.Series) -> pa.Array:
    accounts = fleet.estate.accounts
    known = [
        {
            "id": account.id, "number": str(700_000_000_000 + index * 7_777_777), "name": account.name,
            "labels": [{"key": "business-unit", "value": "marketplace"}] if index % 2 else [],
            "ancestry_numbers": "/433637338589/396521612401/",
            "ancestors": [{"resource_name": f"projects/{account.id}", "display_name": account.name},
                          {"resource_name": "organizations/433637338589", "display_name": "halden.example"}],
        }
        for index, account in enumerate(accounts)
    ]  # fmt: skip
    position = projects.replace_strict({account.id: index for index, account in enumerate(accounts)}, default=None)
    return pa.array(known, PROJECT).take(position.cast(pl.Int64).to_arrow())


def label(text: str) -> str:
    """A tag value as a GCP label may hold it: lower case, letters, digits, dash and underscore."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.strip().lower()).strip("-")[:63]


def _labels(fleet: Fleet, lines: pl.DataFrame) -> pa.Array:
    sets = [[{"key": label(key), "value": label(value)} for key, value in tags.items()] for tags in fleet.tags.sets]
    return pa.array(sets, LABELS).take(lines["tag"].to_arrow())


def _prices(static: pl.DataFrame, lines: pl.DataFrame) -> pa.Array:
    """Unit prices of usage rows; tax, fees and corrections have none."""
    rows = lines.height
    list_price = (static["price"].cast(pl.Decimal(38, 10)) * UNIT).cast(pl.Int64)
    has_price = lines["series"].is_not_null().to_numpy()
    none = pl.Series([None] * rows, dtype=pl.Int64)
    paid = pl.select(pl.when(pl.Series(has_price)).then(lines["price"])).to_series()
    one = pa.array(np.full(rows, 1_000_000_000), mask=~has_price)
    zero = pa.array(np.zeros(rows, dtype=np.int64), mask=~has_price)
    return pa.StructArray.from_arrays(
        [
            _numeric(paid),
            pa.Array.from_buffers(NUMERIC, rows, _decimal_buffers(zero)),
            _text(static["pricing_unit"]),
            pa.Array.from_buffers(NUMERIC, rows, _decimal_buffers(one)),
            _numeric(list_price if list_price.len() else none),
            _numeric(list_price if list_price.len() else none),
            _numeric(paid),
        ],
        fields=list(PRICE),
    )


def _usages(static: pl.DataFrame, lines: pl.DataFrame) -> pa.Array:
    scale = static["unit"].replace_strict(PER_PRICING_UNIT, default=1, return_dtype=pl.Int64).to_numpy()
    amount = lines["quantity"].fill_null(0).to_numpy() / 10_000
    missing = lines["quantity"].is_null().to_numpy()
    return pa.StructArray.from_arrays(
        [
            pa.array(amount * scale, mask=missing),
            _text(static["unit"]),
            pa.array(amount, mask=missing),
            _text(static["pricing_unit"]),
        ],
        fields=list(USAGE),
    )


def _credits(lines: pl.DataFrame) -> pa.Array:
    """The credits array of each row: none, one or two."""
    rows = lines.height
    first, second = lines["credit"].to_numpy(), lines["credit2"].to_numpy()
    amounts = np.stack([first, second], axis=1)
    kinds = np.stack(
        [np.asarray(lines["credit_kind"].to_list(), dtype=object), np.full(rows, "promotion", dtype=object)], 1
    )
    present = amounts != 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    found = pl.Series(kinds[present].tolist(), dtype=pl.String)
    names = found.replace_strict({kind: name for kind, (name, _) in CREDITS.items()}, return_dtype=pl.String)
    types = found.replace_strict({kind: type_ for kind, (_, type_) in CREDITS.items()}, return_dtype=pl.String)
    ids = found.replace_strict({kind: derived_id("credit", kind) for kind in CREDITS}, return_dtype=pl.String)
    values = pa.StructArray.from_arrays(
        [_text(names), pa.array(to_double(amounts[present])), _text(names), _text(ids), _text(types)],
        fields=list(CREDIT),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _consumption(lines: pl.DataFrame) -> pa.Array:
    model = lines["consumption_model"]
    described = pl.select(pl.when(model.is_not_null()).then(pl.lit("Cloud SQL 1 year commitment"))).to_series()
    return _struct(id=model, description=described)


def with_keys(fleet: Fleet, lines: pl.DataFrame) -> pl.DataFrame:
    """Add the project, the service description and the cost after credits of each line."""
    static = _series_text(fleet)[lines["series"].fill_null(len(fleet.price)).to_numpy()]
    return lines.with_columns(
        sub_account=pl.coalesce(pl.col("project"), static["project"]),
        service_name=pl.coalesce(pl.col("service"), static["service"]),
        net=pl.col("cost") + pl.col("credit") + pl.col("credit2"),
    )
