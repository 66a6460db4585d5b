-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- What a cost centre finally bears of a pool that receives shared cost. Grain: billing period × pool × cost centre.
-- The reciprocal solution of (I − Aᵀ)·g = c, for every c at once (domain page 4.5). A loop of pools that gives nothing
-- to a cost centre never ends: its money is missing from the shares, and so stays unallocated.
with

edges as (
    select *
    from {{ ref('int_allocation__edges') }}
    where scope = '' and charge_date is null and {{ in_stale_period('billing_period') }}
),

receivers as (
    select distinct billing_period, target as pool_id from {{ ref('int_allocation__edges') }} where is_pool and share > 0
),

received as (
    select edges.* from edges
    inner join receivers on edges.billing_period = receivers.billing_period and edges.pool_id = receivers.pool_id
),

gives_0 as (
    select billing_period, pool_id as giver, target as taker, share from received where is_pool and share > 0
),

shares_0 as (
    select billing_period, pool_id as giver, target, share from received where not is_pool
),

{{ follow_shares(20) }}

select billing_period, giver as pool_id, target, share from shares_20
