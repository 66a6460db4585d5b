-- What bills say of a commitment's term. Grain: source × commitment. Only what some line states; nothing is guessed.
-- Google's export and FOCUS files name no term: decisions/commitment_terms.csv does.
select
    x_source,
    commitment_id,
    min(starts_on) as starts_on,
    max(ends_on) as ends_on,
    max(term_months) as term_months,
    max(payment_option) as payment_option
from {{ ref('int_focus__stated_terms') }}
group by x_source, commitment_id
