// Steps along a line; arrow keys move from one to the next.

class Timeline {
  constructor(root) {
    this.root = root;
    this.list = make("div", { className: "line", attributes: { role: "radiogroup", "aria-label": "Kinds of attention, by year" } });
    this.list.addEventListener("keydown", (event) => this.press(event));
    root.append(make("div", { className: "scroll" }, this.list));
  }

  destroy() {}

  update(data, send) {
    readColours(this.root, data.palette);
    this.tell = (value) => send("pick", value);
    this.selection = Selection.of(data.key);
    this.selection.obey(data.selection);
    if (JSON.stringify(data.steps) !== JSON.stringify(this.data?.steps)) this.write(data.steps);
    this.data = data;
    this.mark();
  }

  write(steps) {
    this.buttons = steps.map((step) => {
      const button = make("button", { className: step.warning ? "step warning" : "step", attributes: { role: "radio" }, dataset: { key: step.key } },
        make("span", { className: "year", textContent: step.year || " " }), make("span", { className: "dot" }),
        make("span", { className: "title", textContent: step.title }));
      button.addEventListener("click", () => this.choose(step.key));
      return button;
    });
    this.list.replaceChildren(...this.buttons);
  }

  choose(key) {
    this.selection.move(key, this.tell, true);
    this.mark();
  }

  mark() {
    for (const button of this.buttons) {
      const chosen = button.dataset.key === this.selection.value;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
  }

  press(event) {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const at = this.buttons.findIndex((button) => button.dataset.key === this.selection.value);
    const next = this.buttons[clamp(at + move, 0, this.buttons.length - 1)];
    next.focus();
    this.choose(next.dataset.key);
  }
}

export default mounting(Timeline);
