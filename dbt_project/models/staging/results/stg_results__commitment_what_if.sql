-- What each offer would do at several sizes, as computed by finops recommend. Grain: day × pool × offer × size.
select * from {{ landed_results('commitment_what_if') }}
