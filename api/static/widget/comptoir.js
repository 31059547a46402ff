// Comptoir's chat on any website (docs/chat.md): words, what is kept, what travels, what happened, what is shown. No markup
// is ever parsed: what people write becomes text nodes.
(() => {
"use strict";
const script = document.currentScript;
if (!script || window.Comptoir?.open) return;
const { widget: KEY = "", language, launcher } = script.dataset;
const BASE = script.src.replace(/\/static\/widget\/.*$/, "");
const PREFIX = `comptoir ${BASE} ${KEY} `;

const TEXTS = {
  en: {
    launch: "Chat with us",
    unread: "{n} new",
    close: "Close",
    more: "More",
    talk: "Conversation",
    greeting: "Hello! How can we help?",
    here: "We are here",
    closed: "Nobody is here right now",
    away: "Leave a message and how to reach you: we answer there.",
    opens: "We are back {when}.",
    with: "{name} is with you",
    next: "You are next in line",
    waiting: "You are number {n} in line",
    about: "about {span} minutes",
    ended: "This chat is over. You can write again.",
    offline: "No connection. What you write is kept, and sent as soon as there is one.",
    write: "Write a message",
    send: "Send",
    attach: "Attach files",
    remove: "Remove {name}",
    refused: "{name}: at most {n} files of {mb} MB.",
    you: "You",
    desk: "Support",
    sending: "Sending…",
    delivered: "Delivered",
    seen: "Seen",
    typing: "{name} is typing",
    news: "New message from {name}",
    email: "Your email address",
    callback: "Call me back",
    callWhen: "When shall we call?",
    callNow: "When it is my turn",
    text: "Go on by text message",
    moved: "All right. You keep your place in line.",
    phone: "Your phone number, with country code",
    transcript: "Mail me this conversation",
    mailed: "The conversation is on its way to your mailbox.",
    end: "End this chat",
    anew: "Start a new chat",
    rate: "How did we do?",
    scores: "Very bad|Bad|All right|Good|Very good",
    comment: "What should we know? (optional)",
    thanks: "Thank you!",
    wrong: "Please try again.",
  },
  fr: {
    launch: "Discuter avec nous",
    unread: "{n} non lus",
    close: "Fermer",
    more: "Plus",
    talk: "Conversation",
    greeting: "Bonjour ! Comment pouvons-nous vous aider ?",
    here: "Nous sommes là",
    closed: "Personne n’est là en ce moment",
    away: "Laissez un message et dites où vous joindre : nous y répondrons.",
    opens: "Nous revenons {when}.",
    with: "{name} est avec vous",
    next: "C’est bientôt à vous",
    waiting: "Vous êtes numéro {n} dans la file",
    about: "environ {span} minutes",
    ended: "Cette discussion est terminée. Vous pouvez écrire encore.",
    offline: "Pas de connexion. Vos messages sont gardés et partiront dès son retour.",
    write: "Écrire un message",
    send: "Envoyer",
    attach: "Joindre des fichiers",
    remove: "Retirer {name}",
    refused: "{name} : {n} fichiers de {mb} Mo au plus.",
    you: "Vous",
    desk: "Assistance",
    sending: "Envoi…",
    delivered: "Remis",
    seen: "Vu",
    typing: "{name} écrit",
    news: "Nouveau message de {name}",
    email: "Votre adresse électronique",
    callback: "Être rappelé",
    callWhen: "Quand vous appeler ?",
    callNow: "Quand ce sera mon tour",
    text: "Continuer par SMS",
    moved: "C’est noté. Vous gardez votre place.",
    phone: "Votre numéro de téléphone, avec l’indicatif",
    transcript: "Recevoir la conversation par courriel",
    mailed: "La conversation part vers votre boîte aux lettres.",
    end: "Terminer la discussion",
    anew: "Nouvelle discussion",
    rate: "Comment était-ce ?",
    scores: "Très mauvais|Mauvais|Correct|Bien|Très bien",
    comment: "Que devrions-nous savoir ? (facultatif)",
    thanks: "Merci !",
    wrong: "Veuillez réessayer.",
  },
};
const ownTexts = {};
let lang = language || document.documentElement.lang || navigator.language || "en";
const t = (name, values = {}) =>
  (ownTexts[name] ?? widget.texts?.[name] ?? (TEXTS[lang.slice(0, 2)] || TEXTS.en)[name]).replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);

// What is kept: in the browser's storage, or in memory where that is forbidden.
const shelf = (area) => {
  const own = {};
  return {
    get(key) {
      try {
        return JSON.parse(window[area].getItem(PREFIX + key)) ?? own[key];
      } catch {
        return own[key];
      }
    },
    set(key, value) {
      delete own[key];
      try {
        if (value == null) window[area].removeItem(PREFIX + key);
        else window[area].setItem(PREFIX + key, JSON.stringify(value));
      } catch {
        own[key] = value;
      }
    },
    keys() {
      const kept = { ...own };
      try {
        for (const key of Object.keys(window[area])) if (key.startsWith(PREFIX)) kept[key.slice(PREFIX.length)] = 1;
      } catch {}
      return Object.keys(kept);
    },
  };
};
const local = shelf("localStorage"); // token, who, seen, told, front, news, out…
const tab = shelf("sessionStorage"); // open, draft, page
const token = () => local.get("token");
// A message has a key of its own: no tab overwrites another's.
const waiting = () => local.keys().filter((key) => key.startsWith("out ")).sort().map((key) => ({ ...local.get(key), key })).filter((one) => one.client_id);

// What travels.
class Refusal extends Error {
  constructor(status, { detail, code } = {}, after = 0) {
    super(detail);
    Object.assign(this, { status, code, after, passes: !status || status === 429 || status >= 500 });
  }
}

async function call(method, path, body, { signal, ...headers } = {}) {
  const own = token();
  if (own) headers.Authorization = `Bearer ${own}`;
  if (body && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const answer = await fetch(BASE + path, { method, headers, body, signal, credentials: "omit" }).catch(() => {
    throw new Refusal(0);
  });
  if (answer.ok) return answer;
  const refusal = new Refusal(answer.status, await answer.json().catch(() => ({})), +answer.headers.get("Retry-After"));
  if (refusal.code === "identity_refused") refusal.passes = !(identity = null); // without it, then
  // The token is too old, or the chat gone; another tab may have a fresh one by now.
  else if (own === token() && (/^(invalid_signature|other_identity)$/.test(refusal.code) || (refusal.status === 404 && path === "/chat/session"))) forget();
  throw refusal;
}

async function ask(method, path, body) {
  const own = items;
  try {
    const answer = await call(method, path, body, { signal: AbortSignal.timeout(body instanceof FormData ? 120000 : 20000) });
    online(true);
    const found = await answer.json().catch(() => ({}));
    if (own !== items) throw new Refusal(500); // forgotten
    return found;
  } catch (trouble) {
    if (!trouble.status || trouble.status > 501) online(false);
    throw trouble;
  }
}

// Longer each time, never all at the same moment.
const pause = (failures, after = 0) => Math.max(after, Math.min(30, 2 ** failures) * (0.5 + Math.random() / 2)) * 1000;

// Run `work` once at a time, once more for who asks meanwhile, and again after what passes.
const steady = (work) => {
  let running, wanted, timer, failures = 0;
  return async function run(is) {
    if (is && timer) return;
    wanted = true;
    if (running) return;
    running = true;
    timer = clearTimeout(timer);
    try {
      while (wanted) {
        wanted = false;
        await work();
      }
      failures = 0;
    } catch (trouble) {
      if (trouble.passes) timer = setTimeout(run, pause(failures++, trouble.after));
      else if (!trouble.status) throw trouble;
    } finally {
      running = false;
    }
  };
};

// What happened.
let widget = {}; // GET /chat/widget
let session = null; // GET /chat/session
let items = new Map(); // id → message
let identity = script.dataset.identity; // a JWT; never kept
let isOnline = true;
let isLoaded = false; // what comes from now on is news
let typist = "";
const listeners = {};
const emit = (name, data) => listeners[name]?.forEach((hear) => hear(data));
const page = () => location.origin + location.pathname; // what follows may be secret
const about = () => ({ page: page(), language: lang, ...(identity && { identity }) });
const messages = () => [...items.values()].sort((a, b) => a.id - b.id);
const replies = () => messages().filter((one) => one.from !== "visitor");
const lastId = (list) => list.at(-1)?.id || 0;

function online(is) {
  if (isOnline !== is) render((isOnline = is));
}

function forget() {
  for (const key of ["token", "seen", "told"]) local.set(key);
  session = notice = choice = null;
  isLoaded = false;
  lastEvent = "";
  items = new Map();
  stopStream();
  render();
}

const begin = async () => {
  const work = async () => {
    if (token()) return; // another tab was faster
    const said = identity;
    const opened = await ask("POST", "/chat/sessions", { ...(KEY && { widget: KEY }), ...local.get("who"), ...about() });
    local.set("token", opened.visitor_token);
    local.set("who");
    tab.set("page", page());
    if (identity === said) identity = null;
    listen();
  };
  await (navigator.locks ? navigator.locks.request(PREFIX, work) : work());
};

const flush = steady(async () => {
  for (let entry; (entry = waiting()[0]); ) {
    const { key, at, body, client_id, files } = entry;
    const own = token();
    try {
      if (!own) await begin();
      const { message } = await ask("POST", "/chat/messages", { body, client_id, ...(files[0] && { attachments: files.map((one) => one.id) }) });
      if (message) take([{ id: message, from: "visitor", body, client_id, attachments: files, created_at: at }]);
    } catch (trouble) {
      if (!trouble.status || trouble.passes) throw trouble;
      if (own && !token()) throw new Refusal(0); // begin anew
      // Refused for good: back to where it was written.
      ui.body.value = [body, ui.body.value].filter(Boolean).join("\n");
      warn(trouble.message || t("wrong"));
      typed();
    }
    local.set(key);
    render();
  }
  if (session?.state !== "talking") refresh();
});

const refresh = steady(async () => {
  if (!token()) return;
  const said = identity;
  const told = (said || tab.get("page") !== page()) && (await ask("PATCH", "/chat/session", about()).catch((refusal) => refusal.passes && Promise.reject(refusal)));
  know(told || (await ask("GET", "/chat/session")));
  if (identity === said) identity = null;
  tab.set("page", page());
  // Some are fetched again: a reply may arrive after words that are younger.
  let after = messages().at(-20)?.id || 0;
  while (after != null) {
    const found = await ask("GET", `/chat/messages?after=${after}`);
    take(found.items);
    after = found.next;
  }
  isLoaded = true;
  render();
});

function know(found) {
  if (found.visitor_token) local.set("token", found.visitor_token);
  session = found;
  const { open, opens_at, offers, anybody_here } = found;
  Object.assign(widget, { open, opens_at, offers, anybody_here });
}

function take(found) {
  for (const item of found) {
    const isNews = isLoaded && item.from !== "visitor" && !items.has(item.id);
    items.set(item.id, { ...items.get(item.id), ...item });
    if (!isNews) continue;
    typist = "";
    if (!ui.panel.open) ui.status.textContent = t("news", { name: item.author || t("desk") });
    emit("message", item);
  }
  if (lastId(messages()) > (local.get("news") || 0)) local.set("news", lastId(messages()));
  render();
}

function markSeen() {
  const last = lastId(replies());
  if (!session || !ui.panel.open || document.hidden) return;
  if (last > (local.get("seen") || 0)) local.set("seen", last);
  if (last <= (local.get("told") || 0)) return;
  local.set("told", last);
  ask("POST", "/chat/seen", { until: last }).catch(() => local.set("told"));
}

// The stream hints at what to fetch. Browsers allow six connections to a host: a hidden tab ends its stream once another is
// looked at.
let stream, streamTimer, typingTimer, hasRival, hasTrouble;
let lastEvent = "";
let streamFailures = 0;

function stopStream() {
  clearTimeout(streamTimer);
  const own = stream;
  stream = null;
  own?.abort();
}

async function listen() {
  if (stream || !token() || (document.hidden && hasRival)) return;
  clearTimeout(streamTimer);
  const own = (stream = new AbortController());
  let watchdog, after, rest = "", event = {};
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => own.abort(), 25000); // there is a heartbeat every ten seconds
  };
  alive();
  try {
    const answer = await call("GET", "/chat/events", null, { signal: own.signal, ...(lastEvent && { "Last-Event-ID": lastEvent }) });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read; !(read = await reader.read()).done; alive()) {
      const lines = (rest + read.value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) {
        const [, field, value] = /^(\w+): ?(.*)/.exec(line) || [];
        if (field) event[field] = value;
        if (line) continue;
        if (event.id) lastEvent = event.id;
        if (event.event) hear(event.event, JSON.parse(event.data || "{}"));
        event = {};
      }
    }
  } catch (trouble) {
    after = trouble.after;
  }
  clearTimeout(watchdog);
  if (stream !== own) return; // we ended it
  stream = null;
  streamTimer = setTimeout(listen, pause(streamFailures++, after));
}

