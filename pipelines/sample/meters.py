"""What can be bought: meters of the three providers with the prices Halden pays.

Weights say how much of an account's spend a meter attracts; profiles say which accounts use it.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Meter:
    service: str  # AWS product code, Azure meter category, GCP service description
    product: str  # AWS product name, Azure product, GCP SKU id
    family: str  # AWS product family, Azure meter subcategory, GCP usage unit
    name: str  # AWS usage type, Azure meter name, GCP SKU description
    operation: str  # AWS operation, Azure consumed service, GCP service id
    unit: str
    price: str
    weight: float
    profiles: str
    kind: str  # machine: runs whole days; metered: follows the business
    resource: str  # "{}" becomes the resource's own name
    group: str = ""  # AWS instance type, Azure service family
    commitment: str = ""  # which kind of commitment can cover it

    @property
    def price_digits(self) -> int:
        """Digits of the price; quantities have the other digits of 1e-10, so that every product is exact."""
        return 6 if len(self.price.partition(".")[2]) <= 6 else 10

    @property
    def price_units(self) -> int:
        return int(Decimal(self.price).scaleb(self.price_digits))


def _machine(size: str, price: str, weight: float, profiles: str, commitment: str) -> Meter:
    return Meter(
        "AmazonEC2",
        "Amazon Elastic Compute Cloud",
        "Compute Instance",
        f"BoxUsage:{size}",
        "RunInstances",
        "Hrs",
        price,
        weight,
        profiles,
        "machine",
        "i-0{}",
        size,
        commitment,
    )


def _database(size: str, price: str, weight: float, commitment: str) -> Meter:
    return Meter(
        "AmazonRDS",
        "Amazon Relational Database Service",
        "Database Instance",
        f"InstanceUsage:{size}",
        "CreateDBInstance:0014",
        "Hrs",
        price,
        weight,
        "shop data it",
        "machine",
        "arn:aws:rds:{region}:{account}:db:{}",
        size,
        commitment,
    )


# fmt: off
AWS = (
    _machine("m5.xlarge", "0.214", 9, "shop data it", "compute"),
    _machine("m5.4xlarge", "0.856", 8, "shop data", "compute"),
    _machine("c5.4xlarge", "0.768", 6, "shop", "compute"),
    _machine("r5.4xlarge", "1.128", 7, "data shop", "family"),
    _machine("t3.medium", "0.0456", 1.5, "shop it network", ""),
    _machine("p3.2xlarge", "3.305", 4, "data", "compute"),
    Meter("AmazonEC2", "Amazon Elastic Compute Cloud", "Compute Instance", "SpotUsage:c5.9xlarge",
          "RunInstances:SV010", "Hrs", "0.639215", 4, "shop data", "machine", "i-0{}", "c5.9xlarge"),
    Meter("AmazonEC2", "Amazon Elastic Compute Cloud", "Storage", "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "GB-Mo",
          "0.0836", 5, "shop data it", "metered", "vol-0{}"),
    Meter("AmazonEC2", "Amazon Elastic Compute Cloud", "NAT Gateway", "NatGateway-Bytes", "NatGateway", "GB", "0.048",
          4, "network shop", "metered", "arn:aws:ec2:{region}:{account}:natgateway/nat-0{}"),
    Meter("AmazonECS", "Amazon Elastic Container Service", "Compute", "Fargate-vCPU-Hours:perCPU", "FargateTask",
          "hours", "0.04048", 5, "shop", "metered", "arn:aws:ecs:{region}:{account}:task/{}", "", "compute"),
    Meter("AWSLambda", "AWS Lambda", "Serverless", "Lambda-GB-Second", "Invoke", "Lambda-GB-Second", "0.0000166667",
          3, "shop data it", "metered", "arn:aws:lambda:{region}:{account}:function:{}", "", "compute"),
    _database("db.r6g.xlarge", "0.504", 6, "database"),
    _database("db.m6g.2xlarge", "0.708", 4, "database-new"),
    Meter("AmazonRDS", "Amazon Relational Database Service", "Database Storage", "RDS:GP3-Storage",
          "CreateDBInstance:0014", "GB-Mo", "0.127", 2, "shop data it", "metered",
          "arn:aws:rds:{region}:{account}:db:{}"),
    Meter("AmazonS3", "Amazon Simple Storage Service", "Storage", "TimedStorage-ByteHrs", "StandardStorage", "GB-Mo",
          "0.023", 7, "data shop it", "metered", "halden-{}"),
    Meter("AmazonS3", "Amazon Simple Storage Service", "API Request", "Requests-Tier1", "PutObject", "Requests",
          "0.000005", 2, "data shop", "metered", "halden-{}"),
    Meter("AmazonS3", "Amazon Simple Storage Service", "API Request", "Requests-Tier2", "GetObject", "Requests",
          "0.0000004", 2, "data shop", "metered", "halden-{}"),
    Meter("AmazonDynamoDB", "Amazon DynamoDB", "Amazon DynamoDB PayPerRequest Throughput", "WriteRequestUnits",
          "PayPerRequestThroughput", "WriteRequestUnits", "0.0000014135", 3, "shop", "metered",
          "arn:aws:dynamodb:{region}:{account}:table/{}"),
    Meter("AmazonRedshift", "Amazon Redshift", "Compute Instance", "Node:ra3.4xlarge", "RunComputeNode:0001", "Hrs",
          "3.606", 7, "data", "machine", "arn:aws:redshift:{region}:{account}:cluster:{}", "ra3.4xlarge"),
    Meter("AmazonAthena", "Amazon Athena", "Athena Queries", "DataScannedInTB", "", "Terabytes", "5.0", 3, "data",
          "metered", "arn:aws:athena:{region}:{account}:workgroup/{}"),
    Meter("AWSGlue", "AWS Glue", "AWS Glue", "ETL-DPU-Hour", "Jobrun", "DPU-Hour", "0.44", 4, "data", "metered",
          "arn:aws:glue:{region}:{account}:job/{}"),
    Meter("ElasticMapReduce", "Amazon Elastic MapReduce", "Elastic Map Reduce Instance", "BoxUsage:m5.4xlarge",
          "RunInstances:0004", "Hrs", "0.192", 3, "data", "metered",
          "arn:aws:elasticmapreduce:{region}:{account}:cluster/j-{}"),
    Meter("AmazonElastiCache", "Amazon ElastiCache", "Cache Instance", "NodeUsage:cache.r6g.large",
          "CreateCacheCluster:0002", "Hrs", "0.228", 3, "shop", "machine",
          "arn:aws:elasticache:{region}:{account}:cluster:{}", "cache.r6g.large"),
    Meter("AmazonElastiCache", "Amazon ElastiCache", "Cache Instance", "NodeUsage:cache.r5.xlarge",
          "CreateCacheCluster:0002", "Hrs", "0.496", 2, "shop", "machine",
          "arn:aws:elasticache:{region}:{account}:cluster:{}", "cache.r5.xlarge"),
    Meter("AmazonES", "Amazon OpenSearch Service", "Amazon OpenSearch Service Instance", "ESInstance:r6g.xlarge",
          "ESDomain", "Hrs", "0.372", 3, "shop it", "machine", "arn:aws:es:{region}:{account}:domain/{}",
          "r6g.xlarge"),
    Meter("AmazonCloudFront", "Amazon CloudFront", "Data Transfer", "EU-DataTransfer-Out-Bytes", "GET", "GB", "0.085",
          3, "shop", "metered", "arn:aws:cloudfront::{account}:distribution/E{}"),
    Meter("AWSELB", "Elastic Load Balancing", "Load Balancer-Application", "LCUUsage", "LoadBalancing:Application",
          "LCU-Hrs", "0.008", 2, "shop network", "metered",
          "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{}"),
    Meter("AmazonEKS", "Amazon Elastic Kubernetes Service", "Compute", "AmazonEKS-Hours:perCluster",
          "CreateOperation", "Hours", "0.1", 0.6, "shop", "machine", "arn:aws:eks:{region}:{account}:cluster/{}"),
    Meter("AmazonCloudWatch", "AmazonCloudWatch", "Data Payload", "DataProcessing-Bytes", "PutLogEvents", "GB",
          "0.57", 3, "shop data it network", "metered", "arn:aws:logs:{region}:{account}:log-group:/{}"),
    Meter("AWSQueueService", "Amazon Simple Queue Service", "API Request", "Requests-RBP", "SendMessage", "Requests",
          "0.0000004", 1, "shop", "metered", "arn:aws:sqs:{region}:{account}:{}"),
    Meter("AmazonKinesis", "Amazon Kinesis", "Kinesis Streams", "Storage-ShardHour", "shardHourStorage", "Hours",
          "0.017", 2, "data", "metered", "arn:aws:kinesis:{region}:{account}:stream/{}"),
    Meter("AmazonGuardDuty", "Amazon GuardDuty", "Amazon GuardDuty", "PaidEventsAnalyzed", "", "Events", "0.0000046",
          4, "network", "metered", "arn:aws:guardduty:{region}:{account}:detector/{}"),
    Meter("awswaf", "AWS WAF", "Web Application Firewall", "RequestV2-Tier1", "", "Request", "0.0000006", 2,
          "network", "metered", "arn:aws:wafv2:{region}:{account}:global/webacl/{}"),
    Meter("AmazonVPC", "Amazon Virtual Private Cloud", "VpcEndpoint", "TransitGateway-Bytes", "TransitGatewayVPC",
          "GB", "0.02", 5, "network", "metered", "arn:aws:ec2:{region}:{account}:transit-gateway/tgw-0{}"),
    Meter("AWSDirectConnect", "AWS Direct Connect", "Direct Connect", "PortUsage:10G", "CreateConnection", "Hrs",
          "2.25", 2, "network", "machine", "arn:aws:directconnect:{region}:{account}:dxcon/dxcon-{}"),
    Meter("AmazonWorkSpaces", "Amazon WorkSpaces", "Enterprise Applications", "AW-HW-2-AutoStop-User", "Standard",
          "Hour", "0.3", 3, "it", "metered", "ws-{}"),
    Meter("awskms", "AWS Key Management Service", "Encryption Key", "KMS-Requests", "Decrypt", "Requests", "0.000003",
          0.5, "shop it data", "metered", "arn:aws:kms:{region}:{account}:key/{}"),
)

VM, STORAGE = "Microsoft.Compute/virtualMachines", "Microsoft.Storage/storageAccounts"
AZURE = (
    Meter("Virtual Machines", "Virtual Machines Dsv5 Series", "Dsv5 Series", "D4s v5", "Microsoft.Compute", "1 Hour",
          "0.207", 9, "it app data", "machine", VM, "Compute", "reservation"),
    Meter("Virtual Machines", "Virtual Machines Dsv5 Series Windows", "Dsv5 Series Windows", "D4s v5",
          "Microsoft.Compute", "1 Hour", "0.391", 4, "it app", "machine", VM, "Compute"),
    Meter("Virtual Machines", "Virtual Machines Bsv2 Series", "Bsv2 Series", "B4s v2", "Microsoft.Compute", "1 Hour",
          "0.166", 1, "it app", "machine", VM, "Compute"),
    Meter("Virtual Machines", "Virtual Machines Esv5 Series", "Esv5 Series", "E8s v5", "Microsoft.Compute", "1 Hour",
          "0.5472", 8, "it app data", "machine", VM, "Compute", "reservation-new"),
    Meter("Virtual Machines", "Virtual Machines Fsv2 Series", "Fsv2 Series", "F8s v2", "Microsoft.Compute", "1 Hour",
          "0.3615", 6, "app", "machine", VM, "Compute", "plan"),
    Meter("Virtual Machines", "Virtual Machines Fsv2 Series", "Fsv2 Series", "F16s v2 Spot", "Microsoft.Compute",
          "1 Hour", "0.089263", 3, "app data", "metered", VM, "Compute"),
    Meter("Storage", "Premium SSD Managed Disks", "Premium SSD Managed Disks", "P30 LRS Disk", "Microsoft.Compute",
          "1/Month", "115.8525", 4, "it app", "metered", "Microsoft.Compute/disks", "Storage"),
    Meter("Storage", "General Block Blob v2", "General Block Blob v2", "Hot LRS Data Stored", "Microsoft.Storage",
          "1 GB/Month", "0.017324", 4, "app data it", "metered", STORAGE, "Storage"),
    Meter("Storage", "Tiered Block Blob", "Tiered Block Blob", "Hot Read Operations", "Microsoft.Storage", "10K",
          "0.003863", 1, "app data", "metered", STORAGE, "Storage"),
    Meter("SQL Database", "SQL Database Single Standard", "Single/Elastic Pool General Purpose", "vCore",
          "Microsoft.Sql", "1 Hour", "0.137214", 7, "it app", "metered", "Microsoft.Sql/servers/halden/databases",
          "Databases"),
    Meter("SQL Database", "SQL Database Single/Elastic Pool General Purpose - SQL License",
          "Single/Elastic Pool General Purpose - SQL License", "vCore", "Microsoft.Sql", "1 Hour", "0.0862", 2,
          "it app", "metered", "Microsoft.Sql/servers/halden/databases", "Databases"),
    Meter("Azure Cosmos DB", "Azure Cosmos DB", "Azure Cosmos DB", "100 RU/s", "Microsoft.DocumentDB", "1/Hour",
          "0.0074", 3, "app", "metered", "Microsoft.DocumentDB/databaseAccounts", "Databases"),
    Meter("Redis Cache", "Azure Redis Cache Premium", "Azure Redis Cache Premium", "P1 Cache", "Microsoft.Cache",
          "1 Hour", "0.5215", 2, "app", "machine", "Microsoft.Cache/redis", "Databases"),
    Meter("Azure App Service", "Azure App Service Premium v3 Plan", "Azure App Service Premium v3 Plan", "P1 v3 App",
          "Microsoft.Web", "1 Hour", "0.113", 4, "app", "machine", "Microsoft.Web/serverfarms", "Compute", "plan"),
    Meter("Azure Kubernetes Service", "Azure Kubernetes Service", "Azure Kubernetes Service", "Standard Uptime SLA",
          "Microsoft.ContainerService", "1 Hour", "0.0966", 1, "app", "machine",
          "Microsoft.ContainerService/managedClusters", "Compute"),
    Meter("Azure Databricks", "Azure Databricks", "Azure Databricks", "Premium All-purpose Compute DBU",
          "Microsoft.Databricks", "1 Hour", "0.5311", 9, "data", "metered", "Microsoft.Databricks/workspaces",
          "Analytics"),
    Meter("Azure Data Factory v2", "Azure Data Factory v2", "Azure Data Factory v2", "Cloud Data Movement",
          "Microsoft.DataFactory", "1 Hour", "0.241372", 3, "data", "metered", "Microsoft.DataFactory/factories",
          "Analytics"),
    Meter("Azure Synapse Analytics", "Azure Synapse Analytics Serverless SQL Pool", "Serverless SQL Pool",
          "Data Processed", "Microsoft.Synapse", "1 TB", "4.8275", 3, "data", "metered",
          "Microsoft.Synapse/workspaces", "Analytics"),
    Meter("Log Analytics", "Log Analytics", "Log Analytics", "Pay-as-you-go Data Ingestion",
          "microsoft.operationalinsights", "1 GB", "2.5403", 3, "it app network data", "metered",
          "microsoft.operationalinsights/workspaces", "Management and Governance"),
    Meter("Azure Firewall", "Azure Firewall", "Azure Firewall", "Standard Deployment", "Microsoft.Network", "1 Hour",
          "1.206884", 5, "network", "machine", "Microsoft.Network/azureFirewalls", "Networking"),
    Meter("ExpressRoute", "ExpressRoute", "ExpressRoute", "Standard Metered Data 1 Gbps Circuit", "Microsoft.Network",
          "1/Month", "420.9603", 2, "network", "metered", "Microsoft.Network/expressRouteCircuits", "Networking"),
    Meter("Microsoft Defender for Cloud", "Microsoft Defender for Servers", "Microsoft Defender for Servers",
          "Standard P2 Node", "Microsoft.Security", "1 Hour", "0.019308", 4, "network", "metered",
          "Microsoft.Security/pricings", "Security"),
    Meter("Bandwidth", "Rtn Preference: MGN", "Rtn Preference: MGN", "Standard Data Transfer Out",
          "Microsoft.Network", "1 GB", "0.083996", 2, "app network", "metered", "Microsoft.Network/publicIPAddresses",
          "Networking"),
    Meter("Key Vault", "Key Vault", "Key Vault", "Operations", "Microsoft.KeyVault", "10K", "0.028965", 0.5, "it app",
          "metered", "Microsoft.KeyVault/vaults", "Security"),
    Meter("Event Hubs", "Event Hubs", "Event Hubs", "Standard Throughput Unit", "Microsoft.EventHub", "1 Hour",
          "0.028965", 1, "data app", "metered", "Microsoft.EventHub/namespaces", "Internet of Things"),
    Meter("Cognitive Services", "Azure OpenAI", "Azure OpenAI", "gpt-4o Inp glbl Tokens",
          "Microsoft.CognitiveServices", "1K", "0.0024138", 3, "app", "metered",
          "Microsoft.CognitiveServices/accounts", "AI + Machine Learning"),
)

_GCE, _BQ, _SQL, _GCS = "6F81-5844-456A", "24E6-581D-38E5", "9662-B51E-5089", "95FF-2EF5-5EA1"
_INSTANCE = "//compute.googleapis.com/projects/{account}/zones/{region}-b/instances/{}"
GCP = (
    Meter("Compute Engine", "CF4E-A0C7-E3BF", "seconds", "N2 Instance Core running in EMEA", _GCE, "hour", "0.034802",
          9, "app ml data", "machine", _INSTANCE, "", "cpu"),
    Meter("Compute Engine", "0FA9-9E95-AD10", "byte-seconds", "N2 Instance Ram running in EMEA", _GCE,
          "gibibyte hour", "0.004664", 6, "app ml", "metered", _INSTANCE, "", "ram"),
    Meter("Compute Engine", "1A1B-2C3D-E4F5", "seconds", "N1 Predefined Instance Core running in EMEA", _GCE, "hour",
          "0.034773", 4, "app", "machine", _INSTANCE, "", "sustained"),
    Meter("Compute Engine", "6BC5-90D2-7A11", "seconds", "Spot Preemptible N2 Instance Core running in EMEA", _GCE,
          "hour", "0.008346", 3, "app ml", "metered", _INSTANCE),
    Meter("Compute Engine", "2D7F-66A1-0C9E", "seconds", "Nvidia L4 GPU running in EMEA", _GCE, "hour", "0.615986", 9,
          "ml", "metered", _INSTANCE),
    Meter("Compute Engine", "D973-5D65-BAB2", "byte-seconds", "Balanced PD Capacity", _GCE, "gibibyte month", "0.11",
          3, "app ml data", "metered", "//compute.googleapis.com/projects/{account}/zones/{region}-b/disks/{}"),
    Meter("Compute Engine", "9DE9-9092-B3BC", "bytes", "Network Internet Data Transfer Out from EMEA to EMEA", _GCE,
          "gibibyte", "0.085", 2, "app", "metered", _INSTANCE),
    Meter("BigQuery", "16B8-3DDA-9F10", "bytes", "Analysis (eu)", _BQ, "tebibyte", "6.25", 9, "data", "metered",
          "//bigquery.googleapis.com/projects/{account}/jobs/{}"),
    Meter("BigQuery", "947D-3B46-7781", "byte-seconds", "Active Logical Storage (eu)", _BQ, "gibibyte month", "0.02",
          5, "data", "metered", "//bigquery.googleapis.com/projects/{account}/datasets/{}"),
    Meter("BigQuery", "E1F2-77C1-54AB", "seconds", "BigQuery Enterprise Edition for Finland (europe-north1)", _BQ,
          "hour", "0.066", 6, "data", "metered", "//bigquery.googleapis.com/projects/{account}/reservations/{}"),
    Meter("Cloud SQL", "4A5B-17E0-9D3C", "seconds", "Cloud SQL for PostgreSQL: Zonal - vCPU in Finland", _SQL, "hour",
          "0.0454", 6, "app data", "machine", "//cloudsql.googleapis.com/projects/{account}/instances/{}", "", "sql"),
    Meter("Cloud SQL", "8C12-5F3D-61B7", "byte-seconds", "Cloud SQL for PostgreSQL: Zonal - RAM in Finland", _SQL,
          "gibibyte hour", "0.0077", 4, "app", "metered", "//cloudsql.googleapis.com/projects/{account}/instances/{}",
          "", "sql"),
    Meter("Cloud Storage", "E5F0-6A5D-7BAD", "byte-seconds", "Standard Storage Finland", _GCS, "gibibyte month",
          "0.02", 4, "data app ml", "metered", "//storage.googleapis.com/projects/_/buckets/{}"),
    Meter("Cloud Storage", "4DBF-185F-A415", "requests", "Regional Standard Class A Operations", _GCS, "count",
          "0.000005", 1, "data app", "metered", "//storage.googleapis.com/projects/_/buckets/{}"),
    Meter("Kubernetes Engine", "B561-BFBD-1264", "seconds", "Regional Kubernetes Clusters", "CCD8-9BF1-090E", "hour",
          "0.1", 1, "app", "machine", "//container.googleapis.com/projects/{account}/locations/{region}/clusters/{}"),
    Meter("Cloud Run", "E449-7A2F-0D1C", "seconds", "Services CPU Tier 1 Allocation Time", "152E-C115-5142", "second",
          "0.000024", 3, "app", "metered", "//run.googleapis.com/projects/{account}/locations/{region}/services/{}"),
    Meter("Cloud Pub/Sub", "0B2A-8D1E-44F3", "bytes", "Message Delivery Basic", "A1E8-BE35-7EBC", "tebibyte", "40.0",
          2, "data app", "metered", "//pubsub.googleapis.com/projects/{account}/topics/{}"),
    Meter("Cloud Logging", "143F-A1B0-E0BE", "bytes", "Log Storage cost", "5490-F7B7-8DF6", "gibibyte", "0.5", 2,
          "app data ml", "metered", ""),
    Meter("Vertex AI", "7C3E-2D9A-B8F0", "seconds", "Vertex AI: Custom Training on N1 in europe-west4",
          "C7E2-9256-1C43", "hour", "0.218499", 6, "ml", "metered",
          "//aiplatform.googleapis.com/projects/{account}/customJobs/{}"),
    Meter("Cloud Dataflow", "9C8D-33E1-2F5A", "seconds", "Batch vCPU Time Belgium", "57D6-6A18-51B6", "hour", "0.056",
          3, "data", "metered", "//dataflow.googleapis.com/projects/{account}/jobs/{}"),
    Meter("Networking", "5D0A-2E7C-11B4", "bytes", "Cloud NAT Data Processing", "E505-1604-58F8", "gibibyte", "0.045",
          2, "app", "metered", ""),
    Meter("Security Command Center", "3F8B-C0D4-97EE", "seconds", "Security Command Center Premium", "0E9D-B1A2-7C55",
          "hour", "0.0071", 1, "app", "metered", ""),
)
# fmt: on
