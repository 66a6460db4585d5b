-- Daily totals of previous deliveries that were pruned, or that no build had seen.
-- Grain: delivery × day × account × service × currency.
select * from {{ landed_register('kept_totals') }}
