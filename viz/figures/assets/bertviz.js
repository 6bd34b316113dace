"use strict";

// BertViz asks for d3 and jQuery through require.js; both are already on the page.
window.require = {config() {}};
window.requirejs = (names, start) => start(jQuery, d3);

function headlightBertviz(params) {
  for (const part of params.attention) part.attn = headlightUnpack(part.attn);
  return params;
}