function hear(kind, data) {
  streamFailures = 0;
  if (kind === "typing") {
    typist = data.until ? data.name || t("desk") : "";
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => render((typist = "")), 30000);
  } else if (kind === "seen" && session) session.seen_by_desk = Math.max(session.seen_by_desk, data.until);
  else {
    if (kind === "reload") lastEvent = "";
    hasTrouble = kind === "trouble";
    refresh();
  }
  render();
}

// Without a stream we look ourselves.
let pollTimer;
function poll() {
  clearTimeout(pollTimer);
  pollTimer = setTimeout(() => {
    if ((!stream || hasTrouble) && !(document.hidden && hasRival)) refresh(true);
    poll();
  }, (ui.panel.open && !document.hidden ? 3000 : 20000) * (0.8 + Math.random() * 0.4));
}

function wake() {
  streamFailures = 0;
  flush();
  refresh();
  listen();
}

function comeForward() {
  if (document.hidden) return;
  hasRival = false;
  local.set("front", Math.random());
  wake();
}

addEventListener("storage", ({ key, newValue }) => {
  if (!key?.startsWith(PREFIX)) return;
  key = key.slice(PREFIX.length);
  if (key === "front") {
    hasRival = newValue != null;
    if (!hasRival) wake();
    else if (document.hidden) stopStream();
  } else if (key === "token" && !token()) forget();
  else if (key === "token") wake();
  else if ((key === "news" && newValue > lastId(messages())) || (key.startsWith("out ") && !newValue)) refresh();
  render();
});
addEventListener("online", wake);
addEventListener("offline", () => online(false));
addEventListener("pageshow", (event) => event.persisted && comeForward());
addEventListener("pagehide", () => {
  local.set("front");
  stopStream();
  if (token()) navigator.sendBeacon?.(`${BASE}/chat/gone`, JSON.stringify({ token: token() }));
});
document.addEventListener("visibilitychange", comeForward);

