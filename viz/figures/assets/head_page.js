"use strict";

(() => {
  const data = window.headlight;
  const pattern = headlightUnpack(data.pattern);
  const palette = headlightUnpack(data.palette);
  const queries = data.queryTokens;
  const keys = data.keyTokens;
  const blank = data.leaveOutFirst ? 0 : -1; // a column without colour, which would drown the others
  const top = pattern.reduce((most, row) => row.reduce((m, v, k) => (k === blank ? m : Math.max(m, v)), most), 0) || 1;
  const SCALES = {
    linear: (part) => part,
    "square root": (part) => Math.sqrt(part),
    logarithmic: (part) => (part > 0 ? Math.max(0, 1 + Math.log10(part) / 4) : 0),
  };
  const FONT = '12px "Helvetica Neue", Helvetica, Arial, sans-serif';
  const HINT = "Point at a cell for its tokens and weight.";

  const short = (token) => {
    const letters = [...token];
    return letters.length > data.labelWidth ? `${letters.slice(0, data.labelWidth - 1).join("")}…` : token;
  };
  const isolated = (token) => `\u2068${token}\u2069`; // right-to-left tokens must not turn the line round

  const root = document.getElementById("heatmap");
  const tools = document.createElement("div");
  tools.className = "tools";
  const chooser = document.createElement("select");
  for (const name of Object.keys(SCALES)) chooser.add(new Option(name, name));
  chooser.value = data.scale;
  const caption = document.createElement("label");
  caption.append("Colour ", chooser);
  const readout = document.createElement("output");
  readout.textContent = HINT;
  const strongest = document.createElement("span");
  strongest.textContent = `strongest ${data.measure} ${Number(top.toPrecision(3))}`;
  tools.append(caption, strongest, readout);
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Attention of ${queries.length} queries to ${keys.length} keys`);
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.append(canvas);
  root.append(tools, scroll);

  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const pen = canvas.getContext("2d");
  pen.font = FONT;
  const widest = (tokens) => tokens.reduce((most, token) => Math.max(most, pen.measureText(short(token)).width), 0);
  const cell = Math.max(2, Math.min(34, 620 / Math.max(queries.length, keys.length)));
  const margin = widest(queries) + 14;
  const below = widest(keys) * 0.87 + 16;
  const width = margin + cell * keys.length + 24;
  const height = 4 + cell * queries.length + below;

  // One pixel a weight, enlarged without smoothing.
  function picture(scale) {
    const image = new ImageData(keys.length, queries.length);
    pattern.forEach((row, q) =>
      row.forEach((weight, k) => {
        const ink = palette[Math.round(255 * (k === blank ? 0 : SCALES[scale](Math.min(Math.max(weight / top, 0), 1))))];
        image.data.set([...ink, 255], 4 * (q * keys.length + k));
      })
    );
    const small = document.createElement("canvas");
    small.width = keys.length;
    small.height = queries.length;
    small.getContext("2d").putImageData(image, 0, 0);
    return small;
  }

  function drawLabels() {
    pen.font = FONT;
    pen.fillStyle = colour("text");
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    const step = Math.ceil(13 / cell);
    for (let q = 0; q < queries.length; q += step) pen.fillText(short(queries[q]), margin - 7, 4 + (q + 0.5) * cell);
    for (let k = 0; k < keys.length; k += step) {
      pen.save();
      pen.translate(margin + (k + 0.5) * cell, 10 + cell * queries.length);
      pen.rotate(-Math.PI / 3);
      pen.fillText(short(keys[k]), 0, 0);
      pen.restore();
    }
  }

  let small = picture(data.scale);
  function draw(at) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    pen.scale(ratio, ratio);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, margin, 4, cell * keys.length, cell * queries.length);
    pen.strokeStyle = colour("muted");
    pen.lineWidth = 0.75;
    pen.strokeRect(margin, 4, cell * keys.length, cell * queries.length);
    drawLabels();
    if (!at) return;
    pen.strokeStyle = colour("accent");
    pen.lineWidth = 1.5;
    pen.strokeRect(margin, 4 + at.q * cell, cell * keys.length, cell);
    pen.strokeRect(margin + at.k * cell, 4, cell, cell * queries.length);
  }

  canvas.addEventListener("pointermove", (event) => {
    const k = Math.floor((event.offsetX - margin) / cell);
    const q = Math.floor((event.offsetY - 4) / cell);
    const inside = k >= 0 && k < keys.length && q >= 0 && q < queries.length;
    readout.textContent = inside
      ? `“${isolated(queries[q])}” (${q + data.firstToken}) → “${isolated(keys[k])}” (${k + data.firstToken}): ${Number(pattern[q][k].toPrecision(6))}`
      : HINT;
    draw(inside ? {q, k} : null);
  });
  canvas.addEventListener("pointerleave", () => {
    readout.textContent = HINT;
    draw(null);
  });
  chooser.addEventListener("change", () => {
    small = picture(chooser.value);
    draw(null);
  });
  draw(null);
})();
