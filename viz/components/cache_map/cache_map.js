// What a layer's cache holds. Everything needed is in the browser, so a click frames and shades at once.

const FAINT = 0.06; // of the strongest colour: a token below it stays plain

class CacheMap {
  constructor(root) {
    this.root = root;
    this.hovered = null;
    this.strip = new TextStrip((pos, now) => this.select([pos, this.chosen[1]], now));
    this.position = numberField("Position", (pos) => this.select([pos, this.chosen[1]], true));
    this.dimension = numberField("Dimension", (at) => this.select([this.chosen[0], this.firstChoosable + at], true));
    this.scaleBar = make("i");
    this.ends = make("span");
    const title = "Where the colours end, below and above zero; what lies beyond gets the end's colour";
    const scale = make("span", { className: "scale", title }, make("span", { textContent: "−" }), this.scaleBar, make("span", { textContent: "+" }), this.ends);
    this.bar = make("div", { className: "bar" }, this.position.element, this.dimension.element, scale);
    this.base = make("canvas", { attributes: { "aria-hidden": "true" } });
    this.cellForReaders = make("div", { id: "cell", attributes: { role: "gridcell", "aria-selected": "true" } });
    const row = make("div", { attributes: { role: "row" } }, this.cellForReaders);
    this.marks = make("canvas", { className: "marks", attributes: { role: "grid", "aria-activedescendant": "cell", tabindex: "0" } }, row);
    this.header = make("canvas", { className: "header", attributes: { "aria-hidden": "true" } });
    this.stage = make("div", { className: "stage" }, this.header, this.base, this.marks);
    this.scroller = make("div", { className: "scroll map" }, this.stage);
    this.live = make("div", { className: "hidden", attributes: { "aria-live": "polite" } });
    root.append(this.strip.element, this.bar, this.scroller, this.live);
    this.tooltip = new Tooltip(root);
    this.listen();
  }

  listen() {
    this.observer = new ResizeObserver(() => this.arrange());
    this.observer.observe(this.root);
    this.marks.addEventListener("pointermove", (event) => this.hover(event));
    this.marks.addEventListener("pointerleave", () => this.unhover());
    this.scroller.addEventListener("scroll", () => this.unhover(), { passive: true });
    this.marks.addEventListener("click", (event) => this.click(event));
    this.marks.addEventListener("keydown", (event) => this.press(event));
  }

  destroy() {
    this.observer.disconnect();
    this.tooltip.hide();
  }

  update(data, send) {
    const told = JSON.stringify(data.tokens);
    const fresh = told !== this.told;
    this.told = told;
    this.data = data;
    this.tell = (value) => send("pick", value);
    this.colours = readColours(this.root, data.palette);
    this.table = divergingTable(this.colours.dark ? data.diverging.dark : data.diverging.light);
    this.cells = new Cells(data.values, data.columns.length);
    this.reaches = data.groups.flatMap(({ size, reach }) => Array(size).fill(reach));
    this.names = data.tokens.map(({ text }, pos) => `${pos} ${shownToken(text)}`);
    this.selection = Selection.of(data.key);
    const ordered = this.selection.obey(data.selection);
    this.marks.setAttribute("aria-label", data.label);
    this.dressUp(fresh);
    this.width = 0;
    this.arrange();
    this.mark();
    if (ordered) this.reveal();
  }

  /** What stands above the map. */
  dressUp(fresh) {
    const { tokens, groups, strip, scales, maxHeight } = this.data;
    this.strip.element.hidden = this.position.element.hidden = this.dimension.element.hidden = !strip;
    this.strip.element.style.maxHeight = "130px";
    if (strip && fresh) this.strip.write(tokens);
    const choosable = groups.findIndex((group) => group.choosable);
    this.firstChoosable = groups.slice(0, Math.max(0, choosable)).reduce((sum, group) => sum + group.size, 0);
    this.position.field.max = tokens.length - 1;
    this.dimension.field.max = choosable < 0 ? 0 : groups[choosable].size - 1;
    this.ends.textContent = scales.map(({ name, reach }) => `${name} ±${Number(reach.toPrecision(2))}`).join(", ");
    const stops = this.table.filter((_, i) => i % 15 === 0).map(cssColour);
    this.scaleBar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
    this.scroller.style.maxHeight = `${maxHeight + 16}px`;
  }

  get chosen() {
    return this.selection.value;
  }

  arrange() {
    const width = Math.floor(this.root.clientWidth);
    if (!width || width === this.width || !this.data) return;
    this.width = width;
    const { maxHeight, columns, tokens } = this.data;
    this.layout = mapLayout(this.data, width - 4, maxHeight);
    if (this.layout.height > maxHeight) this.layout = mapLayout(this.data, width - 16, maxHeight);
    const context = fitCanvas(this.base, this.layout.width, this.layout.height);
    paintCells(context, this.layout, cellPicture(this.cells, columns, tokens.length, this.reaches, this.table), this.colours);
    paintNames(context, this.layout, this.names, this.colours);
    this.frame();
  }

