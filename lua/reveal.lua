-- Publishes the secret with the seed, and starts the leak; `Command::Reveal`.
--
-- Lua can neither hash nor verify. So the caller is told what the draw consists of, looks at it, and asks again with the
-- seed; what it has looked at is named by the draw's digest, so that it cannot become the seed of another one.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, whether the caller has a round's signature (1 or 0), the digest of the draw that it has looked at or '',
--          the seed or '', the signature or '', the round's randomness or ''
-- Returns  {'ok'}; {'descriptor', digest, descriptor, frozen at or 0} where a signature is to be verified first;
--          {'seed', digest, descriptor, N, root, secret, frozen at, now} where the seed is wanted; then in a room with tiers
--          the roots of all, and N of each

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
end
local has_signature, is_known = ARGV[4] == '1', ARGV[5] == s.digest
if has_signature and not is_known then
  return finish({ 'descriptor', s.digest, s.descriptor, integer(s.frozen_at or 0) })
elseif not s.root then
  return refuse('no_root')
elseif s.seed and has_signature and not s.signature then
  return refuse('too_late')
elseif s.seed then
  return answer()
elseif s.now - s.frozen_at < s.witness then
  return refuse('not_witnessed', integer(s.witness - (s.now - s.frozen_at)))
elseif not is_known or ARGV[6] == '' then
  local numbers = { integer(s.early), integer(s.frozen_at), integer(s.now) }
  local asked = { 'seed', s.digest, s.descriptor, numbers[1], s.root, s.secret, numbers[2], numbers[3], s.roots }
  for tier = 0, (s.tiers or 0) - 1 do
    asked[#asked + 1] = integer(s['n' .. tier])
  end
  return finish(asked)
end
s.seed, s.revealed_at = ARGV[6], s.now
if has_signature then
  s.signature, s.beacon = ARGV[7], ARGV[8]
end
s.leak, s.cap = s.burst * PERSON, s.burst * PERSON
tell()
enter_phase()
return answer()
