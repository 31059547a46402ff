// The other side of the counter: an agent's telephone, and how to be that agent.

import { Device } from "./device.js";
import { ask, repeat } from "./doors.js";
import { fillSelect, make, memory, parts, spoken } from "./page.js";

const EVERY = 2000;
const MAX_TELEPHONES = 20;

export class Desk {
  constructor(phone, howto, told) {
    this.phone = phone;
    this.howto = parts(howto);
    this.told = told;
    this.agents = [];
    this.address = null;
    const { choices } = phone.parts;
    phone.parts["choice-name"].textContent = "Whose telephone";
    choices.addEventListener("change", () => {
      memory.set("agent", Number(choices.value));
      this.choose();
    });
    repeat(() => this.poll(), { every: EVERY, told });
  }

  async poll() {
    const { agents, queues } = await ask("GET", "/sandbox/desk");
    this.agents = agents;
    const { choice, choices } = this.phone.parts;
    fillSelect(choices, agents.map(({ id, name }) => [String(id), name]));
    const kept = memory.get("agent");
    if (!this.address && agents.some((agent) => agent.id === kept)) choices.value = String(kept);
    choice.hidden = agents.length === 0;
    this.choose();
    this.explain(queues[0]?.id ?? 1);
    await this.watchTheOthers();
  }

  // Every agent's telephone is on, whoever's is shown; one that rings is shown, unless somebody speaks on this one.
  async watchTheOthers() {
    const wanted = this.agents.filter(({ device }) => device).slice(0, MAX_TELEPHONES);
    const { items } = await ask("GET", "/sandbox/devices");
    const found = new Map(items.map((item) => [item.address, item]));
    for (const { device } of wanted) {
      if (found.get(device)?.answers === "by hand" || device === this.address) continue;
      await ask("PUT", `/sandbox/devices/${encodeURIComponent(device)}`, { body: { answers: "by hand" } });
    }
    if (this.phone.current || this.phone.incoming) return;
    const rings = ({ device }) => found.get(device)?.calls.some((call) => call.direction === "incoming" && call.state === "ringing");
    const called = wanted.find(rings);
    if (!called || called.device === this.address) return;
    this.phone.parts.choices.value = String(called.id);
    this.choose();
  }

  choose() {
    const agent = this.agents.find(({ id }) => String(id) === this.phone.parts.choices.value);
    const address = agent?.device ?? "";
    this.phone.parts.subtitle.textContent = address ? spoken(address) : "";
    if (address === this.address) return;
    this.address = address;
    this.device?.leave();
    this.device = address ? new Device(address, this.told) : null;
    this.phone.empty = this.emptyWords(agent);
    this.phone.use(this.device);
    this.device?.follow();
  }

  emptyWords(agent) {
    if (!agent) return "Nobody works here yet; comptoir agent create makes an agent.";
    if (agent.device) return "When this agent takes a ticket whose customer is on hold, this telephone rings. Pick up here.";
    return `${agent.name} has no telephone yet. PUT /api/v1/agents/me/device {"kind": "browser"} gives them this one.`;
  }

  explain(queue) {
    if (this.queue === queue) return;
    this.queue = queue;
    const bearer = '-H "Authorization: Bearer $TOKEN"';
    const api = `${location.origin}/api/v1`;
    const steps = [
      ["Take the token of the agent that comptoir serve printed.", "export TOKEN=cpt_…"],
      [
        "Ask for the ticket that presses most. If its customer is on hold, the telephone beside rings: pick it up.",
        `curl -s -X POST ${bearer} ${api}/queues/${queue}/next`,
      ],
      [
        "Answer in writing. It goes out by the channel on which the customer is.",
        `curl -s ${bearer} -H "Content-Type: application/json" -d '{"body": "On its way."}' ${api}/tickets/1/replies`,
      ],
    ];
    this.howto.steps.replaceChildren(...steps.map(([words, command]) => make("li", {}, make("p", {}, words), copied(command))));
  }
}

function copied(command) {
  const code = make("code", {}, command);
  const button = make("button", { type: "button", class: "quiet" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    } catch {
      getSelection().selectAllChildren(code); // the browser does not let us: then it is selected, ready to be copied
    }
  });
  return make("div", { class: "command" }, make("pre", { tabindex: "0" }, code), button);
}