  mark() {
    const [pos, column] = this.chosen;
    const name = this.nameOf(pos, column);
    if (this.cellForReaders.textContent !== name) this.cellForReaders.textContent = name;
    this.position.field.value = pos;
    if (column !== null) this.dimension.field.value = column - this.firstChoosable;
    if (this.data.strip) this.strip.shade(this.shades(column), pos);
    this.frame();
  }

  frame() {
    if (!this.layout) return;
    const context = fitCanvas(this.marks, this.layout.width, this.layout.height);
    context.clearRect(0, 0, this.layout.width, this.layout.height);
    paintChosen(context, this.layout, this.names, this.chosen, this.colours);
    paintHeader(fitCanvas(this.header, this.layout.width, HEADER - 1), this.layout, this.chosen[1], this.colours);
    if (!this.hovered) return;
    const { pos, column } = this.hovered;
    const cell = [columnLeft(this.layout, column), rowTop(this.layout, pos), this.layout.cell, this.layout.row];
    paintFrame(context, cell, this.colours.text, 1, this.colours.background);
  }

  /** A colour a token, by how the chosen column stands there. */
  shades(column) {
    const reach = this.reaches[column ?? 0];
    return this.data.tokens.map((_, pos) => {
      const value = column === null ? 0 : this.cells.get(pos, column);
      return Math.abs(value) < FAINT * reach ? null : this.table[shadeOf(value, reach)];
    });
  }

  nameOf(pos, column) {
    const token = `position ${pos} ${shownToken(this.data.tokens[pos].text)}`;
    return column === null ? token : `${token}, ${this.columnName(column)}, ${this.cells.text(pos, column)}`;
  }

  columnName(column) {
    const groups = this.data.groups;
    let first = 0;
    const group = groups.find(({ size }) => column < (first += size));
    const number = column - (first - group.size);
    return group.choosable ? `dimension ${number}` : `${group.name}, ${number}`;
  }

  select(cell, now) {
    this.selection.move(cell, this.tell, now);
    this.mark();
    this.reveal();
    this.live.textContent = this.nameOf(...cell);
  }

  /** Of a column that cannot be chosen, the token alone is. */
  click(event) {
    const cell = this.layout && cellAt(this.layout, event.offsetX, event.offsetY);
    if (!cell) return;
    const choosable = blockOf(this.layout, cell.column).choosable;
    this.select([cell.pos, choosable ? cell.column : this.chosen[1]], true);
  }

  press(event) {
    if (event.altKey || event.metaKey || event.ctrlKey || !this.layout) return;
    const [pos, column] = this.chosen;
    const { rows } = this.layout;
    const downwards = { ArrowUp: pos - 1, ArrowDown: pos + 1, Home: 0, End: rows - 1 };
    const sideways = { ArrowLeft: -1, ArrowRight: 1 };
    if (!(event.key in downwards) && !(event.key in sideways)) return;
    event.preventDefault();
    this.unhover();
    if (event.key in downwards) this.select([clamp(downwards[event.key], 0, rows - 1), column], false);
    else if (column !== null) this.select([pos, this.beside(column, sideways[event.key])], false);
  }

  /** The column that is drawn beside this one, in its own group. */
  beside(column, step) {
    const { first, size } = blockOf(this.layout, column);
    return this.layout.columns[clamp(this.layout.place[column] + step, first, first + size - 1)];
  }

  /** Scrolls inside the map until the chosen cell is in view; never moves the page. */
  reveal() {
    if (!this.layout) return;
    const [pos, column] = this.chosen;
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.scroller;
    const y = rowTop(this.layout, pos);
    const top = clamp(scrollTop, y + 3 * this.layout.row - clientHeight, Math.max(0, y - HEADER));
    const x = column === null ? scrollLeft : columnLeft(this.layout, column);
    const left = column === null ? scrollLeft : clamp(scrollLeft, x + 40 - clientWidth, Math.max(0, x - GUTTER));
    if (top !== scrollTop || left !== scrollLeft) this.scroller.scrollTo(left, top);
  }

  hover(event) {
    const cell = this.layout && cellAt(this.layout, event.offsetX, event.offsetY);
    if (!cell) return this.unhover();
    if (this.hovered && this.hovered.pos === cell.pos && this.hovered.column === cell.column) return;
    this.hovered = cell;
    this.frame();
    const { pos, column } = cell;
    const box = this.marks.getBoundingClientRect();
    const place = new DOMRect(box.x + columnLeft(this.layout, column), box.y + rowTop(this.layout, pos), this.layout.cell, this.layout.row);
    const token = make("strong", { textContent: this.data.tokens[pos].whole ?? shownToken(this.data.tokens[pos].text), dir: "auto" });
    const where = make("span", { className: "quiet", textContent: ` position ${pos}` });
    const value = make("div", { textContent: `${this.columnName(column)}: ${this.cells.text(pos, column)}` });
    this.tooltip.show(place, token, where, value);
  }

  unhover() {
    if (!this.hovered) return;
    this.hovered = null;
    this.tooltip.hide();
    this.frame();
  }
}

export default mounting(CacheMap);
