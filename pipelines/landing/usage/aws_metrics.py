"""Hourly metrics of what an account and region has, from CloudWatch, 500 queries a call. No datapoint, no row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pipelines.settings import SignalSource

Row = dict[str, Any]
_QUERIES = 500  # per GetMetricData call
_HOUR = 3600
_PERIODS = {"disk": 300}  # CloudWatch has sums of disks alone: the busiest five minutes stand for an hour's peak
# CloudWatch: resource type → metric, namespace, name, dimension, statistics, what to divide averages by (seconds of a
# sum; 0.01 where one is 100 %).
_CLOUDWATCH: dict[str, tuple[tuple[str, str, str, str, tuple[str, ...], float], ...]] = {
    "vm": (
        ("cpu_pct", "AWS/EC2", "CPUUtilization", "InstanceId", ("Average", "Maximum"), 0),
        ("mem_used_pct", "CWAgent", "mem_used_percent", "InstanceId", ("Average", "Maximum"), 0),
        ("net_in_bytes_per_s", "AWS/EC2", "NetworkIn", "InstanceId", ("Sum",), 3600),
        ("net_out_bytes_per_s", "AWS/EC2", "NetworkOut", "InstanceId", ("Sum",), 3600),
        ("disk_read_iops", "AWS/EC2", "EBSReadOps", "InstanceId", ("Sum",), 3600),
        ("disk_write_iops", "AWS/EC2", "EBSWriteOps", "InstanceId", ("Sum",), 3600),
    ),
    "disk": (
        ("disk_read_iops", "AWS/EBS", "VolumeReadOps", "VolumeId", ("Sum",), 3600),
        ("disk_write_iops", "AWS/EBS", "VolumeWriteOps", "VolumeId", ("Sum",), 3600),
        ("disk_read_bytes_per_s", "AWS/EBS", "VolumeReadBytes", "VolumeId", ("Sum",), 3600),
        ("disk_write_bytes_per_s", "AWS/EBS", "VolumeWriteBytes", "VolumeId", ("Sum",), 3600),
    ),
    "db": (
        ("disk_read_iops", "AWS/RDS", "ReadIOPS", "DBInstanceIdentifier", ("Average", "Maximum"), 0),
        ("disk_write_iops", "AWS/RDS", "WriteIOPS", "DBInstanceIdentifier", ("Average", "Maximum"), 0),
        ("disk_read_bytes_per_s", "AWS/RDS", "ReadThroughput", "DBInstanceIdentifier", ("Average", "Maximum"), 0),
        ("disk_write_bytes_per_s", "AWS/RDS", "WriteThroughput", "DBInstanceIdentifier", ("Average", "Maximum"), 0),
        ("cpu_pct", "AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", ("Average", "Maximum"), 0),
        ("db_connections", "AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", ("Average", "Maximum"), 0),
    ),
    "nat": (("nat_bytes_out", "AWS/NATGateway", "BytesOutToDestination", "NatGatewayId", ("Sum",), 0),),
    "lb": (("requests", "AWS/ApplicationELB", "RequestCount", "LoadBalancer", ("Sum",), 0),),
    "cache": (
        ("cpu_pct", "AWS/ElastiCache", "CPUUtilization", "CacheClusterId", ("Average", "Maximum"), 0),
        (
            "mem_used_pct",
            "AWS/ElastiCache",
            "DatabaseMemoryUsagePercentage",
            "CacheClusterId",
            ("Average", "Maximum"),
            0,
        ),
        ("db_connections", "AWS/ElastiCache", "CurrConnections", "CacheClusterId", ("Average", "Maximum"), 0),
    ),
    "function": (
        ("fn_invocations", "AWS/Lambda", "Invocations", "FunctionName", ("Sum",), 0),
        ("fn_errors", "AWS/Lambda", "Errors", "FunctionName", ("Sum",), 0),
        (
            "fn_provisioned_pct",
            "AWS/Lambda",
            "ProvisionedConcurrencyUtilization",
            "FunctionName",
            ("Average", "Maximum"),
            0.01,
        ),
    ),
}


def metrics(client: Callable[[str], Any], found: list[Row], source: SignalSource, today: date) -> Iterator[Row]:
    """Hourly datapoints of the last full days. A metric without datapoints yields nothing."""
    asked = [
        (resource, spec, statistic)
        for resource in found
        for spec in _CLOUDWATCH.get(resource["resource_type"], ())
        for statistic in spec[4]
    ]
    end = datetime.combine(today, time(), UTC)
    values: dict[tuple[str, str, datetime], Row] = {}
    cloudwatch: Any = client("cloudwatch") if asked else None
    for start in range(0, len(asked), _QUERIES):
        part = asked[start : start + _QUERIES]
        queries = [
            {
                "Id": f"q{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": spec[1],
                        "MetricName": spec[2],
                        "Dimensions": [{"Name": spec[3], "Value": _dimension(resource)}],
                    },
                    "Period": _PERIODS.get(resource["resource_type"], _HOUR),
                    "Stat": statistic,
                },
            }
            for number, (resource, spec, statistic) in enumerate(part)
        ]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=end - timedelta(days=source.days), EndTime=end
        )
        for result in (result for page in pages for result in page["MetricDataResults"]):
            resource, spec, statistic = part[int(result["Id"][1:])]
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                hour = moment.astimezone(UTC).replace(tzinfo=None, minute=0)
                row = values.setdefault(
                    (resource["resource_id"], spec[0], hour),
                    {"source": source.name, "provider": "aws", "day": hour.date(), "hour": hour,
                     "resource_id": resource["resource_id"], "metric": spec[0]},
                )  # fmt: skip
                if statistic == "Sum":
                    period = _PERIODS.get(resource["resource_type"], _HOUR)
                    row["sum"] = row.get("sum", 0.0) + value
                    row["avg"] = row["sum"] / (spec[5] or 1)
                    if period < _HOUR:
                        row["max"] = max(row.get("max", 0.0), value / period)
                else:
                    row["avg" if statistic == "Average" else "max"] = value / (spec[5] or 1)
    yield from values.values()


def _dimension(resource: Row) -> str:
    if resource["resource_type"] == "lb":  # the end of the ARN: app/name/id
        return str(resource["resource_id"]).partition(":loadbalancer/")[2]
    if resource["resource_type"] in ("db", "cache", "function"):
        return str(resource["resource_name"])
    return str(resource["resource_id"]).rpartition("/")[2]  # NAT gateways: the id without its ARN
