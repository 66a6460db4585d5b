-- Buckets that no lifecycle rule tidies: old versions and unfinished uploads are stored, and paid for, for ever. How much they hold neither
-- bill nor inventory says, so savings are unknown. Grain: resource × rule × currency.
with

found as (
    select * from ({{ resources_under('lifecycle') }}) as resources where has_lifecycle = false and effective_cost_month > 0
)

select
    {{ candidate_columns({
        'current_config': json_of({'has_lifecycle': 'false'}),
        'recommended_config': json_of({'abort_incomplete_upload_days': '7', 'expire_old_versions': 'true'}),
        'cost_part': "'object_storage'",
        'evidence': json_of({'has_lifecycle': 'false', 'effective_cost_month': 'found.effective_cost_month'}),
        'data_gaps': json_words({'old_versions': 'true', 'unfinished_uploads': 'true'})
    }) }}
from found
