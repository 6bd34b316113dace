// The text as a line of tokens; a click shades them by the attention that one token pays, or gets.

const LOOKS_AT = "looks at";
const LOOKED_AT_BY = "looked at by";
const RIGHT_TO_LEFT = /^[^\p{L}]*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

class TokenStrip {
  constructor(root) {
    this.root = root;
    this.directions = make("div", { className: "segments", attributes: { role: "group", "aria-label": "Direction" } });
    for (const direction of [LOOKS_AT, LOOKED_AT_BY]) {
      const button = make("button", { textContent: direction, dataset: { direction } });
      button.addEventListener("click", () => this.turn(direction));
      this.directions.append(button);
    }
    this.summary = make("div", { className: "summary", attributes: { "aria-live": "polite" } });
    this.body = make("div", { className: "scroll body" });
    root.append(make("div", { className: "head" }, this.directions, this.summary), this.body);
    this.tooltip = new Tooltip(root);
    this.body.addEventListener("pointerover", (event) => this.hover(event.target.closest(".token")));
    this.body.addEventListener("pointerleave", () => this.tooltip.hide());
    this.body.addEventListener("scroll", () => this.tooltip.hide(), { passive: true });
    this.body.addEventListener("click", (event) => this.click(event.target.closest(".token")));
    this.body.addEventListener("keydown", (event) => this.press(event));
  }

  destroy() {
    this.tooltip.hide();
  }

  update(data, send) {
    this.tell = (value) => send("pick", value);
    this.colours = readColours(this.root, data.palette);
    this.selection = Selection.of(data.key);
    this.selection.obey(data.selection);
    this.body.style.maxHeight = `${data.maxHeight}px`;
    this.weights = data.weights.full ? unpackWeights(data.weights.full) : null;
    this.line = data.weights.line ? unpackWeights(data.weights.line) : null;
    const fresh = JSON.stringify([data.queries, data.keys]) !== JSON.stringify([this.data?.queries, this.data?.keys]);
    this.data = data;
    if (fresh) this.write();
    this.shade();
    this.reveal();
  }

  /** One row of tokens where a text attends to itself, two where one text attends to another. */
  write() {
    const { queries, keys } = this.data;
    const rows = keys ? [[LOOKS_AT, queries], [LOOKED_AT_BY, keys]] : [["", queries]];
    this.lists = rows.map(([side, tokens]) => this.list(side, tokens));
    this.chips = this.lists.map((list) => [...list.querySelectorAll(".token")]);
    this.body.replaceChildren(...this.lists);
  }

  list(side, tokens) {
    const name = side === "" ? "Tokens" : side === LOOKS_AT ? "Tokens that look" : "Tokens looked at";
    const attributes = { role: "listbox", tabindex: "0", "aria-label": name, "data-side": side };
    const list = make("div", { className: "list", attributes });
    list.dir = RIGHT_TO_LEFT.test(tokens.map((token) => token.text).join("")) ? "rtl" : "ltr";
    for (const [index, token] of tokens.entries()) {
      const own = { role: "option", dir: "auto" };
      const blank = /^[ ⏎⇥]*$/.test(token.text);
      const textContent = blank ? token.text.replaceAll(" ", "·") || "∅" : token.text;
      const className = blank ? "token blank" : "token";
      list.append(make("span", { className, textContent, id: `${side}${index}`, attributes: own, dataset: { index } }));
      if (token.breaks) list.append(make("br"));
    }
    return list;
  }

  get index() {
    return this.selection.value[0];
  }

  get direction() {
    return this.selection.value[1];
  }

  /** The list in which the selected token stands, and the list that it shades: 0 or 1. */
  sides() {
    if (!this.data.keys) return [0, 0];
    return this.direction === LOOKS_AT ? [0, 1] : [1, 0];
  }

  /** 8-bit weights of every token of the shaded list, or null while Python has yet to send them. */
  bytes() {
    if (this.weights) {
      const columns = (this.data.keys ?? this.data.queries).length;
      if (this.direction === LOOKS_AT) return this.weights.subarray(this.index * columns, (this.index + 1) * columns);
      return Uint8Array.from(this.data.queries, (_, query) => this.weights[query * columns + this.index]);
    }
    const [index, direction] = this.data.weights.of ?? [];
    return this.line && index === this.index && direction === this.direction ? this.line : null;
  }

