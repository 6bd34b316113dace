// The wall of heads: every head a tile on one canvas.

class HeadWall {
  constructor(root) {
    this.root = root;
    this.sheet = new Sheet();
    this.hovered = -1;
    this.only = null;
    this.base = make("canvas", { attributes: { "aria-hidden": "true" } });
    this.cellForReaders = make("div", { id: "cell", attributes: { role: "gridcell", "aria-selected": "true" } });
    const row = make("div", { attributes: { role: "row" } }, this.cellForReaders);
    const grid = { role: "grid", "aria-activedescendant": "cell", tabindex: "0" };
    this.marks = make("canvas", { className: "marks", attributes: grid }, row);
    this.names = make("canvas", { className: "names", attributes: { "aria-hidden": "true" } });
    this.stage = make("div", { className: "stage" }, this.base, this.marks, this.names);
    this.scroller = make("div", { className: "scroll" }, this.stage);
    this.legend = make("div", { className: "legend" });
    this.live = make("div", { className: "hidden", attributes: { "aria-live": "polite" } });
    root.append(this.scroller, this.legend, this.live);
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
  }

  update(data, send) {
    const resorted = JSON.stringify(data.order) !== JSON.stringify(this.data?.order);
    this.data = data;
    this.tell = (value) => send("pick", value);
    this.colours = readColours(this.root, data.palette);
    this.selection = Selection.of(data.key);
    const ordered = this.selection.obey(data.selection);
    this.marks.setAttribute("aria-label", data.label);
    this.starts = data.atlas.heads.map((_, layer) => data.atlas.heads.slice(0, layer).reduce((a, b) => a + b, 0));
    if (!data.role.includes(this.only)) this.only = null;
    this.writeLegend();
    this.show(resorted, ordered);
  }

  async show(resorted, ordered) {
    const { atlas } = this.data;
    if (this.sheet.key !== atlas.key || !this.sheet.grey) {
      if (!(await this.sheet.load(atlas))) return;
    }
    this.sheet.colour(this.colours.table);
    this.width = 0;
    this.arrange();
    if (resorted && this.data.order) this.scroller.scrollTo(0, 0);
    else if (resorted || ordered) this.reveal();
  }

  /** Lays the wall out anew if its width has changed. */
  arrange() {
    const width = Math.floor(this.root.clientWidth);
    if (!width || width === this.width || !this.sheet.grey || this.sheet.key !== this.data.atlas.key) return;
    this.width = width;
    const { atlas, order, maxHeight } = this.data;
    const room = width - 4; // for the ring around a tile at the edge, and none for a scroll bar that is not there
    const lay = (space) => order ? flowingLayout(atlas.heads, order.indices, space) : layeredLayout(atlas.heads, space, maxHeight);
    this.layout = lay(room);
    if (this.layout.height > maxHeight) this.layout = lay(room - 12);
    this.marks.setAttribute("aria-rowcount", this.layout.rows.length);
    this.marks.setAttribute("aria-colcount", this.layout.columns);
    this.scroller.style.maxHeight = `${maxHeight + 8}px`;
    this.paint();
  }

  paint() {
    paintTiles(fitCanvas(this.base, this.layout.width, this.layout.height), this);
    this.name(-1);
    this.mark();
  }

  mark() {
    const selected = this.indexOf(this.selection.value);
    const second = this.indexOf(this.data.second);
    paintMarks(fitCanvas(this.marks, this.layout.width, this.layout.height), { ...this, selected, second });
    this.name(selected);
    if (selected >= 0) this.cellForReaders.textContent = this.nameOf(selected);
  }

  /** The numbers of the heads, which stay in sight while the layers below them scroll. */
  name(selected) {
    this.names.hidden = this.layout.flowing;
    if (!this.layout.flowing) paintNames(fitCanvas(this.names, this.layout.width, this.layout.header), { ...this, selected });
  }

  /** Where on the wall the pointer is: over the names, wherever these have been scrolled to, it is over the names. */
  placeOf({ offsetX: x, offsetY: y }) {
    const inSight = y - this.scroller.scrollTop;
    return [x, inSight < (this.layout.header ?? 0) ? inSight : y];
  }

  /** Position of [layer, head] in reading order, -1 where there is no such head. */
  indexOf(head) {
    if (!head) return -1;
    const [layer, at] = head;
    return at < this.data.atlas.heads[layer] ? this.starts[layer] + at : -1;
  }

  nameOf(index) {
    const { layer, head } = this.layout.cells[index];
    const role = this.data.role[index] >= 0 ? `, ${this.data.roles[this.data.role[index]].name}` : "";
    const off = this.data.dimmed.includes(index) ? ", switched off" : "";
    return `L${layer} H${head}${role}${off}`;
  }

