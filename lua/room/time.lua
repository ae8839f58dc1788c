-- What time alone decides, before a command is looked at. `Sale::pass_time` in crates/core/src/room/time.rs.

-- Brings everything up to date that time alone decides.
local function pass_time()
  local before = s.now
  s.now = math.max(before, called_ms())
  local open = is_open() and math.max(0, math.min(s.ends or s.now, s.now) - before) or 0
  local step = s.now - before
  if step > SILENCE_MS and open > 0 then
    -- Nobody could come in, so it is nobody's grace.
    open, changed = 0, true
  end
  if step > RECOVERY_STEP_MS and before < s.mending then
    -- Nor could the others look, and put anything back.
    s.mending, changed = s.mending + step - RECOVERY_STEP_MS, true
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