  shade() {
    const [from, to] = this.sides();
    const bytes = this.bytes();
    const left = this.leftOut();
    this.body.classList.toggle("waiting", bytes === null);
    if (bytes) {
      const top = bytes.reduce((most, byte, i) => (i === left ? most : Math.max(most, byte)), LEAST_TOP);
      for (const chip of this.chips.flat()) chip.style.background = chip.style.color = "";
      for (const [i, chip] of this.chips[to].entries()) this.ink(chip, i === left ? 0 : (bytes[i] / top) * 255);
    }
    for (const chip of this.body.querySelectorAll('[aria-selected="true"]')) chip.setAttribute("aria-selected", "false");
    const chosen = this.chips[from][this.index];
    chosen?.setAttribute("aria-selected", "true");
    if (chosen) this.lists[from].setAttribute("aria-activedescendant", chosen.id);
    for (const button of this.directions.children) {
      button.setAttribute("aria-pressed", String(button.dataset.direction === this.direction));
    }
    this.summarise(bytes, from, to, left);
  }

  /** The first key, where it is to be left out: -1 if none is. */
  leftOut() {
    return this.data.skipFirst && this.direction === LOOKS_AT ? 0 : -1;
  }

  ink(chip, level) {
    if (level < 4) return;
    const colour = this.colours.table[Math.round(level * 0.86)]; // the very end of the scale is too heavy for a word
    chip.style.background = cssColour(colour);
    chip.style.color = brightness(colour) > 0.52 ? "#12141c" : "#ffffff";
  }

  summarise(bytes, from, to, left) {
    const chosen = this.chips[from][this.index];
    if (!bytes || !chosen) return this.summary.replaceChildren();
    const best = [...bytes.keys()].filter((i) => i !== left && bytes[i] > 0).sort((a, b) => bytes[b] - bytes[a]).slice(0, 3);
    const quote = (text) => make("bdi", { className: "quote", textContent: text });
    const parts = [quote(chosen.textContent), ` ${this.direction} `];
    if (!best.length) parts.push("no token");
    for (const [place, i] of best.entries()) {
      if (place) parts.push(", ");
      parts.push(quote(this.chips[to][i].textContent), ` ${weightText(bytes[i])}`);
    }
    this.summary.replaceChildren(...parts);
  }

  hover(chip) {
    if (!chip) return this.tooltip.hide();
    const side = this.chips.findIndex((chips) => chips.includes(chip));
    const [, to] = this.sides();
    const bytes = side === to ? this.bytes() : null;
    const index = Number(chip.dataset.index);
    const tokens = side === 1 ? this.data.keys : this.data.queries;
    const lines = [make("strong", { textContent: tokens[index].whole ?? chip.textContent, dir: "auto" }), make("span", { className: "quiet", textContent: ` token ${index}` })];
    if (bytes) lines.push(make("div", { textContent: `weight ${weightText(bytes[index])}` }));
    this.tooltip.show(chip.getBoundingClientRect(), ...lines);
  }

  click(chip) {
    if (!chip) return;
    const direction = chip.parentElement.dataset.side || this.direction;
    this.select(Number(chip.dataset.index), direction, true);
  }

  turn(direction) {
    if (direction === this.direction) return;
    const tokens = direction === LOOKED_AT_BY && this.data.keys ? this.data.keys : this.data.queries;
    this.select(Math.min(this.index, tokens.length - 1), direction, true);
  }

  press(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const list = event.target.closest(".list");
    if (!list) return;
    const direction = list.dataset.side || this.direction;
    const forward = list.dir === "rtl" ? -1 : 1;
    const last = this.chips[this.lists.indexOf(list)].length - 1;
    const from = direction === this.direction ? this.index : 0;
    const steps = { ArrowLeft: from - forward, ArrowRight: from + forward, Home: 0, End: last };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.tooltip.hide();
    this.select(clamp(steps[event.key], 0, last), direction, false);
    this.reveal();
  }

  select(index, direction, now) {
    this.selection.move([index, direction], this.tell, now);
    this.shade();
  }

  /** Scrolls the strip, never the page, until the selected token is in view. */
  reveal() {
    const chip = this.chips[this.sides()[0]][this.index];
    if (!chip) return;
    const [top, height] = [chip.offsetTop - this.body.offsetTop, chip.offsetHeight];
    const { scrollTop, clientHeight } = this.body;
    const wanted = clamp(scrollTop, top + 2 * height - clientHeight, Math.max(0, top - height));
    if (wanted !== scrollTop) this.body.scrollTop = wanted;
  }
}

export default mounting(TokenStrip);
