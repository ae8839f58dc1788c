// What a browser that kept what it saw of a draw can say of its freeze.

import { isSame } from "../waiting/evidence.js";

// What this browser can say of a published freeze: "changed" or "backdated" (a cheat), "before" (it saw the list sealed
// before the result could be known), "late" (it first saw it afterwards), or null (it saw nothing).
export function judgeFreeze(kept, draw) {
  const { freezes = [], unfrozen } = kept ?? {};
  if (freezes.some((seen) => !isSame(seen, draw))) return "changed";
  // By the room's own clock, and not only because that was set.
  if (Math.min(unfrozen?.now_ms, unfrozen?.at_ms) > draw.frozen_at_ms) return "backdated";
  const [first] = freezes;
  return first ? (first.before ? "before" : "late") : null;
}
