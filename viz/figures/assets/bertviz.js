"use strict";

// BertViz asks for d3 and jQuery through require.js; both are already on the page.
window.require = {config() {}};
window.requirejs = (names, start) => start(jQuery, d3);

function headlightBertviz(params) {
  for (const part of params.attention) part.attn = headlightUnpack(part.attn);
  return params;
}

// A token that is too long for its label is told whole by pointing at it; BertViz lays boxes over its words.
function headlightTell(whole) {
  document.addEventListener("pointermove", (event) => {
    const word = document.elementsFromPoint(event.clientX, event.clientY).find((element) => element.tagName === "text");
    const told = (word && whole[word.textContent]) || "";
    if (document.body.title !== told) document.body.title = told;
  });
}
