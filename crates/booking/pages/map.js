// The map: draws the hall on a canvas, and turns taps into seats. Drag to move, wheel or pinch to zoom.

const SEAT_RADIUS = 0.4;
/** What a finger can hit (WCAG 2.5.8), and what a mouse can, in CSS pixels. */
const FINGER_PX = 24;
const MOUSE_PX = 5;
const ZOOM_MAX = 34;

class HallMap {
  constructor(canvas, tip, hall, words) {
    Object.assign(this, { canvas, tip, hall, words, context: canvas.getContext("2d") });
    this.free = new Uint8Array(0);
    this.chosen = new Set();
    this.mine = new Set();
    this.view = { x: 0, y: 0, scale: 1 };
    this.pointers = new Map();
    this.focus = null;
    this.onSeat = () => {};
    this.onSection = () => {};
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    this.listen();
    this.recolour();
    this.resize();
  }

  recolour() {
    const style = getComputedStyle(document.documentElement);
    const token = (name) => style.getPropertyValue(name).trim();
    this.theme = { ink: token("--ink"), card: token("--card"), soft: token("--soft"), taken: token("--taken"), stage: token("--stage"), onStage: token("--on-stage"), line: token("--line"), paper: token("--paper") };
    this.colours = priceColours(this.hall.sections, matchMedia("(prefers-color-scheme: dark)").matches);
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    this.ratio = Math.min(3, devicePixelRatio || 1);
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    // The bars of a phone's browser come and go: whoever came near to a seat stays there.
    const stays = this.whole && width === this.width;
    Object.assign(this, { width, height });
    this.whole = this.fit(this.hall.bounds, 26);
    if (!stays) this.view = this.focus ? this.fit(this.focus.bounds, 40) : { ...this.whole };
    this.draw();
  }

  fit(box, margin) {
    const scale = Math.min((this.width - 2 * margin) / (box.right - box.left), (this.height - 2 * margin - 12) / (box.bottom - box.top), ZOOM_MAX);
    return { scale, x: this.width / 2 - (scale * (box.left + box.right)) / 2, y: (this.height - 12) / 2 - (scale * (box.top + box.bottom)) / 2 };
  }

  /** Moves smoothly to a section, or to the whole hall. */
  show(section) {
    this.focus = section || null;
    this.glide(section ? this.fit(section.bounds, 40) : this.whole);
  }

