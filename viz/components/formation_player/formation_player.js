// Watching heads form: a slider over the records of a training, the wall at that record, and curves.

const TILE = 200; // CSS pixels along the large tile
const SIGNS = { Play: "M5 2.5v15l13-7.5z", Pause: "M4 2.5h4.5v15H4zM11.5 2.5H16v15h-4.5z" };
const CHART_LEAST = 225; // CSS pixels across a chart
const CHART_GAP = 22;
const RECORD_MS = 420; // how long a record stays while it plays

/** The film's picture holds all heads of every record; `first` is where the shown record begins. */
class Film extends Sheet {
  first = 0;
  ready = null; // key of the picture that can be drawn

  async load(atlas) {
    const whole = await super.load(atlas);
    if (whole) {
      this.ready = atlas.key;
      setTimeout(() => this.tell()); // after the wall has given it its colours
    }
    return whole;
  }

  draw(context, index, ...place) {
    super.draw(context, this.first + index, ...place);
  }
}

/** How many charts stand side by side: as many as can be read, but never so that the last one stands alone. */
function columnsFor(count, width) {
  const most = clamp(Math.floor((width + CHART_GAP) / (CHART_LEAST + CHART_GAP)), 1, count);
  for (let columns = most; columns > 1; columns--) if (count % columns !== 1) return columns;
  return 1;
}

class FormationPlayer {
  constructor(root) {
    this.root = root;
    this.record = 0;
    this.timer = 0;
    this.button = make("button", { className: "play", attributes: { "aria-label": "Play" } });
    this.slider = make("input", { type: "range", min: 0, step: 1, attributes: { "aria-label": "Training step" } });
    this.moment = make("output", { className: "moment" });
    const controls = make("div", { className: "controls" }, this.button, this.slider, this.moment);
    this.wallRoot = make("div", { className: "root" });
    this.wall = new HeadWall(this.wallRoot);
    this.wall.sheet = new Film();
    this.wall.sheet.tell = () => this.writeHead();
    this.name = make("div", { className: "name" });
    this.tile = make("canvas", { className: "tile", attributes: { "aria-hidden": "true" } });
    const pick = (part) => this.go(this.nearest(part), true);
    this.own = new Chart("Its scores", pick);
    const head = make("div", { className: "head" }, this.name, make("div", { className: "pair" }, this.tile, this.own.element));
    this.over = make("div", { className: "over quiet" });
    this.charts = make("div", { className: "charts" });
    this.pick = pick;
    this.probe = make("div", { className: "probe" });
    const upper = make("div", { className: "upper" }, this.wallRoot, head);
    root.append(controls, upper, this.over, this.charts, this.probe);
    this.listen();
  }

