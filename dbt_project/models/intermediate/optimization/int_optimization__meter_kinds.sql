-- What each meter of the bills measures; meters that the seed does not know are absent. Grain: provider × service × meter × description.
-- The description is part of it where a meter's name does not tell what it bills: with Windows or without, a core or its licence.
with

meters as (
    select distinct
        x_provider as provider,
        service_name,
        sku_meter,
        charge_description
    from {{ ref('int_focus__charges') }}
    where sku_meter is not null and charge_category = 'Usage'
)

select
    meters.provider,
    meters.service_name,
    meters.sku_meter,
    meters.charge_description,
    kinds.meter_kind,
    concat(case kinds.sku_group
        when 1 then {{ matched_group('meters.sku_meter', 'kinds.meter_pattern', 1) }}
        when 3 then {{ matched_group('meters.sku_meter', 'kinds.meter_pattern', 3) }}
        else {{ matched_group('meters.sku_meter', 'kinds.meter_pattern', 0) }}
    end, kinds.sku_suffix) as meter_sku
from meters
inner join {{ ref('meter_kinds') }} as kinds
    on
        meters.provider = kinds.provider
        and {{ matches_pattern('meters.sku_meter', 'kinds.meter_pattern') }}
        and {{ matches_pattern('meters.service_name', "coalesce(kinds.service_pattern, '.')") }}
        and (
            kinds.product_pattern is null
            or {{ matches_pattern("coalesce(meters.charge_description, '')", 'kinds.product_pattern') }}
        )
-- Several patterns fit: the one that is limited to a product, then to a service, then the longest.
qualify row_number() over (
    partition by meters.provider, meters.service_name, meters.sku_meter, meters.charge_description
    order by kinds.product_pattern is null, kinds.service_pattern is null, length(kinds.meter_pattern) desc, kinds.meter_kind
) = 1
