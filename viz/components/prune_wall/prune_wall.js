// The wall on which heads are switched off and on again. What is off changes here at once; Python hears of it and measures.

const LEAST_MOVED = 0.02; // of a head's attention; less is not worth a frame
const LEAST_TOLD = 0.1; // and less than this is not worth a number on the tile
const NUMBER_FITS = 40; // CSS pixels of a tile

class PruneWall extends HeadWall {
  listen() {
    super.listen();
    this.band = []; // tiles that a click on the label under the mouse would switch
    this.focused = false;
    this.marks.setAttribute("aria-multiselectable", "true");
    this.marks.addEventListener("focus", () => this.focus(this.marks.matches(":focus-visible")));
    this.marks.addEventListener("blur", () => this.focus(false));
  }

  focus(focused) {
    this.focused = focused;
    if (this.layout) this.mark();
  }

  update(data, send) {
    this.choice = Selection.of(`${data.key} off`);
    this.choice.obey(data.off);
    this.measured = JSON.stringify(data.offAtMeasuring);
    // The wall's own selection is the cursor here, which stays in the browser: one order, never a second.
    super.update({ ...data, selection: { value: null, stamp: "cursor" } }, send);
    this.marks.setAttribute("aria-disabled", String(data.frozen));
    this.dim();
    this.writeLegend();
  }

  get moved() {
    return this.measured === JSON.stringify(this.choice.value) ? this.data.moved : null;
  }

  dim() {
    this.data.dimmed = this.choice.value.map((head) => this.indexOf(head)).filter((index) => index >= 0);
  }

  paint() {
    this.dim();
    super.paint();
    if (this.moved) paintMoved(this.base.getContext("2d"), this);
  }

  /** The cursor while the keys are in use, the tile or the row of tiles under the mouse. */
  mark() {
    const context = fitCanvas(this.marks, this.layout.width, this.layout.height);
    paintMarks(context, { ...this, selected: -1, second: -1 });
    const { text: colour, background } = this.colours;
    for (const index of this.band) paintRing(context, this.layout, index, { colour, width: 1.5, background });
    const cursor = this.indexOf(this.selection.value);
    if (cursor < 0) return;
    if (this.focused) paintRing(context, this.layout, cursor, { colour, width: 2.5, dash: [4, 2], background });
    this.cellForReaders.textContent = this.nameOf(cursor);
    this.cellForReaders.setAttribute("aria-selected", String(this.data.dimmed.includes(cursor)));
  }

  select(index) {
    const { layer, head } = this.layout.cells[index];
    this.selection.value = [layer, head];
    this.mark();
    this.live.textContent = this.nameOf(index);
  }

  click(event) {
    if (!this.layout) return;
    this.focused = false;
    const place = this.placeOf(event);
    const index = tileAt(this.layout, ...place);
    if (index < 0) this.toggleAll(this.labelled(...place));
    else if (event.shiftKey) this.stretch(index);
    else this.toggle(index);
  }

  press(event) {
    if (!this.layout || event.altKey || event.metaKey) return;
    const cursor = Math.max(0, this.indexOf(this.selection.value));
    if (event.key !== "Enter" && event.key !== " ") {
      this.focused = true;
      const from = this.indexOf(this.selection.value);
      super.press(event);
      const to = this.indexOf(this.selection.value);
      if (event.shiftKey && from >= 0 && to !== from) this.fill([to], this.data.dimmed.includes(from));
      return;
    }
    event.preventDefault();
    this.focused = true;
    const { layer, head } = this.layout.cells[cursor];
    if (event.shiftKey) this.toggleAll(this.tilesWhere((cell) => cell.layer === layer));
    else if (event.ctrlKey) this.toggleAll(this.tilesWhere((cell) => cell.head === head));
    else this.toggle(cursor);
  }

  toggle(index) {
    this.fill([index], !this.data.dimmed.includes(index));
    this.select(index);
  }

