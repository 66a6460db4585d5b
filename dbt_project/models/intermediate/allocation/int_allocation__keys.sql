-- What allocation rules look at, once per distinct combination. Grain: allocation key.
select
    x_allocation_key,
    any_value(tags) as tags,
    any_value(lower(sub_account_id)) as sub_account_id,
    any_value(lower(resource_id)) as resource_id,
    any_value(lower(x_resource_group)) as resource_group,
    any_value(lower(service_name)) as service_name
from {{ ref('fct_daily_costs') }}
group by x_allocation_key
