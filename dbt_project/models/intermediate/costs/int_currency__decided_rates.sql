-- The rate that fx_rates.csv decides, by the first type of policy fx_rate_order that it has. Grain: month × two currencies.
select
    rates.month as billing_period,
    rates.from_currency,
    rates.to_currency,
    rates.rate,
    rates.rate_type,
    rates.source
from {{ ref('stg_decisions__fx_rates') }} as rates
cross join {{ ref('int_allocation__policies') }} as policies
where {{ dbt.position('rates.rate_type', 'policies.fx_rate_order') }} > 0
qualify
    row_number() over (
        partition by rates.month, rates.from_currency, rates.to_currency
        order by {{ dbt.position('rates.rate_type', 'policies.fx_rate_order') }}
    ) = 1
