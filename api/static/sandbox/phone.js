// A telephone that shows what it hears: captions with their moments, keys, and a box to speak into.

import { clock, doing, fillSelect, make, parts, say, span, spoken, stayAtEnd, time } from "./page.js";

const KEYS = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"],
  ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"],
  ["*", ""], ["0", "+"], ["#", ""],
];
const KEY_NAMES = { "*": "star", "#": "hash" };

const HINTS = {
  listening: "Listen: what is said stands above.",
  keys: "Press a key, here or on your keyboard.",
  recording: "After the tone: say something below, then press #.",
  waiting: "You are on hold. The keys work at any moment.",
  talking: "A person hears you. Say something below.",
  "on hold": "You were put on hold for a moment.",
};

export class Phone {
  constructor(root, { title, id, empty, customer }) {
    root.append(document.getElementById("phone-template").content.cloneNode(true));
    this.root = root;
    this.parts = parts(root);
    this.customer = customer;
    this.empty = empty;
    this.device = null;
    this.calls = [];
    this.parts.title.id = `${id}-title`;
    this.parts.title.textContent = title;
    this.parts.log.setAttribute("aria-label", `${title}: what is heard`);
    this.parts["dial-choice"].hidden = !customer;
    this.parts.call.hidden = !customer;
    this.parts.withhold.hidden = !customer;
    stayAtEnd(this.parts.log);
    this.layKeys();
    this.listen();
    setInterval(() => this.showStatus(), 1000);
    this.clear();
  }

  // Take up another telephone, or none.
  use(device) {
    this.listening?.abort();
    this.listening = new AbortController();
    this.device = device;
    this.calls = [];
    this.clear();
    device?.addEventListener("news", (event) => this.take(event.detail), { signal: this.listening.signal });
    if (device?.known) this.take({ ...device.known, first: true });
    else this.show();
  }

  offer(numbers) {
    fillSelect(this.parts.ours, numbers.map(({ name, address }) => [address, `${spoken(address)} · ${name}`]));
    this.hasNumbers = numbers.length > 0;
    this.show();
  }

  get current() {
    return this.calls.find((call) => call.state !== "ended" && call !== this.incoming);
  }

  get incoming() {
    return this.calls.find((call) => call.direction === "incoming" && (call.state === "ringing" || call.state === "dialling"));
  }

  take({ calls, items, now, first }) {
    if (first) this.clear();
    this.calls = calls;
    this.ahead = Date.parse(now) - Date.now(); // the exchange has a clock of its own
    // What was heard before this page was opened is not read out again.
    this.parts.log.setAttribute("aria-live", first ? "off" : "polite");
    for (const item of items) this.caption(item);
    this.show();
  }

  clear() {
    this.begun = new Map(); // call -> its first moment
    this.heard = null;
    this.parts.log.replaceChildren(make("p", { class: "empty" }, this.empty));
  }

  caption(item) {
    this.parts.log.querySelector(".empty")?.remove();
    if (item.call !== this.heard) {
      this.heard = item.call;
      if (!this.begun.has(item.call)) this.begun.set(item.call, Date.parse(item.at));
      this.parts.log.append(make("p", { class: "divider" }, `Call of ${clock(item.at)}`));
    }
    const at = time(item.at, span(Date.parse(item.at) - this.begun.get(item.call)));
    this.parts.log.append(CAPTIONS[item.kind]?.(item, at) ?? note(item.text || item.kind, at));
  }

  show() {
    const { current, incoming } = this;
    const { ringing, idle, busy, speak, hint, lose } = this.parts;
    const talking = current?.state === "talking";
    const begins = current && busy.hidden;
    const hadFocus = this.root.contains(document.activeElement) ? document.activeElement : null;
    ringing.hidden = !incoming;
    if (incoming) say(this.parts["ringing-words"], `${spoken(incoming.with)} calls.`);
    busy.hidden = !current;
    idle.hidden = Boolean(current) || !this.customer;
    this.parts.withhold.hidden = !this.customer || Boolean(current || incoming);
    lose.hidden = !talking;
    speak.hidden = !talking;
    this.parts.keypad.hidden = !this.customer && !talking; // on the desk it is a smaller one
    speak.classList.toggle("awaited", talking && ["recording", "talking"].includes(current.doing));
    this.parts.keypad.classList.toggle("awaited", talking && ["keys", "waiting"].includes(current.doing));
    this.root.classList.toggle("calling", Boolean(incoming));
    this.root.classList.toggle("busy", Boolean(current));
    if (begins) this.root.scrollIntoView({ block: "nearest" });
    say(hint, (talking && HINTS[current.doing]) || "");
    if (hadFocus && (hadFocus.closest("[hidden]") || hadFocus.disabled)) this.passFocus();
    this.showStatus();
    this.root.dispatchEvent(new Event("shown"));
  }

