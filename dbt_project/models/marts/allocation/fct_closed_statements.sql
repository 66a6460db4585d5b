-- The chain of closed statements: every posting sealed by the hash of its lines and of the posting before it.
-- Grain: posting (a close, or the reversal of one). The hash is computed here again from the lines that are kept, so a
-- line that was changed, added or removed after closing breaks the build.
with

sealed as (
    select sequence, {{ statement_hash() }} as content_hash, count(*) as line_count
    from {{ ref('stg_finops__book_lines') }}
    group by sequence
),

events as (
    select *, lag(chain_hash, 1, '') over (order by sequence) as expected_previous_hash
    from {{ ref('stg_finops__book_events') }}
    where event <> 'soft_close'
)

select
    events.sequence,
    events.billing_period,
    events.event,
    events.revision,
    events.recorded_at,
    events.decided_by,
    events.reason,
    coalesce(sealed.line_count, 0) as line_count,
    events.content_hash,
    events.previous_hash,
    events.chain_hash,
    coalesce(
        sealed.content_hash = events.content_hash
        and events.previous_hash = events.expected_previous_hash
        and events.chain_hash = {{ sha256('events.previous_hash || events.content_hash') }},
        false
    ) as is_intact
from events
left join sealed on events.sequence = sealed.sequence
