-- FOCUS: a ServiceName has one ServiceCategory; ours has one ServiceSubcategory too. Returns the names that have several.
with

services as (
    select service_name, service_category, service_subcategory from {{ ref('service_categories') }}
    union all
    select service_name, service_category, service_subcategory from {{ ref('azure_services') }}
    union all
    select service_name, service_category, service_subcategory from {{ ref('azure_meter_categories') }}
),

ambiguous as (
    select
        service_name,
        count(distinct service_category) as categories,
        count(distinct service_subcategory) as subcategories
    from services
    group by service_name
    having count(distinct service_category) > 1 or count(distinct service_subcategory) > 1
)

select * from ambiguous
