-- Which part of a day's final cost is known, as forecasts and budgets count it. Grain: source × billing currency × day.
-- 1 where it is final; NULL where less than half of it is known, too little to complete it.
select
    x_source,
    billing_currency,
    charge_date,
    as_of_date,
    cast(case
        when status in ('complete', 'nothing_expected') then 1
        when status = 'maturing' and known_share >= 0.5 then known_share
        -- Without a history of its own a source is taken to be whole after three days.
        when status = 'maturing' and known_share is null and age_days >= 3 then 1
    end as decimal(18, 6)) as known_share
from {{ ref('fct_completeness') }}
