// What the descriptor of a draw with tiers may say. Whatever else it says, its draw is refused.

const KEYS = ["beacon", "commitment", "identity", "opens_at_ms", "room", "starts_at_ms", "tiers", "version"];
const BEACON_KEYS = ["chain", "public_key", "retry", "round", "scheme"];
const HASH = /^[0-9a-f]{64}$/;
const isName = (value) => typeof value === "string" && /^[a-z0-9-]{1,32}$/.test(value);
const isMethod = (value) => typeof value === "string" && /^[!-~]{1,255}$/.test(value);
const isWithin = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
const rises = (values) => values.every((value, at) => at === 0 || values[at - 1] < value);

function hasKeys(object, names) {
  return object !== null && typeof object === "object" && Object.keys(object).sort().join() === names.join();
}

export function followsRules(descriptor) {
  if (!hasKeys(descriptor, KEYS)) return false;
  const { beacon, commitment, identity, opens_at_ms, room, starts_at_ms, tiers } = descriptor;
  const times = isWithin(opens_at_ms, 0, starts_at_ms) && isWithin(starts_at_ms, 0, Number.MAX_SAFE_INTEGER);
  const methods = Array.isArray(identity) && identity.every(isMethod) && rises(identity);
  return times && methods && HASH.test(commitment) && isName(room) && areTiers(tiers) && (beacon === null || isRound(beacon));
}

function areTiers(tiers) {
  if (!Array.isArray(tiers) || !isWithin(tiers.length, 1, 16)) return false;
  const bands = tiers.map((tier) => tier?.band);
  const follow = bands.every((band, t) => (t === 0 ? band === 0 : isWithin(band, bands[t - 1], bands[t - 1] + 1)));
  const whole = tiers.every(
    (tier) => hasKeys(tier, ["band", "name", "share"]) && isName(tier.name) && isWithin(tier.share, 1, 1000),
  );
  return follow && whole && new Set(tiers.map(({ name }) => name)).size === tiers.length;
}

function isRound(beacon) {
  const { retry, round, scheme } = beacon;
  const numbers = isWithin(round, 1, Number.MAX_SAFE_INTEGER) && isWithin(retry, 1, 2 ** 20);
  return hasKeys(beacon, BEACON_KEYS) && numbers && scheme === "bls-unchained-g1-rfc9380";
}

// Whether a freeze is of the descriptor's tiers, in their order.
export function areTiersOf(frozen, { tiers }) {
  const isTier = ({ entries, missing, name, root, tags_root }, t) =>
    name === tiers[t].name &&
    isWithin(entries, 0, 2 ** 40 - 1) &&
    isWithin(missing, 0, entries) &&
    [root, tags_root].every((hex) => HASH.test(hex));
  return Array.isArray(frozen) && frozen.length === tiers.length && frozen.every(isTier);
}
