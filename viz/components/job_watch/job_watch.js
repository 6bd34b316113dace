// How far one job is: a sentence and a bar.

class JobWatch {
  constructor(root) {
    this.root = root;
    this.message = make("div", { className: "message", attributes: { "aria-live": "polite" } });
    this.fill = make("div", { className: "fill" });
    this.bar = make("div", { className: "bar", attributes: { role: "progressbar", "aria-valuemax": "100" } }, this.fill);
    root.append(this.message, this.bar);
    this.redrawing = new Redrawing();
  }

  update(data, send) {
    readColours(this.root, data.palette);
    this.revision = data.revision;
    this.redrawing.done(send);
    if (data.url === this.url) return;
    this.url = data.url;
    this.watcher?.stop();
    this.show(data);
    this.watcher = new Watcher(data.url, (answer) => this.told(answer));
  }

  told(answer) {
    if (!answer) return this.redrawing.order(false);
    this.show(answer);
    if (answer.over) this.redrawing.order(true);
    else if (answer.revision > this.revision) this.redrawing.order(false);
  }

  show({ message, fraction }) {
    const percent = Math.round(100 * clamp(fraction, 0, 1));
    if (this.message.textContent !== message) this.message.textContent = message;
    this.fill.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", String(percent));
    this.bar.setAttribute("aria-label", message);
  }

  destroy() {
    this.watcher?.stop();
    this.redrawing.stop();
  }
}

export default mounting(JobWatch);
