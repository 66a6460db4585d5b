-- What meters cost in the last 30 days of each bill. Grain: source × account × region × resource × meter × description × pricing ×
-- currency.
-- `cost_days` counts from the resource's first day in the window to its end, so that a machine that runs by the hour keeps its rhythm.
with

newest as (
    select
        x_source,
        max(last_day) as bill_date
    from {{ ref('int_costs__usage_spans') }}
    group by x_source
),

-- The ledger is large: only these months of it are read.
periods as (
    select distinct spans.x_billing_period
    from {{ ref('int_costs__usage_spans') }} as spans
    inner join newest on spans.x_source = newest.x_source
    where spans.last_day > {{ plus_days('newest.bill_date', -30) }}
),

charges as (
    select
        charges.x_provider as provider,
        charges.x_source,
        charges.billing_account_id,
        charges.sub_account_id,
        charges.region_id,
        charges.resource_id,
        charges.service_name,
        charges.sku_meter,
        charges.charge_description,
        charges.pricing_category,
        charges.pricing_unit,
        charges.commitment_discount_status,
        charges.billing_currency as currency,
        newest.bill_date,
        min(cast(charges.charge_period_start as date)) as first_day,
        max(cast(charges.charge_period_start as date)) as last_day,
        sum(charges.pricing_quantity) as quantity,
        sum(charges.effective_cost) as effective_cost,
        sum({{ cost_without_commitments('charges') }}) as contracted_cost,
        sum(charges.list_cost) as list_cost,
        max(charges.tags) as tags
    from {{ ref('int_focus__charges') }} as charges
    inner join newest on charges.x_source = newest.x_source
    where
        charges.x_billing_period in (select periods.x_billing_period from periods)
        and charges.charge_category = 'Usage'
        and coalesce(charges.commitment_discount_status, '') <> 'Unused'
        and coalesce(charges.charge_class, '') <> 'Correction'
        and cast(charges.charge_period_start as date) > {{ plus_days('newest.bill_date', -30) }}
    group by all
)

select
    charges.*,
    lower(charges.resource_id) as resource_key,
    {{ days_from('charges.first_day', 'charges.bill_date') }} + 1 as cost_days,
    kinds.meter_kind,
    kinds.meter_sku
from charges
left join {{ ref('int_optimization__meter_kinds') }} as kinds
    on
        {{ is_kind_of('kinds', 'charges', provider='provider') }}