  // Whoever works by keyboard stays on the phone when their button goes away.
  passFocus() {
    const { busy, idle, end, call, ringing, answer, log } = this.parts;
    if (!ringing.hidden) answer.focus();
    else if (!busy.hidden) end.focus();
    else if (!idle.hidden) call.focus();
    else log.focus();
  }

  showStatus() {
    const { status } = this.parts;
    const words = this.statusWords();
    if (status.textContent !== words) status.textContent = words;
    // The seconds of a call are for the eye; read aloud they would drown what is said.
    status.setAttribute("aria-live", this.current?.state === "talking" ? "off" : "polite");
  }

  statusWords() {
    const { current, incoming } = this;
    if (!this.device) return "No line";
    if (incoming && !current) return "It rings";
    if (current?.state === "dialling") return `Calling ${spoken(current.with)} …`;
    if (current?.state === "ringing") return `${spoken(current.with)} rings …`;
    if (current) return `${spoken(current.with)} · ${span(Date.now() + this.ahead - Date.parse(current.answered_at ?? current.began_at))}`;
    const last = this.calls.at(-1);
    if (last) return `Call over${last.ended ? `: ${yours(last.ended)}` : ""}`;
    return "Ready";
  }

  layKeys() {
    const buttons = KEYS.map(([key, letters]) =>
      make(
        "button",
        { type: "button", "data-key": key, "aria-label": KEY_NAMES[key] ?? key, onclick: () => this.press(key) },
        key,
        make("small", { "aria-hidden": "true" }, letters),
      ),
    );
    this.parts.keypad.append(...buttons);
  }

  listen() {
    const { call, end, lose, answer, decline, error, speak, words } = this.parts;
    const button = (element, task) => element.addEventListener("click", () => doing(element, error, task));
    button(call, () => this.dial());
    button(end, () => this.tell("end"));
    button(lose, () => this.tell("loss"));
    button(answer, () => this.tell("answer", {}, this.incoming));
    button(decline, () => this.tell("decline", {}, this.incoming));
    speak.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = words.value.trim();
      if (!text) return;
      doing(speak.querySelector("button"), error, async () => {
        await this.tell("words", { text });
        words.value = "";
      });
    });
  }

  async dial() {
    if (!this.hasNumbers) throw new Error("The desk has no number yet; comptoir inbox create phone gives it one.");
    await this.device.act("calls", { to: this.parts.ours.value });
  }

  async tell(what, body = {}, call = this.current) {
    if (!call) throw new Error("That call is over.");
    await this.device.act(`calls/${encodeURIComponent(call.sid)}/${what}`, body);
  }

  // Keys go one after the other: "12" is never heard as "21".
  press(key) {
    const button = this.parts.keypad.querySelector(`[data-key="${CSS.escape(key)}"]`);
    button.classList.remove("pressed");
    void button.offsetWidth; // lets the animation begin again
    button.classList.add("pressed");
    if (this.current?.state !== "talking") {
      say(this.parts.error, this.customer ? "The keys work in a call. Call first." : "The keys work in a call.");
      return;
    }
    this.pressing = (this.pressing ?? Promise.resolve())
      .then(() => this.tell("keys", { digits: key }))
      .then(() => say(this.parts.error, ""), (trouble) => say(this.parts.error, trouble.message));
  }
}

const CAPTIONS = {
  said: (item, at) => bubble("theirs", "The desk", item, at),
  heard: (item, at) => bubble("theirs", item.from ? spoken(item.from) : "Somebody", item, at),
  spoke: (item, at) => bubble("mine", "You", item, at),
  pressed: (item, at) => make("div", { class: "said mine" }, at, make("p", {}, `Pressed ${item.text}`)),
  tone: (item, at) => note("● a tone", at),
  music: (item, at) => note("♪ music", at),
  played: (item, at) => note(`♪ ${/([^/.?]+)(\.\w+)?(\?.*)?$/.exec(item.text)?.[1] ?? "a sound"}`, at),
  silence: (item, at) => note(item.seconds ? `silence for ${item.seconds} s` : "silence", at),
  told: (item, at) => note(yours(item.text), at),
};

// The exchange speaks for the device: "we" is whoever holds it.
function yours(words) {
  return words.replace("we hung up", "you hung up");
}

function bubble(side, who, item, at) {
  const words = make("p", { dir: "auto", lang: item.language || false }, item.text);
  return make("div", { class: `said ${side}` }, at, make("span", { class: "unseen" }, `${who}: `), words);
}

function note(text, at) {
  return make("div", { class: "said note" }, at, make("p", { dir: "auto" }, text));
}
