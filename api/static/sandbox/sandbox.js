// The page of the sandbox: puts the devices together and tells each who the customer is. No build step, no dependency.

import { Chat } from "./chat.js";
import { Desk } from "./desk.js";
import { Device } from "./device.js";
import { ask, repeat } from "./doors.js";
import { Mailbox } from "./mailbox.js";
import { Me } from "./me.js";
import { say, spoken } from "./page.js";
import { Phone } from "./phone.js";
import { Tabs } from "./tabs.js";
import { Texts } from "./texts.js";

const NUMBERS_EVERY = 20000;
const WITHHELD = "anonymous";

const troubles = new Map(); // of whom -> the sentence

function told(who) {
  return (trouble) => {
    if (trouble) troubles.set(who, trouble.message);
    else troubles.delete(who);
    const sentence = troubles.values().next().value;
    say(document.getElementById("trouble"), sentence ? `${sentence} Trying again …` : "");
  };
}

const element = (id) => document.getElementById(id);
const me = new Me(document.querySelector("[data-part=me]"));
const phone = new Phone(element("phone"), {
  title: "Phone",
  id: "phone",
  customer: true,
  empty: "Press Call. What the desk says appears here as text; press the keys that it offers.",
});
const deskPhone = new Phone(element("desk-phone"), { title: "Desk phone", id: "desk-phone", customer: false, empty: "" });
const texts = new Texts(element("texts"));
const mailbox = new Mailbox(element("mail"), told("mail"));
const chat = new Chat(element("chat"), told("chat"));
const desk = new Desk(deskPhone, document.querySelector(".howto"), told("desk"));
const tabs = new Tabs(element("tabs"));
let own = null; // the customer's telephone, which also has the texts
let withheld = null; // the same telephone when it hides its number

function become() {
  for (const device of [own, withheld]) device?.leave();
  own = new Device(me.number, told("phone"));
  withheld = null;
  texts.use(own);
  takeUp();
  own.follow();
  mailbox.use(me);
  chat.use(me);
  document.querySelector("#who summary").textContent = `You are ${me.name}, ${spoken(me.number)}`;
}

// Whether the customer hides their number or shows it, they hear the calls of that line.
function takeUp() {
  const hides = phone.parts.withheld.checked;
  if (hides && !withheld) {
    withheld = new Device(WITHHELD, told("withheld"));
    withheld.follow();
  }
  phone.parts.subtitle.textContent = hides ? "number withheld" : spoken(me.number);
  phone.use(hides ? withheld : own);
}

async function numbers() {
  const { items } = await ask("GET", "/sandbox/numbers");
  const of = (channel) => items.filter((item) => item.channel === channel);
  phone.offer(of("phone"));
  texts.offer([...of("sms"), ...of("whatsapp").map((item) => ({ ...item, address: `whatsapp:${item.address}` }))]);
  mailbox.offer(of("email"));
  chat.offer(of("chat"));
}

// The number keys of the keyboard are the keys of the phone that is in a call.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[0-9*#]$/.test(event.key)) return;
  if (event.target.closest("input, textarea, select, iframe")) return;
  const talking = [phone, deskPhone].filter(({ current }) => current?.state === "talking");
  const meant = talking.find(({ root }) => root.contains(document.activeElement)) ?? talking[0];
  if (!meant) return;
  event.preventDefault();
  meant.press(event.key);
});

const title = document.title;
for (const [one, tab] of [[phone, "phone"], [deskPhone, "desk"]]) {
  one.root.addEventListener("shown", () => {
    tabs.ring(tab, Boolean(one.incoming));
    document.title = phone.incoming || deskPhone.incoming ? `☎ It rings · ${title}` : title;
  });
}
for (const [device, tab] of [[texts, "texts"], [mailbox, "mail"], [chat, "chat"]]) device.addEventListener("news", () => tabs.count(tab));
phone.parts.withheld.addEventListener("change", takeUp);
me.addEventListener("change", become);
become();
repeat(numbers, { every: NUMBERS_EVERY, hidden: 60000, told: told("numbers") });
