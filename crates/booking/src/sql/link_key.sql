-- What the addresses of bookings are signed with.
select key from link_key where only_row
