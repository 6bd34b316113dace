// Above the map: fields for the chosen cell, and the text, shaded by the chosen column.

const ALIGNED_RIGHT = /^[^\p{L}]*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** A token as it is read: an invisible one by a sign. */
function shownToken(text) {
  return /^[ ⏎⇥]*$/.test(text) ? text.replaceAll(" ", "·") || "∅" : text;
}

class TextStrip {
  /** choose(pos, now): called when a token is chosen. */
  constructor(choose) {
    this.choose = choose;
    this.list = make("div", { className: "list", attributes: { role: "listbox", tabindex: "0", "aria-label": "Tokens" } });
    this.element = make("div", { className: "scroll body" }, this.list);
    this.list.addEventListener("click", (event) => {
      const chip = event.target.closest(".token");
      if (chip) this.choose(Number(chip.dataset.index), true);
    });
    this.list.addEventListener("keydown", (event) => this.press(event));
  }

  write(tokens) {
    this.list.dir = ALIGNED_RIGHT.test(tokens.map((token) => token.text).join("")) ? "rtl" : "ltr";
    this.chips = tokens.map(({ text, whole = "" }, index) => {
      const blank = /^[ ⏎⇥]*$/.test(text);
      const own = { role: "option", dir: "auto" };
      return make("span", { className: blank ? "token blank" : "token", textContent: shownToken(text), title: whole, id: `token${index}`, attributes: own, dataset: { index } });
    });
    this.list.replaceChildren(...tokens.flatMap(({ breaks }, i) => (breaks ? [this.chips[i], make("br")] : [this.chips[i]])));
  }

  /** colours: a colour [r, g, b] a token, or null where it stays plain. */
  shade(colours, chosen) {
    for (const [i, chip] of this.chips.entries()) {
      const colour = colours[i];
      chip.style.background = colour ? cssColour(colour) : "";
      chip.style.color = colour ? (brightness(colour) > 0.52 ? "#12141c" : "#ffffff") : "";
      chip.setAttribute("aria-selected", String(i === chosen));
    }
    this.chosen = chosen;
    this.list.setAttribute("aria-activedescendant", `token${chosen}`);
    this.reveal();
  }

  press(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const forward = this.list.dir === "rtl" ? -1 : 1;
    const steps = { ArrowLeft: this.chosen - forward, ArrowRight: this.chosen + forward, Home: 0, End: this.chips.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.choose(clamp(steps[event.key], 0, this.chips.length - 1), false);
  }

  reveal() {
    const chip = this.chips[this.chosen];
    const [top, height] = [chip.offsetTop - this.element.offsetTop, chip.offsetHeight];
    const { scrollTop, clientHeight } = this.element;
    const wanted = clamp(scrollTop, top + 2 * height - clientHeight, Math.max(0, top - height));
    if (wanted !== scrollTop) this.element.scrollTop = wanted;
  }
}

/** A field for a whole number, with its name before it. */
function numberField(name, change) {
  const field = make("input", { type: "number", min: 0, step: 1 });
  field.addEventListener("change", () => {
    const number = Number.parseInt(field.value, 10);
    change(Number.isNaN(number) ? 0 : clamp(number, 0, Number(field.max)));
  });
  return { field, element: make("label", { className: "field" }, make("span", { className: "quiet", textContent: name }), field) };
}
