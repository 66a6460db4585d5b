"""Signals: AWS by its API (moto), others by export files. What could not be looked at is a gap, never an absence."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import boto3
import duckdb
import moto.ec2
import polars as pl
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core.responses import EmptyResult
from moto.ec2.responses import EC2Response
from moto.rds.responses import RDSResponse

from pipelines.landing.usage.aws_api import AwsSession
from pipelines.landing.usage.land import land_usage
from pipelines.landing.usage.tables import register_usage, usage_days
from pipelines.settings import Settings, SignalSource, Workspace

REGIONS = ("eu-west-1", "us-east-1")
TODAY = date(2026, 10, 31)


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGIONS[0])
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # hundreds of images of nobody's
    # moto is asked even where Answering answers, and knows no reservations.
    monkeypatch.setattr(EC2Response, "describe_reserved_instances", lambda _: EmptyResult())
    monkeypatch.setattr(RDSResponse, "describe_reserved_db_instances", lambda _: EmptyResult(), raising=False)
    with mock_aws():
        yield


def workspace_with(tmp_path, **signals):
    source = SignalSource(name="acme", provider=signals.pop("provider", "aws"), **signals)
    return Workspace(tmp_path / "w", Settings(signals=(source,)))


def landed(workspace, sql):
    files = f"{workspace.landing}/usage"
    return duckdb.sql(sql.replace("$", files)).fetchall()


# What moto does not know is answered as AWS documents it. An account without any:
NOTHING = {
    "DescribeSavingsPlans": b'{"savingsPlans": []}',
    "ListRecommendations": b'{"items": []}',
    "DescribeReservedInstances": b"<R><reservedInstancesSet/></R>",
    "DescribeReservedDBInstances": b"<R><DescribeReservedDBInstancesResult><ReservedDBInstances/>"
    b"</DescribeReservedDBInstancesResult></R>",
}


class Answering(AwsSession):
    """Sessions whose requests an error may answer instead: `answer(request)` gives (status, code) or None."""

    def __init__(self, source, answer=lambda request: None, contracts=NOTHING):
        super().__init__(source)
        self.answer = answer
        self.contracts = NOTHING | contracts
        self._own.events.register_first("before-send", self._before_send)  # it assumes the roles
        # As patient as in production, but the test does not wait for it.
        self.config = self.config.merge(type(self.config)(retries={"mode": "standard", "max_attempts": 4}))

    def of(self, account):
        session = super().of(account)
        if session is not self._own:
            session.events.register_first("before-send", self._before_send)
        return session

    def _before_send(self, request, **_):
        found = self.answer(request)
        if found is None:
            asked = f"{request.url} {request.headers.get('X-Amz-Target')} {request.body}"
            body = next((body for name, body in self.contracts.items() if name in asked), None)
            return None if body is None else _response(request, 200, {}, body)
        status, code = found
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors>"
            f"<RequestID>1</RequestID></Response>"
        )
        if "hub" in request.url:
            body = json.dumps({"__type": code})
        if "//s3." in request.url:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return _response(request, status, {"x-amzn-errortype": code}, body.encode())


def _response(request, status, headers, body):
    response = AWSResponse(request.url, status, headers, None)
    response._content = body
    return response


def test_machines_disks_and_their_hours_land_as_aws_tells_them(aws, tmp_path):
    """One running machine at 3 %, one free disk of 100 GiB, one free address, one hour of one metric."""
    ec2 = boto3.client("ec2", REGIONS[0])
    [machine] = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, InstanceType="m6i.large")["Instances"]
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=100, VolumeType="gp3")["VolumeId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    hour = datetime(2026, 10, 30, 5, tzinfo=UTC)
    boto3.client("cloudwatch", REGIONS[0]).put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {"MetricName": "CPUUtilization", "Value": 3.0, "Timestamp": hour,
             "Dimensions": [{"Name": "InstanceId", "Value": machine["InstanceId"]}]}
        ],
    )  # fmt: skip
    workspace = workspace_with(tmp_path, regions=(REGIONS[0],))

    [result] = land_usage(workspace, today=TODAY, sessions=Answering)

    assert (result.outcome, result.gaps, result.error) == ("landed", 0, None)
    inventory = landed(
        workspace,
        "select resource_type, resource_id, account_id, state, attached_count, size_gib "
        "from read_parquet('$/inventory/source=acme/day=2026-10-31/data.parquet') "
        "where resource_id in ("
        + ", ".join(f"'{i}'" for i in (machine["InstanceId"], volume, address))
        + ") order by 1",
    )
    assert inventory == [
        ("disk", volume, "123456789012", "available", 0, 100.0),
        ("ip", address, "123456789012", "idle", 0, None),
        ("vm", machine["InstanceId"], "123456789012", "running", None, None),
    ]
    metrics = landed(workspace, "select * from read_parquet('$/metrics/source=acme/day=2026-10-30/data.parquet')")
    assert len(metrics) == 1 and metrics[0][3:8] == (
        machine["InstanceId"], "cpu_pct", hour.replace(tzinfo=None), 3.0, 3.0,
    )  # fmt: skip


def test_disks_have_peaks_of_five_minutes_and_buckets_their_lifecycle(aws, tmp_path):
    """600 reads in five minutes, 3,000 in the next: 1 a second in the hour, 10 at its peak; buckets have lifecycles."""
    volume = boto3.client("ec2", REGIONS[0]).create_volume(AvailabilityZone="eu-west-1a", Size=10)["VolumeId"]
    cloudwatch = boto3.client("cloudwatch", REGIONS[0])
    for minute, reads in ((0, 600.0), (5, 3000.0)):
        moment = datetime(2026, 10, 30, 5, minute, tzinfo=UTC)
        cloudwatch.put_metric_data(
            Namespace="AWS/EBS",
            MetricData=[
                {"MetricName": "VolumeReadOps", "Value": reads, "Timestamp": moment,
                 "Dimensions": [{"Name": "VolumeId", "Value": volume}]}
            ],
        )  # fmt: skip
    s3 = boto3.client("s3", REGIONS[0])
    for bucket in ("tidied", "untidied"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    s3.put_bucket_lifecycle_configuration(
        Bucket="tidied",
        LifecycleConfiguration={"Rules": [{"ID": "old", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 9}}]},
    )
    workspace = workspace_with(tmp_path, regions=(REGIONS[0],))

    [result] = land_usage(workspace, today=TODAY, sessions=Answering)

    assert (result.outcome, result.gaps) == ("landed", 0)
    assert landed(
        workspace,
        "select resource_id, metric, avg, max, sum "
        "from read_parquet('$/metrics/source=acme/day=2026-10-30/data.parquet')",
    ) == [(volume, "disk_read_iops", 1.0, 10.0, 3600.0)]
    assert landed(
        workspace,
        "select resource_id, has_lifecycle from read_parquet('$/inventory/source=acme/day=2026-10-31/data.parquet') "
        "where resource_type = 'bucket' order by 1",
    ) == [("tidied", True), ("untidied", False)]


def test_a_region_that_refuses_is_a_gap_and_the_other_lands(aws, tmp_path):
    """us-east-1 denies everything: its looks are `denied` with a reason; eu-west-1 and the shared ones are not."""
    boto3.client("ec2", REGIONS[0]).create_volume(AvailabilityZone="eu-west-1a", Size=8)
    workspace = workspace_with(tmp_path, regions=REGIONS)

    def deny(request):
        is_shared = "sts" in request.url or "hub" in request.url
        return (403, "AccessDenied") if "us-east-1" in request.url and not is_shared else None

    [result] = land_usage(workspace, today=TODAY, sessions=lambda source: Answering(source, deny))

    assert result.outcome == "landed" and result.gaps == 14
    looks = landed(
        workspace,
        "select region, status, count(*), count(reason) "
        "from read_parquet('$/collection/source=acme/day=2026-10-31/data.parquet') group by all order by all",
    )
    assert looks == [
        ("*", "ok", 2, 0), ("eu-west-1", "ok", 15, 0), ("us-east-1", "denied", 14, 14), ("us-east-1", "ok", 1, 0),
    ]  # fmt: skip


def test_throttling_is_waited_for_and_a_wall_of_it_is_a_gap(aws, tmp_path):
    """Two refusals of DescribeVolumes are retried; a service that always throttles is `throttled`, not empty."""
    boto3.client("ec2", REGIONS[0]).create_volume(AvailabilityZone="eu-west-1a", Size=8)
    refusals = {"left": 2}

    def throttle(request):
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        if b"DescribeVolumes" in body and refusals["left"]:
            refusals["left"] -= 1
            return 503, "RequestLimitExceeded"
        return (400, "Throttling") if b"DescribeAddresses" in body else None

    workspace = workspace_with(tmp_path, regions=(REGIONS[0],))
    land_usage(workspace, today=TODAY, sessions=lambda source: Answering(source, throttle))
    looks = dict(
        landed(
            workspace,
            "select signal, status from read_parquet('$/collection/source=acme/day=2026-10-31/data.parquet')",
        )
    )
    assert refusals["left"] == 0 and looks["disk"] == "ok" and looks["ip"] == "throttled"


def test_fifty_accounts_through_one_role(aws, tmp_path):
    """Each has one disk; an account that is looked at is named on its rows; one that refuses is a gap of its own."""
    accounts = tuple(f"{number:012d}" for number in range(100000000001, 100000000051))
    for account in accounts:
        moto.ec2.ec2_backends[account][REGIONS[0]].create_volume(size=8, zone_name="eu-west-1a", volume_type="gp3")
    workspace = workspace_with(
        tmp_path, regions=(REGIONS[0],), accounts=accounts, role="arn:aws:iam::{account}:role/reader"
    )

    def refuse_the_last(request):
        return (403, "AccessDenied") if f"{accounts[-1]}" in str(request.body) and "sts" in request.url else None

    [result] = land_usage(workspace, today=TODAY, sessions=lambda source: Answering(source, refuse_the_last))
    assert result.gaps == 1
    found = landed(
        workspace,
        "select count(distinct account_id), count(*), max(account_id) from "
        "read_parquet('$/inventory/source=acme/day=2026-10-31/data.parquet') where resource_type = 'disk'",
    )
    assert found == [(49, 49, accounts[-2])]


CONTRACTS = {
    "DescribeSavingsPlans": json.dumps(
        {
            "savingsPlans": [
                {
                    "savingsPlanArn": "arn:sp",
                    "savingsPlanType": "Compute",
                    "commitment": "1.25",
                    "state": "active",
                    "termDurationInSeconds": 94608000,
                    "paymentOption": "No Upfront",
                    "currency": "USD",
                    "start": "2025-03-01T00:00:00.000Z",
                    "end": "2028-02-29T23:59:59.000Z",
                    "tags": {"team": "search"},
                }
            ]
        }
    ).encode(),
    "ListRecommendations": json.dumps(
        {
            "items": [
                {
                    "recommendationId": "r-1",
                    "accountId": "222222222222",
                    "region": "eu-west-1",
                    "resourceId": "i-1",
                    "currentResourceType": "Ec2Instance",
                    "actionType": "Rightsize",
                    "estimatedMonthlySavings": 71.3,
                    "currencyCode": "USD",
                    "implementationEffort": "Low",
                    "restartNeeded": True,
                    "currentResourceSummary": "m5.xlarge",
                    "recommendedResourceSummary": "m5.large",
                }
            ]
        }
    ).encode(),
    "DescribeReservedInstances": b"""<R><reservedInstancesSet><item>
        <reservedInstancesId>ri-1</reservedInstancesId><instanceType>r5.4xlarge</instanceType><scope>Region</scope>
        <start>2026-01-01T00:00:00Z</start><end>2027-01-01T00:00:00Z</end><duration>31536000</duration>
        <fixedPrice>3500.0</fixedPrice><instanceCount>2</instanceCount><state>active</state>
        <offeringType>Partial Upfront</offeringType><offeringClass>standard</offeringClass>
        <currencyCode>USD</currencyCode>
        <recurringCharges><item><frequency>Hourly</frequency><amount>0.4</amount></item></recurringCharges>
        </item></reservedInstancesSet></R>""",
    "DescribeReservedDBInstances": b"""<R><DescribeReservedDBInstancesResult><ReservedDBInstances>
        <ReservedDBInstance><ReservedDBInstanceArn>arn:db</ReservedDBInstanceArn><State>active</State>
        <DBInstanceClass>db.r6g.xlarge</DBInstanceClass><DBInstanceCount>3</DBInstanceCount><MultiAZ>false</MultiAZ>
        <StartTime>2026-02-01T00:00:00Z</StartTime><Duration>31536000</Duration><FixedPrice>0</FixedPrice>
        <CurrencyCode>USD</CurrencyCode><OfferingType>No Upfront</OfferingType><RecurringCharges><RecurringCharge>
        <RecurringChargeAmount>0.32</RecurringChargeAmount><RecurringChargeFrequency>Hourly</RecurringChargeFrequency>
        </RecurringCharge></RecurringCharges></ReservedDBInstance>
        <ReservedDBInstance><ReservedDBInstanceArn>arn:old</ReservedDBInstanceArn><State>retired</State>
        </ReservedDBInstance></ReservedDBInstances></DescribeReservedDBInstancesResult></R>""",
}


def test_commitments_and_what_the_hub_recommends_land(aws, tmp_path):
    """A plan of 1.25 an hour for 36 months, 2 × 3,500 upfront and 2 × 0.40 an hour, 3 × 0.32; none retired."""
    workspace = workspace_with(tmp_path, regions=(REGIONS[0],))
    land_usage(workspace, today=TODAY, sessions=lambda source: Answering(source, contracts=CONTRACTS))
    held = landed(
        workspace,
        "select commitment_id, commitment_type, hourly_commitment, recurring_cost_hourly, upfront_cost, term_months, "
        "quantity, cast(end_at as date), region "
        "from read_parquet('$/commitments/source=acme/day=2026-10-31/data.parquet') order by 1",
    )
    assert held == [
        ("arn:db", "ri", None, Decimal("0.96"), Decimal(0), 12, 3.0, date(2027, 2, 1), "eu-west-1"),
        ("arn:sp", "savings_plan", Decimal("1.25"), Decimal(0), Decimal(0), 36, None, date(2028, 2, 29), "*"),
        ("ri-1", "ri", None, Decimal("0.8"), Decimal(7000), 12, 2.0, date(2027, 1, 1), "eu-west-1"),
    ]
    told = landed(
        workspace,
        "select recommendation_id, account_id, resource_id, action_type, monthly_savings, is_after_discounts "
        "from read_parquet('$/provider_recommendations/source=acme/day=2026-10-31/data.parquet')",
    )
    assert told == [("r-1", "222222222222", "i-1", "Rightsize", Decimal("71.3"), True)]


def test_commitments_that_may_not_be_seen_are_a_gap_and_no_empty_list(aws, tmp_path):
    """The hub is not enrolled, plans are denied: two gaps; machines and reservations land all the same."""
    workspace = workspace_with(tmp_path, regions=(REGIONS[0],))

    def deny(request):
        return (400, "AccessDeniedException") if "savingsplans" in request.url or "hub" in request.url else None

    [result] = land_usage(workspace, today=TODAY, sessions=lambda source: Answering(source, deny, {**CONTRACTS}))
    assert result.gaps == 2
    looks = landed(
        workspace,
        "select signal, region, status, rows from "
        "read_parquet('$/collection/source=acme/day=2026-10-31/data.parquet') "
        "where signal in ('commitments', 'provider_recommendations') order by all",
    )
    assert looks == [
        ("commitments", "*", "denied", 0), ("commitments", "eu-west-1", "ok", 2),
        ("provider_recommendations", "*", "denied", 0),
    ]  # fmt: skip


def write_exports(folder, rows):
    for table, of_table in rows.items():
        (folder / table).mkdir(parents=True, exist_ok=True)
        (folder / table / "data.json").write_text(json.dumps(of_table))


INVENTORY = {"snapshot_date": "2026-10-31", "resource_id": "/disk/1", "resource_type": "disk", "attached_count": 0,
             "tags": {"env": "dev"}}  # fmt: skip
HOUR = {"resource_id": "/vm/1", "metric": "cpu_pct", "period_start": "2026-10-30T05:00:00", "avg": 2.5}


def test_export_files_of_other_clouds_land_in_the_same_tables_and_are_read_once(tmp_path):
    """JSON, CSV and Parquet; `snapshot_date` and `period_start` are our day and hour; what a file lacks is NULL."""
    folder = tmp_path / "exports"
    write_exports(folder, {"inventory": [INVENTORY], "metrics": [HOUR]})
    (folder / "metrics" / "more.csv").write_text("resource_id,metric,hour,avg,max\n/vm/1,cpu_pct,2026-10-30 06:00,3,\n")
    pl.DataFrame([{**HOUR, "period_start": datetime(2026, 10, 30, 7)}]).write_parquet(folder / "metrics" / "p.parquet")
    text = {**INVENTORY, "resource_id": "/disk/2", "tags": '{"env": "test"}'}
    pl.DataFrame([text]).write_parquet(folder / "inventory" / "p.parquet")
    workspace = workspace_with(tmp_path, provider="azure", uri=str(folder))
    [first] = land_usage(workspace)
    [again] = land_usage(workspace)
    assert (first.outcome, first.days, first.rows) == ("landed", 2, 5)
    assert (again.outcome, again.days, again.rows) == ("unchanged", 2, 5)
    disks = landed(
        workspace,
        "select provider, resource_id, attached_count, size_gib, tags from "
        "read_parquet('$/inventory/source=acme/day=2026-10-31/data.parquet') order by 2",
    )
    assert disks == [("azure", "/disk/1", 0, None, '{"env":"dev"}'), ("azure", "/disk/2", 0, None, '{"env": "test"}')]
    hours = landed(
        workspace,
        "select hour(hour), avg, max from read_parquet('$/metrics/source=acme/day=2026-10-30/data.parquet') order by 1",
    )
    assert hours == [(5, 2.5, None), (6, 3.0, None), (7, 2.5, None)]
    register_usage(workspace)
    assert [(table, day) for table, _, day, _ in usage_days(workspace)] == [
        ("inventory", TODAY), ("metrics", TODAY - timedelta(days=1)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"inventory": [{"resource_id": "x"}]}, "has no column day, resource_type"),
        ({"metrics": [{**HOUR, "metric": "cpu"}]}, "unknown words: cpu"),
        ({"metrics": [{**HOUR, "avg": "much"}]}, "cannot be read as metrics"),
        ({"other": [{}]}, "holds no file of signals"),
    ],
)
def test_files_that_are_no_signals_are_refused_with_the_file_and_the_fix(tmp_path, rows, message):
    write_exports(tmp_path / "exports", rows)
    workspace = workspace_with(tmp_path, provider="gcp", uri=str(tmp_path / "exports"))
    [result] = land_usage(workspace)
    assert result.outcome == "failed" and message in str(result.error)
    assert usage_days(workspace) == []
