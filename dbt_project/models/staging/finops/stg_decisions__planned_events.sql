select * from {{ landed_decisions('planned_events') }}
