-- What operators watch, in whole seconds: the age of the oldest change that no relay has published (0 where none ever
-- ran), and of the oldest payment that has not come to its end.
select
    coalesce((
        select extract(epoch from now() - at)::bigint
        from change_log
        where change_id > published.change_id and published.change_id > 0
        order by change_id
        limit 1
    ), 0) as unpublished_s,
    coalesce((
        select extract(epoch from now() - min(started_at))::bigint
        from payment
        where state in ('started', 'refunding')
    ), 0) as open_payment_s
from published
where only_row
