-- What time alone decides, before a command is looked at. `Sale::pass_time` in crates/core/src/room/sale.rs.

-- Brings everything up to date that time alone decides.
local function pass_time()
  local before = s.now
  s.now = math.max(before, called_ms())
  local open = is_open() and math.max(0, math.min(s.ends or s.now, s.now) - before) or 0
  if s.now - before > SILENCE_MS then
    -- Nobody could come in, so it is nobody's grace; nor could anybody put anything back.
    if open > 0 then
      open, changed = 0, true
    end
    if before < s.mending then
      s.mending, changed = s.mending + s.now - before, true
    end
  end
  settle_gaps()
  expire_leases()
  local gained, burst = units_between(before, s.now), s.burst * PERSON
  s.leak = math.min(burst + expected_units(), s.leak + gained)
  s.cap = math.min(burst + s.cap_extra * PERSON, s.cap + gained)
  s.watch = s.watch + open
  expire_calls()
  -- Calls in vain are learned of too late to call others in their stead, who would only have to wait for the cap.
  spill()
  enter_phase()
  if is_open() and s.draining == 0 and not is_mending() then
    call_next(math.max(0, max_active(s.now) - active()))
  end
end