let toldTyping = 0;
function tellTyping(is) {
  if (!session || (is ? Date.now() - toldTyping < 4000 : !toldTyping)) return;
  toldTyping = is && Date.now();
  ask("POST", "/chat/typing", { typing: is }).catch(() => {});
}

// What is shown.
function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((one) => one != null));
  return element;
}

function icon(d) {
  const name = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(name, "path")).setAttribute("d", d);
  return svg;
}

const CHAT = "M4 12a8 7.5 0 1 1 3.6 6.2L4 19.5l1-3.4A7.4 7.4 0 0 1 4 12Z";
const DOWN = "m6 9 6 6 6-6";
const CROSS = "M6 6l12 12M18 6 6 18";
const CLIP = "m20 11.5-8.2 8a5 5 0 0 1-7-7.1l8.4-8.2a3.4 3.4 0 0 1 4.8 4.8l-8.3 8.1a1.7 1.7 0 0 1-2.4-2.4l7.5-7.4";

const STYLE = `
:host{all:initial;position:fixed;z-index:2147483000}
.root{all:initial;--paper:#fff;--raised:#f3f1ec;--ink:#23211e;--soft:#655f56;--line:#ddd8ce;--edge:#8d867b;--bad:#b3261e;--shade:0 0 0 1px #0001,0 18px 60px #2a201033;color:var(--ink);font:15px/1.45 system-ui,-apple-system,sans-serif}
@media (prefers-color-scheme:dark){.root{--paper:#1c1b1a;--raised:#2b2927;--ink:#f1eee9;--soft:#b5aea4;--line:#45413c;--edge:#8a8378;--bad:#ff9e8c;--shade:0 0 0 1px #45413c,0 18px 60px #000b}}
*{box-sizing:border-box}
[hidden]{display:none!important}
h2,p,fieldset{margin:0;padding:0;border:0}
button,input,select,textarea{font:inherit;color:inherit;margin:0}
button{cursor:pointer;border:1px solid transparent;background:none;padding:0;flex:none}
button:disabled{opacity:.55}
:focus-visible{outline:3px solid var(--ink);outline-offset:2px;box-shadow:0 0 0 2px var(--paper)}
svg{width:22px;height:22px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;display:block}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.launcher,.panel{position:fixed;--low:max(20px,env(safe-area-inset-bottom));inset:auto 20px var(--low) auto;box-shadow:var(--shade)}
.launcher{width:60px;height:60px;border-radius:50%;background:var(--accent);color:var(--on);display:grid;place-items:center}
.launcher svg{width:28px;height:28px}
.badge{position:absolute;top:-4px;right:-4px;min-width:22px;padding:0 6px;border-radius:11px;background:#b3261e;color:#fff;font:700 13px/22px system-ui}
.panel{bottom:calc(var(--low) + 74px);margin:0;padding:0;border:0;width:392px;max-width:none;height:min(660px,100dvh - 114px);max-height:none;overflow:hidden;border-radius:22px;background:var(--paper);color:var(--ink);outline:0}
.panel[open]{display:flex;flex-direction:column;animation:up .24s ease-out}
@keyframes up{from{opacity:0;transform:translateY(14px)}}
header{position:relative;z-index:1;display:flex;align-items:center;gap:10px;padding:14px 10px 14px 16px;background:var(--accent);color:var(--on)}
header :focus-visible{outline-color:currentColor;box-shadow:none;outline-offset:-3px}
.face{width:40px;height:40px;border-radius:50%;display:grid;place-items:center;flex:none;font-weight:700;font-size:17px;background:var(--on);color:var(--accent)}
.who{flex:1;min-width:0}
h2,.state,.chip span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
h2{font-size:16px;line-height:1.25}
.state,.note,.told{font-size:13.5px}
.tool{width:44px;height:44px;border-radius:50%;display:grid;place-items:center}
header .tool{margin-left:-8px}
[aria-controls] svg{stroke-width:3}
.tool:hover,.menu button:hover{background:#8885}
.menu{position:absolute;top:90%;right:14px;padding:6px;border-radius:14px;background:var(--paper);color:var(--ink);box-shadow:var(--shade)}
.menu button{display:block;width:100%;min-height:44px;padding:0 12px;border-radius:9px;text-align:start}
.note{padding:8px 16px;background:var(--raised);border-bottom:1px solid var(--line)}
.link{min-height:28px;text-decoration:underline}
.bad{color:var(--bad)}
.scroll{flex:1;min-height:0;overflow:auto;overscroll-behavior:contain;padding:16px 16px 6px;display:flex;flex-direction:column}
.scroll:focus-visible{outline-offset:-3px}
.intro,.card{display:grid;gap:12px}
.hello,legend{font-size:20px;line-height:1.25;font-weight:650}
::placeholder{color:var(--soft);opacity:1}
.card{margin:12px 0;padding:16px;border:1px solid var(--line);border-radius:16px}
label{display:grid;gap:4px;font-size:13.5px;font-weight:550}
.input{width:100%;min-height:44px;padding:9px 12px;border:1px solid var(--edge);border-radius:12px;background:var(--paper);font-size:16px;font-weight:400}
.input:focus-visible{outline-width:2px;outline-offset:0;box-shadow:none}
.main{min-height:44px;border-radius:22px;background:var(--accent);color:var(--on);font-weight:600}
.log{display:flex;flex-direction:column;gap:3px;margin-top:auto}
.row{display:flex;flex-direction:column;max-width:84%;align-self:start;align-items:start}
.mine{align-self:end;align-items:end}
.starts{margin-top:10px}
.system,.told{align-self:center;margin:8px 0;color:var(--soft);text-align:center}
.author,.meta{color:var(--soft);font-size:12.5px;margin:0 12px 3px}
.bubble{padding:9px 14px;border-radius:19px;background:var(--raised);white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;max-width:100%}
.theirs.ends .bubble{border-bottom-left-radius:6px}
.mine .bubble{background:var(--accent);color:var(--on)}
.mine.ends .bubble{border-bottom-right-radius:6px}
.waits .bubble{opacity:.75}
.bubble a{color:inherit}
.meta{display:none;margin-top:3px}
.ends .meta{display:block}
.file{display:flex;align-items:center;gap:9px;max-width:100%;min-height:44px;padding:6px 13px;margin:2px 0;border-color:var(--line);border-radius:14px;text-align:start;overflow:hidden;overflow-wrap:anywhere}
.file:has(img){padding:0;border:0}
img{display:block;max-width:100%;max-height:240px}
.typing{display:flex;gap:5px;width:max-content;margin-top:10px;padding:14px}
i{width:7px;height:7px;border-radius:50%;background:var(--soft);animation:hop 1.2s infinite}
i+i{animation-delay:.15s}i+i+i{animation-delay:.3s}
@keyframes hop{30%{transform:translateY(-4px)}60%{transform:none}}
.composer{padding:8px 12px max(12px,env(safe-area-inset-bottom))}
.box{display:flex;align-items:end;gap:2px;padding:3px;border:1px solid var(--edge);border-radius:27px}
.box:focus-within{border-color:var(--ink);box-shadow:0 0 0 1px var(--ink)}
.box textarea{flex:1;min-width:0;height:44px;max-height:132px;padding:11px 4px 11px 12px;border:0;background:none;resize:none;font-size:16px;line-height:22px;outline:0;box-shadow:none}
.send{background:var(--accent)!important;color:var(--on)}
.chips{display:flex;flex-wrap:wrap;gap:6px}
.chip{display:flex;align-items:center;max-width:100%;margin-bottom:8px;padding-left:12px;border-radius:12px;background:var(--raised);font-size:13.5px}
.error:not(:empty){padding:0 6px 8px;color:var(--bad);overflow-wrap:anywhere}
.stars{display:flex;gap:6px;margin-top:10px}
.stars label{position:relative;flex:1;height:46px;place-content:center;border:1px solid var(--edge);border-radius:12px;font-size:17px}
.stars input{position:absolute;inset:0;width:100%;height:100%;opacity:0}
.stars label:has(:checked){background:var(--accent);color:var(--on);outline:2px solid}
.stars label:has(:focus-visible){outline:3px solid var(--ink);outline-offset:2px}
@media (max-width:540px),(max-height:480px){.panel{inset:0;width:100%;height:100dvh;border-radius:0}header{padding-top:max(14px,env(safe-area-inset-top))}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
`;

