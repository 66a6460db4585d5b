-- What every rule proposes, before prices, commitments and duplicates. Grain: rule × resource × target × currency.
{%- set kinds = ['unattached'] %}
{% for kind in kinds %}
select * from {{ ref('int_optimization__' ~ kind) }}
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
