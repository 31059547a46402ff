// A telephone at the exchange: opened by hand, then followed. One poll tells of its calls, of what is heard, and of its texts.

import { ask, repeat } from "./doors.js";

const MAX_ITEMS = 500;
const WAIT_SECONDS = 10; // the exchange answers as soon as something is heard or comes; a call's state says no word
const WAIT_IN_A_CALL = 1;

export class Device extends EventTarget {
  constructor(address, told) {
    super();
    this.address = address;
    this.path = `/sandbox/devices/${encodeURIComponent(address)}`;
    this.after = 0;
    this.isOpen = false;
    this.known = null;
    this.told = told;
  }

  follow() {
    this.loop = repeat(() => this.poll(), {
      every: 300,
      hidden: 5000,
      told: (trouble) => {
        if (trouble) this.isOpen = false; // the desk may have been started anew
        this.told(trouble);
      },
    });
  }

  leave() {
    this.loop?.stop();
    this.loop = null;
    this.waiting?.abort();
  }

  async poll() {
    if (!this.isOpen) {
      await ask("PUT", this.path, { body: { answers: "by hand" } });
      this.isOpen = true;
    }
    this.waiting = new AbortController();
    const news = await ask("GET", `${this.path}?after=${this.after}&wait=${this.patience}`, { signal: this.waiting.signal });
    if (!this.loop) return;
    if (news.next < this.after) {
      this.after = 0; // the exchange began anew, and so do its numbers
      this.known = null;
      this.loop.soon();
      return;
    }
    const first = !this.known;
    this.after = news.next;
    const items = first ? news.items : [...this.known.items, ...news.items].slice(-MAX_ITEMS);
    this.known = { ...news, items }; // for who takes this telephone up later
    this.dispatchEvent(new CustomEvent("news", { detail: { ...news, first } }));
  }

  get patience() {
    if (document.hidden || !this.known) return 0;
    return this.known.calls.some((call) => call.state !== "ended") ? WAIT_IN_A_CALL : WAIT_SECONDS;
  }

  async act(path, body) {
    const answer = await ask("POST", `${this.path}/${path}`, { body });
    this.waiting?.abort(); // look at once
    this.loop?.soon();
    return answer;
  }
}
