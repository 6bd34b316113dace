const shown = new WeakMap();

export default function ({parentElement, data}) {
  let frame = parentElement.querySelector("iframe");
  if (!frame) {
    frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.setAttribute("referrerpolicy", "no-referrer");
    parentElement.append(frame);
  }
  frame.title = data.title;
  frame.style.height = `${data.height}px`;
  // A rerun of the app must not throw away what a person opened inside the page.
  if (shown.get(frame) !== data.html) {
    frame.srcdoc = data.html;
    shown.set(frame, data.html);
  }
}