const small = matchMedia("(max-width:540px),(max-height:480px)");
const touch = matchMedia("(pointer:coarse)");
const host = document.createElement("comptoir-chat");
const shadow = host.attachShadow({ mode: "open" });
let ui = { panel: {} }; // the elements that change
let rows; // client_id or id → row
let files = []; // chosen, not yet sent
let choice, notice; // the card below the conversation, and what became of the last one

function build() {
  const isOpen = ui.panel.open;
  const tool = (label, d, onclick, more) => h("button", { type: "button", class: "tool", "aria-label": t(label), title: t(label), onclick, ...more }, icon(d));
  ui.root?.remove();
  rows = new Map();
  ui = {
    badge: h("span", { class: "badge", "aria-hidden": "true" }),
    status: h("p", { class: "unseen", role: "status" }),
    face: h("span", { class: "face", "aria-hidden": "true" }),
    title: h("h2", { id: "title" }),
    state: h("p", { class: "state" }),
    menu: h("div", { class: "menu", id: "menu", hidden: "" }),
    line: h("p", { class: "note", role: "status" }),
    offline: h("p", { class: "note bad", role: "status" }),
    intro: h("div", { class: "intro" }),
    log: h("div", { class: "log", role: "log", "aria-label": t("talk") }),
    typing: h("div", { class: "bubble typing", role: "status" }),
    after: h("div", { role: "status" }),
    chips: h("div", { class: "chips" }),
    error: h("p", { class: "error", role: "alert" }),
    picker: h("input", { type: "file", multiple: "", hidden: "", accept: widget.files?.types, onchange: () => attach(ui.picker.files) }),
    body: h("textarea", { rows: 1, maxlength: 10000, "aria-label": t("write"), placeholder: t("write"), oninput: typed, onpaste: dropped }),
    send: tool("send", "M12 19V5M5.5 11.5 12 5l6.5 6.5", null, { class: "tool send", type: "submit" }),
    clip: tool("attach", CLIP, () => ui.picker.click()),
    more: tool("more", "M5 12h.01M12 12h.01M19 12h.01", () => toggleMenu(), { "aria-expanded": "false", "aria-controls": "menu" }),
  };
  ui.body.value = tab.get("draft") || "";
  ui.body.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches) return;
    event.preventDefault();
    ui.form.requestSubmit();
  });
  ui.launcher = h("button", { type: "button", class: "launcher", "aria-haspopup": "dialog", onclick: () => (ui.panel.open ? close() : open()) });
  ui.form = h("form", { class: "composer", id: "form", onsubmit: submit }, ui.chips, ui.error, h("div", { class: "box" }, ui.body, ui.clip, ui.picker, ui.send));
  ui.scroll = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("talk") }, ui.intro, ui.log, ui.typing, ui.after);
  ui.panel = h(
    "dialog",
    { class: "panel", "aria-labelledby": "title", tabindex: -1, onkeydown: keys, oncancel: (event) => event.preventDefault(), ondragover: (event) => event.preventDefault(), ondrop: dropped },
    h("header", {}, ui.face, h("div", { class: "who" }, ui.title, ui.state), ui.more, ui.menu, tool("close", CROSS, close)),
    ui.line,
    ui.offline,
    ui.scroll,
    ui.form,
  );
  ui.root = h("div", { class: "root", lang }, ui.launcher, ui.status, ui.panel);
  const accent = /^#[\da-f]{6}$/i.test(widget.colour) ? widget.colour : "#0f6656";
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(accent.slice(at, at + 2), 16) / 255) ** 2.2);
  ui.root.style.setProperty("--accent", accent);
  // By WCAG's relative luminance.
  ui.root.style.setProperty("--on", 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff");
  shadow.append(ui.root);
  intro();
  typed();
  render();
  if (isOpen) open();
}

