-- What came of everything that was carried out in a month, against the course of what was left alone: the touched resources' seven days
-- before less seven days after, less the same of one untouched resource each, of the same service and region and nearest in cost.
-- A month that was cheaper for everybody is no saving. Grain: source × currency × month of carrying out.
with

measured as (
    select recommendation_id, provider, x_source, currency, lower(resource_id) as resource_key, applied_on, estimated_savings_month
    from {{ ref('fct_realized_savings') }}
    where status in ('verified', 'not_realised')
),

recommended as (
    select distinct lower(resource_id) as resource_key from {{ ref('fct_recommendations') }} where dimension <> 'purchase'
    union
    select resource_key from measured
),

around as (
    select
        measured.recommendation_id,
        lower(costs.resource_id) as resource_key,
        costs.service_name,
        costs.region_id,
        {{ money('sum(case when costs.charge_date < measured.applied_on then costs.effective_cost else 0 end)') }} as before_cost,
        {{ money('sum(case when costs.charge_date > measured.applied_on then costs.effective_cost else 0 end)') }} as after_cost
    from measured
    inner join {{ ref('fct_daily_costs') }} as costs
        on
            measured.x_source = costs.x_source
            and measured.currency = costs.billing_currency
            and costs.charge_date
            between {{ plus_days('measured.applied_on', -7) }} and {{ plus_days('measured.applied_on', 7) }}
    where costs.charge_kind = 'cost' and costs.resource_id is not null
    group by measured.recommendation_id, lower(costs.resource_id), costs.service_name, costs.region_id
),

-- The meter group that most of its cost comes from says what it is compared with.
touched as (
    select
        measured.*,
        around.service_name,
        around.region_id,
        {{ money('sum(around.before_cost) over (partition by measured.recommendation_id)') }} as before_cost,
        {{ money('sum(around.after_cost) over (partition by measured.recommendation_id)') }} as after_cost
    from measured
    inner join around
        on measured.recommendation_id = around.recommendation_id and measured.resource_key = around.resource_key
    qualify row_number() over (
        partition by measured.recommendation_id order by around.before_cost desc, around.service_name asc
    ) = 1
),

controls as (
    select
        touched.recommendation_id,
        around.before_cost,
        around.after_cost
    from touched
    inner join around
        on
            touched.recommendation_id = around.recommendation_id
            and touched.service_name = around.service_name
            and coalesce(touched.region_id, '') = coalesce(around.region_id, '')
    left join recommended on around.resource_key = recommended.resource_key
    where recommended.resource_key is null and around.before_cost > 0
    qualify row_number() over (
        partition by touched.recommendation_id
        order by abs(around.before_cost - touched.before_cost) asc, around.resource_key asc
    ) = 1
),

together as (
    select
        touched.provider,
        touched.x_source,
        touched.currency,
        {{ month_of('touched.applied_on') }} as applied_in,
        cast(count(*) as bigint) as recommendations,
        cast(count(controls.recommendation_id) as bigint) as matched,
        {{ money('sum(case when controls.recommendation_id is not null then touched.before_cost end)') }} as touched_before_cost,
        {{ money('sum(case when controls.recommendation_id is not null then touched.after_cost end)') }} as touched_after_cost,
        {{ money('sum(controls.before_cost)') }} as untouched_before_cost,
        {{ money('sum(controls.after_cost)') }} as untouched_after_cost,
        {{ money('sum(case when controls.recommendation_id is not null then touched.estimated_savings_month end)') }}
            as estimated_savings_month
    from touched
    left join controls on touched.recommendation_id = controls.recommendation_id
    group by touched.provider, touched.x_source, touched.currency, {{ month_of('touched.applied_on') }}
),

compared as (
    select
        *,
        {{ money('(touched_before_cost - touched_after_cost) - (untouched_before_cost - untouched_after_cost)') }} as realized_savings
    from together
)

select
    compared.provider,
    compared.x_source,
    compared.currency,
    compared.applied_in,
    compared.recommendations,
    compared.matched,
    compared.touched_before_cost,
    compared.touched_after_cost,
    compared.untouched_before_cost,
    compared.untouched_after_cost,
    compared.realized_savings,
    {{ per_month('compared.realized_savings', '7') }} as realized_savings_month,
    compared.estimated_savings_month,
    {{ ratio(per_month('compared.realized_savings', '7'), 'case when compared.estimated_savings_month > 0 then compared.estimated_savings_month end') }}
        as realisation_rate
from compared
