// Attention as lines from each token on the left to the tokens it looks at on the right.

const ROW = 21;
const MOST_LINES = 1200; // what is drawn at once; fewer than the eye can follow, and smooth
const FAINTEST = 0.02; // of the strongest: among all lines, those below would only be fog
const SHADES = 24; // lines of like weight are stroked together

class AttentionLines {
  constructor(root) {
    this.root = root;
    this.alone = null; // [side, index] of the only token whose lines are shown: side 0 looks, side 1 is looked at
    this.pinned = false;
    this.skip = make("input", { type: "checkbox" });
    const choice = make("label", {}, this.skip, make("span", { textContent: "leave out the first token" }));
    this.note = make("span", { className: "quiet" });
    this.canvas = make("canvas", { attributes: { tabindex: "0", role: "img" } });
    this.sizer = make("div", { className: "sizer" }, this.canvas);
    this.scroller = make("div", { className: "scroll" }, this.sizer);
    this.live = make("div", { className: "hidden", attributes: { "aria-live": "polite" } });
    const sides = make("div", { className: "sides quiet" }, make("span", { textContent: "each token" }), make("span", { textContent: "looks at" }));
    root.append(make("div", { className: "bar" }, choice, this.note), sides, this.scroller, this.live);
    this.tooltip = new Tooltip(root);
    this.listen();
  }

