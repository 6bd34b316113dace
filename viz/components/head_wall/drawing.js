// Painting the wall: the tiles once, what changes under the mouse or the keys on a canvas above.

/** The atlas in the theme's ink. */
class Sheet {
  constructor() {
    this.key = null;
    this.grey = null;
  }

  /** Reads another picture; false where a later one has overtaken it. */
  async load(atlas) {
    this.key = atlas.key;
    const image = new Image();
    image.src = atlas.url;
    await image.decode();
    if (this.key !== atlas.key) return false;
    this.canvas = new OffscreenCanvas(image.width, image.height);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.context.drawImage(image, 0, 0);
    this.pixels = this.context.getImageData(0, 0, image.width, image.height);
    this.grey = this.pixels.data.filter((_, i) => i % 4 === 0);
    [this.size, this.columns] = [atlas.size, atlas.columns];
    return true;
  }

  colour(table) {
    const { data } = this.pixels;
    for (let i = 0; i < this.grey.length; i++) {
      const [red, green, blue] = table[this.grey[i]];
      [data[4 * i], data[4 * i + 1], data[4 * i + 2]] = [red, green, blue];
    }
    this.context.putImageData(this.pixels, 0, 0);
  }

  draw(context, index, x, y, side) {
    const { size, columns } = this;
    const ratio = (side * (window.devicePixelRatio || 1)) / size;
    context.imageSmoothingEnabled = ratio < 2;
    context.imageSmoothingQuality = "high";
    const [left, top] = [(index % columns) * size, Math.floor(index / columns) * size];
    context.drawImage(this.canvas, left, top, size, size, x, y, side, side);
  }
}

function paintTiles(context, { layout, data, colours, sheet, only }) {
  context.clearRect(0, 0, layout.width, layout.height);
  if (!layout.flowing) paintLayers(context, layout, colours);
  const off = new Set(data.dimmed);
  for (const [index, cell] of layout.cells.entries()) {
    const shown = only === null || data.role[index] === only;
    context.globalAlpha = off.has(index) ? 0.3 : shown ? 1 : 0.13;
    sheet.draw(context, index, cell.x, cell.y, layout.tile);
    context.globalAlpha = shown ? 0.16 : 0.08;
    context.strokeStyle = colours.text;
    context.lineWidth = 1;
    context.strokeRect(cell.x - 0.5, cell.y - 0.5, layout.tile + 1, layout.tile + 1);
    context.globalAlpha = shown ? 1 : 0.25;
    if (off.has(index)) paintStrike(context, cell, layout.tile, colours);
    if (data.role[index] >= 0) paintBadge(context, cell, layout.tile, data.roles[data.role[index]], colours);
    if (layout.flowing) paintCaption(context, cell, layout.tile, data.order.values[index], colours);
  }
  context.globalAlpha = 1;
}

function paintLayers(context, layout, colours) {
  const every = Math.ceil(12 / (layout.tile + layout.gap));
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.muted;
  for (const row of layout.rows) {
    if (row.layer % every === 0) paintRowLabel(context, layout, row);
  }
}

/** The numbers of the heads on a ground of their own, that of the page, under which the wall can scroll. */
function paintNames(context, { layout, colours, selected }) {
  const every = Math.ceil(22 / (layout.tile + layout.gap));
  context.fillStyle = colours.background;
  context.fillRect(0, 0, layout.width, layout.header - 1);
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.muted;
  for (const left of layout.headers) {
    for (let head = 0; head < layout.columns; head += every) paintColumnLabel(context, layout, left, head);
  }
  if (selected >= 0) paintSelectedName(context, layout, layout.cells[selected], colours);
}

function paintColumnLabel(context, layout, left, head) {
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const x = left + layout.gutter + head * (layout.tile + layout.gap) + layout.tile / 2;
  context.fillText(`H${head}`, x, layout.header - 6);
}

function paintRowLabel(context, layout, row) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(`L${row.layer}`, row.x + layout.gutter - 6, row.y + layout.tile / 2 + 1);
}