  select(index, now) {
    const { layer, head } = this.layout.cells[index];
    this.selection.move([layer, head], this.tell, now);
    this.mark();
    this.live.textContent = this.nameOf(index);
  }

  click(event) {
    const index = tileAt(this.layout, ...this.placeOf(event));
    if (index >= 0) this.select(index, true);
  }

  press(event) {
    if (event.altKey || event.metaKey || event.ctrlKey || !this.layout) return;
    const from = Math.max(0, this.indexOf(this.selection.value));
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.select(from, true);
      return;
    }
    const to = tileAfterKey(this.layout, this.data.atlas.heads, from, event.key);
    if (to < 0) return;
    event.preventDefault();
    this.unhover();
    this.select(to, false);
    this.reveal();
  }

  /** Scrolls inside the wall until the selected tile is in view; never moves the page. */
  reveal() {
    const index = this.layout ? this.indexOf(this.selection.value) : -1;
    if (index < 0) return;
    const { x, y } = this.layout.cells[index];
    const margin = Math.max(this.layout.tile, this.layout.header ?? 0);
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.scroller;
    const top = clamp(scrollTop, y + 2 * margin - clientHeight, Math.max(0, y - margin));
    const left = clamp(scrollLeft, x + 2 * margin - clientWidth, Math.max(0, x - margin));
    if (top !== scrollTop || left !== scrollLeft) this.scroller.scrollTo(left, top);
  }

  hover(event) {
    if (!this.layout) return;
    const index = tileAt(this.layout, ...this.placeOf(event));
    if (index === this.hovered) return;
    this.hovered = index;
    this.mark();
    if (index < 0) {
      this.tooltip.hide();
      return;
    }
    const { x, y } = this.layout.cells[index];
    const box = this.marks.getBoundingClientRect();
    const place = new DOMRect(box.x + x, box.y + y, this.layout.tile, this.layout.tile);
    this.tooltip.show(place, ...describeHead(this, index));
  }

  unhover() {
    if (this.hovered < 0) return;
    this.hovered = -1;
    this.tooltip.hide();
    this.mark();
  }

  writeLegend() {
    const { roles, role, dimmed, second } = this.data;
    const entries = roles.map((style, at) => this.roleButton(style, at, role.filter((one) => one === at).length));
    if (dimmed.length) entries.push(legendNote("strike", `switched off · ${dimmed.length}`));
    if (second) entries.push(legendNote("second", "compared with", this.colours.second));
    this.legend.replaceChildren(...entries);
  }

  roleButton(style, at, count) {
    const badge = badgeOf(style, this.colours);
    const name = make("span", { textContent: `${style.name} · ${count}` });
    const button = make("button", { title: `Show only ${style.name} heads` }, badge, name);
    button.setAttribute("aria-pressed", String(this.only === at));
    button.addEventListener("click", () => {
      this.only = this.only === at ? null : at;
      for (const [i, other] of [...this.legend.querySelectorAll("button")].entries()) {
        other.setAttribute("aria-pressed", String(i === this.only));
      }
      this.paint();
    });
    return button;
  }
}

function badgeOf(role, { dark }) {
  const badge = make("span", { className: "badge", textContent: role.letter });
  badge.style[role.withoutGround ? "color" : "background"] = dark ? role.dark : role.light;
  return badge;
}

function legendNote(kind, text, colour = "") {
  const sign = make("span", { className: kind });
  if (colour) sign.style.borderColor = colour;
  return make("span", { className: "note" }, sign, make("span", { textContent: text }));
}

/** What the tooltip says of a head: its tile enlarged, its name, its role, its scores beside chance. */
function describeHead({ data, sheet, layout, colours }, index) {
  const { layer, head } = layout.cells[index];
  const role = data.role[index] >= 0 ? data.roles[data.role[index]] : null;
  const title = make("div", { className: "title" }, make("strong", { textContent: `L${layer} H${head}` }));
  if (role) {
    title.append(badgeOf(role, colours), make("span", { textContent: role.name }));
  }
  const preview = make("canvas", { className: "preview" });
  sheet.draw(fitCanvas(preview, 148, 148), index, 0, 0, 148);
  const table = make("dl");
  for (const { name, values, chance } of data.scores) {
    if (values[index] === null) continue;
    const cell = make("dd", { textContent: numberText(values[index]) });
    if (chance && chance[index] !== null) {
      cell.append(make("span", { className: "quiet", textContent: ` chance ${numberText(chance[index])}` }));
    }
    table.append(make("dt", { textContent: name }), cell);
  }
  return [title, preview, table];
}
