-- The chain of closed statements: every posting sealed by the hashes of its lines, its journal and the posting before it.
-- Grain: posting (a close, or the reversal of one). The hashes are computed here again from what is kept, so a line
-- that was changed, added or removed after closing breaks the build. Postings of the first releases sealed no journal.
with

sealed as (
    select sequence, {{ statement_hash() }} as content_hash, count(*) as line_count
    from {{ ref('stg_finops__book_lines') }}
    group by sequence
),

journals as (
    select sequence, {{ journal_hash() }} as journal_hash
    from {{ ref('stg_finops__book_journal') }}
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
    events.journal_hash,
    events.previous_hash,
    events.chain_hash,
    coalesce(
        sealed.content_hash = events.content_hash
        and events.previous_hash = events.expected_previous_hash
        and events.journal_hash in ('', coalesce(journals.journal_hash, {{ sha256("''") }}))
        and events.chain_hash = {{ sha256('events.previous_hash || events.content_hash || events.journal_hash') }},
        false
    ) as is_intact
from events
left join sealed on events.sequence = sealed.sequence
left join journals on events.sequence = journals.sequence