function paintStrike(context, cell, side, colours) {
  context.strokeStyle = colours.accent;
  context.lineWidth = Math.max(1.5, side / 16);
  context.beginPath();
  context.moveTo(cell.x + 1, cell.y + side - 1);
  context.lineTo(cell.x + side - 1, cell.y + 1);
  context.stroke();
}

/** In the upper right, which a decoder's pattern leaves empty; only a mark of colour where a letter has no room. */
function paintBadge(context, cell, side, role, colours) {
  const size = side < READABLE ? 5 : clamp(Math.round(side * 0.3), 10, 14);
  const [x, y] = [cell.x + side - size, cell.y];
  const colour = colours.dark ? role.dark : role.light;
  if (!role.withoutGround) {
    context.fillStyle = colours.background;
    context.fillRect(x - 1, y, size + 1, size + 1);
    context.fillStyle = colour;
    context.fillRect(x, y, size, size);
  }
  if (side < READABLE) return;
  context.fillStyle = role.withoutGround ? colour : colours.background;
  context.font = `700 ${size - 2}px ${colours.font}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillText(role.letter, x + size / 2, y + size - size * 0.2);
}

function paintCaption(context, cell, side, value, colours) {
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.text;
  context.fillText(`L${cell.layer} H${cell.head}`, cell.x, cell.y + side + 12, side);
  context.fillStyle = colours.muted;
  context.fillText(value === null ? "–" : numberText(value), cell.x, cell.y + side + 23, side);
}

/** Three significant digits; what is next to nothing is said to be so. As number_text in Python. */
function numberText(value) {
  if (value === 0) return "0";
  if (Math.abs(value) < 0.001) return value > 0 ? "<0.001" : ">−0.001";
  return String(Number(value.toPrecision(3)));
}

function paintMarks(context, { layout, colours, selected, second, hovered }) {
  context.clearRect(0, 0, layout.width, layout.height);
  if (hovered >= 0) paintRing(context, layout, hovered, { colour: colours.text, width: 1.5, background: colours.background });
  if (second >= 0) paintRing(context, layout, second, { colour: colours.second, width: 2.5, dash: [4, 2], background: colours.background });
  if (selected < 0) return;
  paintRing(context, layout, selected, { colour: colours.accent, width: 3, background: colours.background });
  if (!layout.flowing) paintSelectedLayer(context, layout, layout.rows[layout.cells[selected].layer], colours);
}

/** In the gap around a tile, never on it: the leftmost column is the first token, which many heads look at alone. */
function paintRing(context, layout, index, { colour, width, dash = [], background }) {
  const { x, y } = layout.cells[index];
  const out = width / 2;
  const ring = () => context.strokeRect(x - out, y - out, layout.tile + width, layout.tile + width);
  context.lineWidth = width;
  context.setLineDash([]);
  context.strokeStyle = background;
  ring();
  context.setLineDash(dash);
  context.strokeStyle = colour;
  ring();
  context.setLineDash([]);
}

function paintSelectedLayer(context, layout, row, colours) {
  context.fillStyle = colours.background;
  context.fillRect(row.x, row.y + layout.tile / 2 - 8, layout.gutter - 5, 16);
  context.fillStyle = colours.accent;
  context.font = `700 11px ${colours.font}`;
  paintRowLabel(context, layout, row);
}

function paintSelectedName(context, layout, cell, colours) {
  const { x: left } = layout.rows[cell.layer];
  const step = layout.tile + layout.gap;
  const x = left + layout.gutter + cell.head * step + layout.tile / 2;
  const half = step < 22 ? 26 : step / 2; // over the neighbours' labels too, where these would be cut in two
  context.fillStyle = colours.background;
  context.fillRect(x - half, 0, 2 * half, layout.header - 4);
  context.fillStyle = colours.accent;
  context.font = `700 11px ${colours.font}`;
  paintColumnLabel(context, layout, left, cell.head);
}
