// What this page asks of the desk and its sandbox. Every trouble is a sentence for the person.

export class Trouble extends Error {
  constructor(sentence, status = 0) {
    super(sentence);
    this.status = status; // 0: nobody answered
  }
}

export async function ask(method, path, { body, token, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The desk does not answer. Is comptoir serve still running?");
  }
  const told = await answer.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!answer.ok) throw new Trouble(sentence(told, answer.status), answer.status);
  if (told === null) throw new Trouble("The desk answered something that this page cannot read.", answer.status);
  return told;
}

function sentence(told, status) {
  const words = told && (told.detail || told.message || told.title);
  if (typeof words === "string" && words) return words[0].toUpperCase() + words.slice(1) + (/[.!?…)]$/.test(words) ? "" : ".");
  if (status === 413) return "That is too large for the sandbox.";
  return `The desk answered ${status}. Its log says why.`;
}

// Do a task again and again: soon after its end, seldom while nobody looks, slower and slower while it fails.
export function repeat(task, { every, hidden = 15000, told = () => {} }) {
  let timer = null;
  let stopped = false;
  let running = false;
  let again = false;
  let failures = 0;

  async function round() {
    clearTimeout(timer);
    if (stopped) return;
    if (running) {
      again = true;
      return;
    }
    running = true;
    again = false;
    try {
      await task();
      failures = 0;
      told(null);
    } catch (error) {
      if (error.name !== "AbortError") {
        failures += 1;
        told(error);
      }
    }
    running = false;
    if (stopped) return;
    const pause = again ? 0 : document.hidden ? hidden : Math.min(10000, every * 2 ** failures);
    timer = setTimeout(round, pause);
  }

  const seen = () => document.hidden || round();
  document.addEventListener("visibilitychange", seen);
  round();
  return {
    soon: round,
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    },
  };
}
