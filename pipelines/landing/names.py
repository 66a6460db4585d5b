"""What providers call their columns, brought to one name per column.

AWS writes `lineItem/UnblendedCost` in CSV and `line_item_unblended_cost` in Parquet; Azure has five dialects, some
localised; FOCUS files come in PascalCase and, through Athena, in lower case. Names are matched, never positions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pipelines.landing.contracts import COST_DETAILS, FOCUS

_BOM = "\ufeff"


def _words(name: str) -> str:
    """`lineItem/UnblendedCost` -> `line_item_unblended_cost`: the rule by which AWS names Athena columns."""
    spaced = re.sub(r"(?<!^)(?=[A-Z])", "_", name)
    return re.sub(r"_+", "_", re.sub(r"[^0-9a-zA-Z]+", "_", spaced)).strip("_").lower()


_CUR_ALIASES = {
    "savings_plan_savings_plan_arn": "savings_plan_savings_plan_a_r_n",
    "reservation_reservation_arn": "reservation_reservation_a_r_n",
    "product_region_code": "product_region_code",
}


def cur_name(name: str) -> str:
    """Canonical name of a CUR column (CUR 2.0 spelling) from any of its spellings."""
    name = name.replace(_BOM, "").strip()
    canonical = _words(name) if "/" in name else name.lower().replace(" ", "_")
    return _CUR_ALIASES.get(canonical, canonical)


_AZURE_ALIASES = {
    "resourceid": "resource_id instanceid instancename",
    "resourcegroup": "resource_group resourcegroupname",
    "resourcelocation": "resource_location location",
    "date": "date usagedatetime usagedate",
    "productname": "product_name product",
    "costinbillingcurrency": "cost_in_billing_currency cost pretaxcost extendedcost",
    "billingcurrencycode": "billing_currency billingcurrency currency",
    "quantity": "quantity usagequantity consumedquantity",
    "subscriptionid": "subscription_id subscriptionguid",
    "paygprice": "payg_price marketprice",
    "invoicesectionname": "invoice_section_name invoicesection departmentname",
    "effectiveprice": "effective_price resourcerate",
    "exchangeratepricingtobilling": "exchange_rate",
}
_AZURE: dict[str, str] = {name.replace("_", ""): name for name in COST_DETAILS.columns}
for _key, _row in _AZURE_ALIASES.items():
    _canonical, *_others = _row.split()
    for _other in (_key, *_others):
        _AZURE[_other] = _canonical


def azure_name(name: str) -> str:
    """Canonical name of an Azure cost-details column, from EA, MCA, pay-as-you-go and localised headers."""
    name = name.replace(_BOM, "").strip()
    localised = re.search(r"\(([A-Za-z ]+)\)\s*$", name)
    if localised and _flat(localised.group(1)) in _AZURE:
        name = localised.group(1)
    return _AZURE.get(_flat(name)) or _words(name) or "unnamed"


def gcp_name(name: str) -> str:
    """`service.description` -> `service_description`."""
    return re.sub(r"[^0-9a-z]+", "_", name.replace(_BOM, "").strip().lower()).strip("_")


_FOCUS: dict[str, str] = {name.replace("_", ""): name for name in FOCUS.columns}
# What 0.5 and 1.0-preview called them, and those who convert to these; Azure still exports 1.0-preview.
_FOCUS_OF_PREVIEWS = {
    "usagequantity": "consumed_quantity",
    "usageunit": "consumed_unit",
    "region": "region_name",
    "provider": "provider_name",
    "publisher": "publisher_name",
    "invoiceissuer": "invoice_issuer_name",
    "chargetype": "charge_category",
    "amortizedcost": "effective_cost",
}


def focus_name(name: str) -> str:
    """`BilledCost` and `billedcost` -> `billed_cost`; custom columns keep their x_."""
    name = name.replace(_BOM, "").strip()
    flat = _flat(name)
    return _FOCUS.get(flat) or _FOCUS_OF_PREVIEWS.get(flat) or _words(name)


def _flat(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", name.lower())


NAME_OF_DATASET: dict[str, Callable[[str], str]] = {
    "cur": cur_name,
    "cost_details": azure_name,
    "billing_export": gcp_name,
    "focus": focus_name,
    "invoices": gcp_name,
}


def canonical_names(names: Iterable[str], dataset: str) -> list[str]:
    """One distinct canonical name per column, in order; the column that bears the name itself wins over its aliases,
    then the first; the others get a number.

    DuckDB compares names without case and would rename twins silently (`Owner`, `owner`), so it never gets to.
    """
    spelled = list(names)
    wanted = [NAME_OF_DATASET[dataset](name) or "unnamed" for name in spelled]
    owner: dict[str, int] = {}
    for number, (name, canonical) in enumerate(zip(spelled, wanted, strict=True)):
        before = owner.get(canonical)
        if before is None or (_flat(spelled[before]) != _flat(canonical) == _flat(name)):
            owner[canonical] = number
    result: list[str] = []
    for number, canonical in enumerate(wanted):
        distinct, twin = canonical, 1
        while distinct in result or (distinct == canonical and owner[canonical] != number):
            twin += 1
            distinct = f"{canonical}__{twin}"
        result.append(distinct)
    return result


def same_name(one: str, other: str) -> bool:
    """True when two spellings differ in letter case, blanks and punctuation only."""
    return _flat(one) == _flat(other)
