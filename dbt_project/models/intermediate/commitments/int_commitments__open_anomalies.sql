{{ config(materialized='view') }}
-- Pools whose usage costs more or less than it should and is not back: no measure of what to commit to. Grain: pool. A view, as anomalies are
-- found after the build.
select distinct pools.pool_id
from (select distinct pool_id, billing_account_id, currency, service_name from {{ ref('int_commitments__demand') }}) as pools
inner join (select distinct x_source, billing_account_id from {{ ref('fct_daily_costs') }}) as accounts
    on pools.billing_account_id is not distinct from accounts.billing_account_id
inner join {{ ref('stg_results__anomaly_incidents') }} as incidents
    on
        accounts.x_source = incidents.x_source
        and pools.currency = incidents.currency
        and pools.service_name = coalesce(incidents.service_name, pools.service_name)
where incidents.resolved_date is null and incidents.suppressed_by is null and coalesce(incidents.label, 'true') = 'true'
