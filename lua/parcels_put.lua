-- Puts a piece of a parcel there that is asked for. It counts among the open wishes until it is taken, so that few pieces are there
-- at a time. crates/store/src/parcels.rs has the rules.
--
-- KEYS[1]  the beginning of the names of a depot's keys
-- ARGV     the wish, the bytes, for how many ms they wait to be taken
-- Returns  {'ok'}

if redis.call('ZSCORE', KEYS[1] .. ':wishes', ARGV[1]) then
  redis.call('SET', KEYS[1] .. ':piece:' .. ARGV[1], ARGV[2], 'PX', ARGV[3], 'NX')
end
return { 'ok' }