  /** Comes so near to a section that its seats can be hit: to all of it, or to what fits around a point of it. */
  approach(section, [x, y], targetPx) {
    const scale = targetPx / (2 * SEAT_RADIUS);
    if (this.fit(section.bounds, 40).scale >= scale) return this.show(section);
    this.focus = section;
    const [hallX, hallY] = [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
    this.glide({ scale, x: this.width / 2 - hallX * scale, y: this.height / 2 - hallY * scale });
  }

  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.max(this.whole.scale * 0.9, Math.min(ZOOM_MAX, this.view.scale * factor));
    const grown = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * grown, y: y - (y - this.view.y) * grown };
    this.keepInSight();
    this.draw();
  }

  glide(to) {
    const from = { ...this.view };
    const started = performance.now();
    const lasts = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 320;
    const step = (now) => {
      const t = lasts ? Math.min(1, (now - started) / lasts) : 1;
      const eased = 1 - (1 - t) ** 3;
      for (const key of ["x", "y", "scale"]) this.view[key] = from[key] + (to[key] - from[key]) * eased;
      this.draw();
      if (t < 1 && this.gliding === step) requestAnimationFrame(step);
    };
    this.gliding = step;
    step(started);
    if (lasts) requestAnimationFrame(step);
  }

  keepInSight() {
    const { left, right, top, bottom } = this.hall.bounds;
    const { scale } = this.view;
    this.view.x = Math.min(this.width * 0.75 - left * scale, Math.max(this.width * 0.25 - right * scale, this.view.x));
    this.view.y = Math.min(this.height * 0.75 - top * scale, Math.max(this.height * 0.25 - bottom * scale, this.view.y));
  }

  update(free, chosen, mine) {
    Object.assign(this, { free, chosen, mine });
    this.draw();
  }

  draw() {
    if (!this.width || this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.paint();
    });
  }

  paint() {
    const { context, view, ratio } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
    this.paintStage();
    this.hall.sections.forEach((section) => this.paintSection(section));
    this.paintSeats();
    this.hall.sections.forEach((section) => this.paintName(section));
  }

  paintStage() {
    const { context, theme } = this;
    context.fillStyle = theme.stage;
    context.beginPath();
    context.arc(0, 0, FIRST_RADIUS - 4.5, Math.PI / 2 - 0.95, Math.PI / 2 + 0.95);
    context.lineTo(-9.5, 0.6);
    context.lineTo(9.5, 0.6);
    context.closePath();
    context.fill();
    context.fillStyle = theme.onStage;
    context.font = "600 2.5px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText("S T A G E", 0, 9);
  }

  paintSection(section) {
    const { context, theme } = this;
    this.trace(section);
    context.fillStyle = theme.paper;
    context.fill();
    if (section === this.focus) {
      context.lineWidth = 0.18;
      context.strokeStyle = this.colours.get(section.price);
      context.stroke();
    }
  }

  /** The outline of a section. Canvas angles start at the right, ours straight down, the other way round. */
  trace({ arc }) {
    const { context } = this;
    const turn = (angle) => Math.PI / 2 - angle;
    context.beginPath();
    context.arc(0, 0, arc.outer, turn(arc.from), turn(arc.to), true);
    context.arc(0, 0, arc.inner, turn(arc.to), turn(arc.from));
    context.closePath();
  }

  paintSeats() {
    const { context, hall, theme } = this;
    const groups = new Map();
    const sight = this.sight();
    for (let unit = 0; unit < hall.x.length; unit += 1) {
      const [x, y] = [hall.x[unit], hall.y[unit]];
      if (x < sight.left || x > sight.right || y < sight.top || y > sight.bottom) continue;
      const colour = this.isChosen(unit) ? theme.ink : this.free[unit] ? this.colours.get(hall.sections[hall.sectionOf[unit]].price) : theme.taken;
      if (!groups.has(colour)) groups.set(colour, []);
      groups.get(colour).push(unit);
    }
    for (const [colour, units] of groups) {
      context.fillStyle = colour;
      context.beginPath();
      for (const unit of units) this.traceSeat(unit, colour === theme.ink ? SEAT_RADIUS * 1.15 : SEAT_RADIUS);
      context.fill();
    }
    if (this.view.scale > 19) this.paintNumbers(sight);
    this.paintTicks();
  }

  traceSeat(unit, radius) {
    const size = this.hall.sections[this.hall.sectionOf[unit]].kind === "standing" ? radius * 0.74 : radius;
    const [x, y] = [this.hall.x[unit], this.hall.y[unit]];
    this.context.moveTo(x + size, y);
    this.context.arc(x, y, size, 0, 2 * Math.PI);
  }

  paintTicks() {
    const { context, hall, theme } = this;
    context.strokeStyle = theme.card;
    context.lineWidth = 0.13;
    context.lineCap = "round";
    context.beginPath();
    for (const unit of [...this.chosen, ...this.mine]) {
      context.moveTo(hall.x[unit] - 0.18, hall.y[unit] + 0.01);
      context.lineTo(hall.x[unit] - 0.04, hall.y[unit] + 0.15);
      context.lineTo(hall.x[unit] + 0.2, hall.y[unit] - 0.14);
    }
    context.stroke();
  }

  paintNumbers(sight) {
    const { context, hall, words } = this;
    context.font = "600 0.34px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let unit = 0; unit < hall.x.length; unit += 1) {
      const [x, y] = [hall.x[unit], hall.y[unit]];
      if (x < sight.left || x > sight.right || y < sight.top || y > sight.bottom || this.isChosen(unit)) continue;
      if (hall.sections[hall.sectionOf[unit]].kind === "standing") continue;
      context.fillStyle = this.free[unit] ? this.theme.card : this.theme.soft;
      context.fillText(words[unit].split(" ").pop(), x, y + 0.02);
    }
  }

  /** Names lie over their sections while the seats are too small to be chosen. */
  paintName(section) {
    if (this.view.scale > 9 || this.width < 320 || section === this.focus) return;
    const { context, theme } = this;
    const size = Math.min(2.3, 15 / this.view.scale + 0.7);
    context.save();
    context.translate(...section.middle);
    context.rotate(section.tilt);
    context.font = `650 ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const name = section.title.replace(/ \(.*\)/, "");
    const half = context.measureText(name).width / 2 + 0.8;
    context.globalAlpha = 0.86;
    context.fillStyle = theme.card;
    context.beginPath();
    context.roundRect(-half, -size * 0.75, half * 2, size * 1.5, size * 0.75);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = theme.ink;
    context.fillText(name, 0, 0.1);
    context.restore();
  }

  isChosen(unit) {
    return this.chosen.has(unit) || this.mine.has(unit);
  }

  sight() {
    const { x, y, scale } = this.view;
    return { left: -x / scale - 1, right: (this.width - x) / scale + 1, top: -y / scale - 1, bottom: (this.height - y) / scale + 1 };
  }

  /** The seat under a point of the canvas, if any. */
  seatAt(px, py) {
    const x = (px - this.view.x) / this.view.scale;
    const y = (py - this.view.y) / this.view.scale;
    let [best, nearest] = [-1, 0.62 ** 2];
    for (let unit = 0; unit < this.hall.x.length; unit += 1) {
      const distance = (this.hall.x[unit] - x) ** 2 + (this.hall.y[unit] - y) ** 2;
      if (distance < nearest) [best, nearest] = [unit, distance];
    }
    return best;
  }

  sectionAt(px, py) {
    const x = (px - this.view.x) / this.view.scale;
    const y = (py - this.view.y) / this.view.scale;
    const [radius, angle] = [Math.hypot(x, y), Math.atan2(x, y)];
    return this.hall.sections.find(({ arc }) => radius >= arc.inner && radius <= arc.outer && angle >= arc.from && angle <= arc.to);
  }

  listen() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, at(event));
      this.moved = 0;
      this.gliding = null;
    });
    canvas.addEventListener("pointermove", (event) => (this.pointers.has(event.pointerId) ? this.drag(event, at(event)) : this.hover(at(event))));
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerup", (event) => {
      const tapped = this.pointers.size === 1 && this.moved < 8;
      this.pointers.delete(event.pointerId);
      canvas.classList.remove("drag");
      if (tapped) this.tap(at(event), event.pointerType);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), ...at(event));
    }, { passive: false });
  }

  drag(event, [x, y]) {
    const before = [...this.pointers.values()];
    const [fromX, fromY] = this.pointers.get(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    const now = [...this.pointers.values()];
    this.moved += Math.hypot(x - fromX, y - fromY);
    if (now.length === 2) {
      const apart = ([[ax, ay], [bx, by]]) => Math.hypot(ax - bx, ay - by) || 1;
      this.zoomBy(apart(now) / apart(before), (now[0][0] + now[1][0]) / 2, (now[0][1] + now[1][1]) / 2);
    } else if (this.moved >= 8) {
      this.canvas.classList.add("drag");
      this.tip.hidden = true;
    }
    this.view.x += (x - fromX) / now.length;
    this.view.y += (y - fromY) / now.length;
    this.keepInSight();
    this.draw();
  }

  hover(point) {
    const unit = point ? this.seatAt(...point) : -1;
    const shown = unit >= 0 && (this.free[unit] || this.isChosen(unit));
    this.canvas.classList.toggle("pick", Boolean(shown || (point && this.sectionAt(...point))));
    this.tip.hidden = !shown;
    if (!shown) return;
    const section = this.hall.sections[this.hall.sectionOf[unit]];
    this.tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: section.title }), `${this.words[unit]} · ${money(section.price)}`);
    const x = this.hall.x[unit] * this.view.scale + this.view.x;
    this.tip.style.left = `${Math.max(80, Math.min(this.width - 80, x))}px`;
    this.tip.style.top = `${this.hall.y[unit] * this.view.scale + this.view.y}px`;
  }

  tap([x, y], pointer) {
    const section = this.sectionAt(x, y);
    const targetPx = pointer === "mouse" ? MOUSE_PX : FINGER_PX;
    const tooSmall = 2 * SEAT_RADIUS * this.view.scale < targetPx - 0.01;
    const unit = this.seatAt(x, y);
    const standing = section?.kind === "standing";
    // A finger first comes nearer to a section, and then chooses in it.
    if (section && (standing || tooSmall)) {
      if (standing) this.show(section);
      else this.approach(section, [x, y], targetPx);
      this.onSection(section);
    } else if (unit >= 0) {
      this.onSeat(unit);
    }
  }
}