  listen() {
    this.observer = new ResizeObserver(() => this.arrange());
    this.observer.observe(this.root);
    this.skip.addEventListener("change", () => this.draw());
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => {
      this.tooltip.hide();
      if (!this.pinned) this.isolate(null);
    });
    this.canvas.addEventListener("click", (event) => this.pin(this.tokenAt(event)));
    this.canvas.addEventListener("keydown", (event) => this.press(event));
  }

  /** Shows a token's lines alone, and the whole of one that is too long for its label. */
  hover(event) {
    const token = this.tokenAt(event);
    if (!this.pinned) this.isolate(token);
    const whole = token && this.data.whole[token[0]][token[1]];
    if (whole) this.tooltip.show(new DOMRect(event.clientX, event.clientY, 0, 0), make("div", { textContent: whole, dir: "auto" }));
    else this.tooltip.hide();
  }

  destroy() {
    this.tooltip.hide();
    this.observer.disconnect();
  }

  update(data) {
    const same = this.data && JSON.stringify([data.queries, data.keys]) === JSON.stringify([this.data.queries, this.data.keys]);
    if (!same) [this.alone, this.pinned] = [null, false];
    if (this.data?.skipFirst !== data.skipFirst) this.skip.checked = data.skipFirst;
    this.data = data;
    this.colours = readColours(this.root, data.palette);
    this.bytes = unpackWeights(data.weights);
    this.ranked = rank(this.bytes);
    this.canvas.setAttribute("aria-label", data.label);
    this.arrange();
  }

  arrange() {
    const width = Math.floor(this.root.clientWidth);
    if (!width || !this.data) return;
    const rows = Math.max(this.data.queries.length, this.data.keys.length);
    this.full = rows * ROW + 6;
    this.high = Math.min(this.full, this.data.maxHeight);
    this.scroller.style.height = `${this.high}px`;
    this.sizer.style.height = `${this.full}px`;
    this.wide = this.full > this.high ? this.scroller.clientWidth : width;
    this.column = this.columnWidth();
    this.root.style.setProperty("--column", `${this.column}px`);
    this.draw();
  }

  /** As wide as the longest token, up to a third of the whole. */
  columnWidth() {
    const context = this.canvas.getContext("2d");
    context.font = `700 13px ${this.colours.font}`;
    const widths = [...this.data.queries, ...this.data.keys].map((token) => context.measureText(token).width);
    return Math.ceil(clamp(Math.max(...widths) + 10, 60, this.wide * 0.34));
  }

  /** The lines to draw, strongest first: those of one token, or the strongest of all. */
  lines() {
    const columns = this.data.keys.length;
    const kept = [];
    let count = 0;
    for (const at of this.ranked) {
      const [query, key] = [Math.floor(at / columns), at % columns];
      if (this.skip.checked && key === 0) continue;
      if (this.alone && (this.alone[0] === 0 ? query : key) !== this.alone[1]) continue;
      count++;
      const faint = !this.alone && kept.length > 0 && (this.bytes[at] / kept[0].byte) ** 2 < FAINTEST;
      if (!faint && kept.length < MOST_LINES) kept.push({ query, key, byte: this.bytes[at] });
    }
    return { kept, count };
  }

  draw() {
    if (!this.data || !this.wide) return;
    const context = fitCanvas(this.canvas, this.wide, this.high);
    context.clearRect(0, 0, this.wide, this.high);
    const { kept, count } = this.lines();
    this.paintLines(context, kept);
    this.paintTokens(context, 0, this.data.queries, kept);
    this.paintTokens(context, 1, this.data.keys, kept);
    const number = (value) => value.toLocaleString("en");
    const left = count > kept.length ? `the ${number(kept.length)} strongest of ${number(count)} lines; the weaker ones are left out` : "";
    this.note.textContent = left;
  }

  yOf(index) {
    return index * ROW + ROW / 2 + 3 - this.scroller.scrollTop;
  }

  paintLines(context, kept) {
    const top = topOf(kept);
    const [start, end] = [this.column + 6, this.wide - this.column - 6];
    const middle = (start + end) / 2;
    const paths = Array.from({ length: SHADES + 1 }, () => new Path2D());
    for (const { query, key, byte } of kept) {
      const [from, to] = [this.yOf(query), this.yOf(key)];
      if (Math.max(from, to) < 0 || Math.min(from, to) > this.high) continue;
      const path = paths[Math.ceil((byte / top) ** 2 * SHADES)];
      path.moveTo(start, from);
      path.bezierCurveTo(middle, from, middle, to, end, to);
    }
    context.lineCap = "round";
    context.strokeStyle = cssColour(this.colours.table[this.colours.dark ? 190 : 165]);
    for (const [shade, path] of paths.entries()) {
      const strength = shade / SHADES;
      context.globalAlpha = 0.06 + 0.84 * strength;
      context.lineWidth = 0.8 + 1.8 * strength;
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  paintTokens(context, side, tokens, kept) {
    const weights = new Map();
    if (this.alone && this.alone[0] !== side) for (const line of kept) weights.set(side ? line.key : line.query, line.byte);
    const top = topOf(kept);
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 1);
    const last = Math.min(tokens.length, first + Math.ceil(this.high / ROW) + 3);
    for (let index = first; index < last; index++) {
      const chosen = this.alone && this.alone[0] === side && this.alone[1] === index;
      const level = weights.has(index) ? weights.get(index) / top : 0;
      this.paintToken(context, side, tokens[index], index, chosen, level);
    }
  }

  paintToken(context, side, text, index, chosen, level) {
    const y = this.yOf(index);
    const { colours } = this;
    context.font = `${chosen ? 700 : 400} 13px ${colours.font}`;
    const edge = side ? this.wide - this.column : this.column;
    const width = Math.min(this.column - 8, context.measureText(text).width);
    let ink = this.alone && !chosen && level === 0 ? colours.muted : colours.text;
    if (level > 0.02) {
      const colour = colours.table[Math.round(level * 219)];
      context.fillStyle = cssColour(colour);
      context.beginPath();
      context.roundRect(side ? edge - 3 : edge - width - 3, y - ROW / 2 + 1, width + 6, ROW - 2, 4);
      context.fill();
      ink = brightness(colour) > 0.52 ? "#12141c" : "#ffffff";
    }
    context.fillStyle = chosen ? colours.accent : ink;
    context.textAlign = side ? "left" : "right";
    context.textBaseline = "middle";
    context.fillText(text, edge, y + 1, this.column - 8);
  }

  tokenAt(event) {
    const index = Math.floor((event.offsetY + this.scroller.scrollTop - 3) / ROW);
    const side = event.offsetX <= this.column ? 0 : event.offsetX >= this.wide - this.column ? 1 : -1;
    if (side < 0 || index < 0 || index >= this.tokens(side).length) return null;
    return [side, index];
  }

  tokens(side) {
    return side ? this.data.keys : this.data.queries;
  }

  isolate(token) {
    if (JSON.stringify(token) === JSON.stringify(this.alone)) return;
    this.alone = token;
    this.draw();
  }

  pin(token) {
    const same = this.pinned && JSON.stringify(token) === JSON.stringify(this.alone);
    this.pinned = token !== null && !same;
    this.isolate(this.pinned ? token : null);
  }

  press(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const [side, index] = this.alone ?? [0, -1];
    const moves = {
      ArrowUp: [side, index - 1], ArrowDown: [side, index + 1], ArrowLeft: [0, index], ArrowRight: [1, index], Escape: null,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const to = moves[event.key];
    this.pinned = to !== null;
    this.isolate(to && [to[0], clamp(to[1], 0, this.tokens(to[0]).length - 1)]);
    this.announce();
  }

  announce() {
    if (!this.alone) {
      this.live.textContent = "All lines";
      return;
    }
    const [side, index] = this.alone;
    const y = index * ROW;
    if (y < this.scroller.scrollTop) this.scroller.scrollTop = y;
    if (y + ROW > this.scroller.scrollTop + this.high) this.scroller.scrollTop = y + 2 * ROW - this.high;
    const words = this.lines().kept.slice(0, 3).map(({ query, key, byte }) => `${this.tokens(1 - side)[side ? query : key]} ${weightText(byte)}`);
    this.live.textContent = `${this.tokens(side)[index]} ${side ? "is looked at by" : "looks at"} ${words.join(", ")}`;
  }
}

function topOf(lines) {
  return Math.max(LEAST_TOP, lines.length ? lines[0].byte : 0);
}

/** Positions of all weights above 0, strongest first; 8 bits sort by counting. */
function rank(bytes) {
  const starts = new Uint32Array(257);
  for (const byte of bytes) starts[255 - byte + 1]++;
  for (let i = 1; i < 257; i++) starts[i] += starts[i - 1];
  const ranked = new Uint32Array(bytes.length);
  for (const [at, byte] of bytes.entries()) ranked[starts[255 - byte]++] = at;
  const zeros = bytes.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0);
  return ranked.subarray(0, bytes.length - zeros);
}

export default mounting(AttentionLines);
