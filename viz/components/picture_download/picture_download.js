// Saves an SVG as it is, or as a PNG that the browser itself paints: it has the fonts of every script on the screen.

const PNG_SCALE = 2;
const LARGEST_SIDE = 16384; // what browsers allow a canvas
const LARGEST_AREA = 2 ** 27;

class PictureDownload {
  constructor(root) {
    this.root = root;
    this.png = make("button", { textContent: "PNG", title: "Save the picture as PNG, twice the size on screen" });
    this.svg = make("button", { textContent: "SVG", title: "Save the picture as SVG, sharp at any size" });
    this.trouble = make("span", { className: "quiet", attributes: { role: "status" } });
    root.append(make("div", { className: "row" }, this.png, this.svg, this.trouble));
    this.png.addEventListener("click", () => this.attempt(() => this.savePng()));
    this.svg.addEventListener("click", () => this.attempt(() => this.saveSvg()));
  }

  destroy() {}

  update(data) {
    this.data = data;
    readColours(this.root, data.palette);
    this.trouble.textContent = "";
  }

  async attempt(save) {
    this.trouble.textContent = "";
    this.png.disabled = this.svg.disabled = true;
    try {
      await save();
    } catch (error) {
      this.trouble.textContent = "This browser could not paint the picture; try the other format.";
    } finally {
      this.png.disabled = this.svg.disabled = false;
    }
  }

  blob() {
    return new Blob([this.data.svg], { type: "image/svg+xml;charset=utf-8" });
  }

  async saveSvg() {
    save(this.blob(), `${this.data.stem}.svg`);
  }

  async savePng() {
    const url = URL.createObjectURL(this.blob());
    try {
      const image = new Image();
      image.src = url;
      await image.decode();
      const [width, height] = [image.naturalWidth, image.naturalHeight];
      const scale = Math.min(PNG_SCALE, LARGEST_SIDE / Math.max(width, height), Math.sqrt(LARGEST_AREA / (width * height)));
      const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      save(await canvas.convertToBlob({ type: "image/png" }), `${this.data.stem}.png`);
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export default mounting(PictureDownload);
