"""What AWS shows of itself: inventory, metrics, commitments and recommendations, account by account, region by region.

Every place that was looked at is a row of `collection`; one that refuses, throttles or fails is a gap and stops nothing
else. Least privilege: ec2:Describe*, elasticloadbalancing:Describe*, rds:Describe*, elasticache:Describe*,
es:ListDomainNames, es:DescribeDomains, lambda:ListFunctions, s3:ListAllMyBuckets, s3:GetLifecycleConfiguration,
cloudwatch:GetMetricData, sts:AssumeRole, and what aws_contracts.py names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.landing.stores.store import without_secrets
from pipelines.landing.usage.aws_contracts import HOME, recommendations, reservations, savings_plans
from pipelines.landing.usage.aws_metrics import metrics
from pipelines.settings import SignalSource

Row = dict[str, Any]
_DENIED = (
    "AccessDenied", "UnauthorizedOperation", "OptInRequired", "AuthFailure", "UnrecognizedClient",
    "InvalidClientTokenId",
)  # fmt: skip
_BOOT_DEVICES = ("/dev/xvda", "/dev/sda1")  # what a machine starts from
_THROTTLED = ("Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown")


class AwsSession:
    """Clients of one source: of its own account, or of others through a role that may be assumed in each."""

    def __init__(self, source: SignalSource) -> None:
        self._source = source
        base = botocore.session.get_session()
        self._loader = base.get_component("data_loader")
        self._own = boto3.Session(botocore_session=base)
        self._sts: Any = None
        # Describe calls are throttled per account and region: slow down rather than fail.
        self.config = Config(retries={"mode": "adaptive", "max_attempts": 8}, connect_timeout=10, read_timeout=60)

    def of(self, account: str | None) -> boto3.Session:
        """A session in `account`; None is the account of the credentials themselves."""
        if account is None or self._source.role is None:
            return self._own
        region = self._source.regions[0] if self._source.regions else "us-east-1"
        if self._sts is None:
            self._sts = self._own.client("sts", config=self.config, region_name=region)
        role = self._source.role.replace("{account}", account)
        keys = self._sts.assume_role(RoleArn=role, RoleSessionName="finops-warehouse")["Credentials"]
        base = botocore.session.get_session()
        # What services can do is megabytes of JSON: read once, not once per account.
        base.register_component("data_loader", self._loader)
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], botocore_session=base)


def collect(aws: AwsSession, source: SignalSource, today: date) -> dict[str, list[Row]]:
    """Inventory and contracts of `today`, hourly metrics of the last `source.days` full days, and what was not seen."""
    names = ("inventory", "metrics", "commitments", "provider_recommendations", "collection")
    tables: dict[str, list[Row]] = {name: [] for name in names}
    for named in source.accounts or (None,):
        session, account, reason = _session(aws, named)
        if session is not None:
            place = {"source": source.name, "day": today, "provider": "aws", "account_id": account, "region": "*"}
            clients = _clients(session, HOME, aws.config)
            _contracts(tables, "commitments", place, savings_plans, clients)
            _contracts(tables, "provider_recommendations", place, recommendations, clients)
        for region in source.regions:
            place = {"source": source.name, "day": today, "provider": "aws", "account_id": account, "region": region}
            if session is None:
                tables["collection"].append(place | {"signal": "*", **reason})
                continue
            clients = _clients(session, region, aws.config)
            found: list[Row] = []
            for signal, look in _LOOKS.items():
                rows, outcome = _look(look, clients)
                found += [_as_billed(place | row) for row in rows]
                tables["collection"].append(place | {"signal": signal, "rows": len(rows), **outcome})
            tables["inventory"] += found
            _contracts(tables, "commitments", place, reservations, clients)
            measured, outcome = _look(metrics, clients, found, source, today)
            tables["metrics"] += measured
            tables["collection"].append(place | {"signal": "metrics", "rows": len(measured), **outcome})
    return tables


def _contracts(
    tables: dict[str, list[Row]], table: str, place: Row, look: Callable[..., Iterator[Row]], clients: Any
) -> None:
    rows, outcome = _look(look, clients)
    # A hub answers for its member accounts: a row's own account and region come before those that were asked.
    tables[table] += [place | row for row in rows]
    tables["collection"].append(place | {"signal": table, "rows": len(rows), **outcome})


def _session(aws: AwsSession, named: str | None) -> tuple[boto3.Session | None, str | None, Row]:
    try:
        session = aws.of(named)
        return session, named or session.client("sts", config=aws.config).get_caller_identity()["Account"], {}
    except (ClientError, BotoCoreError) as problem:
        return None, named, _outcome(problem)


def _as_billed(row: Row) -> Row:
    """The bill names machines, disks and addresses by their short id, NAT gateways and snapshots by their ARN."""
    kind = {"nat": "natgateway", "snapshot": "snapshot"}.get(row["resource_type"])
    if kind:
        row |= {"resource_id": f"arn:aws:ec2:{row['region']}:{row['account_id']}:{kind}/{row['resource_id']}"}
    if row["resource_type"] == "image":
        arn = f"arn:aws:ec2:{row['region']}:{row['account_id']}:snapshot/{row['source_resource_id']}"
        row |= {"source_resource_id": arn}
    return row


def _clients(session: boto3.Session, region: str, config: Config) -> Callable[[str], Any]:
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, region_name=region, config=config)  # type: ignore
        return made[service]

    return client


def _look(look: Callable[..., Iterator[Row]], *arguments: Any) -> tuple[list[Row], Row]:
    """Rows and how it went. Half a list is no list: after a failure nothing of the place counts as seen."""
    try:
        return list(look(*arguments)), {"status": "ok", "reason": None}
    except (ClientError, BotoCoreError) as problem:
        return [], _outcome(problem)


def _outcome(problem: ClientError | BotoCoreError) -> Row:
    code = problem.response["Error"].get("Code", "") if isinstance(problem, ClientError) else type(problem).__name__
    status = "failed"
    if code.startswith(_DENIED):
        status = "denied"
    elif code.startswith(_THROTTLED):
        status = "throttled"
    return {"status": status, "reason": without_secrets(problem), "rows": 0}


def _pages(client: Any, call: str, key: str, **arguments: Any) -> Iterator[Row]:
    for page in client.get_paginator(call).paginate(**arguments):
        yield from page[key]


def _tags(tags: list[dict[str, str]] | None) -> str | None:
    return json.dumps({tag["Key"]: tag["Value"] for tag in tags}, sort_keys=True) if tags else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


def _instances(client: Callable[[str], Any]) -> Iterator[Row]:
    for reservation in _pages(client("ec2"), "describe_instances", "Reservations"):
        for found in reservation["Instances"]:
            state = {"running": "running", "stopped": "stopped", "pending": "running", "stopping": "stopped"}.get(
                found["State"]["Name"]
            )
            if state is None:  # terminated and shutting down are gone
                continue
            tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
            yield {
                "resource_id": found["InstanceId"],
                "resource_name": tags.get("Name"),
                "resource_type": "vm",
                "native_type": "AWS::EC2::Instance",
                "state": state,
                "created_at": _utc(found.get("LaunchTime")),
                "sku": found["InstanceType"],
                "architecture": found.get("Architecture"),
                "os": "windows" if found.get("Platform") == "windows" else "linux",
                "purchase_option": "spot" if found.get("InstanceLifecycle") == "spot" else "on_demand",
                "tenancy": found.get("Placement", {}).get("Tenancy"),
                "managed_by": _manager(tags),
                "attached_to": tags.get("eks:nodegroup-name") or tags.get("eks:cluster-name"),
                "tags": json.dumps(tags, sort_keys=True) if tags else None,
            }


def _manager(tags: dict[str, str]) -> str | None:
    """A member of a group is resized with its group."""
    if any(key.startswith(("eks:", "kubernetes.io/cluster/")) for key in tags):
        return "eks"
    if any(key.startswith("aws:elasticmapreduce:") for key in tags):
        return "emr"
    return "autoscaling" if "aws:autoscaling:groupName" in tags else None


def _volumes(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("ec2"), "describe_volumes", "Volumes"):
        attached = [a["InstanceId"] for a in found.get("Attachments", []) if a.get("InstanceId")]
        yield {
            "resource_id": found["VolumeId"],
            "resource_type": "disk",
            "native_type": "AWS::EC2::Volume",
            "state": "available" if found["State"] == "available" else "in_use",
            "created_at": _utc(found.get("CreateTime")),
            "storage_type": found.get("VolumeType"),
            "size_gib": found.get("Size"),
            "provisioned_iops": found.get("Iops"),
            "provisioned_mibps": found.get("Throughput"),
            "attached_to": attached[0] if attached else None,
            "attached_count": len(attached),
            "managed_by": "operator" if found.get("Operator", {}).get("Managed") else None,
            "tags": _tags(found.get("Tags")),
            "raw": json.dumps({"is_boot": any(a.get("Device") in _BOOT_DEVICES for a in found.get("Attachments", []))}),
        }


def _snapshots(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("ec2"), "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        tags = {tag["Key"] for tag in found.get("Tags", [])}
        managed = "aws_backup" if "aws:backup:source-resource" in tags else None
        if "aws:dlm:lifecycle-policy-id" in tags:
            managed = "dlm"
        yield {
            "resource_id": found["SnapshotId"],
            "resource_type": "snapshot",
            "native_type": "AWS::EC2::Snapshot",
            "state": "available",
            "created_at": _utc(found.get("StartTime")),
            "size_gib": found.get("VolumeSize"),
            "storage_class": found.get("StorageTier"),
            "source_resource_id": found.get("VolumeId"),
            "managed_by": managed,
            "tags": _tags(found.get("Tags")),
        }


def _images(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("ec2"), "describe_images", "Images", Owners=["self"]):
        for device in found.get("BlockDeviceMappings", []):
            if device.get("Ebs", {}).get("SnapshotId"):
                yield {
                    "resource_id": f"{found['ImageId']}/{device['DeviceName']}",
                    "resource_name": found.get("Name"),
                    "resource_type": "image",
                    "native_type": "AWS::EC2::Image",
                    "state": "available",
                    "source_resource_id": device["Ebs"]["SnapshotId"],
                }


def _addresses(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in client("ec2").describe_addresses()["Addresses"]:
        yield {
            "resource_id": found.get("AllocationId") or found["PublicIp"],
            "resource_name": found["PublicIp"],
            "resource_type": "ip",
            "native_type": "AWS::EC2::EIP",
            "state": "in_use" if found.get("AssociationId") else "idle",
            "attached_to": found.get("InstanceId") or found.get("NetworkInterfaceId"),
            "attached_count": 1 if found.get("AssociationId") else 0,
            "managed_by": found.get("ServiceManaged"),
            "tags": _tags(found.get("Tags")),
        }


def _nat_gateways(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("ec2"), "describe_nat_gateways", "NatGateways"):
        if found["State"] in ("available", "pending"):
            yield {
                "resource_id": found["NatGatewayId"],
                "resource_type": "nat",
                "native_type": "AWS::EC2::NatGateway",
                "state": "active",
                "created_at": _utc(found.get("CreateTime")),
                "attached_to": found.get("VpcId"),
                "tags": _tags(found.get("Tags")),
            }


def _balancers(client: Callable[[str], Any]) -> Iterator[Row]:
    elb = client("elbv2")
    targets: dict[str, int] = {}
    for group in _pages(elb, "describe_target_groups", "TargetGroups"):
        health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        for arn in group.get("LoadBalancerArns", []):
            targets[arn] = targets.get(arn, 0) + len(health)
    for found in _pages(elb, "describe_load_balancers", "LoadBalancers"):
        yield {
            "resource_id": found["LoadBalancerArn"],
            "resource_name": found["LoadBalancerName"],
            "resource_type": "lb",
            "native_type": f"AWS::ElasticLoadBalancingV2::{found['Type']}",
            "state": "active",
            "created_at": _utc(found.get("CreatedTime")),
            "attached_count": targets.get(found["LoadBalancerArn"], 0),
        }


def _cluster_arn(found: Row) -> str:
    """As the bill writes it: with the id that never changes, not the name."""
    return f"{found['DBClusterArn'].rpartition(':')[0]}:{found['DbClusterResourceId']}"


def _clusters(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("rds"), "describe_db_clusters", "DBClusters"):
        yield {
            "resource_id": _cluster_arn(found),
            "resource_name": found["DBClusterIdentifier"],
            "resource_type": "db_cluster",
            "native_type": "AWS::RDS::DBCluster",
            "state": "available" if found.get("Status") == "available" else "stopped",
            "created_at": _utc(found.get("ClusterCreateTime")),
            "storage_type": found.get("StorageType"),
            "attached_count": len(found.get("DBClusterMembers", [])),
            "engine": found.get("Engine"),
            "engine_version": found.get("EngineVersion"),
            "tags": _tags(found.get("TagList")),
        }


def _databases(client: Callable[[str], Any]) -> Iterator[Row]:
    clusters = {
        found["DBClusterIdentifier"]: _cluster_arn(found)
        for found in _pages(client("rds"), "describe_db_clusters", "DBClusters")
    }
    for found in _pages(client("rds"), "describe_db_instances", "DBInstances"):
        yield {
            "resource_id": found["DBInstanceArn"],
            "resource_name": found["DBInstanceIdentifier"],
            "resource_type": "db",
            "native_type": "AWS::RDS::DBInstance",
            "state": "available" if found["DBInstanceStatus"] == "available" else "stopped",
            "created_at": _utc(found.get("InstanceCreateTime")),
            "sku": found["DBInstanceClass"],
            "storage_type": found.get("StorageType"),
            "size_gib": found.get("AllocatedStorage"),
            "provisioned_iops": found.get("Iops"),
            "engine": found.get("Engine"),
            "engine_version": found.get("EngineVersion"),
            "is_multi_az": found.get("MultiAZ"),
            "license_model": "included" if found.get("LicenseModel") == "license-included" else "byol",
            "replica_of": found.get("ReadReplicaSourceDBInstanceIdentifier"),
            "attached_to": clusters.get(found.get("DBClusterIdentifier", "")),
            "tags": _tags(found.get("TagList")),
        }


def _buckets(client: Callable[[str], Any]) -> Iterator[Row]:
    s3 = client("s3")
    for found in _pages(s3, "list_buckets", "Buckets", BucketRegion=s3.meta.region_name):
        try:
            has_lifecycle = bool(s3.get_bucket_lifecycle_configuration(Bucket=found["Name"])["Rules"])
        except ClientError as problem:
            if problem.response["Error"].get("Code") != "NoSuchLifecycleConfiguration":
                raise
            has_lifecycle = False
        yield {
            "resource_id": found["Name"],
            "resource_name": found["Name"],
            "resource_type": "bucket",
            "native_type": "AWS::S3::Bucket",
            "state": "active",
            "created_at": _utc(found.get("CreationDate")),
            "has_lifecycle": has_lifecycle,
        }


def _caches(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("elasticache"), "describe_cache_clusters", "CacheClusters"):
        yield {
            "resource_id": found["ARN"],
            "resource_name": found["CacheClusterId"],
            "resource_type": "cache",
            "native_type": "AWS::ElastiCache::CacheCluster",
            "state": "available" if found.get("CacheClusterStatus") == "available" else None,
            "created_at": _utc(found.get("CacheClusterCreateTime")),
            "sku": found.get("CacheNodeType"),
            "engine": found.get("Engine"),
            "engine_version": found.get("EngineVersion"),
        }


def _domains(client: Callable[[str], Any]) -> Iterator[Row]:
    search = client("opensearch")
    names = [found["DomainName"] for found in search.list_domain_names()["DomainNames"]]
    for start in range(0, len(names), 5):  # as many as one call describes
        for found in search.describe_domains(DomainNames=names[start : start + 5])["DomainStatusList"]:
            yield {
                "resource_id": found["ARN"],
                "resource_name": found["DomainName"],
                "resource_type": "search",
                "native_type": "AWS::OpenSearchService::Domain",
                "state": "active",
                "sku": found.get("ClusterConfig", {}).get("InstanceType"),
                "engine_version": found.get("EngineVersion"),
            }


def _functions(client: Callable[[str], Any]) -> Iterator[Row]:
    for found in _pages(client("lambda"), "list_functions", "Functions"):
        yield {
            "resource_id": found["FunctionArn"],
            "resource_name": found["FunctionName"],
            "resource_type": "function",
            "native_type": "AWS::Lambda::Function",
            "state": "active",
            "memory_mb": found.get("MemorySize"),
            "architecture": (found.get("Architectures") or [None])[0],
        }


_LOOKS: dict[str, Callable[[Callable[[str], Any]], Iterator[Row]]] = {
    "vm": _instances,
    "disk": _volumes,
    "snapshot": _snapshots,
    "image": _images,
    "ip": _addresses,
    "nat": _nat_gateways,
    "lb": _balancers,
    "db": _databases,
    "db_cluster": _clusters,
    "bucket": _buckets,
    "cache": _caches,
    "search": _domains,
    "function": _functions,
}
