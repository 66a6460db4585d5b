-- What bills say of a commitment's term. Grain: source × commitment. Only what some line states; nothing is guessed.
-- Google's export and FOCUS files name no term: decisions/commitment_terms.csv does.
with

stated as (
    select
        x_source,
        coalesce(savings_plan_arn, reservation_arn) as commitment_id,
        {{ date_in('commitment_start_text') }} as starts_on,
        {{ date_in('commitment_end_text') }} as ends_on,
        {{ months_in('commitment_term_text') }} as term_months,
        commitment_payment_option as payment_option
    from {{ ref('stg_aws__cur_line_items') }}
    where coalesce(savings_plan_arn, reservation_arn) is not null

    union all

    select
        x_source,
        lower(coalesce(
            benefit_id,
            '/providers/microsoft.capacity/reservationorders/' || product_order_id || '/reservations/' || reservation_id,
            reservation_id,
            product_order_id
        )) as commitment_id,
        cast(null as date) as starts_on,
        cast(null as date) as ends_on,
        {{ months_in('commitment_term_text') }} as term_months,
        cast(null as varchar) as payment_option
    from {{ ref('stg_azure__cost_details') }}
    where commitment_term_text is not null
)

select
    x_source,
    commitment_id,
    min(starts_on) as starts_on,
    max(ends_on) as ends_on,
    max(term_months) as term_months,
    max(payment_option) as payment_option
from stated
where commitment_id is not null
group by x_source, commitment_id
