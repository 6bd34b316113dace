// Where each tile of the wall lies. Plain geometry: numbers in, numbers out, all in CSS pixels.

const SMALLEST = 12; // a tile below this shows nothing
const COMFORTABLE = 32; // and this is worth a scroll bar, if the wall cannot be seen whole
const READABLE = 20;
const LARGEST = 68;
const GUTTER = 30; // for the row labels
const HEADER = 18; // for the column labels
const BLOCK_GAP = 14;
const FLOW_GAP = 8;
const CAPTION = 27;

function gapOf(tile) {
  return tile < 28 ? 2 : 3;
}

/** The largest tile with which `blocks` newspaper columns of layers fit the width, and the height if there is one. */
function tileFor(blocks, layers, heads, width, height) {
  const across = (width - blocks * GUTTER - (blocks - 1) * BLOCK_GAP) / (blocks * heads);
  const rows = Math.ceil(layers / blocks);
  const down = (height - HEADER) / rows;
  const cell = Math.floor(Math.min(across, down));
  return cell - gapOf(cell - 3);
}

/**
 * Layers down, heads across. A deep model with few heads is set in two or more blocks side by side, like a newspaper,
 * where that lets the whole wall be seen at once with larger tiles.
 */
function layeredLayout(heads, width, height) {
  const widest = Math.max(...heads);
  let [blocks, tile] = [1, 0];
  for (let tried = 1; tried <= Math.min(4, heads.length); tried++) {
    const size = Math.min(LARGEST, tileFor(tried, heads.length, widest, width, height));
    if (size > tile + 1) [blocks, tile] = [tried, size];
  }
  if (tile < READABLE) {
    blocks = 1;
    tile = clamp(tileFor(1, heads.length, widest, width, Infinity), SMALLEST, COMFORTABLE);
  }
  const gap = gapOf(tile);
  const perBlock = Math.ceil(heads.length / blocks);
  const blockWidth = GUTTER + widest * (tile + gap) + BLOCK_GAP;
  const cells = [];
  const rows = [];
  for (const [layer, count] of heads.entries()) {
    const left = Math.floor(layer / perBlock) * blockWidth;
    const y = HEADER + (layer % perBlock) * (tile + gap);
    rows.push({ layer, x: left, y });
    for (let head = 0; head < count; head++) {
      cells.push({ layer, head, x: left + GUTTER + head * (tile + gap), y });
    }
  }
  return {
    flowing: false, tile, gap, cells, rows, columns: widest, header: HEADER, gutter: GUTTER,
    headers: Array.from({ length: blocks }, (_, block) => block * blockWidth),
    width: blocks * blockWidth - BLOCK_GAP,
    height: HEADER + perBlock * (tile + gap),
  };
}

/** Heads one after the other in the given order, each with its name and value below. */
function flowingLayout(heads, order, width) {
  const named = [];
  for (const [layer, count] of heads.entries()) {
    for (let head = 0; head < count; head++) named.push({ layer, head });
  }
  const columns = Math.max(1, Math.floor((width + FLOW_GAP) / (52 + FLOW_GAP)));
  const tile = clamp(Math.floor((width + FLOW_GAP) / columns) - FLOW_GAP, SMALLEST, LARGEST);
  const cells = new Array(named.length);
  for (const [place, index] of order.entries()) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    cells[index] = { ...named[index], place, x: column * (tile + FLOW_GAP), y: row * (tile + CAPTION) };
  }
  const starts = Array.from({ length: Math.ceil(order.length / columns) }, (_, row) => ({ y: row * (tile + CAPTION) }));
  return {
    flowing: true, tile, gap: FLOW_GAP, cells, order, columns, rows: starts,
    width: Math.min(columns, order.length) * (tile + FLOW_GAP) - FLOW_GAP,
    height: starts.length * (tile + CAPTION),
  };
}

/** Index of the tile at a point, or -1; the gap to the right and below belongs to the tile. */
function tileAt(layout, x, y) {
  const high = layout.tile + (layout.flowing ? CAPTION : layout.gap);
  const wide = layout.tile + layout.gap;
  return layout.cells.findIndex((cell) => x >= cell.x && x < cell.x + wide && y >= cell.y && y < cell.y + high);
}

/** Index of the tile that a key leads to from the tile `index`, or -1 for a key that leads nowhere. */
function tileAfterKey(layout, heads, index, key) {
  return layout.flowing ? flowingStep(layout, index, key) : layeredStep(layout, heads, index, key);
}

function flowingStep(layout, index, key) {
  const last = layout.order.length - 1;
  const place = layout.cells[index].place;
  const steps = {
    ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: place - layout.columns, ArrowDown: place + layout.columns,
    PageUp: place - 5 * layout.columns, PageDown: place + 5 * layout.columns, Home: 0, End: last,
  };
  return key in steps ? layout.order[clamp(steps[key], 0, last)] : -1;
}

function layeredStep(layout, heads, index, key) {
  const { layer, head } = layout.cells[index];
  const last = heads.length - 1;
  const steps = {
    ArrowLeft: [layer, head - 1], ArrowRight: [layer, head + 1], ArrowUp: [layer - 1, head], ArrowDown: [layer + 1, head],
    PageUp: [layer - 5, head], PageDown: [layer + 5, head], Home: [layer, 0], End: [layer, Infinity],
  };
  if (!(key in steps)) return -1;
  const way = key === "ArrowUp" || key === "PageUp" ? -1 : 1;
  let row = clamp(steps[key][0], 0, last);
  while (heads[row] === 0 && row + way >= 0 && row + way <= last) row += way;
  if (heads[row] === 0) return index;
  const column = clamp(steps[key][1], 0, heads[row] - 1);
  return layout.cells.findIndex((cell) => cell.layer === row && cell.head === column);
}