const isAway = () => widget.open === false || widget.anybody_here === false;
const clock = (at, weekday) => new Intl.DateTimeFormat(lang, { weekday, hour: "numeric", minute: "2-digit" }).format(new Date(at));
const backAt = () => (widget.opens_at && isAway() ? ` ${t("opens", { when: clock(widget.opens_at, "long") })}` : "");

// Asked before the first word. The inputs belong to the composer's form: one press sends all.
function intro() {
  let fields = widget.fields || [];
  if (isAway() && !identity && !fields.some((one) => one.required && /^(email|tel)$/.test(one.type)))
    fields = [...fields.filter((one) => one.name !== "email"), { name: "email", label: t("email"), type: "email", required: true }];
  ui.intro.replaceChildren(h("p", { class: "hello" }, t("greeting")), ...(isAway() ? [h("p", {}, t("away") + backAt())] : []), ...fields.map((one) => field(one)));
}

function field({ name, label, type, required, options }, form = "form") {
  const props = { class: "input", name, required: required && "", form, maxlength: 1000, autocomplete: { email: "email", tel: "tel" }[type] || (name === "name" ? name : null) };
  const input = /select|textarea/.test(type) ? h(type, props, (options && ["", ...options].map((one) => h("option", {}, one))) || []) : h("input", { ...props, type });
  return h("label", {}, label + (required ? " *" : ""), input);
}

