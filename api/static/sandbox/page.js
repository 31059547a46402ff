// Small words for building the page. Whatever people wrote goes in as text: nothing here takes markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// The parts of a device by their names in the HTML: `parts(section).log` is its `data-part="log"`.
export function parts(root) {
  const found = {};
  for (const element of root.querySelectorAll("[data-part]")) found[element.dataset.part] ??= element;
  return found;
}

// Say a sentence in an element that is hidden while there is none.
export function say(element, sentence) {
  if (element.textContent !== sentence) element.textContent = sentence;
  element.hidden = !sentence;
}

// Do something for the person, with their button off meanwhile; what goes wrong is said where they look.
export async function doing(button, error, task) {
  if (button.disabled) return;
  const focused = document.activeElement === button;
  button.disabled = true;
  try {
    await task();
    say(error, "");
  } catch (trouble) {
    say(error, trouble.message);
  } finally {
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus();
  }
}

// Keep a log at its end, whatever is added and however its size changes, unless the reader has scrolled up.
export function stayAtEnd(log) {
  let atEnd = true;
  const goOn = () => atEnd && (log.scrollTop = log.scrollHeight);
  log.addEventListener("scroll", () => (atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60));
  new MutationObserver(goOn).observe(log, { childList: true });
  new ResizeObserver(goOn).observe(log);
}

export function fillSelect(select, options) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options === wanted) return;
  const chosen = select.value;
  select.dataset.options = wanted;
  select.replaceChildren(...options.map(([value, words]) => make("option", { value }, words)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

// Enter sends, Shift+Enter begins a line; the box grows with what is in it.
export function composeIn(textarea, form) {
  textarea.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  const fit = () => (textarea.rows = Math.min(5, Math.max(1, textarea.value.split("\n").length)));
  textarea.addEventListener("input", fit);
  form.addEventListener("reset", () => setTimeout(fit));
}

const TODAY = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const EARLIER = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export function clock(at) {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return "";
  return (moment.toDateString() === new Date().toDateString() ? TODAY : EARLIER).format(moment);
}

export function time(at, words = clock(at)) {
  return make("time", { datetime: at }, words);
}

export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function spoken(address) {
  if (address.startsWith("whatsapp:")) return `WhatsApp ${spoken(address.slice(9))}`;
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(address);
  if (american) return `+1 ${american[1]} ${american[2]} ${american[3]}`;
  return address.replace(/^client:/, "").replace(/^sips?:/, "");
}

// What this browser remembers between visits; nothing, where it may not.
export const memory = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(`comptoir.sandbox.${name}`));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`comptoir.sandbox.${name}`, JSON.stringify(value));
    } catch {
      // A private window: the page works, and forgets.
    }
  },
};
