// Painting the map: cells once, what changes with the selection on a canvas above.

const TICK = 26; // CSS pixels from one column's number to the next at least

/** 256 colours [r, g, b] from the most negative number over none to the most positive. */
function divergingTable(stops) {
  const colours = stops.map(hexToRgb);
  return Array.from({ length: 256 }, (_, value) => {
    const at = (value / 255) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    return colours[low].map((part, i) => Math.round(part + (colours[low + 1][i] - part) * (at - low)));
  });
}

/** The numbers that Python packed: get(pos, column). */
class Cells {
  constructor({ bits, step, data }, columns) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    this.whole = bits === 16 ? new Int16Array(bytes.buffer) : new Int8Array(bytes.buffer);
    this.digits = bits === 16 ? 4 : 2;
    this.step = step;
    this.columns = columns;
  }

  get(pos, column) {
    return this.whole[pos * this.columns + column] * this.step;
  }

  /** A number as precise as its bits allow. */
  text(pos, column) {
    const value = this.get(pos, column);
    if (value === 0) return "0";
    return (this.digits === 2 ? "≈ " : "") + Number(value.toPrecision(this.digits));
  }
}

function shadeOf(value, reach) {
  return Math.round(clamp((value / reach + 1) / 2, 0, 1) * 255);
}

/** The cells, one pixel each, columns in the order in which they are drawn. */
function cellPicture(cells, columns, rows, reaches, table) {
  const picture = new OffscreenCanvas(columns.length, rows);
  const context = picture.getContext("2d");
  const pixels = context.createImageData(columns.length, rows);
  for (let at = 0, pos = 0; pos < rows; pos++) {
    for (const column of columns) {
      const [red, green, blue] = table[shadeOf(cells.get(pos, column), reaches[column])];
      pixels.data.set([red, green, blue, 255], 4 * at++);
    }
  }
  context.putImageData(pixels, 0, 0);
  return picture;
}

function paintCells(context, layout, picture, colours) {
  context.clearRect(0, 0, layout.width, layout.height);
  context.imageSmoothingEnabled = false;
  const height = layout.row * layout.rows;
  for (const block of layout.blocks) {
    context.drawImage(picture, block.first, 0, block.size, layout.rows, block.left, HEADER, block.width, height);
    context.globalAlpha = 0.2;
    context.strokeStyle = colours.text;
    context.strokeRect(block.left - 0.5, HEADER - 0.5, block.width + 1, height + 1);
    context.globalAlpha = 1;
  }
}

/** Names of groups and numbers of columns, the chosen one's among them; they stay in sight when the rows scroll. */
function paintHeader(context, layout, column, colours) {
  context.fillStyle = colours.background;
  context.fillRect(0, 0, layout.width, HEADER - 1);
  context.fillStyle = colours.muted;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  for (const block of layout.blocks) {
    context.font = `600 11px ${colours.font}`;
    const room = block.width + layout.gap - 5;
    const name = [block.name, block.short].find((one) => one && context.measureText(one).width < room);
    if (name) context.fillText(name, block.left, 12);
    context.font = `10px ${colours.font}`;
    for (const { x, number } of columnTicks(layout, block)) context.fillText(number, x, HEADER - 6);
  }
  if (column !== null) paintColumnNumber(context, columnLeft(layout, column), column - blockOf(layout, column).first, layout, colours);
}

/** Names of tokens. */
function paintNames(context, layout, names, colours) {
  context.fillStyle = colours.muted;
  context.font = `11px ${colours.font}`;
  for (let pos = 0; pos < layout.rows; pos += rowsApart(layout)) paintToken(context, layout, names, pos);
}

/** Columns whose numbers are written, and where they begin. */
function columnTicks(layout, block) {
  const step = Math.max(1, Math.ceil(TICK / layout.cell));
  const room = block.width + layout.gap - TICK + 4;
  const count = room < 0 ? 0 : Math.floor(room / (step * layout.cell)) + 1;
  return Array.from({ length: Math.min(count, Math.ceil(block.size / step)) }, (_, i) => {
    const at = i * step;
    return { x: block.left + at * layout.cell, number: layout.columns[block.first + at] - block.first };
  });
}

/** From where to where numbers give way to the chosen one's, none of them cut in two. */
function clearedSpan(layout, middle) {
  let [from, to] = [middle - 14, middle + 14];
  for (const { x } of layout.blocks.flatMap((block) => columnTicks(layout, block))) {
    if (x + TICK - 6 < middle - 14 || x > middle + 14) continue;
    [from, to] = [Math.min(from, x - 1), Math.max(to, x + TICK - 6)];
  }
  return [from, to];
}

/** From one row whose token is named to the next. */
function rowsApart(layout) {
  return Math.ceil(13 / layout.row);
}

/** From where to where tokens' names give way to the chosen one's. */
function clearedRows(layout, pos) {
  const middle = (row) => rowTop(layout, row) + layout.row / 2;
  let [from, to] = [middle(pos) - 7, middle(pos) + 7];
  const step = rowsApart(layout);
  const before = Math.floor(pos / step) * step;
  for (const row of [before, before + step]) {
    if (row >= layout.rows || Math.abs(middle(row) - middle(pos)) >= 13) continue;
    [from, to] = [Math.min(from, middle(row) - 7), Math.max(to, middle(row) + 7)];
  }
  return [from, to];
}

function paintToken(context, layout, names, pos) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(names[pos], GUTTER - 8, rowTop(layout, pos) + layout.row / 2 + 1, GUTTER - 12);
}

/** A line round a row or a column of cells, kept off its ground by a thin halo. */
function paintFrame(context, [x, y, width, height], colour, line, halo) {
  for (const [style, thickness] of [[halo, line + 2], [colour, line]]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.strokeRect(x - 1, y - 1, width + 2, height + 2);
  }
}

function paintChosen(context, layout, names, [pos, column], colours) {
  const tall = layout.row * layout.rows;
  if (column !== null) {
    const left = columnLeft(layout, column);
    paintFrame(context, [left, HEADER, layout.cell, tall], colours.accent, 1.5, colours.background);
  }
  for (const block of layout.blocks) {
    const row = [block.left, rowTop(layout, pos), block.width, layout.row];
    paintFrame(context, row, colours.accent, 1.5, colours.background);
  }
  const [from, to] = clearedRows(layout, pos);
  context.fillStyle = colours.background;
  context.fillRect(0, from, GUTTER - 4, to - from);
  context.fillStyle = colours.accent;
  context.font = `700 11px ${colours.font}`;
  paintToken(context, layout, names, pos);
}

function paintColumnNumber(context, left, number, layout, colours) {
  context.font = `700 11px ${colours.font}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const middle = left + layout.cell / 2;
  const [from, to] = clearedSpan(layout, middle);
  context.fillStyle = colours.background;
  context.fillRect(from, HEADER - 17, to - from, 14);
  context.fillStyle = colours.accent;
  context.fillText(number, middle, HEADER - 6);
}