async function submit(event) {
  event.preventDefault();
  const body = ui.body.value.trim();
  if (ui.send.disabled || (!body && !files.length)) return ui.body.focus();
  if (!token()) {
    const who = { fields: {} };
    for (const { name, value } of ui.intro.querySelectorAll("[name]")) if (value.trim()) (/^(name|email|phone)$/.test(name) ? who : who.fields)[name] = value.trim();
    local.set("who", who);
  }
  ui.send.disabled = true;
  try {
    if (files.length) {
      warn(t("sending"));
      if (!token()) await begin();
      for (const one of files) {
        const form = new FormData();
        form.append("file", one.file);
        one.kept ??= await ask("POST", "/chat/attachments", form);
      }
    }
    const client_id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    local.set(`out ${Date.now()} ${client_id}`, { client_id, body, files: files.map((one) => one.kept), at: new Date().toISOString() });
    files = [];
    ui.body.value = ui.body.value.replace(body, "").trim();
    warn("");
    typed();
    render();
    toEnd();
    flush();
  } catch (trouble) {
    warn(trouble.message || t(trouble.status ? "wrong" : "offline"));
  } finally {
    ui.send.disabled = false;
    ui.body.focus();
  }
}

const warn = (words) => (ui.error.textContent = words);

function dropped(event) {
  const found = (event.clipboardData || event.dataTransfer).files;
  if (!found.length) return;
  event.preventDefault();
  attach(found);
}

function attach(chosen) {
  const { max_bytes, most } = widget.files;
  warn("");
  for (const file of chosen) {
    if (files.length < most && file.size <= max_bytes) files.push({ file });
    else warn(t("refused", { name: file.name, n: most, mb: Math.floor(max_bytes / 1e6) }));
  }
  ui.picker.value = "";
  ui.body.focus();
  render();
}

function typed(event) {
  ui.body.style.height = "";
  ui.body.style.height = `${Math.max(44, ui.body.scrollHeight)}px`;
  tab.set("draft", ui.body.value || null);
  if (event || !ui.body.value) tellTyping(Boolean(ui.body.value));
}

function set(element, words) {
  if (element.textContent !== words) element.textContent = words;
  element.hidden = !words;
}

function render() {
  if (!ui.root) return;
  const isOpen = ui.panel.open;
  const name = session?.agent?.name;
  const unread = isOpen ? 0 : replies().filter((one) => one.id > (local.get("seen") || 0)).length;
  ui.launcher.replaceChildren(icon(isOpen ? DOWN : CHAT), ui.badge);
  ui.launcher.hidden = launcher === "none";
  ui.launcher.setAttribute("aria-label", isOpen ? t("close") : t("launch") + (unread ? `, ${t("unread", { n: unread })}` : ""));
  ui.launcher.setAttribute("aria-expanded", isOpen);
  set(ui.badge, unread ? `${unread}` : "");
  set(ui.title, widget.name || t("launch"));
  set(ui.state, name ? t("with", { name }) : t(isAway() ? "closed" : "here"));
  ui.face.replaceChildren(name ? [...name][0] : icon(CHAT));
  set(ui.line, session?.state === "waiting" && session.position && !isAway() ? placeInLine(session) : "");
  set(ui.offline, isOnline ? "" : t("offline"));
  ui.intro.hidden = token() || waiting()[0];
  for (const input of ui.intro.querySelectorAll("[name]")) input.disabled = ui.intro.hidden;
  ui.clip.hidden = !widget.files?.most;
  const chip = (one) => {
    const remove = () => {
      files = files.filter((other) => other !== one);
      ui.body.focus();
      render();
    };
    return h("span", { class: "chip" }, h("span", {}, one.file.name), h("button", { type: "button", class: "tool", "aria-label": t("remove", { name: one.file.name }), onclick: remove }, icon(CROSS)));
  };
  ui.chips.replaceChildren(...files.map(chip));
  draw();
  if (ui.typing.hidden === Boolean(typist)) ui.typing.replaceChildren(h("i", {}), h("i", {}), h("i", {}), h("span", { class: "unseen" }, typist && t("typing", { name: typist })));
  ui.typing.hidden = !typist;
  afterwards();
  actions();
  markSeen();
}

