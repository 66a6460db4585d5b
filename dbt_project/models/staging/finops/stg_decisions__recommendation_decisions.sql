select * from {{ landed_decisions('recommendation_decisions') }}
