// A small chart of lines over training: SVG, a logarithmic axis, a mark that moves along it.

const SVG = "http://www.w3.org/2000/svg";
const CHART = { left: 34, right: 10, top: 8, bottom: 20 };
const DASHES = { solid: "none", dash: "6 3", dot: "2 3", longdash: "10 3", dashdot: "6 3 2 3" };

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** 1,234 as it stands, 33,600,000 as 33.6 M. */
function countText(count) {
  if (count >= 1e6) return `${Number((count / 1e6).toPrecision(3))} M`;
  return count >= 1e4 ? `${Number((count / 1e3).toPrecision(3))} k` : count.toLocaleString("en");
}

/** Where 0, which has no logarithm, finds a place: as far before the first count as the whole is apart on average. */
function logPlaces(counts) {
  const known = counts.filter((count) => count > 0).map(Math.log);
  if (!known.length) return () => 0;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const gap = (high - low) / Math.max(known.length - 1, 1) || 1;
  const start = low - gap;
  return (count) => count > 0 ? (Math.log(count) - start) / (high - start) : 0;
}

class Chart {
  /** series: [{x: [], y: [], colour, dash, strong}]; level: the height of a dashed line, or null. */
  constructor(title, pick) {
    this.drawing = svg("svg", { role: "img", "aria-label": title });
    this.list = make("dl", { className: "readout" });
    this.element = make("figure", {}, make("figcaption", { textContent: title }), this.drawing, this.list);
    this.drawing.addEventListener("pointerdown", (event) => this.point(event, pick));
    this.drawing.addEventListener("pointermove", (event) => event.buttons && this.point(event, pick));
  }

  /** Tells which part of the axis, 0 to 1, was pointed at. */
  point(event, pick) {
    const box = this.drawing.getBoundingClientRect();
    pick(clamp((event.clientX - box.left - CHART.left) / (box.width - CHART.left - CHART.right), 0, 1));
  }

  draw({ series, level = null, from = null, to = null, axis, colours, height = 150 }) {
    const width = Math.max(Math.floor(this.element.clientWidth), 120);
    const values = series.flatMap((line) => line.y).filter((value) => value !== null);
    const low = from ?? Math.min(...values, level ?? Infinity);
    const high = to ?? Math.max(...values, level ?? -Infinity);
    const margin = from === null ? 0.06 * (high - low || 1) : 0;
    const across = (count) => CHART.left + axis.place(count) * (width - CHART.left - CHART.right);
    const inner = height - CHART.top - CHART.bottom;
    const down = (value) => CHART.top + inner * (1 - (value - low + margin) / (high - low + 2 * margin || 1));
    Object.assign(this, { series, colours, across, down, height });
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.drawing.setAttribute("height", height);
    this.drawing.replaceChildren(
      ...this.rows(low, high, width), ...this.columns(axis, width),
      ...(level === null ? [] : this.chance(level, width)), ...series.map((line) => this.line(line)),
    );
    this.mark = svg("line", { y1: CHART.top, y2: height - CHART.bottom, stroke: colours.accent, "stroke-width": 1.5 });
    this.dots = series.map((line) => svg("circle", { r: line.strong ? 4 : 3, fill: line.colour, stroke: colours.background }));
    this.drawing.append(this.mark, ...this.dots);
  }

  rows(low, high, width) {
    return niceTicks(low, high).flatMap((tick) => [
      svg("line", { x1: CHART.left, x2: width - CHART.right, y1: this.down(tick), y2: this.down(tick), class: "rule" }),
      svg("text", { x: CHART.left - 5, y: this.down(tick) + 3.5, "text-anchor": "end" }, String(tick)),
    ]);
  }

  columns(axis, width) {
    let last = -Infinity;
    return axis.ticks.flatMap((tick) => {
      const x = this.across(tick);
      if (x - last < 44 || x > width - CHART.right + 1) return [];
      last = x;
      return [
        svg("line", { x1: x, x2: x, y1: CHART.top, y2: this.height - CHART.bottom, class: "rule" }),
        svg("text", { x: clamp(x, 12, width - 16), y: this.height - 6, "text-anchor": "middle" }, countText(tick)),
      ];
    });
  }

  chance(level, width) {
    const y = this.down(level);
    return [
      svg("line", { x1: CHART.left, x2: width - CHART.right, y1: y, y2: y, class: "chance" }),
      svg("text", { x: CHART.left + 4, y: y - 4, class: "chance" }, "chance"),
    ];
  }

  line({ x, y, colour, dash, strong }) {
    let drawing = false;
    const path = y.map((value, i) => {
      const command = drawing ? "L" : "M";
      drawing = value !== null;
      return drawing ? `${command}${this.across(x[i]).toFixed(1)} ${this.down(value).toFixed(1)}` : "";
    });
    const width = strong ? 2.6 : 1.5;
    return svg("path", { d: path.join(""), fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": DASHES[dash] });
  }

  /** Moves the mark to a count; each line's dot to its last record by then. */
  moveTo(count) {
    if (!this.mark) return;
    const at = this.across(count);
    this.mark.setAttribute("x1", at);
    this.mark.setAttribute("x2", at);
    for (const [place, line] of this.series.entries()) {
      const record = recordAt(line.x, count);
      const value = line.y[record];
      const dot = this.dots[place];
      dot.setAttribute("visibility", value === null ? "hidden" : "visible");
      if (value === null) continue;
      dot.setAttribute("cx", this.across(line.x[record]));
      dot.setAttribute("cy", this.down(value));
    }
  }

  /** rows: [{colour, dash, name, note, value, strong}], the legend and what the mark stands on. */
  read(rows) {
    this.list.replaceChildren(...rows.flatMap(({ colour, dash, name, note = "", value, strong }) => {
      const key = svg("svg", { width: 22, height: 8, class: "key" });
      key.append(svg("line", { x1: 0, x2: 22, y1: 4, y2: 4, stroke: colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[dash] }));
      const term = make("dt", { className: strong ? "strong" : "" }, key, make("span", { textContent: name }));
      if (note) term.append(make("span", { className: "quiet", textContent: note }));
      return [term, make("dd", { textContent: value === null ? "–" : valueText(value) })];
    }));
  }
}

function valueText(value) {
  return value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

/** The last record made by then; the first where none was. */
function recordAt(counts, count) {
  let found = 0;
  for (const [record, known] of counts.entries()) if (known <= count) found = record;
  return found;
}

/** Three to five round numbers between two values. */
function niceTicks(low, high) {
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/** The axis that all charts share: tokens where every model counted them, else optimizer steps. */
function sharedAxis(curves) {
  const counted = curves.every((curve) => curve.tokens.length);
  const counts = (curve) => counted ? curve.tokens : curve.steps;
  const all = curves.flatMap(counts);
  const place = logPlaces([...new Set(all)]);
  const top = Math.max(...all, 1);
  const ticks = [0];
  for (let power = 1; power <= top; power *= 10) if (place(power) > 0.02) ticks.push(power);
  return { counts, place, ticks, unit: counted ? "training tokens" : "optimizer steps" };
}
