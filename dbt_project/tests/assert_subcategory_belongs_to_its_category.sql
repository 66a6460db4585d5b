-- FOCUS: each ServiceSubcategory has one parent ServiceCategory. Returns the seeded services that break it.
with

services as (
    select service_name, service_category, service_subcategory from {{ ref('service_categories') }}
    union all
    select service_name, service_category, service_subcategory from {{ ref('azure_services') }}
    union all
    select service_name, service_category, service_subcategory from {{ ref('azure_meter_categories') }}
),

focus_subcategories as (
    select service_subcategory, service_category from {{ ref('focus_service_subcategories') }}
),

misplaced as (
    select services.service_name, services.service_category, services.service_subcategory
    from services
    left join focus_subcategories
        on services.service_subcategory = focus_subcategories.service_subcategory
        and services.service_category = focus_subcategories.service_category
    where focus_subcategories.service_subcategory is null
)

select * from misplaced
