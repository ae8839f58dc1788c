-- How far a sink was carried, as its relay noted. $1 name.
select position from sink where name = $1