  /** From the head that was switched last to this one, a rectangle of the wall, all to that head's state. */
  stretch(index) {
    const anchor = this.indexOf(this.selection.value);
    if (anchor < 0) return this.toggle(index);
    const [one, other] = [this.layout.cells[anchor], this.layout.cells[index]];
    const between = (value, a, b) => value >= Math.min(a, b) && value <= Math.max(a, b);
    const inside = (cell) => between(cell.layer, one.layer, other.layer) && between(cell.head, one.head, other.head);
    this.fill(this.tilesWhere(inside), this.data.dimmed.includes(anchor));
    this.live.textContent = this.nameOf(index);
  }

  /** All off, or all on where all were off. */
  toggleAll(indices) {
    if (indices.length) this.fill(indices, !indices.every((index) => this.data.dimmed.includes(index)));
  }

  fill(indices, off) {
    if (this.data.frozen) return;
    const now = new Set(this.data.dimmed);
    for (const index of indices) off ? now.add(index) : now.delete(index);
    const heads = [...now].sort((a, b) => a - b).map((index) => [this.layout.cells[index].layer, this.layout.cells[index].head]);
    this.choice.move(heads, this.tell, true);
    this.paint();
    this.writeLegend();
    this.live.textContent = `${now.size} heads are switched off`;
  }

  tilesWhere(test) {
    return [...this.layout.cells.keys()].filter((index) => test(this.layout.cells[index]));
  }

  /** The tiles of the layer or the column whose label lies at a point. */
  labelled(x, y) {
    const { tile, gap, gutter, header, headers, columns, rows } = this.layout;
    const row = rows.find((row) => x >= row.x && x < row.x + gutter && y >= row.y && y < row.y + tile + gap);
    if (row) return this.tilesWhere((cell) => cell.layer === row.layer);
    if (y >= header) return [];
    const left = headers.findLast((left) => x >= left + gutter);
    const column = left === undefined ? -1 : Math.floor((x - left - gutter) / (tile + gap));
    return column >= 0 && column < columns ? this.tilesWhere((cell) => cell.head === column) : [];
  }

  hover(event) {
    if (!this.layout) return;
    const place = this.placeOf(event);
    const over = tileAt(this.layout, ...place);
    const band = over < 0 ? this.labelled(...place) : [];
    const same = band.length === this.band.length && band[0] === this.band[0];
    this.band = band;
    this.marks.style.cursor = this.data.frozen || (over < 0 && !band.length) ? "default" : "pointer";
    super.hover(event);
    if (!same) this.mark();
  }

  unhover() {
    const banded = this.band.length > 0;
    this.band = [];
    super.unhover();
    if (banded && this.layout) this.mark();
  }

  writeLegend() {
    super.writeLegend();
    const top = Math.max(0, ...(this.moved ?? []).filter(Number.isFinite));
    if (top < LEAST_MOVED) return;
    const note = legendNote("moved", `attention moved, up to ${percent(top)}`, this.colours.second);
    this.legend.append(note);
  }
}

/** A frame around every head that still stands and whose attention moved: the stronger the more, against the most moved. */
function paintMoved(context, { layout, moved, data, colours }) {
  const off = new Set(data.dimmed);
  const top = Math.max(LEAST_TOLD, ...moved.filter(Number.isFinite));
  const line = layout.gap; // around the tile, whose leftmost column is the first token's
  for (const [index, cell] of layout.cells.entries()) {
    if (off.has(index) || !(moved[index] >= LEAST_MOVED)) continue;
    context.globalAlpha = 0.15 + 0.85 * (moved[index] / top);
    context.strokeStyle = colours.second;
    context.lineWidth = line;
    context.strokeRect(cell.x - line / 2, cell.y - line / 2, layout.tile + line, layout.tile + line);
    context.globalAlpha = 1;
    if (layout.tile >= NUMBER_FITS && moved[index] >= LEAST_TOLD) paintPercent(context, cell, line, moved[index], colours);
  }
}

/** In the upper middle, which a decoder's pattern leaves empty. */
function paintPercent(context, cell, line, share, colours) {
  context.font = `700 10px ${colours.font}`;
  context.textAlign = "left";
  context.textBaseline = "top";
  const text = percent(share);
  const [x, y] = [cell.x + line + 1, cell.y + line + 1];
  context.fillStyle = colours.background;
  context.fillRect(x - 1, y - 1, context.measureText(text).width + 3, 12);
  context.fillStyle = colours.second;
  context.fillText(text, x, y);
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

export default mounting(PruneWall);
