-- What nobody needs any more is removed in small batches; what it is looked up by.

-- How far the relay has come, so that nothing goes before it was published. One row; a number that is too low does no harm.
create table published (
    only_row        boolean primary key default true check (only_row),
    happening_id    bigint not null
);
insert into published (happening_id) values (0);

create index answered_at on answered (at);
create index payment_step_at on payment_step (at);
