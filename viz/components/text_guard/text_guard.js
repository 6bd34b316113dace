// Half of a surrogate pair (half an emoji, say) is no Unicode text: Streamlit's message could not be read by the server,
// which would drop the connection and with it what was typed. So every field gets U+FFFD in its place before Streamlit
// hears of it: this listener stands at the document, in the capturing phase, before that of React.
function mend(event) {
  const field = event.target;
  if (!(field instanceof HTMLTextAreaElement || field instanceof HTMLInputElement)) return;
  if (field.type === "number" || field.value.isWellFormed()) return;
  const { selectionStart, selectionEnd } = field;
  // The prototype's setter, for React watches the element's own and would take the mended text for known.
  const owner = Object.getPrototypeOf(field);
  Object.getOwnPropertyDescriptor(owner, "value").set.call(field, field.value.toWellFormed());
  field.setSelectionRange(selectionStart, selectionEnd);
}

export default function () {
  document.addEventListener("input", mend, true); // the same listener twice is one
}
