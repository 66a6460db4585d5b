-- What the claims on a month's days depend on: the deliveries that have charges of it, and decisions.
-- Grain: month of charge. `shared_version` is what its days take from other billing periods: the rules that resources
-- inherit from parents, and, where tags are imputed to earlier days, the other charges of the month.
with

days as (
    select distinct
        {{ first_of_its_month('charge_date') }} as charge_month,
        cost_version
    from {{ ref('fct_daily_costs') }}
),

costs as (
    select
        charge_month,
        string_agg(cost_version, ',' order by cost_version) as costs
    from days
    group by charge_month
),

inherited as (
    select distinct
        {{ first_of_its_month('costs.charge_date') }} as charge_month,
        {{ hash_of([
            'matches.x_allocation_key', 'matches.rule_id', 'matches.rule_version', 'matches.priority',
            'matches.specificity', 'matches.valid_from', 'matches.valid_to',
        ]) }} as match
    from {{ ref('int_allocation__parent_matches') }} as matches
    inner join {{ ref('fct_daily_costs') }} as costs on matches.x_allocation_key = costs.x_allocation_key
),

parents as (
    select
        charge_month,
        {{ hash_of(["string_agg(match, ',' order by match)"]) }} as parents
    from inherited
    group by charge_month
),

versions as (
    select
        costs.charge_month,
        {{ hash_of([
            'parents.parents', 'case when policies.backfills_same_resource then costs.costs end',
        ]) }} as shared_version,
        {{ hash_of([
            "'charges of'", 'cast(costs.charge_month as varchar)', 'costs.costs', 'decisions.version', 'parents.parents',
        ]) }} as inputs_version
    from costs
    cross join {{ ref('int_allocation__decisions') }} as decisions
    cross join {{ ref('int_allocation__policies') }} as policies
    left join parents on costs.charge_month = parents.charge_month
)

select
    versions.charge_month,
    versions.shared_version,
    versions.inputs_version,
    finished.version is null as is_stale
from versions
left join ({{ finished_versions() }}) as finished on versions.inputs_version = finished.version
