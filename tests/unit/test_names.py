"""Column names: every spelling of a column lands under one name, and no two columns of a file share one."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.landing.contracts import COST_DETAILS, CUR, FOCUS
from pipelines.landing.names import azure_name, canonical_names, cur_name, focus_name, gcp_name

FIXTURES = Path(__file__).parents[1] / "fixtures" / "azure"


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("line_item_unblended_cost", "line_item_unblended_cost"),
        ("lineItem/LineItemType", "line_item_line_item_type"),
        ("bill/BillingPeriodStartDate", "bill_billing_period_start_date"),
        ("identity/LineItemId", "identity_line_item_id"),
        ("product/ProductName", "product_product_name"),
        ("product/servicecode", "product_servicecode"),
        ("product/regionCode", "product_region_code"),
        ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
        ("reservation/ReservationARN", "reservation_reservation_a_r_n"),
        ("reservation_reservation_arn", "reservation_reservation_a_r_n"),
        ("savingsPlan/SavingsPlanARN", "savings_plan_savings_plan_a_r_n"),
        ("savingsPlan/SavingsPlanArn", "savings_plan_savings_plan_a_r_n"),  # as nise writes it
        ("savings_plan_savings_plan_arn", "savings_plan_savings_plan_a_r_n"),
        ("savingsPlan/TotalCommitmentToDate", "savings_plan_total_commitment_to_date"),
        ("resourceTags/user:Cost Center", "resource_tags_user_cost_center"),
        ("resourceTags/aws:createdBy", "resource_tags_aws_created_by"),
        ("costCategory/Charge type", "cost_category_charge_type"),
        ("\ufeffidentity/LineItemId", "identity_line_item_id"),
        ("\ufeff\ufeffidentity/LineItemId", "identity_line_item_id"),
        ("LINE_ITEM_USAGE_AMOUNT", "line_item_usage_amount"),
    ],
)
def test_aws_columns_have_one_name_in_csv_and_athena(spelling, canonical):
    """The CSV's category/Name and Athena's snake case meet in the CUR 2.0 spelling."""
    assert cur_name(spelling) == canonical


@pytest.mark.parametrize("column", sorted(CUR.columns))
def test_a_canonical_aws_name_is_its_own_name(column):
    """Renaming twice changes nothing."""
    assert cur_name(column) == column


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("Cost", "cost_in_billing_currency"),  # EA
        ("CostInBillingCurrency", "cost_in_billing_currency"),
        ("costInBillingCurrency", "cost_in_billing_currency"),  # MCA
        ("PreTaxCost", "cost_in_billing_currency"),  # pay as you go
        ("PreTaxCost (PreTaxCost)", "cost_in_billing_currency"),  # German
        ("BillingCurrencyCode", "billing_currency"),
        ("billingCurrency", "billing_currency"),
        ("Currency", "billing_currency"),
        ("UsageDateTime (UsageDateTime)", "date"),
        ("Abonnement-GUID (SubscriptionGuid)", "subscription_id"),
        ("Ressourcengruppe (ResourceGroup)", "resource_group"),
        ("resourceGroupName", "resource_group"),
        ("Kategorie der Verbrauchseinheit (MeterCategory)", "meter_category"),
        ("Maßeinheit (UnitOfMeasure)", "unit_of_measure"),
        ("InstanceId", "resource_id"),
        ("InstanceName", "resource_id"),
        ("Product", "product_name"),
        ("PayGPrice", "payg_price"),
        ("paygCostInBillingCurrency", "payg_cost_in_billing_currency"),
        ("InvoiceSection", "invoice_section_name"),
        ("benefitId", "benefit_id"),
        ("ResourceRate", "effective_price"),
        ("Extended Cost", "cost_in_billing_currency"),  # EA before 2019
        ("Consumed Quantity", "quantity"),
        ("exchangeRatePricingToBilling", "exchange_rate"),
        ("\ufeffSubscriptionGuid", "subscription_id"),
    ],
)
def test_azure_columns_have_one_name_in_every_dialect(spelling, canonical):
    """EA, MCA, pay-as-you-go and localised headers mean the same columns."""
    assert azure_name(spelling) == canonical


@pytest.mark.parametrize(
    ("file", "present"),
    [
        ("EA_ActualCost_Small.csv", "cost_in_billing_currency billing_currency date billing_period_start_date tags"),
        ("opencost_azure_Enterprise.csv", "cost_in_billing_currency billing_currency date billing_period_start_date"),
        (
            "opencost_azure_EnterpriseCamel.csv",
            "cost_in_billing_currency billing_currency date resource_group quantity",
        ),
        ("opencost_azure_German.csv", "cost_in_billing_currency billing_currency date subscription_id meter_category"),
        ("opencost_azure_PayAsYouGo.csv", "cost_in_billing_currency billing_currency date resource_id quantity"),
        ("opencost_azure_BOM.csv", "cost_in_billing_currency billing_currency date subscription_id"),
    ],
)
def test_real_azure_headers_hold_the_columns_of_the_contract(file, present):
    """Headers seen in the wild name everything that a bill needs, each column once."""
    with (FIXTURES / file).open(encoding="utf-8", newline="") as lines:
        names = canonical_names(next(csv.reader(lines)), "cost_details")
    assert set(present.split()) <= set(names)
    assert len(set(names)) == len(names)
    assert not any("\ufeff" in name for name in names)


def test_canonical_azure_and_focus_names_are_their_own_names():
    """A file written with our own names lands unchanged."""
    assert [azure_name(column) for column in COST_DETAILS.columns] == list(COST_DETAILS.columns)
    assert [focus_name(column) for column in FOCUS.columns] == list(FOCUS.columns)


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("BilledCost", "billed_cost"),
        ("billedcost", "billed_cost"),
        ("billed_cost", "billed_cost"),
        ("SkuPriceDetails", "sku_price_details"),
        ("CommitmentDiscountStatus", "commitment_discount_status"),
        ("x_ServiceCode", "x_service_code"),
        ("x_CostCategories", "x_cost_categories"),
    ],
)
def test_focus_columns_have_one_name_in_pascal_and_lower_case(spelling, canonical):
    """The specification writes BilledCost, Athena billedcost; custom columns keep their x_."""
    assert focus_name(spelling) == canonical


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [("service.description", "service_description"), ("cost", "cost"), ("\ufeffinvoice.month", "invoice_month")],
)
def test_gcp_columns_lose_their_dots(spelling, canonical):
    """Flattened CSV extracts and nested rows meet under one name."""
    assert gcp_name(spelling) == canonical


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (["Owner", "owner", "OWNER"], ["owner", "owner__2", "owner__3"]),
        (
            ["resourceTags/user:Owner", "resourceTags/user:owner"],
            ["resource_tags_user_owner", "resource_tags_user_owner__2"],
        ),
        (["", "", "a"], ["unnamed", "unnamed__2", "a"]),
        (["a", "A", "a__2"], ["a", "a__2", "a__2__2"]),
    ],
)
def test_columns_that_differ_only_by_case_get_names_of_their_own(headers, names):
    """DuckDB would rename twins silently, so it never sees any; the first keeps the plain name."""
    assert canonical_names(headers, "cur") == names


@given(
    st.lists(st.sampled_from(["a", "A", "a__2", "A__2", "a__3", "a__2__2", "b", "", "a/b", "a_b", "ä"]), max_size=12),
    st.sampled_from(["cur", "cost_details", "billing_export", "focus"]),
)
def test_no_two_columns_of_a_file_ever_share_a_name(headers, dataset):
    """Whatever the header, each column has a name of its own and none is lost."""
    names = canonical_names(headers, dataset)
    assert len(names) == len(headers)
    assert len({name.lower() for name in names}) == len(names)
