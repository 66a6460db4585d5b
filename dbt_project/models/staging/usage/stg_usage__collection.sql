-- What was looked at and what could not be: a gap is not an absence. Grain: source × day × account × region × signal.
select
    source as usage_source,
    day,
    provider,
    account_id,
    region,
    signal,
    status,
    reason,
    rows as row_count
from {{ landed_usage('collection') }}
