// The chat on the desk's website, through the public doors that every widget uses.

import { ask, repeat } from "./doors.js";
import { clock, composeIn, doing, make, memory, parts, stayAtEnd } from "./page.js";

const EVERY = 1500;

export class Chat extends EventTarget {
  constructor(root, told) {
    super();
    this.parts = parts(root);
    this.told = told;
    this.unsent = null; // {body, client_id}: the same id makes a second attempt the same message
    const { form, body, error, anew } = this.parts;
    composeIn(body, form);
    stayAtEnd(this.parts.log);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      doing(form.querySelector(".send"), error, () => this.send());
    });
    anew.addEventListener("click", () => this.begin(null));
  }

  use(me) {
    this.me = me;
    if (!this.loop && !this.session) this.begin(memory.get("chat"));
  }

  offer(widgets) {
    this.widgets = widgets;
    this.parts.with.textContent = widgets.length ? `on ${widgets[0].name}` : "";
    this.empty();
  }

  begin(session) {
    this.session = session;
    memory.set("chat", session);
    this.after = 0;
    this.shown = new Set();
    this.loop?.stop();
    this.loop = null;
    this.parts.log.replaceChildren();
    this.parts.anew.hidden = !session;
    this.empty();
    if (session) this.loop = repeat(() => this.poll(session), { every: EVERY, told: this.told });
  }

  empty(words = "No chat yet. Write below as a visitor of the desk’s website; agents see it at once.") {
    const { log } = this.parts;
    log.querySelector(".empty")?.remove();
    if (this.shown?.size) return;
    const none = this.widgets && !this.widgets.length;
    log.append(make("p", { class: "empty" }, none ? "The desk has no chat yet; comptoir inbox create chat gives it one." : words));
  }

  async poll(session) {
    let page;
    do {
      try {
        page = await ask("GET", `/chat/messages?after=${this.after}`, { token: session.visitor_token });
      } catch (trouble) {
        if (![401, 403, 404].includes(trouble.status) || this.session !== session) throw trouble;
        this.begin(null);
        this.empty("That chat is over. Write below to begin a new one.");
        return;
      }
      if (this.session !== session) return;
      this.take(page.items);
    } while (page.next);
  }

  take(items) {
    const isOld = this.after === 0 && this.shown.size === 0 && items.length > 1;
    this.parts.log.setAttribute("aria-live", isOld ? "off" : "polite");
    for (const item of items) {
      this.after = Math.max(this.after, item.id);
      if (this.shown.has(item.id)) continue;
      this.shown.add(item.id);
      this.parts.log.querySelector(".empty")?.remove();
      this.parts.log.append(this.row(item));
      if (item.from === "desk" && !isOld) this.dispatchEvent(new Event("news"));
    }
  }

  row(item) {
    const mine = item.from === "visitor";
    const who = mine ? "You" : item.author || "The desk";
    return make(
      "div",
      { class: `bubble ${mine ? "mine" : "theirs"}` },
      make("span", { class: "unseen" }, `${who}: `),
      ...(item.body ? [make("p", { dir: "auto" }, item.body)] : []),
      ...item.attachments.map((file) => this.file(file)),
      make("small", {}, mine ? clock(item.created_at) : `${who} · ${clock(item.created_at)}`),
    );
  }

  file(file) {
    const save = async () => {
      const answer = await fetch(file.url, { headers: { Authorization: `Bearer ${this.session.visitor_token}` } });
      if (!answer.ok) throw new Error("The file is not to be had any more.");
      const url = URL.createObjectURL(await answer.blob());
      make("a", { href: url, download: file.filename }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
    const button = make("button", { type: "button", class: "link" }, file.filename);
    button.addEventListener("click", () => doing(button, this.parts.error, save));
    return make("p", {}, button);
  }

  async send() {
    const { body, form } = this.parts;
    if (!body.value.trim()) return;
    if (!this.session) {
      const widget = this.widgets?.[0]?.address;
      const opened = { name: this.me.name, ...(widget ? { widget } : {}) };
      this.begin(await ask("POST", "/chat/sessions", { body: opened }));
    }
    if (this.unsent?.body !== body.value) this.unsent = { body: body.value, client_id: crypto.getRandomValues(new Uint32Array(4)).join("-") };
    await ask("POST", "/chat/messages", { body: this.unsent, token: this.session.visitor_token });
    this.unsent = null;
    form.reset();
    this.loop.soon();
  }
}
