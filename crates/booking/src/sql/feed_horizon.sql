-- Every transaction below this one has ended: what it wrote can be seen now.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon
