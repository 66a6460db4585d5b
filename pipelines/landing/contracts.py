"""The columns that the ledger reads from each kind of landed delivery, with their kinds.

Kinds: money DECIMAL(28,12) rounded once half-even · quantity DECIMAL(38,12) · price DECIMAL(38,18) · ts TIMESTAMP UTC ·
text · json (an object or array as text). Every other column of an export is kept as text.
A contract column that an export does not have lands as a typed NULL.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TYPE_OF_KIND = {
    "money": "DECIMAL(28,12)",
    "quantity": "DECIMAL(38,12)",
    "price": "DECIMAL(38,18)",
    "ts": "TIMESTAMP",
    "text": "VARCHAR",
    "json": "VARCHAR",
    "credits": "STRUCT(name VARCHAR, full_name VARCHAR, id VARCHAR, type VARCHAR, amount DECIMAL(28,12))[]",
}

# Columns that landing itself writes on every row.
LINEAGE = {
    "x_source": "VARCHAR",
    "x_billing_period": "VARCHAR",
    "x_delivery_id": "VARCHAR",
    "x_source_file": "VARCHAR",
    "x_source_row": "BIGINT",
    "x_dataset": "VARCHAR",
}


@dataclass(frozen=True)
class Contract:
    dataset: str
    columns: dict[str, str]  # name -> kind
    required: tuple[str, ...]  # an export without these is not what the source declares
    cost_metrics: tuple[str, ...]  # control totals, per currency
    billed_metrics: tuple[str, ...]  # those that add up to the invoice
    currency: str
    period: str  # the column whose month is the billing period
    charge_start: str
    measured: str  # where this is filled, an empty cost is a fault and not an empty line
    paths: dict[str, str] = field(default_factory=dict)  # canonical name -> dotted path in a nested export
    needs: tuple[tuple[str, ...], ...] = ()  # of each group at least one must be there
    net_metrics: tuple[str, ...] = ()  # those that do where the ledger reads the net columns
    is_bill: bool = True  # its rows are charges of the ledger

    def cost_columns(self, metric: str) -> str | None:
        """The x_cost_columns of the ledger with which a metric adds up to the invoice; None: whatever they are."""
        if not self.net_metrics:
            return None
        return "net" if metric in self.net_metrics else "unblended"


def _kinds(kind: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


CUR = Contract(
    dataset="cur",
    columns={
        **_kinds(
            "text",
            """identity_line_item_id identity_time_interval bill_invoice_id bill_invoicing_entity bill_billing_entity
            bill_bill_type bill_payer_account_id bill_payer_account_name line_item_usage_account_id
            line_item_usage_account_name line_item_line_item_type line_item_product_code line_item_usage_type
            line_item_operation line_item_availability_zone line_item_resource_id line_item_currency_code
            line_item_line_item_description line_item_tax_type line_item_legal_entity product_product_name
            product_product_family product_servicecode product_servicename product_region_code product_region
            product_location product_instance_type product_sku pricing_rate_code pricing_rate_id pricing_term
            pricing_unit pricing_currency pricing_purchase_option reservation_reservation_a_r_n
            reservation_subscription_id savings_plan_savings_plan_a_r_n savings_plan_offering_type
            savings_plan_payment_option savings_plan_start_time savings_plan_end_time savings_plan_purchase_term
            reservation_start_time reservation_end_time pricing_lease_contract_length split_line_item_parent_resource_id
            capacity_reservation_capacity_reservation_arn capacity_reservation_capacity_reservation_status""",
        ),
        **_kinds(
            "ts",
            """bill_billing_period_start_date bill_billing_period_end_date line_item_usage_start_date
            line_item_usage_end_date""",
        ),
        **_kinds(
            "money",
            """line_item_unblended_cost line_item_net_unblended_cost pricing_public_on_demand_cost
            reservation_effective_cost reservation_net_effective_cost
            reservation_unused_amortized_upfront_fee_for_billing_period reservation_unused_recurring_fee
            savings_plan_savings_plan_effective_cost savings_plan_net_savings_plan_effective_cost
            savings_plan_total_commitment_to_date savings_plan_used_commitment
            savings_plan_recurring_commitment_for_billing_period split_line_item_split_cost
            split_line_item_unused_cost reservation_net_unused_amortized_upfront_fee_for_billing_period
            reservation_net_unused_recurring_fee savings_plan_amortized_upfront_commitment_for_billing_period
            savings_plan_net_amortized_upfront_commitment_for_billing_period
            savings_plan_net_recurring_commitment_for_billing_period split_line_item_net_split_cost
            split_line_item_net_unused_cost split_line_item_public_on_demand_split_cost
            split_line_item_public_on_demand_unused_cost discount_total_discount discount_edp_discount
            discount_private_rate_discount discount_bundled_discount discount_spp_discount
            discount_ri_volume_discount""",
        ),
        **_kinds(
            "quantity",
            """line_item_usage_amount line_item_normalized_usage_amount reservation_unused_quantity
            reservation_unused_normalized_unit_quantity reservation_total_reserved_normalized_units
            split_line_item_split_usage split_line_item_split_usage_ratio""",
        ),
        **_kinds("price", "line_item_unblended_rate pricing_public_on_demand_rate"),
        **_kinds("json", "resource_tags cost_category product discount tags"),
        "cost_after_discounts": "money",
    },
    required=("line_item_line_item_type", "line_item_unblended_cost", "line_item_currency_code"),
    cost_metrics=("line_item_unblended_cost", "cost_after_discounts"),
    billed_metrics=("line_item_unblended_cost",),
    net_metrics=("cost_after_discounts",),
    currency="line_item_currency_code",
    period="bill_billing_period_start_date",
    charge_start="line_item_usage_start_date",
    measured="line_item_usage_amount",
    needs=(("line_item_product_code",), ("line_item_usage_account_id",), ("line_item_usage_start_date",)),
)

COST_DETAILS = Contract(
    dataset="cost_details",
    columns={
        **_kinds(
            "text",
            """account_name account_owner_id additional_info availability_zone benefit_id benefit_name
            billing_account_id billing_account_name billing_currency billing_profile_id billing_profile_name charge_type
            consumed_service cost_allocation_rule_name cost_center frequency invoice_id invoice_section_id
            invoice_section_name meter_category meter_id meter_name meter_region meter_sub_category offer_id
            part_number partner_name plan_name previous_invoice_id pricing_currency pricing_model product_id
            product_name product_order_id product_order_name publisher_name publisher_type reservation_id
            reservation_name resource_group resource_id resource_location resource_name resource_type service_family
            service_info1 service_info2 subscription_id subscription_name term unit_of_measure
            is_azure_credit_eligible""",
        ),
        **_kinds("ts", "billing_period_start_date billing_period_end_date date"),
        **_kinds("money", "cost_in_billing_currency payg_cost_in_billing_currency cost_in_pricing_currency"),
        **_kinds("quantity", "quantity"),
        **_kinds("price", "effective_price unit_price payg_price exchange_rate"),
        **_kinds("json", "tags"),
    },
    required=("cost_in_billing_currency", "date"),
    cost_metrics=("cost_in_billing_currency",),
    billed_metrics=("cost_in_billing_currency",),
    currency="billing_currency",
    period="billing_period_start_date",
    charge_start="date",
    measured="quantity",
)

_GCP_PATHS = {
    **{
        name.replace(".", "_"): (name, "text")
        for name in [
            "billing_account_id",
            "service.id",
            "service.description",
            "sku.id",
            "sku.description",
            "project.id",
            "project.number",
            "project.name",
            "project.ancestry_numbers",
            "location.location",
            "location.country",
            "location.region",
            "location.zone",
            "resource.name",
            "resource.global_name",
            "price.unit",
            "currency",
            "usage.unit",
            "usage.pricing_unit",
            "invoice.month",
            "invoice.publisher_type",
            "cost_type",
            "adjustment_info.id",
            "adjustment_info.description",
            "adjustment_info.mode",
            "adjustment_info.type",
            "transaction_type",
            "seller_name",
            "subscription.instance_id",
            "consumption_model.id",
            "consumption_model.description",
        ]
    },
    **{
        name.replace(".", "_"): (name, kind)
        for name, kind in {
            "usage_start_time": "ts",
            "usage_end_time": "ts",
            "export_time": "ts",
            "cost": "money",
            "cost_at_list": "money",
            "cost_at_effective_price_default": "money",
            "cost_at_list_consumption_model": "money",
            "usage.amount": "quantity",
            "usage.amount_in_pricing_units": "quantity",
            "price.effective_price": "price",
            "price.effective_price_default": "price",
            "price.list_price": "price",
            "price.pricing_unit_quantity": "price",
            "price.tier_start_amount": "price",
            "currency_conversion_rate": "price",
            "labels": "json",
            "system_labels": "json",
            "project.labels": "json",
            "project.ancestors": "json",
            "tags": "json",
            "credits": "credits",
        }.items()
    },
}

BILLING_EXPORT = Contract(
    dataset="billing_export",
    columns={name: kind for name, (_, kind) in _GCP_PATHS.items()} | {"credits_total": "money"},
    required=("cost", "currency", "usage_start_time", "invoice_month"),
    cost_metrics=("cost", "credits_total"),
    billed_metrics=("cost", "credits_total"),
    currency="currency",
    period="invoice_month",
    charge_start="usage_start_time",
    measured="usage_amount",
    paths={name: path for name, (path, _) in _GCP_PATHS.items()},
    needs=(("service_description", "service_id"), ("sku_description", "sku_id")),
)

FOCUS = Contract(
    dataset="focus",
    columns={
        **_kinds(
            "text",
            """allocated_method_id allocated_resource_id allocated_resource_name availability_zone billing_account_id
            billing_account_name billing_account_type billing_currency capacity_reservation_id
            capacity_reservation_status charge_category charge_class charge_description charge_frequency
            commitment_discount_category commitment_discount_id commitment_discount_name commitment_discount_status
            commitment_discount_type commitment_discount_unit consumed_unit host_provider_name invoice_detail_id
            invoice_id invoice_issuer_name pricing_category pricing_currency pricing_unit provider_name publisher_name
            region_id region_name resource_id resource_name resource_type service_category service_name
            service_provider_name service_subcategory sku_id sku_meter sku_price_id sub_account_id sub_account_name
            sub_account_type x_service_code""",
        ),
        **_kinds("ts", "billing_period_start billing_period_end charge_period_start charge_period_end"),
        **_kinds("money", "billed_cost effective_cost list_cost contracted_cost pricing_currency_effective_cost"),
        **_kinds("quantity", "consumed_quantity pricing_quantity commitment_discount_quantity"),
        **_kinds(
            "price",
            """list_unit_price contracted_unit_price pricing_currency_contracted_unit_price
            pricing_currency_list_unit_price""",
        ),
        **_kinds(
            "json",
            """tags sku_price_details allocated_tags allocated_method_details contract_applied
            commitment_program_eligibility_details""",
        ),
    },
    required=("billed_cost", "billing_currency", "billing_period_start", "charge_period_start", "charge_category"),
    cost_metrics=("billed_cost", "effective_cost", "list_cost", "contracted_cost"),
    billed_metrics=("billed_cost",),
    currency="billing_currency",
    period="billing_period_start",
    charge_start="charge_period_start",
    measured="charge_category",
)

# What was invoiced, as finance has it. A row with a line_number is a line of its invoice, one without is the invoice
# itself and its amount the total due; either may be missing.
INVOICES = Contract(
    dataset="invoices",
    columns={
        **_kinds(
            "text",
            """bill billing_period invoice_id seller line_number category description currency charge_period
            charge_currency""",
        ),
        **_kinds("ts", "issued_on due_on"),
        **_kinds("money", "amount"),
        **_kinds("price", "exchange_rate"),
    },
    required=("bill", "billing_period", "invoice_id", "issued_on", "currency", "amount"),
    cost_metrics=("amount",),
    billed_metrics=("amount",),
    currency="currency",
    period="billing_period",
    charge_start="issued_on",
    measured="invoice_id",
    is_bill=False,
)
INVOICE_CATEGORIES = ("usage", "tax", "credit", "marketplace", "rounding", "fx", "late")

CONTRACTS = {contract.dataset: contract for contract in (CUR, COST_DETAILS, BILLING_EXPORT, FOCUS, INVOICES)}


def landed_types(contract: Contract) -> dict[str, str]:
    """Name and DuckDB type of every column that a landed delivery of this kind certainly has."""
    return LINEAGE | {name: TYPE_OF_KIND[kind] for name, kind in contract.columns.items()}
