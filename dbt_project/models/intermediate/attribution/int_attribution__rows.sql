-- Machines of the pools that commitment scopes are about, with whom a scope serves first. A pool is what a billing account
-- uses of one resource and family in a region on one day, whichever invoice has it. Grain: pool × account × tags.
{%- set pool = 'pools.x_source, pools.billing_account_id, pools.currency, pools.charge_date, pools.resource, pools.machine_family, pools.region' %}
with

scopes as (
    select
        scope_id, billing_account_id, resource, family, region, valid_from, valid_to,
        quantity_per_day,
        fee_paid_by
    from {{ ref('stg_decisions__commitment_scopes') }}
),

skus as (
    select
        *,
        sum(usage_cost) over sku_day as sku_cost,
        sum(usage_hours) over sku_day as sku_hours
    from {{ ref('int_focus__gcp_discounts') }}
    window sku_day as (partition by x_source, billing_account_id, currency, charge_date, region, sku_id)
),

-- A credit is an amount; the hours that it pays for are the amount by the SKU's price of the day.
rows_of_pools as (
    select
        pools.x_source, pools.billing_account_id, pools.currency, pools.charge_date, pools.resource, pools.machine_family,
        pools.region,
        pools.project_id as sub_account_id,
        coalesce(pools.tags, '{}') as tags,
        max(pools.folder_path) as folder_path,
        coalesce(sum(pools.usage_hours), 0) as usage_hours,
        sum(case
            when pools.commitment_credit < 0 and pools.sku_cost > 0 and pools.sku_hours > 0
                then {{ price_times(unit_price('pools.sku_hours', 'pools.sku_cost'), '-pools.commitment_credit') }}
            else 0
        end) as covered_hours,
        sum(pools.commitment_fee) as commitment_fee,
        sum(pools.commitment_credit) as commitment_credit,
        sum(pools.sustained_credit) as sustained_credit
    from skus as pools
    where exists (
        select 1 from scopes
        where
            pools.billing_account_id = scopes.billing_account_id and pools.resource = scopes.resource
            and pools.machine_family = scopes.family and pools.region = scopes.region
            and pools.charge_date >= scopes.valid_from and pools.charge_date < scopes.valid_to
    )
    group by {{ pool }}, pools.project_id, coalesce(pools.tags, '{}')
),

-- The scope that names the account wins, then the one with its deepest folder.
served_by as (
    select
        accounts.*,
        scopes.scope_id
    from (
        select distinct billing_account_id, charge_date, resource, machine_family, region, sub_account_id, folder_path
        from rows_of_pools
    ) as accounts
    inner join scopes
        on
            accounts.billing_account_id = scopes.billing_account_id and accounts.resource = scopes.resource
            and accounts.machine_family = scopes.family and accounts.region = scopes.region
            and accounts.charge_date >= scopes.valid_from and accounts.charge_date < scopes.valid_to
    inner join {{ ref('stg_decisions__commitment_scope_members') }} as members
        on
            scopes.scope_id = members.scope_id
            and (
                members.member_kind = 'account' and members.member = accounts.sub_account_id
                or members.member_kind = 'folder' and strpos(accounts.folder_path, concat('/', members.member, '/')) > 0
            )
    qualify row_number() over (
        partition by
            accounts.billing_account_id, accounts.charge_date, accounts.resource, accounts.machine_family, accounts.region,
            accounts.sub_account_id
        order by
            case members.member_kind when 'account' then 1 else 2 end,
            strpos(accounts.folder_path, concat('/', members.member, '/')) desc nulls last, scopes.scope_id
    ) = 1
)

select
    {{ hash_of(['pools.x_source', 'pools.billing_account_id', 'pools.currency', 'cast(pools.charge_date as varchar)',
        'pools.resource', 'pools.machine_family', 'pools.region']) }} as pool_id,
    pools.*,
    served_by.scope_id
from rows_of_pools as pools
left join served_by
    on
        pools.billing_account_id = served_by.billing_account_id and pools.charge_date = served_by.charge_date
        and pools.resource = served_by.resource and pools.machine_family = served_by.machine_family
        and pools.region = served_by.region and pools.sub_account_id = served_by.sub_account_id
