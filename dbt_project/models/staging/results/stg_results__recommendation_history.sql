-- Recommendations as they stood on earlier days. Grain: day × recommendation.
select * from {{ landed_results('recommendation_history') }}
