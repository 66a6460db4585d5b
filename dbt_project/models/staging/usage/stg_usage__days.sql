-- Days of signals that have landed; the version changes with the file. Grain: source × day × signal.
select
    source as usage_source,
    day,
    signal,
    day_version
from {{ landed_register('usage_days') }}
