// Who the customer is: a name, a number and a mail address, invented at the first visit and theirs to change.

import { memory, parts, say } from "./page.js";

const NAMES = ["Camille Roy", "Noor Haddad", "Ines Duarte", "Tom Okafor", "Mei Tanaka"];

export class Me extends EventTarget {
  constructor(form) {
    super();
    this.form = form;
    this.error = parts(form).error;
    const kept = memory.get("me") ?? invented();
    for (const field of FIELDS) form.elements[field.name].value = field.read(String(kept[field.name] ?? "")) || "";
    this.known = this.read() ?? invented();
    memory.set("me", this.known);
    form.addEventListener("change", () => this.change());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.change();
    });
  }

  get name() {
    return this.known.name;
  }

  get number() {
    return this.known.number;
  }

  get mail() {
    return this.known.mail;
  }

  get sender() {
    return `"${this.name.replace(/["\\]/g, "")}" <${this.mail}>`;
  }

  change() {
    const read = this.read();
    if (!read) return;
    this.known = read;
    memory.set("me", read);
    for (const { name } of FIELDS) this.form.elements[name].value = read[name];
    this.dispatchEvent(new Event("change"));
  }

  // What stands in the form, put into order; null while something in it is not right.
  read() {
    const found = {};
    const wrong = [];
    for (const field of FIELDS) {
      const input = this.form.elements[field.name];
      found[field.name] = field.read(input.value);
      input.toggleAttribute("aria-invalid", !found[field.name]);
      if (!found[field.name]) wrong.push(field.help);
    }
    say(this.error, wrong.join(" "));
    return wrong.length ? null : found;
  }
}

const FIELDS = [
  { name: "name", read: (text) => text.trim(), help: "A customer has a name." },
  {
    name: "number",
    read: (text) => /^\+[1-9]\d{6,14}$/.exec(text.replace(/[\s().-]/g, ""))?.[0] ?? "",
    help: "A number begins with + and its country, like +1 514 555 0177.",
  },
  {
    name: "mail",
    read: (text) => /^[^\s@<>"(),;:\\]+@[^\s@<>"(),;:\\]+$/.exec(text.trim().toLowerCase())?.[0] ?? "",
    help: "A mail address is like camille@home.example.",
  },
];

function invented() {
  const name = NAMES[Math.floor(Math.random() * NAMES.length)];
  const last = 101 + Math.floor(Math.random() * 99); // 555-0100 to 555-0199 are nobody's
  return { name, number: `+15145550${last}`, mail: `${name.split(" ")[0].toLowerCase()}@home.example` };
}
