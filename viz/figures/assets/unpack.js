"use strict";

// Reads what `packed` in document.py wrote: {shape, type, data} to nested plain arrays.
// Plain arrays, because d3 and BertViz map over them to values other than numbers.
function headlightUnpack(box) {
  const kinds = {float32: Float32Array, uint16: Uint16Array, uint8: Uint8Array};
  const text = atob(box.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const flat = new kinds[box.type](bytes.buffer);
  const scale = box.scale || 1;
  let at = 0;
  const read = (depth) => {
    const row = new Array(box.shape[depth]);
    for (let i = 0; i < row.length; i++) {
      row[i] = depth === box.shape.length - 1 ? flat[at++] * scale : read(depth + 1);
    }
    return row;
  };
  return read(0);
}
