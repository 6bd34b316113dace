// Texts as they are written, one or two side by side, the first token that differs framed.

const TAIL = 120; // characters of the text that are shown before what is written

class LiveText {
  constructor(root) {
    this.root = root;
    this.lanes = [];
    this.redrawing = new Redrawing();
  }

  update(data, send) {
    readColours(this.root, data.palette);
    this.data = data;
    this.redrawing.done(send);
    if (JSON.stringify(data.lanes) === this.known) return;
    this.known = JSON.stringify(data.lanes);
    this.build();
  }

  build() {
    this.stop();
    const { before } = this.data;
    const start = (before.length > TAIL ? "…" : "") + before.slice(-TAIL);
    this.lanes = this.data.lanes.map(({ url, label }) => {
      const text = make("div", { className: "text", attributes: { role: "log", "aria-live": "off", "aria-label": label || "What is written" } });
      const title = make("div", { className: "label", textContent: label });
      const lane = { text, start, pieces: [], message: "", over: false, revision: 0, element: make("div", { className: "lane" }, title, text) };
      lane.watcher = new Watcher(url, (answer) => this.told(lane, answer));
      return lane;
    });
    this.root.replaceChildren(...this.lanes.map((lane) => lane.element));
    this.paint();
  }

  told(lane, answer) {
    if (!answer) return this.redrawing.order(false);
    lane.over = answer.over;
    lane.revision = Math.max(answer.revision, 0);
    if (answer.live) lane.pieces = answer.live;
    lane.message = answer.message;
    this.paint();
    if (this.lanes.every(({ over }) => over)) this.redrawing.order(true);
    else if (this.lanes.reduce((sum, { revision }) => sum + revision, 0) > this.data.revision) this.redrawing.order(false);
  }

  /** The first token that the lanes do not share, as far as all of them are written. */
  get parting() {
    const [one, other] = this.lanes.map(({ pieces }) => pieces);
    if (!other) return -1;
    const both = Math.min(one.length, other.length);
    for (let place = 0; place < both; place++) if (one[place] !== other[place]) return place;
    return -1;
  }

  paint() {
    const parting = this.parting;
    for (const { text, start, pieces, message } of this.lanes) {
      const cut = parting < 0 ? pieces.length : parting;
      text.replaceChildren(
        make("span", { className: "quiet", textContent: start }),
        pieces.slice(0, cut).join(""),
        ...pieces.slice(cut, cut + 1).map((piece) => make("mark", { textContent: piece })),
        pieces.slice(cut + 1).join(""),
        make("span", { className: "quiet", textContent: pieces.length ? "" : message }),
        make("span", { className: "caret", textContent: "▍", attributes: { "aria-hidden": "true" } }),
      );
    }
  }

  stop() {
    for (const { watcher } of this.lanes) watcher.stop();
  }

  destroy() {
    this.stop();
    this.redrawing.stop();
  }
}

export default mounting(LiveText);
