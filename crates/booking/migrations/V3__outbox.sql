-- The outbox is the log of what happened itself: it was written in the transactions in which it happened. The relay reads
-- it in the order of its numbers. They are drawn after the locks, so what follows from something has a higher number.
create unique index happening_in_order on happening (happening_id);

-- Mails that were sent, so that a repeated message is not a repeated mail.
create table mail_sent (
    happening_id    bigint primary key,
    at              timestamptz not null default now()
);
