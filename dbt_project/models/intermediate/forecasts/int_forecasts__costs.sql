-- What forecasts are made from: effective cost by day, teams and departments as they are now, and how far each day is known.
-- Grain: source × provider × service × cost centre × stream × currency × day.
-- stream is usage (modelled), or the kind of a charge that comes by schedule: fees, credits, tax, waste, adjustments.
-- completion is what a day's cost is multiplied with to stand for its final cost; NULL where it is not known well enough.
with

costs as (
    select
        charge_date,
        x_source,
        provider,
        service_name,
        cost_center_id,
        currency,
        case
            when charge_category = 'Usage' and charge_kind = 'cost' then 'usage'
            when charge_category = 'Adjustment' and charge_kind = 'cost' then 'adjustment'
            when charge_kind = 'cost' then 'fee'
            else charge_kind
        end as stream,
        {{ money('sum(allocated_cost)') }} as cost
    from {{ ref('fct_allocated_costs') }}
    group by all
),

centers as (
    select
        cost_center_id,
        team,
        department
    from {{ ref('dim_cost_centers') }}
    qualify row_number() over (partition by cost_center_id order by valid_from desc) = 1
)

select
    costs.charge_date,
    costs.x_source,
    costs.provider,
    costs.service_name,
    costs.cost_center_id,
    coalesce(centers.team, costs.cost_center_id) as team,
    coalesce(centers.department, '~none') as department,
    costs.stream,
    costs.currency,
    costs.cost,
    case when known.charge_date is null then 1 else 1 / cast(known.known_share as double) end as completion
from costs
left join centers on costs.cost_center_id = centers.cost_center_id
left join {{ ref('int_completeness__known') }} as known
    on costs.x_source = known.x_source and costs.currency = known.billing_currency and costs.charge_date = known.charge_date
