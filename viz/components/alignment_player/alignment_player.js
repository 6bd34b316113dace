// An answer being written, a row for each of its characters; what each looked at stands in the row, under the text.

const STEP_MS = 420;
const LEAST_WIDTH = 11; // of a character, in CSS pixels; a longer text scrolls
const SIGNS = { Play: "M6 3.5v13l11-6.5z", Pause: "M5 3.5h4v13H5zM11 3.5h4v13h-4z" };
const END = "⏎";

function sign(name) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  element.setAttribute("viewBox", "0 0 20 20");
  element.setAttribute("width", 16);
  element.setAttribute("height", 16);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SIGNS[name]);
  element.append(path);
  return element;
}

function shown(character) {
  if (character === " ") return "·";
  return character === "</s>" ? END : character;
}

class AlignmentPlayer {
  constructor(root) {
    this.root = root;
    this.timer = 0;
    this.button = make("button", { className: "play" });
    this.button.addEventListener("click", () => (this.timer ? this.stop() : this.play()));
    this.answer = make("output", { className: "answer" });
    this.slider = make("input", { type: "range", min: 1, step: 1, attributes: { "aria-label": "Characters written" } });
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value), true));
    this.table = make("div", { className: "grid" });
    this.body = make("div", { className: "scroll" }, this.table);
    this.said = make("div", { className: "said quiet", attributes: { "aria-live": "polite" } });
    root.append(make("div", { className: "controls" }, this.button, this.answer, this.slider), this.body, this.said);
    this.body.addEventListener("pointerover", (event) => this.hover(event.target.closest("[data-row]")));
    this.body.addEventListener("pointerleave", () => this.hover(null));
  }

  destroy() {
    clearInterval(this.timer);
  }

  update(data) {
    const same = JSON.stringify(data) === JSON.stringify(this.data);
    this.colours = readColours(this.root, data.palette);
    if (!same) {
      clearInterval(this.timer);
      this.timer = 0;
      this.step = data.written.length;
    }
    this.data = data;
    this.weights = data.weights ? unpackWeights(data.weights) : null;
    this.faint = data.faint ? unpackWeights(data.faint) : null;
    this.slider.max = data.written.length;
    this.write();
    this.go(this.step, false);
  }

  write() {
    const { source, written, title } = this.data;
    this.table.setAttribute("aria-label", title);
    this.table.setAttribute("role", "img");
    this.table.style.gridTemplateColumns = `92px repeat(${source.length}, minmax(${LEAST_WIDTH}px, 1fr))`;
    this.table.style.maxWidth = `${92 + 30 * source.length}px`;
    this.top = this.weights ? this.weights.reduce((most, byte) => Math.max(most, byte), LEAST_TOP) : 1;
    this.heads = source.map((character) => make("span", { className: "source", textContent: shown(character) }));
    this.rows = written.map((one, row) => this.row(one, row));
    this.table.replaceChildren(make("span", {}), ...this.heads, ...this.rows.flat());
  }

  row(one, row) {
    const wrong = one.right === false ? " wrong" : "";
    const label = make("span", { className: `written${wrong}`, dataset: { row } },
      make("b", { textContent: shown(one.character) }), make("i", { textContent: one.probability.toFixed(3) }));
    return [label, ...this.data.source.map((_, column) => this.cell(one, row, column))];
  }

  cell(one, row, column) {
    const element = make("span", { className: "cell", dataset: { row, column } });
    const at = row * this.data.source.length + column;
    if (this.weights && this.weights[at] > 0) {
      element.style.background = cssColour(this.colours.table[Math.round((this.weights[at] / this.top) * 255)]);
    }
    if (this.faint && this.faint[at] > 12) {
      const size = Math.round(3 + (this.faint[at] / 255) * 5);
      element.append(make("u", { style: `width:${size}px;height:${size}px` }));
    }
    const { origin, centre } = one;
    if (origin && origin[0] <= column && column < origin[1]) {
      element.classList.add("origin");
      if (column === origin[0]) element.classList.add("first");
      if (column === origin[1] - 1) element.classList.add("last");
    }
    if (centre !== null && Math.abs(column - centre) <= this.data.window) {
      element.classList.add("inside");
      if (Math.round(centre) === column) element.classList.add("centre");
    }
    return element;
  }

  play() {
    const last = this.data.written.length;
    if (this.step === last) this.step = 0;
    this.timer = setInterval(() => (this.step < last ? this.go(this.step + 1, false) : this.stop()), STEP_MS);
    this.go(this.step + 1, false);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.go(this.step, false);
  }

  go(step, chosen) {
    if (chosen) {
      clearInterval(this.timer);
      this.timer = 0;
    }
    this.step = clamp(step, 1, this.data.written.length);
    this.slider.value = this.step;
    for (const [row, cells] of this.rows.entries()) {
      for (const cell of cells) cell.classList.toggle("unwritten", row >= this.step);
    }
    const name = this.timer ? "Pause" : "Play";
    this.button.setAttribute("aria-label", name);
    this.button.replaceChildren(sign(name));
    this.answer.replaceChildren(...this.data.written.slice(0, this.step).filter((one) => one.character !== "</s>").map((one) =>
      make("span", { textContent: one.character, className: one.right === false ? "wrong" : "" })));
    this.look(this.timer ? this.step - 1 : null, null);
  }

  hover(element) {
    if (element === null || Number(element.dataset.row) >= this.step) return this.look(this.timer ? this.step - 1 : null, null);
    this.look(Number(element.dataset.row), element.dataset.column === undefined ? null : Number(element.dataset.column));
  }

  /** Shades the text by what one written character looked at, and says it. */
  look(row, column) {
    const columns = this.data.source.length;
    const bytes = row === null || !this.weights ? null : this.weights.subarray(row * columns, (row + 1) * columns);
    const top = bytes ? Math.max(LEAST_TOP, ...bytes) : 1;
    for (const [place, head] of this.heads.entries()) {
      const level = bytes ? Math.round((bytes[place] / top) * 220) : 0;
      const colour = level > 4 ? this.colours.table[level] : null;
      head.style.background = colour ? cssColour(colour) : "";
      head.style.color = colour ? (brightness(colour) > 0.52 ? "#12141c" : "#ffffff") : "";
      head.classList.toggle("pointed", place === column);
    }
    for (const [number, cells] of this.rows.entries()) cells[0].classList.toggle("pointed", number === row);
    this.said.textContent = this.sentence(row, column, bytes);
  }

  sentence(row, column, bytes) {
    if (row === null) return bytesHint(this.weights);
    const one = this.data.written[row];
    const name = one.character === "</s>" ? "the end" : `“${one.character}”`;
    const parts = [`${name} was written with probability ${one.probability.toFixed(3)}`];
    if (bytes) {
      const best = column ?? bytes.indexOf(Math.max(...bytes));
      const what = this.data.source[best] === "</s>" ? "the end of the text" : `“${this.data.source[best]}” (character ${best + 1})`;
      parts.push(`${column === null ? "it looked most at" : "it looked at"} ${what}, weight ${weightText(bytes[best])}`);
    }
    if (one.origin) parts.push(`what says it: “${this.data.source.slice(...one.origin).join("")}”`);
    return `${parts.join("; ")}.`;
  }
}

function bytesHint(weights) {
  if (!weights) return "This model looks at nothing while it writes: all it knows of the text is one vector.";
  return "Point at a written character, or at a cell. Framed: the characters that say it.";
}

export default mounting(AlignmentPlayer);
