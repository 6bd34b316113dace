// What every part uses. Text goes into the page through textContent and fillText only: tokens are strangers' text.

const REPORT_DELAY_MS = 150; // Python hears of a selection once the keys have rested this long

/** A new element: make("button", {className: "x", textContent: "y"}, child, ...). */
function make(tag, properties = {}, ...children) {
  const { attributes = {}, dataset = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

function hexToRgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Any CSS colour as [r, g, b] of 0 to 255, read back from a pixel. */
function cssToRgb(colour) {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d");
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

function brightness([red, green, blue]) {
  return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
}

/** 256 colours [r, g, b] between evenly spaced stops; the first stop gives way to the page's own ground. */
function inkTable(stops, ground) {
  const colours = stops.map(hexToRgb);
  colours[0] = ground;
  return Array.from({ length: 256 }, (_, value) => {
    const at = (value / 255) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    return colours[low].map((part, i) => Math.round(part + (colours[low + 1][i] - part) * (at - low)));
  });
}

/** The colours of the theme the part stands on, also given to its style sheet. */
function readColours(root, palette) {
  const style = getComputedStyle(root);
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const background = read("--st-background-color", "#ffffff");
  const ground = cssToRgb(background);
  const dark = brightness(ground) < 0.5;
  const own = dark ? palette.dark : palette.light;
  root.style.setProperty("--accent", own.accent);
  root.style.setProperty("--muted", own.muted);
  root.dataset.theme = dark ? "dark" : "light";
  const table = inkTable(own.ink, ground);
  const text = read("--st-text-color", "#1a1d29");
  return { ...own, dark, background, text, font: read("--st-font", "sans-serif"), table };
}

function cssColour([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

/** The 8-bit weights that Python packed with a square root; see `pack_weights`. */
function unpackWeights(base64) {
  const binary = atob(base64);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

// Weights are shown against the strongest in view, but never as if 0.05 were much.
const LEAST_TOP = Math.round(255 * Math.sqrt(0.05));

function weightOf(byte) {
  return (byte / 255) ** 2;
}

/** A weight in words, as precise as 8 bits allow. */
function weightText(byte) {
  const weight = weightOf(byte);
  if (weight === 0) return "less than 0.00001";
  return "≈ " + (weight >= 0.1 ? weight.toFixed(2) : weight.toPrecision(2)).replace(/e-(\d)$/, "e-0$1");
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

/** Sizes a canvas in CSS pixels and returns its context, scaled so that one unit is one CSS pixel. */
function fitCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
    canvas.width = deviceWidth;
    canvas.height = deviceHeight;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/**
 * A selection that lives in the browser and that Python hears of with a delay. Orders from Python carry a stamp, and
 * one already obeyed is not obeyed again: see selection.py. It outlives the part's removal from the page, as Python's
 * memory of it does, so it is kept by the part's key.
 */
const selections = new Map();

class Selection {
  static of(key) {
    if (!selections.has(key)) selections.set(key, new Selection());
    return selections.get(key);
  }

  constructor() {
    this.value = null;
    this.stamp = null;
    this.timer = 0;
    this.told = null;
  }

  /** Takes Python's order, unless it was taken before; true if it was new. */
  obey(order) {
    if (order.stamp === this.stamp) return false;
    clearTimeout(this.timer);
    this.stamp = order.stamp;
    this.value = order.value;
    this.told = JSON.stringify(order.value);
    return true;
  }

  /** Moves the selection; `tell` reaches Python now, or once no further move has come for a moment. */
  move(value, tell, now) {
    this.value = value;
    clearTimeout(this.timer);
    const send = () => {
      if (this.told === JSON.stringify(this.value)) return;
      this.told = JSON.stringify(this.value);
      tell(this.value);
    };
    if (now) send();
    else this.timer = setTimeout(send, REPORT_DELAY_MS);
  }
}

/** A box in the browser's top layer, which no scrolling ancestor can cut off. */
class Tooltip {
  constructor(root) {
    this.box = make("div", { className: "tooltip", attributes: { popover: "manual" } });
    root.append(this.box);
  }

  /** Shows `children` beside the rectangle (in window coordinates), on the right if there is room. */
  show(rectangle, ...children) {
    this.box.replaceChildren(...children);
    if (!this.box.matches(":popover-open")) this.box.showPopover();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const right = rectangle.right + 12;
    const left = right + width < window.innerWidth ? right : Math.max(4, rectangle.left - width - 12);
    this.box.style.left = `${left}px`;
    this.box.style.top = `${clamp(rectangle.top, 4, Math.max(4, window.innerHeight - height - 4))}px`;
  }

  hide() {
    if (this.box.matches(":popover-open")) this.box.hidePopover();
  }
}

/**
 * The function Streamlit calls, at first and whenever data or theme change, for a part made by a class with
 * `update(data, send)` and `destroy()`. Streamlit keeps the element between calls, so the part is kept with it.
 */
function mounting(Part) {
  const parts = new WeakMap();
  return ({ data, parentElement, setTriggerValue }) => {
    if (!parts.has(parentElement)) {
      const root = make("div", { className: "root" });
      parentElement.append(root);
      parts.set(parentElement, new Part(root));
    }
    const part = parts.get(parentElement);
    part.update(data, setTriggerValue);
    return () => {
      part.destroy();
      part.root.remove();
      parts.delete(parentElement);
    };
  };
}
