// The customer's mailbox: what reached them, what they wrote, and a sheet to write on.

import { ask, repeat } from "./doors.js";
import { clock, doing, fillSelect, make, memory, parts, say } from "./page.js";

const EVERY = 2500;
const MAX_SHOWN = 100;
const MAX_SENT = 50;

export class Mailbox extends EventTarget {
  constructor(root, told) {
    super();
    this.parts = parts(root);
    this.told = told;
    this.inboxes = [];
    this.reply = null;
    const { write, form, discard, error } = this.parts;
    write.addEventListener("click", () => this.compose());
    discard.addEventListener("click", () => this.showList());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      doing(form.querySelector(".send"), error, () => this.send());
    });
  }

  use(me) {
    this.me = me;
    this.loop?.stop();
    this.begin();
    this.parts.address.textContent = me.mail;
    this.showList();
    const address = me.mail;
    this.loop = repeat(() => this.poll(address), { every: EVERY, told: this.told });
  }

  offer(inboxes) {
    this.inboxes = inboxes;
    this.draw();
  }

  async poll(address) {
    const query = new URLSearchParams({ to: address, after: this.after });
    const { items, next } = await ask("GET", `/sandbox/mails?${query}`);
    if (address !== this.me.mail) return;
    if (next < this.after) {
      this.begin(); // the desk began anew, and so do its numbers
      this.loop.soon();
      return;
    }
    const isFirst = !this.isKnown;
    this.isKnown = true;
    this.after = next;
    if (!items.length) return;
    this.arrived = [...this.arrived, ...items].slice(-MAX_SHOWN);
    this.draw();
    if (!isFirst) this.dispatchEvent(new Event("news"));
  }

  begin() {
    this.after = 0;
    this.isKnown = false; // the mails of the first look are no news
    this.arrived = [];
    this.draw();
  }

  get sent() {
    return memory.get("sent")?.[this.me.mail] ?? [];
  }

  draw() {
    if (!this.me) return;
    const opened = new Set(memory.get("opened") ?? []);
    const mails = [
      ...this.arrived.map((mail) => ({ ...mail, isNew: !opened.has(id(mail)) })),
      ...this.sent.map((mail) => ({ ...mail, mine: true })),
    ].sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
    const { list } = this.parts;
    list.replaceChildren(...(mails.length ? mails.map((mail) => this.row(mail)) : [this.nothing()]));
  }

  nothing() {
    const words = this.inboxes.length
      ? "No mail yet. Press Write: the desk’s answer arrives here."
      : "The desk has no mail address yet; comptoir inbox create email gives it one.";
    return make("p", { class: "empty" }, words);
  }

  row(mail) {
    const who = mail.mine ? `To ${mail.to}` : named(mail.from);
    return make(
      "button",
      { type: "button", class: `mail-row${mail.isNew ? " new" : ""}`, onclick: () => this.open(mail) },
      make("span", { class: "sender", dir: "auto" }, who),
      make("time", { datetime: mail.at }, clock(mail.at)),
      make("span", { class: "subject", dir: "auto" }, mail.subject || "(no subject)"),
      make("span", { class: "snippet", dir: "auto" }, mail.body.slice(0, 140).replace(/\s+/g, " ")),
      ...(mail.isNew ? [make("span", { class: "unseen" }, "not read yet")] : []),
    );
  }

  open(mail) {
    const { letter } = this.parts;
    if (!mail.mine) this.remember(mail);
    const answer = make("button", { type: "button", class: "go", onclick: () => this.compose(mail) }, "Reply");
    letter.replaceChildren(
      make(
        "p",
        { class: "buttons" },
        make("button", { type: "button", class: "quiet", onclick: () => this.showList() }, "‹ All mails"),
        ...(mail.mine ? [] : [answer]),
      ),
      make("h3", { dir: "auto" }, mail.subject || "(no subject)"),
      make("p", { class: "from", dir: "auto" }, mail.mine ? `You wrote to ${mail.to}` : `From ${mail.from}`, ` · ${clock(mail.at)}`),
      ...(mail.attachments?.length ? [make("p", { class: "from" }, `With ${mail.attachments.join(", ")}`)] : []),
      ...this.words(mail),
    );
    this.showOnly("letter");
    letter.focus();
  }

  // A mail with a design is shown as a page of its own that may run nothing and fetch nothing.
  words(mail) {
    const text = make("pre", { dir: "auto" }, mail.body);
    if (!mail.is_designed) return [text];
    const frame = make("iframe", { sandbox: "", title: "The mail as it was designed", src: `/sandbox/mails/${mail.n}/page` });
    text.hidden = true;
    const swap = make("button", { type: "button", class: "link" }, "Show the words only");
    swap.addEventListener("click", () => {
      text.hidden = !text.hidden;
      frame.hidden = !text.hidden;
      swap.textContent = text.hidden ? "Show the words only" : "Show it as designed";
    });
    return [make("p", {}, swap), frame, text];
  }

  remember(mail) {
    const opened = (memory.get("opened") ?? []).filter((one) => one !== id(mail));
    memory.set("opened", [...opened, id(mail)].slice(-200));
    this.draw();
  }

  compose(mail = null) {
    const { to, subject, body, form } = this.parts;
    this.reply = mail;
    form.reset();
    const answered = mail ? addressIn(header(mail, "Reply-To") || mail.from) : "";
    const ours = this.inboxes.map(({ name, address }) => [address, `${name} <${address}>`]);
    fillSelect(to, answered ? [[answered, mail.from]] : ours);
    if (mail) subject.value = /^re:/i.test(mail.subject ?? "") ? mail.subject : `Re: ${mail.subject ?? ""}`;
    this.showOnly("form");
    (mail ? body : subject).focus();
  }

  async send() {
    const { to, subject, body } = this.parts;
    if (!to.value) throw new Error("The desk has no mail address yet.");
    if (!body.value.trim()) throw new Error("Write something first.");
    const mail = { from: this.me.sender, to: to.value, subject: subject.value, body: body.value };
    const sent = await ask("POST", "/sandbox/mails", {
      body: { ...mail, ...(this.reply?.message_id ? { reply_to: this.reply.message_id } : {}) },
    });
    const kept = memory.get("sent") ?? {};
    kept[this.me.mail] = [...this.sent, { ...mail, at: new Date().toISOString(), message_id: sent.message_id }].slice(-MAX_SENT);
    memory.set("sent", kept);
    this.showList();
    this.draw();
  }

  showList() {
    this.reply = null;
    say(this.parts.error, "");
    this.showOnly("list");
  }

  showOnly(name) {
    const hadFocus = ["letter", "form"].some((part) => this.parts[part].contains(document.activeElement));
    for (const part of ["list", "letter", "form"]) this.parts[part].hidden = part !== name;
    this.parts.write.hidden = name === "form";
    if (name === "list" && hadFocus) this.parts.write.focus();
  }
}

function id(mail) {
  return mail.message_id || mail.provider_id || mail.at;
}

function header(mail, name) {
  const found = Object.entries(mail.headers ?? {}).find(([key]) => key.toLowerCase() === name.toLowerCase());
  return found ? found[1] : "";
}

function addressIn(sender) {
  return /<([^<>]+)>/.exec(sender)?.[1] ?? sender.trim();
}

function named(sender) {
  return sender.replace(/<[^<>]*>/, "").replaceAll('"', "").trim() || sender;
}
