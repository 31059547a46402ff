// The screen with text messages: a conversation with our number, and what became of each message.

import { clock, composeIn, doing, fillSelect, make, parts, say, spoken, stayAtEnd } from "./page.js";

const STATES = { sending: "Sending …", arrived: "Arrived", "not taken": "The desk did not take it" };
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MAX_PICTURE = 40_000; // bytes

export class Texts extends EventTarget {
  constructor(root) {
    super();
    this.parts = parts(root);
    this.device = null;
    this.rows = new Map();
    this.file = null;
    const { form, body, file, attached, error } = this.parts;
    composeIn(body, form);
    stayAtEnd(this.parts.log);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      doing(form.querySelector(".send"), error, () => this.send());
    });
    file.addEventListener("change", () => this.attach(file.files[0]));
    attached.querySelector("button").addEventListener("click", () => this.attach(null));
    this.clear();
  }

  use(device) {
    this.listening?.abort();
    this.listening = new AbortController();
    this.device = device;
    this.clear();
    device.addEventListener("news", (event) => this.take(event.detail), { signal: this.listening.signal });
  }

  offer(numbers) {
    const { ours, choice } = this.parts;
    this.numbers = numbers;
    fillSelect(ours, numbers.map(({ name, address }) => [address, `${spoken(address)} · ${name}`]));
    choice.hidden = numbers.length < 2;
    this.parts.with.textContent = numbers.length === 1 ? `with ${spoken(numbers[0].address)}` : "";
    this.clearEmpty();
  }

  clear() {
    this.rows.clear();
    this.parts.log.replaceChildren();
    this.clearEmpty();
  }

  clearEmpty() {
    const { log } = this.parts;
    log.querySelector(".empty")?.remove();
    if (this.rows.size) return;
    const none = this.numbers && !this.numbers.length;
    const words = none
      ? "The desk has no number for texts yet; comptoir inbox create sms gives it one."
      : "No texts yet. Write below: the desk has it in a second, and its answers appear here.";
    log.append(make("p", { class: "empty" }, words));
  }

  take({ messages, first }) {
    if (first) this.clear();
    this.parts.log.setAttribute("aria-live", first ? "off" : "polite");
    for (const message of messages) this.show(message, first);
    this.clearEmpty();
  }

  show(message, isOld) {
    const row = this.row(message);
    const known = this.rows.get(message.sid);
    this.rows.set(message.sid, row);
    if (known) {
      known.replaceWith(row);
      return;
    }
    this.parts.log.append(row);
    if (message.direction === "in" && !isOld) this.dispatchEvent(new Event("news"));
  }

  row(message) {
    const mine = message.direction === "out";
    const other = mine ? message.to : message.from;
    const parts = [message.state && mine ? STATES[message.state] ?? message.state : "", clock(message.at)];
    if ((this.numbers?.length ?? 0) > 1) parts.unshift(`${mine ? "to" : "from"} ${spoken(other)}`);
    return make(
      "div",
      { class: `bubble ${mine ? "mine" : "theirs"}${message.state === "not taken" ? " failed" : ""}` },
      make("span", { class: "unseen" }, mine ? "You: " : "The desk: "),
      ...message.media.map(media),
      ...(message.body ? [make("p", { dir: "auto" }, message.body)] : []),
      make("small", {}, parts.filter(Boolean).join(" · ")),
    );
  }

  async attach(file) {
    const { attached, error } = this.parts;
    this.parts.file.value = "";
    const wrong = file && !PICTURES.includes(file.type) ? "Only pictures travel with a text: PNG, JPEG, GIF or WebP." : "";
    const large = file && file.size > MAX_PICTURE ? "That picture is too large for the sandbox, which takes up to 40 kB." : "";
    say(error, wrong || large);
    this.file = wrong || large ? null : file;
    attached.hidden = !this.file;
    attached.querySelector("span").textContent = this.file?.name ?? "";
  }

  async send() {
    const { ours, body, form } = this.parts;
    if (!body.value.trim() && !this.file) return;
    if (!ours.value) throw new Error("The desk has no number for texts yet.");
    const media = this.file ? [{ content_type: this.file.type, data: await base64(this.file) }] : [];
    await this.device.act("messages", { to: ours.value, body: body.value, ...(media.length ? { media } : {}) });
    form.reset();
    this.attach(null);
  }
}

function media({ content_type: type, url }) {
  const own = new URL(url, location.href);
  if (own.origin !== location.origin) return make("p", {}, "A file that lies elsewhere.");
  if (PICTURES.includes(type)) return make("img", { src: own.href, alt: "A picture", loading: "lazy" });
  return make("p", {}, make("a", { href: own.href, download: true }, `A file (${type})`));
}

async function base64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
