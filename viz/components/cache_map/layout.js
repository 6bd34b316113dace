// Where the cells lie: tokens downwards, groups of columns to the right with a gap between them.

const GUTTER = 104; // for the tokens' names
const HEADER = 34; // for the groups' names, and the columns' numbers below them
const ROW = { least: 2, most: 22 };
const CELL = { least: 1, most: 22 };

/** Geometry of the map in `room` CSS pixels of width; rows fill `height` where they can. */
function mapLayout({ tokens, groups, columns }, room, height) {
  const gap = groups.length > 4 ? 4 : 16;
  const space = room - GUTTER - gap * (groups.length - 1);
  const cell = clamp(space / columns.length, CELL.least, CELL.most);
  const row = clamp(Math.floor((height - HEADER) / tokens.length), ROW.least, ROW.most);
  let [first, left] = [0, GUTTER];
  const blocks = groups.map((group) => {
    const block = { ...group, first, left, width: group.size * cell };
    first += group.size;
    left += block.width + gap;
    return block;
  });
  const place = new Int32Array(columns.length);
  for (const [at, column] of columns.entries()) place[column] = at;
  const last = blocks.at(-1);
  return { blocks, cell, row, gap, place, columns, rows: tokens.length, width: Math.ceil(last.left + last.width) + 2, height: HEADER + row * tokens.length + 2 };
}

function rowTop(layout, pos) {
  return HEADER + pos * layout.row;
}

function blockOf(layout, column) {
  return layout.blocks.find((block) => column < block.first + block.size);
}

function columnLeft(layout, column) {
  const block = blockOf(layout, column);
  return block.left + (layout.place[column] - block.first) * layout.cell;
}

/** {pos, column} under a point, or null beside the cells. column: as stored. */
function cellAt(layout, x, y) {
  const pos = Math.floor((y - HEADER) / layout.row);
  const block = layout.blocks.find((one) => x >= one.left && x < one.left + one.width);
  if (!block || pos < 0 || pos >= layout.rows) return null;
  const at = block.first + Math.min(block.size - 1, Math.floor((x - block.left) / layout.cell));
  return { pos, column: layout.columns[at] };
}
