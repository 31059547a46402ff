// On a small screen one device at a time is shown; the others tell by a number that something has arrived.

const NARROW = matchMedia("(max-width: 759px)");

export class Tabs {
  constructor(nav) {
    this.links = [...nav.querySelectorAll("a")];
    this.counts = new Map();
    for (const link of this.links) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.show(name(link));
        document.getElementById(name(link)).scrollIntoView({ block: "start" });
      });
    }
    NARROW.addEventListener("change", () => this.fit());
    this.current = "phone";
    this.fit();
  }

  // On a small screen who the customer is takes one line, until they want to change it.
  fit() {
    document.getElementById("who").open = !NARROW.matches;
    this.show(this.current);
  }

  show(wanted) {
    this.current = wanted;
    for (const link of this.links) {
      const isCurrent = name(link) === wanted;
      if (isCurrent) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      document.getElementById(name(link)).classList.toggle("away", NARROW.matches && !isCurrent);
    }
    this.counts.delete(wanted);
    this.draw();
  }

  count(which) {
    if (!NARROW.matches || which === this.current) return;
    this.counts.set(which, (this.counts.get(which) ?? 0) + 1);
    this.draw();
  }

  ring(which, isRinging) {
    if (isRinging) this.ringing = which;
    else if (this.ringing === which) this.ringing = null;
    this.draw();
  }

  draw() {
    for (const link of this.links) {
      const badge = link.querySelector("b");
      const words = this.ringing === name(link) ? "☎" : String(this.counts.get(name(link)) ?? "");
      if (badge.textContent !== words) badge.textContent = words;
      badge.hidden = !words;
      badge.setAttribute("aria-label", words === "☎" ? "rings" : `${words} new`);
    }
  }
}

function name(link) {
  return link.hash.slice(1);
}
