/**
 * One side's view of the room's timeline: a list of lines in the order of their index. Everything is set as text.
 *
 * What was heard is drawn on the words it is the sound of, where they are on the page; else it is a line of its own.
 */

const NAMES = { caller: "Caller", agent: "Agent", supervisor: "Supervisor", room: "Room" };

export class Timeline {
  #list;
  #announce;
  #self;
  #lines = new Map(); // event id -> line

  /**
   * @param {HTMLOListElement} list
   * @param {(text: string) => void} announce tells a screen reader.
   * @param {string} self whose side this is; the other side's words stand on the left.
   */
  constructor(list, announce, self) {
    this.#list = list;
    this.#announce = announce;
    this.#self = self;
  }

  /** The server tells the timeline from the beginning again. */
  clear() {
    this.#list.replaceChildren();
    this.#lines.clear();
  }

  show(event) {
    if (this.#lines.has(event.id)) return;
    const line = event.kind === "heard" ? this.#unheard(event) : null;
    if (line) {
      this.#lines.set(event.id, line);
      markHeard(line, event);
    } else {
      this.#insert(event, event.kind === "note" ? newNote(event) : newLine(event, this.#nameOf(event), this.#self));
    }
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #nameOf(event) {
    return event.who === this.#self ? "You" : NAMES[event.who];
  }

  /** The newest words of agent or supervisor that this is the sound of. */
  #unheard(heard) {
    const said = plain(heard.text);
    const isSaid = ({ event, isHeard }) =>
      !isHeard && !event.blocked && !event.is_private && event.who !== "caller" && plain(event.text).startsWith(said);
    return [...this.#lines.values()].reverse().find(isSaid);
  }

  #insert(event, line) {
    this.#lines.set(event.id, line);
    const after = [...this.#list.children].find((each) => Number(each.dataset.index) > event.index);
    this.#list.insertBefore(line.root, after ?? null);
    this.#announce(`${this.#nameOf(event)}: ${event.blocked ? "blocked. " : ""}${event.text}`);
  }
}

function newNote(event) {
  const root = element("li", "note", event.text);
  root.dataset.index = event.index;
  return { root, event, isHeard: true };
}

function newLine(event, name, self) {
  const isOwn = event.who === self;
  const root = element("li", ["line", event.who, isOwn && "own", event.is_private && "private", event.blocked && "blocked"].filter(Boolean).join(" "));
  root.dataset.index = event.index;
  const meta = element("div", "meta");
  const time = element("time", "", new Date(event.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = event.at;
  const how = element("span", "how", howOf(event));
  meta.append(element("strong", "", name), how, time, element("span", "", `#${event.index}`));
  root.append(meta, element("div", "bubble", event.text));
  if (event.blocked) root.append(element("div", "reason", `Blocked. ${event.blocked}`));
  return { root, how, event, isHeard: event.kind === "heard" };
}

function howOf(event) {
  if (event.is_private) return event.who === "agent" ? "to the supervisor only" : "whispered";
  if (event.kind === "heard") return event.is_cut ? "spoken, cut short" : "spoken";
  if (event.is_spoken) return "spoken";
  return event.who === "caller" ? "written" : "";
}

function markHeard(line, heard) {
  line.isHeard = true;
  line.how.textContent = heard.is_cut ? `spoken, cut after “${heard.text.split(/\s+/).slice(-2).join(" ")}”` : "spoken";
}

function plain(text) {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}

function element(name, className = "", text = "") {
  const created = document.createElement(name);
  if (className) created.className = className;
  created.textContent = text;
  return created;
}
