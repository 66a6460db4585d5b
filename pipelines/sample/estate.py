"""Who Halden Commerce is: its cost centres, accounts and people. Everything in this package refers to these names.

Halden runs an online marketplace on AWS, works with Azure and Google Cloud beside it, and has bought Brightparcel,
a parcel company whose AWS bill still comes in the old report format.
"""

import uuid
from dataclasses import dataclass

NAMESPACE = uuid.UUID("6f0a6f5e-8f0b-5c1d-9d55-2f1f7d1c2a10")
SHARED = "shared"  # tag value of what all teams use; no allocation rule knows it
BILLING_ACCOUNT_GCP = "01AB23-CD45EF-678901"
ENROLLMENT_AZURE = "87654321"


@dataclass(frozen=True)
class CostCenter:
    id: str
    name: str  # also the value some teams write in the CostCenter tag
    department: str
    business_unit: str
    owner: str
    headcount: int
    revenue: int  # USD per month
    projects: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.name.replace("-", " ").title().replace("Corporate It", "Corporate IT")


@dataclass(frozen=True)
class Account:
    """An AWS account, an Azure subscription or a GCP project."""

    id: str
    name: str
    share: float  # of its source's usage cost
    profile: str  # which kinds of services it uses
    owners: tuple[tuple[str, float], ...]  # cost centre and its share of the resources
    environment: str = "prod"


# fmt: off
COST_CENTERS = (
    CostCenter("CC-1010", "search", "Product Engineering", "Marketplace", "Mira Solberg", 34, 5_200_000,
               ("query-service", "ranking-2026")),
    CostCenter("CC-1020", "checkout", "Product Engineering", "Marketplace", "Tomas Rehn", 28, 6_900_000,
               ("payments", '"Phoenix" relaunch')),
    CostCenter("CC-1030", "catalogue", "Product Engineering", "Marketplace", "Aiko Brandt", 22, 3_100_000,
               ("item-master", "image, resize")),
    CostCenter("CC-1040", "mobile", "Product Engineering", "Marketplace", "Jonas Viik", 19, 2_400_000,
               ("app-backend", "🚀 rocket")),
    CostCenter("CC-2010", "platform", "Technology", "Shared Technology", "Ines Carvalho", 26, 0,
               ("landing-zone", "observability")),
    CostCenter("CC-2020", "data-platform", "Technology", "Shared Technology", "Pavel Orlov", 31, 0,
               ("lakehouse", "clickstream")),
    CostCenter("CC-2030", "machine-learning", "Technology", "Shared Technology", "Noor Haddad", 14, 0,
               ("ml-ranking", "ml-forecast")),
    CostCenter("CC-3010", "marketing-analytics", "Commercial", "Marketplace", "Lucia Ferri", 12, 0,
               ("attribution", "campaign\nQ4")),
    CostCenter("CC-3020", "customer-care", "Commercial", "Marketplace", "Sven Aalto", 47, 0, ("care-desk", "chatbot")),
    CostCenter("CC-4010", "logistics", "Operations", "Logistics", "Greta Nyman", 38, 1_700_000,
               ("routing", "carrier-gateway")),
    CostCenter("CC-4020", "warehouse", "Operations", "Logistics", "Mateo Lind", 52, 900_000, ("wms", "handhelds")),
    CostCenter("CC-5010", "corporate-it", "Finance & IT", "Corporate", "Hanna Lepp", 21, 0, ("erp", "workplace")),
    CostCenter("CC-6010", "brightparcel", "Acquisitions", "Logistics", "Owen Hartley", 41, 2_200_000,
               ("parcel-core", "tracking")),
)

