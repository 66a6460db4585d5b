-- Purchase plans as computed by finops recommend. Grain: day × plan.
select * from {{ landed_results('commitment_plan') }}