  listen() {
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value), true));
    this.button.addEventListener("click", () => (this.timer ? this.stop() : this.play()));
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.root);
    this.observer.observe(this.own.element); // it gets what the tile leaves, once that has its size
  }

  destroy() {
    this.stop(false);
    this.observer.disconnect();
    this.wall.destroy();
  }

  update(data, send) {
    const another = data.kind !== this.data?.kind;
    if (another) this.stop(false);
    this.data = data;
    this.tell = (value) => send("pick", value);
    this.colours = readColours(this.root, data.palette);
    this.selection = Selection.of(data.key);
    const ordered = this.selection.obey(data.selection);
    this.curve = data.curves.find((curve) => curve.kind === data.kind);
    this.axis = sharedAxis(data.curves);
    this.slider.max = this.curve.steps.length - 1;
    if (ordered || another) [this.record] = this.selection.value;
    this.record = clamp(this.record, 0, this.curve.steps.length - 1);
    this.over.textContent = `Over ${this.axis.unit} on a logarithmic axis; the mark is where the slider stands. Click to move it.`;
    this.makeCharts();
    this.writeProbe();
    this.show(true);
    this.redraw();
  }

  /** One chart for the loss, where it was measured, and one for each score. */
  makeCharts() {
    const measured = this.data.curves.some((curve) => curve.loss.some((value) => value !== null));
    const wanted = [
      ...(measured ? [{ title: "Validation loss, nats per token", value: (curve) => curve.loss }] : []),
      ...this.data.followed.map((score) => ({
        title: `Strongest ${score.title} score`, score: score.name, value: (curve) => curve.best[score.name],
      })),
    ];
    const same = JSON.stringify(wanted.map((chart) => chart.title));
    if (this.made !== same) {
      this.made = same;
      this.all = wanted.map((chart) => ({ ...chart, chart: new Chart(chart.title, this.pick) }));
      this.charts.replaceChildren(...this.all.map((one) => one.chart.element));
    }
    this.all = this.all.map((one, place) => ({ ...one, ...wanted[place] }));
  }

  colourOf(style) {
    return this.colours.dark ? style.dark : style.light;
  }

  redraw() {
    if (!this.data || !this.root.clientWidth) return;
    const { axis, colours } = this;
    const columns = columnsFor(this.all.length, this.root.clientWidth);
    this.charts.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    for (const { chart, value, score } of this.all) {
      const series = this.data.curves.map((curve) => ({
        x: axis.counts(curve), y: value(curve), colour: this.colourOf(curve), dash: curve.dash,
        strong: curve.kind === this.data.kind,
      }));
      const bounds = score ? { from: 0, to: 1, level: this.curve.chance[score] } : {};
      chart.draw({ series, axis, colours, ...bounds });
    }
    this.drawOwn();
    this.moveMarks();
  }

  /** The chosen head's own curves. */
  drawOwn() {
    const index = this.headIndex();
    const series = this.data.followed.map((score) => ({
      x: this.axis.counts(this.curve), y: this.valuesOf(score.name).map((row) => row[index]),
      colour: this.colourOf(score), dash: score.dash, strong: false,
    }));
    this.own.draw({ series, from: 0, to: 1, axis: this.axis, colours: this.colours, height: 130 });
  }

  valuesOf(name) {
    return this.data.scores.find((score) => score.name === name.replaceAll("_", " ")).values;
  }

  headIndex() {
    const [, layer, head] = this.selection.value;
    return layer * this.data.atlas.heads[0] + head;
  }

  get count() {
    return this.data.atlas.heads.reduce((sum, heads) => sum + heads, 0);
  }

  /** The record nearest to a part, 0 to 1, of the charts' axis. */
  nearest(part) {
    const away = this.axis.counts(this.curve).map((count) => Math.abs(this.axis.place(count) - part));
    return away.indexOf(Math.min(...away));
  }

  play() {
    const last = this.curve.steps.length - 1;
    if (this.record === last) this.record = -1;
    this.timer = setInterval(() => (this.record < last ? this.go(this.record + 1, false) : this.stop()), RECORD_MS);
    this.go(this.record + 1, false);
    this.writeButton();
  }

  stop(tell = true) {
    clearInterval(this.timer);
    this.timer = 0;
    if (!this.data) return;
    this.writeButton();
    if (tell) this.keep(true);
  }

  /** Shows a record; told to Python only where a person has chosen it, not what passes by. */
  go(record, chosen) {
    if (chosen && this.timer) this.stop(false);
    this.record = record;
    this.show(false);
    this.moveMarks();
    if (chosen) this.keep(false);
  }

  keep(now) {
    const [, layer, head] = this.selection.value;
    this.selection.move([this.record, layer, head], this.tell, now);
  }

  choose(layer, head) {
    this.selection.move([this.record, layer, head], this.tell, this.timer === 0);
    this.drawOwn();
    this.show(false);
    this.moveMarks();
  }

  show(whole) {
    const { data, record } = this;
    this.slider.value = record;
    this.writeButton();
    this.writeMoment();
    this.wall.sheet.first = record * this.count;
    const shown = {
      role: data.role[record],
      scores: data.scores.map(({ name, values, chance }) => ({ name, values: values[record], chance })),
    };
    if (whole) {
      const own = { key: `${data.key}-head`, order: null, dimmed: [], second: null, label: "All heads, layers down and heads across; arrow keys move" };
      const [, layer, head] = this.selection.value;
      const selection = { value: [layer, head], stamp: `${this.selection.stamp} ${data.kind}` };
      this.wall.update({ ...data, ...own, ...shown, selection }, (_, picked) => this.choose(...picked));
      if (this.wall.sheet.ready === data.atlas.key) this.writeHead();
    } else if (this.wall.layout) {
      Object.assign(this.wall.data, shown);
      this.wall.writeLegend();
      this.wall.paint();
      this.writeHead();
    }
  }

  writeButton() {
    const name = this.timer ? "Pause" : "Play";
    this.button.replaceChildren(svg("svg", { viewBox: "0 0 20 20", width: 20, height: 20 }, svg("path", { d: SIGNS[name] })));
    this.button.setAttribute("aria-label", name);
  }

  writeMoment() {
    const { steps, tokens, loss } = this.curve;
    const parts = [`step ${steps[this.record].toLocaleString("en")}`];
    if (tokens.length) parts.push(`${countText(tokens[this.record])} tokens seen`);
    if (loss[this.record] !== null) parts.push(`validation loss ${loss[this.record].toFixed(2)}`);
    this.moment.textContent = parts.join(" · ");
    this.slider.setAttribute("aria-valuetext", this.moment.textContent);
  }

  writeHead() {
    const [, layer, head] = this.selection.value;
    const index = this.headIndex();
    const role = this.data.roles[this.data.role[this.record][index]];
    const children = [make("strong", { textContent: `L${layer} H${head}` })];
    if (role) children.push(badgeOf(role, this.colours), make("span", { textContent: role.name }));
    else children.push(make("span", { className: "quiet", textContent: "no behaviour stands out yet" }));
    this.name.replaceChildren(...children);
    this.wall.sheet.draw(fitCanvas(this.tile, TILE, TILE), index, 0, 0, TILE);
    this.own.read(this.data.followed.map((score) => ({
      colour: this.colourOf(score), dash: score.dash, name: score.title, value: this.valuesOf(score.name)[this.record][index],
    })));
  }

  moveMarks() {
    const now = this.axis.counts(this.curve)[this.record];
    this.own.moveTo(now);
    for (const { chart, value, score } of this.all) {
      chart.moveTo(now);
      chart.read(this.data.curves.map((curve) => {
        const record = recordAt(this.axis.counts(curve), now);
        const whose = score ? curve.whose[score][record] : null;
        return {
          colour: this.colourOf(curve), dash: curve.dash, name: curve.name, strong: curve.kind === this.data.kind,
          note: whose ? `L${whose[0]} H${whose[1]}` : "", value: value(curve)[record],
        };
      }));
    }
  }

  writeProbe() {
    const title = make("span", { className: "quiet", textContent: `The probe, ${this.data.probe.length} tokens: ` });
    const tokens = this.data.probe.map((token) => make("span", { className: "token", textContent: token }));
    this.probe.replaceChildren(title, ...tokens);
  }
}

export default mounting(FormationPlayer);
