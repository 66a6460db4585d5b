-- FOCUS 1.4 Contract Commitment, as far as bills tell: which commitments there are and what they are for.
-- Grain: commitment × issuer × provider × currency. A bill has neither terms nor contract: those columns are empty, never
-- guessed from the first and last day seen, and named in x_gaps.
with

commitments as (
    select
        commitment_discount_id, commitment_discount_name, commitment_discount_category, commitment_discount_type,
        invoice_issuer_name, service_provider_name, billing_currency, x_source, x_billing_period
    from {{ ref('int_focus__charges') }}
    where commitment_discount_id is not null
    group by all
),

deliveries as (
    select
        x_source,
        billing_period,
        min(landed_at) as first_landed_at,
        max(landed_at) as last_landed_at
    from {{ ref('stg_finops__delivery_chain') }}
    group by x_source, billing_period
)

select
    cast(commitments.billing_currency as varchar) as BillingCurrency,
    cast(null as varchar) as ContractCommitmentApplicability,
    cast('Discount' as varchar) as ContractCommitmentBenefitCategory,
    cast(commitments.commitment_discount_category as varchar) as ContractCommitmentCategory,
    cast(null as decimal(38, 12)) as ContractCommitmentCost,
    cast(min(deliveries.first_landed_at) as timestamp) as ContractCommitmentCreated,
    cast(min(commitments.commitment_discount_name) as varchar) as ContractCommitmentDescription,
    cast(null as decimal(18, 12)) as ContractCommitmentDiscountPercentage,
    cast(null as varchar) as ContractCommitmentDurationType,
    cast(null as varchar) as ContractCommitmentFulfillmentInterval,
    cast(commitments.commitment_discount_id as varchar) as ContractCommitmentId,
    cast(max(deliveries.last_landed_at) as timestamp) as ContractCommitmentLastUpdated,
    cast(null as varchar) as ContractCommitmentLifecycleStatus,
    cast(null as varchar) as ContractCommitmentModel,
    cast(null as varchar) as ContractCommitmentOfferCategory,
    cast(null as varchar) as ContractCommitmentPaymentInterval,
    cast(null as varchar) as ContractCommitmentPaymentModel,
    cast(null as decimal(18, 12)) as ContractCommitmentPaymentUpfrontPercentage,
    cast(null as timestamp) as ContractCommitmentPeriodEnd,
    cast(null as timestamp) as ContractCommitmentPeriodStart,
    cast(null as decimal(38, 12)) as ContractCommitmentQuantity,
    cast(commitments.commitment_discount_type as varchar) as ContractCommitmentType,
    cast(null as varchar) as ContractCommitmentUnit,
    cast(null as varchar) as ContractId,
    cast(null as timestamp) as ContractPeriodEnd,
    cast(null as timestamp) as ContractPeriodStart,
    cast(commitments.invoice_issuer_name as varchar) as InvoiceIssuerName,
    cast(commitments.service_provider_name as varchar) as ServiceProviderName,
    cast(concat(
        'ContractCommitmentApplicability,ContractCommitmentDurationType,',
        'ContractCommitmentFulfillmentInterval,ContractCommitmentLifecycleStatus,ContractCommitmentModel,',
        'ContractCommitmentOfferCategory,ContractCommitmentPaymentInterval,',
        'ContractCommitmentPaymentModel,ContractCommitmentPeriodEnd,ContractCommitmentPeriodStart,',
        'ContractId,ContractPeriodEnd,ContractPeriodStart'
    ) as varchar) as x_gaps
from commitments
left join deliveries on commitments.x_source = deliveries.x_source and commitments.x_billing_period = deliveries.billing_period
group by
    commitments.commitment_discount_id, commitments.commitment_discount_category, commitments.commitment_discount_type,
    commitments.invoice_issuer_name, commitments.service_provider_name, commitments.billing_currency
