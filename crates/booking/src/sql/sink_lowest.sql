-- The number up to which every registered sink has read the change log; none where no sink is registered.
select min(position) as lowest from sink
