-- Cost centres with their hierarchy over time. Grain: cost centre × validity.
select
    cost_center_id,
    name,
    team,
    department,
    business_unit,
    owner,
    {% if var('show_owner_emails') -%}
        owner_email,
    {%- else -%}
        regexp_replace(owner_email, '^(.)[^@]*', '\1***') as owner_email,
    {%- endif %}
    gl_account,
    headcount,
    revenue,
    valid_from,
    nullif(valid_to, cast('9999-12-31' as date)) as valid_to
from {{ ref('stg_decisions__cost_centers') }}
