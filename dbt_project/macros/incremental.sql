{# Rows of deliveries that are no longer current leave an incremental model before new ones enter, in one transaction. #}
{% macro delete_replaced_deliveries() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where x_delivery_version not in (select d.ledger_version from {{ ref('int_deliveries__current') }} as d)
    {% endif %}
{%- endmacro %}

{# The same for a model that the ledger waits for: rows that a killed run left of deliveries that the ledger lacks go too. #}
{% macro delete_replaced_and_new_deliveries() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            x_delivery_version not in (
                select d.ledger_version from {{ ref('int_deliveries__current') }} as d where not d.is_new
            )
    {% endif %}
{%- endmacro %}

{# True for rows of deliveries that an incremental model does not hold yet. They are named, as DuckDB then reads their part of
   the ledger alone. #}
{% macro of_new_deliveries() -%}
    {% if is_incremental() -%}
        x_delivery_version in (
            select d.ledger_version
            from {{ ref('int_deliveries__current') }} as d
            where d.ledger_version not in (select t.x_delivery_version from {{ this }} as t)
        )
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}

{% macro delete_replaced_daily_costs() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where cost_version not in (select v.cost_version from {{ ref('int_costs__versions') }} as v)
    {% endif %}
{%- endmacro %}

{# Days of metrics that were landed anew leave before they are read again. #}
{% macro delete_replaced_usage_days() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where day_version not in (select d.day_version from {{ ref('stg_usage__days') }} as d)
    {% endif %}
{%- endmacro %}

{#
Allocation is kept per billing period, and what looks at days only per month of charge. A period or month is stale until
everything that follows from its inputs is built and tested: int_allocation__finished, which is written last, remembers
the versions of inputs that are. A run that was killed anywhere leaves them stale, and the next one finishes them.
#}
{% macro finished_versions() -%}
    {%- set finished = adapter.get_relation(this.database, this.schema, 'int_allocation__finished') -%}
    {%- if finished and not flags.FULL_REFRESH -%}
        select version from {{ finished }}
    {%- else -%}
        select cast(null as varchar) as version where false
    {%- endif %}
{%- endmacro %}

{# True for rows that an incremental model computes: those of stale billing periods, or all when it is built in full. #}
{% macro in_stale_period(billing_period) -%}
    {% if is_incremental() -%}
        {{ billing_period }} in (select p.billing_period from {{ ref('int_allocation__periods') }} as p where p.is_stale)
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}

{% macro in_stale_month(charge_date) -%}
    {% if is_incremental() -%}
        {{ first_of_its_month(charge_date) }} in (
            select m.charge_month from {{ ref('int_allocation__months') }} as m where m.is_stale
        )
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}

{% macro delete_stale_periods() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            billing_period not in (
                select p.billing_period from {{ ref('int_allocation__periods') }} as p where not p.is_stale
            )
    {% endif %}
{%- endmacro %}

{% macro delete_stale_months() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            {{ first_of_its_month('charge_date') }} not in (
                select m.charge_month from {{ ref('int_allocation__months') }} as m where not m.is_stale
            )
    {% endif %}
{%- endmacro %}

{#
Rows of a large table that no earlier build has checked: a check of one row, or of rows of one delivery or billing
period, finds nothing new in the others. Checks that compare totals look at everything.
#}
{% macro unchecked_rows(table) -%}
    {%- set finished = adapter.get_relation(target.database, target.schema, 'int_allocation__finished') -%}
    {%- set versions = {
        'int_focus__charges': 'x_delivery_id',
        'focus_cost_and_usage': 'x_delivery_id',
        'focus_cost_and_usage_1_2': 'x_delivery_id',
        'fct_daily_costs': 'cost_version',
    } -%}
    {%- if not finished -%}
    {%- elif table in versions -%}
        {{ versions[table] }} not in (select f.version from {{ finished }} as f)
    {%- elif table == 'fct_allocated_costs' -%}
        billing_period in (
            select p.billing_period
            from {{ adapter.get_relation(target.database, target.schema, 'int_allocation__periods') }} as p
            where p.is_stale
        )
    {%- endif -%}
{%- endmacro %}

{# dbt's own macro for what a generic test looks at. FINOPS_CHECK_CHANGES_ONLY leaves out rows of large tables that an
   earlier build of the same models has checked; the environment says so, as another value of a var is parsed anew. #}
{% macro get_where_subquery(relation) -%}
    {%- set conditions = [] -%}
    {%- if config.get('where') -%}{%- do conditions.append(config.get('where')) -%}{%- endif -%}
    {%- if execute and env_var('FINOPS_CHECK_CHANGES_ONLY', '') -%}
        {%- set unchecked = unchecked_rows(relation.identifier) | trim -%}
        {%- if unchecked -%}{%- do conditions.append(unchecked) -%}{%- endif -%}
    {%- endif -%}
    {%- if conditions -%}
        (select * from {{ relation }} where ({{ conditions | join(') and (') }})) dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