function placeInLine({ position: n, wait }) {
  const low = Math.max(1, Math.floor(wait?.low_seconds / 60));
  const high = Math.ceil(wait?.high_seconds / 60);
  return t(n > 1 ? "waiting" : "next", { n }) + (high ? ` · ${t("about", { span: low < high ? `${low}–${high}` : high })}` : "");
}

function draw() {
  const wasAtEnd = atEnd();
  const known = messages();
  const ids = new Set(known.map((one) => one.client_id));
  const out = waiting().filter((one) => !ids.has(one.client_id)).map((one) => ({ ...one, from: "visitor", attachments: one.files, created_at: one.at }));
  const all = [...known, ...out];
  const last = known.findLast((one) => one.from === "visitor");
  ui.log.ariaLive = isLoaded ? "polite" : "off";
  const wanted = all.map((one, at) => {
    const key = one.client_id || one.id;
    if (!rows.has(key)) rows.set(key, newRow(one));
    const row = rows.get(key);
    const same = (other) => other?.from === one.from && other.author === one.author && Math.abs(new Date(other.created_at) - new Date(one.created_at)) < 3e5;
    const starts = !same(all[at - 1]);
    row.className = `row ${{ visitor: "mine", desk: "theirs" }[one.from] || one.from} ${starts ? "starts" : ""} ${same(all[at + 1]) && one !== last ? "" : "ends"} ${one.id ? "" : "waits"}`;
    row.author.className = starts && one.from === "desk" ? "author" : "unseen";
    const state = !one.id ? "sending" : one === last ? (one.id <= session?.seen_by_desk ? "seen" : "delivered") : "";
    set(row.meta, clock(one.created_at) + (state && ` · ${t(state)}`));
    return row;
  });
  for (const [key, row] of rows) if (!wanted.includes(row)) rows.delete(key, row.remove());
  wanted.forEach((row, at) => ui.log.children[at] === row || ui.log.insertBefore(row, ui.log.children[at]));
  if (wasAtEnd) toEnd();
}

function newRow({ from, author, body, attachments = [] }) {
  const row = h("div", {});
  row.author = h("span", {}, from === "visitor" ? t("you") : author || t("desk"));
  row.meta = h("span", { class: "meta" });
  row.append(row.author, ...(body ? [h("div", { class: from !== "system" ? "bubble" : "", dir: "auto" }, linked(body))] : []), ...attachments.map(fileButton), row.meta);
  return row;
}

function linked(words) {
  const parts = [];
  let from = 0;
  for (const { 0: href, index } of words.matchAll(/https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}]/gi)) {
    parts.push(words.slice(from, index), h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href));
    from = index + href.length;
  }
  return [...parts, words.slice(from)];
}

function fileButton({ id, filename, content_type }) {
  // Pictures of these kinds run nothing, unlike an SVG; all else is saved.
  const isPicture = /^image\/(png|jpe?g|gif|webp)$/.test(content_type);
  const load = async () => URL.createObjectURL(new Blob([await (await call("GET", `/chat/attachments/${id}`)).arrayBuffer()], { type: isPicture ? content_type : "application/octet-stream" }));
  const save = async () => h("a", { href: await load(), download: filename }).click();
  const button = h("button", { type: "button", class: "file", onclick: () => save().catch((trouble) => warn(trouble.message || t("wrong"))) }, icon(CLIP), filename);
  const wasAtEnd = atEnd();
  const show = (src) => button.replaceChildren(h("img", { src, alt: filename, onload: () => wasAtEnd && toEnd() }));
  if (isPicture) load().then(show, () => {}); // else it stays a name to press
  return button;
}

const atEnd = () => ui.scroll.scrollHeight - ui.scroll.scrollTop - ui.scroll.clientHeight < 80;
const toEnd = () => (ui.scroll.scrollTop = ui.scroll.scrollHeight);

function afterwards() {
  const isLost = session && isAway() && items.size && !session.email_known && !session.agent && session.state !== "ended";
  const what = choice || (session?.can_rate && !session.rating ? "rate" : isLost ? "reach" : "");
  const words = notice || (session?.state === "ended" && !choice ? t("ended") : "");
  if (ui.after.of === what + words) return;
  ui.after.of = what + words;
  ui.after.replaceChildren(...(words ? [h("p", { class: "told" }, words)] : []), ...(what ? [CARDS[what]()] : []));
  if (choice) ui.after.querySelector("input").focus();
  toEnd();
}

// `act` returns what to say then.
function card(label, parts, act) {
  const told = h("p", { class: "bad", role: "alert" });
  const button = h("button", { class: "main" }, label);
  const onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      choose("", t(await act(event.target.elements)));
      refresh();
    } catch (trouble) {
      told.textContent = trouble.message || t("wrong");
    }
    button.disabled = false;
  };
  const cancel = choice ? [h("button", { type: "button", class: "link", onclick: () => choose() }, t("close"))] : [];
  return h("form", { class: "card", onsubmit }, ...parts, told, button, ...cancel);
}

function choose(name = "", words = "") {
  [choice, notice] = [name, words];
  render();
  if (!name) ui.body.focus();
}

