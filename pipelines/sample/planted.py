"""Resources that the sample bills and measures because a rule must find them: fast disks, silent gateways, …

A plant is a few lines of the bill (pins of its source), a row of the inventory, its metrics, and what its rules end of
each line. Its neighbours without rules are there for the price of what comes instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.sample.fleet import Fleet, Pin
from pipelines.sample.meters import Meter

_VOLUME = ("AmazonEC2", "Amazon Elastic Compute Cloud", "Storage")
_DISK = "//compute.googleapis.com/projects/{account}/zones/{region}-b/disks/{}"
GP3, IO1, P30, E30, SSD, BALANCED = "0.0836", "0.138", "115.8525", "76.8", "0.187", "0.11"

# No account's profile uses them: only plants are billed by them.
# fmt: off
AWS = (
    Meter(*_VOLUME, "EBS:VolumeUsage.piops", "CreateVolume-P-IOPS", "GB-Mo", IO1, 1, "", "metered", "vol-0{}"),
    Meter("AmazonEC2", "Amazon Elastic Compute Cloud", "System Operation", "EBS:VolumeP-IOPS.piops",
          "CreateVolume-P-IOPS", "IOPS-Mo", "0.072", 1, "", "metered", "vol-0{}"),
    Meter("AmazonEC2", "Amazon Elastic Compute Cloud", "Data Transfer", "DataTransfer-Out-Bytes", "RunInstances", "GB",
          "0.09", 1, "", "metered", "i-0{}"),
    Meter("AmazonEC2", "Amazon Elastic Compute Cloud", "NAT Gateway", "NatGateway-Hours", "NatGateway", "Hrs", "0.048",
          1, "", "machine", "arn:aws:ec2:{region}:{account}:natgateway/nat-0{}"),
    Meter("AmazonVPC", "Amazon Virtual Private Cloud", "VpcPublicIPv4Address", "PublicIPv4:IdleAddress",
          "AllocateAddressVPC", "Hrs", "0.005", 1, "", "machine",
          "arn:aws:ec2:{region}:{account}:elastic-ip/eipalloc-0{}"),
)
AZURE = (
    Meter("Storage", "Standard SSD Managed Disks", "Standard SSD Managed Disks", "E30 LRS Disk", "Microsoft.Compute",
          "1/Month", E30, 1, "", "metered", "Microsoft.Compute/disks", "Storage"),
)
GCP = (
    Meter("Compute Engine", "B188-61DD-52E4", "byte-seconds", "SSD backed PD Capacity", "6F81-5844-456A",
          "gibibyte month", SSD, 1, "", "metered", _DISK),
)
# fmt: on


@dataclass(frozen=True)
class Plant:
    source: str
    account: str
    name: str
    lines: Mapping[str, float]  # meter → its share of the account's cost
    kind: str = ""  # resource type; empty for what no collector shows
    inventory: Mapping[str, Any] = field(default_factory=dict)
    levels: tuple[tuple[str, float, float], ...] = ()  # metric, average, how much higher its peaks are
    ends: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # rule → meter → share of its cost
    billed_days: int = 0  # that its rules want to see before they speak


def _load(iops: float, mibps: float) -> tuple[tuple[str, float, float], ...]:
    """Half of it reads, half of it writes."""
    return (
        ("disk_read_iops", iops / 2, 1.5), ("disk_write_iops", iops / 2, 1.5),
        ("disk_read_bytes_per_s", mibps * 2**19, 1.5), ("disk_write_bytes_per_s", mibps * 2**19, 1.5),
    )  # fmt: skip


def _dearer(price: str, instead: str) -> float:
    return 1 - float(instead) / float(price)


PLANTS = (
    # 8,000 IOPS are paid for, at most 1,400 used: gp3 has 3,000 in its price.
    Plant("aws-payer", "halden-shop-prod", "io1ledger00001",
          {"EBS:VolumeUsage.piops": 0.006, "EBS:VolumeP-IOPS.piops": 0.01}, "disk",
          {"storage_type": "io1", "size_gib": 500.0, "provisioned_iops": 8000.0}, _load(600, 20),
          {"aws_ebs_speed": {"EBS:VolumeUsage.piops": _dearer(IO1, GP3), "EBS:VolumeP-IOPS.piops": 1.0}}),
    Plant("aws-payer", "halden-shop-prod", "gp3neighbour01", {"EBS:VolumeUsage.gp3": 0.004}),
    Plant("aws-payer", "halden-shop-prod", "egress00000001", {"DataTransfer-Out-Bytes": 0.004}),
    # What the bill alone shows: hours without a byte, an address that it calls idle.
    Plant("aws-payer", "halden-shop-prod", "natsilent00001", {"NatGateway-Hours": 0.0015},
          ends={"aws_nat_silent": {"NatGateway-Hours": 1.0}}, billed_days=30),
    Plant("aws-payer", "halden-shop-dev", "eipidle0000001", {"PublicIPv4:IdleAddress": 0.001},
          ends={"aws_ip_idle_line": {"PublicIPv4:IdleAddress": 1.0}}),
    # Two fifths of it are old versions.
    Plant("aws-payer", "halden-data-prod", "versioned-lake-01", {"TimedStorage-ByteHrs": 0.006}, "bucket", {},
          (("bucket_bytes", 5e13, 1.0), ("bucket_noncurrent_bytes", 2e13, 1.0)),
          {"aws_s3_noncurrent": {"TimedStorage-ByteHrs": 0.4}}),
    Plant("azure-ea", "identity-security", "circuit-unused-01", {"Standard Metered Data 1 Gbps Circuit": 0.05},
          "circuit", {"attached_count": 0},
          ends={"azure_circuit_unprovisioned": {"Standard Metered Data 1 Gbps Circuit": 1.0}}),
    # A standard SSD of that size does 500 IOPS and 100 MiB/s.
    Plant("azure-ea", "erp-prod", "disk-archive-01", {"P30 LRS Disk": 0.01}, "disk", {"size_gib": 1024.0},
          _load(150, 12), {"azure_disk_speed": {"P30 LRS Disk": _dearer(P30, E30)}}),
    Plant("azure-ea", "erp-prod", "disk-neighbour-01", {"E30 LRS Disk": 0.004}),
    Plant("gcp-main", "Search Production", "ssd-replica-01", {"SSD backed PD Capacity": 0.012}, "disk",
          {"size_gib": 500.0}, _load(900, 30), {"gcp_disk_speed": {"SSD backed PD Capacity": _dearer(SSD, BALANCED)}}),
    Plant("gcp-main", "Search Production", "balanced-neighbour-01", {"Balanced PD Capacity": 0.004}),
)  # fmt: skip


def pins_of(source: str) -> tuple[Pin, ...]:
    return tuple(
        Pin(plant.account, meter, share, plant.name)
        for plant in PLANTS
        if plant.source == source
        for meter, share in plant.lines.items()
    )


def planted_in(fleet: Fleet, ids: list[str]) -> Iterator[tuple[Plant, str, str]]:
    """Each plant of a source that a rule must find, with its resource id and region; `ids` are of the fleet's rows."""
    plants = {plant.name: plant for plant in PLANTS if plant.source == fleet.estate.source and plant.ends}
    seen = set()
    for resource_id, row in zip(ids, fleet.table.iter_rows(named=True), strict=False):
        if row["name"] in plants and row["name"] not in seen:
            seen.add(row["name"])
            yield plants[row["name"]], resource_id, row["region"]
