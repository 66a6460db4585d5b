-- A commitment can only keep a saving from the bill, never add to it; nor is more saved than is spent.
select recommendation_id, savings_contract_month, savings_net_now_month, covered_saving_month
from {{ ref('fct_recommendations') }}
where
    savings_net_now_month > savings_contract_month
    or savings_contract_month > contracted_cost_month
    or covered_saving_month < 0
