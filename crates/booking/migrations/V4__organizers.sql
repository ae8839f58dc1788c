-- When seats can be reserved, besides the switch `on_sale`; null has no end on that side.
alter table event
    add column sale_starts_at   timestamptz,
    add column sale_ends_at     timestamptz,
    add check (sale_starts_at < sale_ends_at);
