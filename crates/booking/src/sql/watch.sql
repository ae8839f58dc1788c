-- What operators watch: the age of the oldest payment that has not come to its end, in whole seconds.
select coalesce((
    select extract(epoch from now() - min(started_at))::bigint
    from payment
    where state in ('started', 'refunding')
), 0) as open_payment_s