const phone = () => field({ name: "phone", label: t("phone"), type: "tel", required: true }, null);
let windows = {};
const CARDS = {
  rate() {
    const star = (words, at) => h("label", {}, h("input", { type: "radio", name: "score", value: at + 1, required: "", "aria-label": `${at + 1}: ${words}`, title: words }), at + 1);
    const parts = [h("fieldset", {}, h("legend", {}, t("rate")), h("div", { class: "stars" }, t("scores").split("|").map(star))), field({ name: "comment", label: t("comment"), type: "textarea" }, null)];
    return card(t("send"), parts, async ({ score, comment }) => {
      await ask("POST", "/chat/rating", { score: +score.value, ...(comment.value.trim() && { comment: comment.value }) });
      session.rating = +score.value;
      return "thanks";
    });
  },
  reach: () =>
    card(t("send"), [h("p", {}, t("away") + backAt()), field({ name: "email", label: t("email"), type: "email", required: true }, null)], async ({ email }) => {
      know(await ask("PATCH", "/chat/session", { email: email.value }));
      return "thanks";
    }),
  callback() {
    const times = windows.items.map((one, at) => h("option", { value: at }, `${clock(one.from, "long")} – ${clock(one.to)}`));
    const when = h("select", { class: "input", name: "at" }, windows.now ? h("option", { value: "" }, t("callNow")) : [], times);
    return card(t("callback"), [phone(), h("label", {}, t("callWhen"), when)], async ({ phone, at }) => {
      await ask("POST", "/chat/callback", { phone: phone.value, ...windows.items[at.value || -1] });
      return "moved";
    });
  },
  text: () =>
    card(t("text"), [phone()], async ({ phone }) => {
      await ask("POST", "/chat/text", { phone: phone.value });
      return "moved";
    }),
  transcript() {
    const known = session.email_known;
    const input = field({ name: "email", label: known || t("email"), type: "email", required: !known }, null);
    return card(t("transcript"), [input], async ({ email }) => {
      await ask("POST", "/chat/transcript", email.value ? { email: email.value } : {});
      return "mailed";
    });
  },
};

async function callMe() {
  const found = await ask("GET", "/chat/callback");
  windows = { now: found.now, items: found.windows };
  choose("callback");
}

function actions() {
  const isOver = session?.state === "ended";
  const isLive = session && !isOver && items.size;
  const all = {
    callback: isLive && widget.offers?.callback && callMe,
    text: isLive && widget.offers?.text && (() => choose("text")),
    transcript: session && items.size && (() => choose("transcript")),
    end: isLive && (async () => choose("", know(await ask("POST", "/chat/end")))),
    anew: isOver && (() => (forget(), intro(), choose())),
  };
  const offered = Object.keys(all).filter((name) => all[name]);
  ui.more.hidden = !offered.length;
  if (ui.menu.of === `${offered}`) return;
  ui.menu.of = `${offered}`;
  const press = async (name) => {
    toggleMenu(false);
    try {
      await all[name]();
    } catch (trouble) {
      warn(trouble.message || t("wrong"));
    }
  };
  ui.menu.replaceChildren(...offered.map((name) => h("button", { type: "button", onclick: () => press(name) }, t(name))));
}

function toggleMenu(is = ui.menu.hidden) {
  ui.menu.hidden = !is;
  ui.more.setAttribute("aria-expanded", is);
  (is ? ui.menu.firstChild : ui.more).focus();
}

// On a small screen it covers the page and is modal.
function open(isQuiet) {
  if (!ui.root || ui.panel.open) return;
  if (small.matches) ui.panel.showModal();
  else ui.panel.show();
  tab.set("open", true);
  fit();
  render();
  toEnd();
  if (isQuiet === true) shadow.activeElement?.blur();
  else (touch.matches ? ui.panel : (!ui.intro.hidden && ui.intro.querySelector("[name]")) || ui.body).focus();
  if (token()) wake();
  else look();
  poll();
  emit("open");
}

function close() {
  if (!ui.panel.open) return;
  ui.panel.close();
  ui.menu.hidden = true;
  tab.set("open");
  render();
  ui.launcher.focus();
  emit("close");
}

function keys(event) {
  event.stopPropagation(); // the site's shortcuts are not meant
  if (event.key !== "Escape" || event.isComposing) return;
  event.preventDefault();
  if (!ui.menu.hidden) toggleMenu(false);
  else if (choice) choose();
  else close();
}

// What a keyboard on the screen leaves.
const view = window.visualViewport;
function fit() {
  if (!ui.root) return;
  const is = small.matches && ui.panel.open && view?.scale === 1;
  Object.assign(ui.panel.style, { height: is ? `${view.height}px` : "", top: is ? `${view.offsetTop}px` : "" });
}
view?.addEventListener("resize", fit);
small.addEventListener("change", () => {
  if (!ui.panel.open) return;
  ui.panel.close();
  open();
});

const look = steady(async () => {
  const found = await ask("GET", `/chat/widget?key=${encodeURIComponent(KEY)}&language=${encodeURIComponent(lang)}`);
  const isFirst = !ui.root;
  widget = found;
  lang = found.language || lang;
  if (!isFirst) {
    if (!ui.intro.contains(shadow.activeElement)) intro(); // else somebody fills it in
    return render();
  }
  const sheet = new CSSStyleSheet(); // no Content-Security-Policy forbids it
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  document.body.append(host);
  build();
  if (tab.get("open") && !small.matches) open(true);
  comeForward();
  poll();
  window.dispatchEvent(new Event("comptoir:ready"));
});

window.Comptoir = {
  open,
  close,
  identify(jwt) {
    identity = jwt;
    if (jwt) return refresh();
    for (const { key } of waiting()) local.set(key);
    forget();
  },
  texts(words) {
    Object.assign(ownTexts, words);
    if (ui.root) build();
  },
  on(event, hear) {
    (listeners[event] ??= []).push(hear);
  },
};
if (document.body) look();
else addEventListener("DOMContentLoaded", look);
})();
