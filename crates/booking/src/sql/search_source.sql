-- Which installation this is, and the last number that its change log has drawn.
select installation_id, coalesce(pg_sequence_last_value('change_log_change_id_seq'), 0) as last
from installation