AWS_PAYER = (
    Account("417302558810", "halden-management", 0.01, "it", (("CC-2010", 1.0),)),
    Account("004417730021", "halden-data-prod", 0.26, "data", (("CC-2020", 1.0),)),
    Account("230914478102", "halden-data-lab", 0.08, "data", (("CC-2020", 0.6), ("CC-2030", 0.4)), "dev"),
    Account("318820174455", "halden-shop-prod", 0.28, "shop",
            (("CC-1010", 0.38), ("CC-1020", 0.27), ("CC-1030", 0.2), ("CC-1040", 0.15))),
    Account("318820174463", "halden-shop-dev", 0.09, "shop",
            (("CC-1010", 0.3), ("CC-1020", 0.3), ("CC-1030", 0.2), ("CC-1040", 0.2)), "dev"),
    Account("502218349071", "halden-platform-shared", 0.09, "shop", ((SHARED, 1.0),)),
    Account("611094827733", "halden-network", 0.06, "network", ((SHARED, 1.0),)),
    Account("720551938264", "halden-corp-it", 0.04, "it", (("CC-5010", 1.0),)),
    Account("833619204417", "halden-logistics", 0.06, "shop", (("CC-4010", 0.7), ("CC-4020", 0.3))),
    Account("905512337748", "halden-marketing", 0.03, "data", ((SHARED, 1.0),)),
)

AWS_ACQUIRED = (
    Account("664120938857", "brightparcel-root", 0.02, "it", (("CC-6010", 1.0),)),
    Account("664120938901", "brightparcel-prod", 0.45, "shop", (("CC-6010", 1.0),)),
    Account("664120938934", "brightparcel-staging", 0.12, "shop", (("CC-6010", 1.0),), "dev"),
    Account("664120939012", "brightparcel-data", 0.15, "data", (("CC-6010", 0.7), ("CC-2020", 0.3))),
    Account("017733120045", "brightparcel-routing", 0.14, "shop", (("CC-4010", 1.0),)),
    Account("664120939188", "brightparcel-helpdesk", 0.07, "it", (("CC-3020", 1.0),)),
    Account("664120939254", "brightparcel-sandbox", 0.05, "shop", (("CC-6010", 1.0),), "dev"),
)

# fmt: on


def _subscription(name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"subscription/{name}"))


AZURE = (
    Account(_subscription("erp-prod"), "erp-prod", 0.24, "it", (("CC-5010", 1.0),)),
    Account(_subscription("erp-test"), "erp-test", 0.05, "it", (("CC-5010", 1.0),), "test"),
    Account(_subscription("care-platform"), "care-platform", 0.15, "app", (("CC-3020", 1.0),)),
    Account(_subscription("warehouse-systems"), "warehouse-systems", 0.17, "app", (("CC-4020", 1.0),)),
    Account(_subscription("analytics-eu"), "analytics-eu", 0.17, "data", (("CC-2020", 0.7), ("CC-3010", 0.3))),
    Account(_subscription("identity-security"), "identity-security", 0.09, "network", ((SHARED, 1.0),)),
    Account(_subscription("pay-eu"), "pay-eu", 0.1, "app", (("CC-1020", 1.0),)),
    Account(_subscription("sandbox-eu"), "sandbox-eu", 0.03, "app", (("CC-2010", 0.5), ("CC-1030", 0.5)), "dev"),
)

GCP = (
    Account("halden-bq-analytics", "BigQuery Analytics", 0.27, "data", (("CC-2020", 1.0),)),
    Account("halden-search-prod", "Search Production", 0.23, "app", (("CC-1010", 1.0),)),
    Account("halden-ml-train", "ML Training", 0.14, "ml", (("CC-2030", 1.0),)),
    Account("halden-mobile-backend", "Mobile Backend", 0.12, "app", (("CC-1040", 1.0),)),
    Account("halden-gke-shared", "Shared GKE", 0.1, "app", ((SHARED, 1.0),)),
    Account("halden-experiments", "Web Experiments", 0.09, "app", (("CC-1010", 0.5), ("CC-1030", 0.5)), "dev"),
    Account("halden-maps", "Maps", 0.05, "app", (("CC-4010", 1.0),)),
)


def cost_center(cost_center_id: str) -> CostCenter:
    return next(center for center in COST_CENTERS if center.id == cost_center_id)


def account_named(name: str) -> Account:
    return next(account for account in (*AWS_PAYER, *AWS_ACQUIRED, *AZURE, *GCP) if account.name == name)


def derived_id(*parts: object) -> str:
    """A GUID that is the same in every run."""
    return str(uuid.uuid5(NAMESPACE, "/".join(str(part) for part in parts)))
