"use strict";

(() => {
  const data = window.headlight;
  const query = headlightUnpack(data.query);
  const key = headlightUnpack(data.key);
  const pattern = headlightUnpack(data.pattern);
  const other = data.other && headlightUnpack(data.other);
  const width = query[0].length;
  const SVG = "http://www.w3.org/2000/svg";
  const HINT = "Choose a query token on the left. Each bar is one dimension, above the line positive; hover for numbers.";

  const view = document.getElementById("view");
  view.style.setProperty("--columns", other ? "1fr 1fr 120px 120px 110px 150px" : "1fr 1fr 130px 120px 160px");
  view.style.setProperty("--wide", `${100 / width}%`);

  function make(tag, className, parent, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  const three = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size >= 1e4 || size < 1e-3 ? value.toExponential(1) : Number(value.toPrecision(3)).toString();
  };
  const isolated = (token) => `\u2068${token}\u2069`; // right-to-left tokens must not turn the line round
  const largest = (rows) => rows.reduce((top, row) => row.reduce((t, v) => Math.max(t, Math.abs(v)), top), 0) || 1;

  // One signed bar a dimension: two paths (positive, negative) in a box `width` wide and 2 high.
  function barsBox(parent) {
    const box = make("div", "bars", parent);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${width} 2`);
    svg.setAttribute("preserveAspectRatio", "none");
    for (const name of ["more", "less", "axis"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      if (name === "axis") path.setAttribute("d", `M0 1H${width}`);
      svg.append(path);
    }
    box.append(svg);
    return box;
  }

  function drawBars(box, values, top) {
    let more = "";
    let less = "";
    values.forEach((value, i) => {
      const height = (value / top).toFixed(3);
      if (value > 0) more += `M${i + 0.07} 1v-${height}h.86v${height}z`;
      if (value < 0) less += `M${i + 0.07} 1v${-height}h.86v${height}z`;
    });
    box.querySelector(".more").setAttribute("d", more);
    box.querySelector(".less").setAttribute("d", less);
  }

  function meter(parent, signed) {
    const box = make("div", "meter", parent);
    const track = make("div", "track", box);
    const fill = make("div", "fill", track);
    if (signed) make("div", "zero", track);
    const number = make("span", "", box);
    return (value, top) => {
      const part = Math.min(Math.abs(value) / top, 1) * (signed ? 50 : 100);
      fill.style.left = signed ? `${value < 0 ? 50 - part : 50}%` : "0";
      fill.style.width = `${part}%`;
      fill.style.background = `var(--${signed ? (value < 0 ? "less" : "more") : "ink"})`;
      number.textContent = three(value);
      number.title = String(value);
    };
  }

  const nav = make("nav", "", view);
  make("h2", "", nav, "Query token");
  const buttons = data.queryTokens.map((token, index) => {
    const button = make("button", "", nav, token || " ");
    button.title = `${index}: ${token}`;
    button.addEventListener("click", () => choose(index));
    return button;
  });
  nav.addEventListener("keydown", (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    choose(Math.min(Math.max(chosen + step, 0), buttons.length - 1));
    buttons[chosen].focus();
  });

  const main = make("main", "", view);
  const header = make("header", "", main);
  make("h1", "", header, data.title);
  if (data.note) make("p", "note", header, data.note);
  const hint = make("p", "hint", header, HINT);
  const top = make("div", "row", header);
  const queryBars = barsBox(top);
  const queryName = make("div", "token", top);
  const names = make("div", "row names", header);
  const scale = `× ${three(data.scaling)}`;
  const columns = ["k", `q × k ${scale}`, `sum: q·k ${scale}`, ...(other ? ["+ added by the model"] : []), "weight", "key token"];
  columns.forEach((name) => make("div", "", names, name));

  const keyTop = largest(key);
  const rows = data.keyTokens.map((token, index) => {
    const row = make("div", "row", main);
    const boxes = {key: barsBox(row), product: barsBox(row)};
    drawBars(boxes.key, key[index], keyTop);
    const meters = {score: meter(row, true), other: other && meter(row, true), weight: meter(row, false)};
    make("div", "token", row, token).title = `${index}: ${token}`;
    return {row, boxes, meters};
  });

  let chosen = data.selected;
  function choose(index) {
    chosen = index;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    buttons[index].scrollIntoView({block: "nearest"});
    const q = query[index];
    drawBars(queryBars, q, largest([q]));
    queryName.textContent = `q of “${isolated(data.queryTokens[index])}”`;
    const shown = key.map((_, i) => i).filter((i) => pattern[index][i] > 0);
    const products = key.map((k) => k.map((value, d) => value * q[d] * data.scaling));
    const sums = products.map((product) => product.reduce((sum, value) => sum + value, 0));
    const productTop = largest(shown.map((i) => products[i]));
    const sumTop = largest([shown.map((i) => sums[i]), other ? shown.map((i) => other[index][i]) : []]);
    rows.forEach(({row, boxes, meters}, i) => {
      row.classList.toggle("masked", pattern[index][i] === 0);
      drawBars(boxes.product, products[i].map((v) => Math.max(-productTop, Math.min(productTop, v))), productTop);
      meters.score(sums[i], sumTop);
      if (other) meters.other(other[index][i], sumTop);
      meters.weight(pattern[index][i], 1);
    });
  }

  main.addEventListener("pointermove", (event) => {
    const box = event.target.closest(".bars");
    if (!box) return clear();
    const bounds = box.getBoundingClientRect();
    const d = Math.min(width - 1, Math.max(0, Math.floor(((event.clientX - bounds.left) / bounds.width) * width)));
    view.style.setProperty("--at", `${(100 * d) / width}%`);
    const index = rows.findIndex(({row}) => row.contains(box));
    const q = query[chosen][d];
    const parts = [`dimension ${d}`, `q ${three(q)}`];
    if (index >= 0) {
      const k = key[index][d];
      parts.push(`k ${three(k)}`, `q × k ${scale} = ${three(q * k * data.scaling)}`, `key “${isolated(data.keyTokens[index])}”`);
    }
    hint.textContent = parts.join("  ·  ");
  });
  main.addEventListener("pointerleave", clear);
  function clear() {
    view.style.removeProperty("--at");
    hint.textContent = HINT;
  }

  choose(chosen);
})();
