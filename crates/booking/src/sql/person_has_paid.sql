-- True if somebody has paid with a mail address. $1 the address in lower case.
select exists (
    select from payment where lower(email) = $1 and email is not null and state in ('confirmed', 'refunding', 'refunded')
) as has_paid
