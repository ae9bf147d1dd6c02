/**
 * What was said and done, as a list of lines on the page: bubbles, tool cards, notes.
 *
 * Lines are keyed by the item they belong to, so a partial becomes its final in place. The caller's place is taken when
 * the speech starts, because vendors send those words late. Everything is set as text, never as HTML.
 */

const EMPTY_PLACE_MS = 5_000; // speech that turned out to be noise gets no words

export class Conversation {
  #list;
  #announce;
  #lines = new Map(); // item id -> line
  #tools = new Map(); // call id -> card
  #place = null; // the caller's line that has no words yet
  #placeTimer = 0;
  #answer = null; // the first line of the answer to the caller's newest turn
  #latency = null; // how long that answer took

  constructor(list, announce) {
    this.#list = list;
    this.#announce = announce;
  }

  clear() {
    this.#list.replaceChildren();
    this.#lines.clear();
    this.#tools.clear();
    this.#place = this.#answer = this.#latency = null;
  }

  /** The caller began or stopped to speak. */
  callerSpeaks(isSpeaking) {
    clearTimeout(this.#placeTimer);
    if (isSpeaking) this.#newTurn();
    if (isSpeaking && !this.#place) {
      this.#place = this.#add(newLine("user"));
      this.#place.root.classList.add("partial");
      this.#place.bubble.append(dots());
    } else if (!isSpeaking && this.#place) {
      const place = this.#place;
      this.#placeTimer = setTimeout(() => this.#giveUp(place), EMPTY_PLACE_MS);
    }
    this.#follow();
  }

  /** The caller typed. */
  callerTypes(text) {
    this.#newTurn();
    this.#add(newLine("user")).bubble.textContent = text;
    this.#follow();
  }

  transcript({ role, text, isFinal, itemId, isInterrupted, isBlocked }) {
    const key = `${role}:${itemId || "open"}`;
    if (isBlocked) return this.#remove(key);
    if (!text && !this.#lines.has(key)) return;
    const line = this.#lines.get(key) ?? this.#newFor(role, key);
    if (isFinal && isInterrupted) showCut(line, text);
    else line.bubble.textContent = text;
    if (text.length > line.longest.length) line.longest = text;
    line.root.classList.toggle("partial", !isFinal);
    if (isFinal) {
      if (!itemId) this.#lines.delete(key);
      this.#announce.textContent = `${role === "user" ? "You" : "Agent"}: ${text}`;
    }
    this.#follow();
  }

  /** A tool call; told again with its result when it is done. */
  tool({ id, name, arguments: input, result, status }) {
    const key = id ?? `${name}:${JSON.stringify(input)}`;
    let card = this.#tools.get(key);
    if (!card) {
      card = newCard();
      this.#tools.set(key, card);
      this.#add(card);
    }
    card.call.textContent = `${name}(${Object.entries(input ?? {}).map(([k, v]) => `${k}: ${JSON.stringify(v)}`).join(", ")})`;
    card.status.textContent = status;
    card.root.classList.toggle("failed", status === "failed" || status === "blocked");
    card.result.textContent = result === null || result === undefined ? "" : showResult(result);
    this.#follow();
  }

  /** How long the answer took; told in parts, as they become known, perhaps before the answer has words. */
  latency(part) {
    this.#latency = { ...this.#latency, ...part };
    this.#showLatency();
  }

  note(text) {
    const root = element("li", "note");
    root.textContent = text;
    this.#add({ root });
    this.#follow();
  }

  #newFor(role, key) {
    let line;
    if (role === "user" && this.#place) {
      clearTimeout(this.#placeTimer);
      line = this.#place;
      this.#place = null;
    } else {
      line = this.#add(newLine(role));
    }
    this.#lines.set(key, line);
    if (role === "assistant" && !this.#answer) {
      this.#answer = line;
      this.#showLatency();
    }
    return line;
  }

  #newTurn() {
    this.#answer = this.#latency = null;
  }

  #showLatency() {
    const { perceived_ms: perceivedMs, answer_ms: answerMs } = this.#latency ?? {};
    const shownMs = perceivedMs ?? answerMs;
    if (!this.#answer || shownMs === undefined || shownMs === null) return;
    const { chip } = this.#answer;
    chip.hidden = false;
    chip.textContent = `${Math.round(shownMs)} ms`;
    const heard = perceivedMs ? `Your last sound to the first of the answer, here: ${Math.round(perceivedMs)} ms` : "";
    const agent = answerMs ? `Your end of speech, as the server noticed it, to the first audio sent: ${Math.round(answerMs)} ms` : "";
    chip.title = [heard, agent].filter(Boolean).join("\n");
    this.#follow();
  }

  #remove(key) {
    this.#lines.get(key)?.root.remove();
    this.#lines.delete(key);
  }

  #giveUp(place) {
    if (this.#place !== place) return;
    this.#place = null;
    place.root.remove();
  }

  #add(line) {
    this.#list.append(line.root);
    return line;
  }

  #follow() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function newLine(role) {
  const root = element("li", `line ${role}`);
  const who = element("span", "hidden");
  who.textContent = role === "user" ? "You:" : "Agent:";
  const bubble = element("div", "bubble");
  const marks = element("div", "marks");
  const chip = element("span", "chip");
  chip.hidden = true;
  marks.append(chip);
  root.append(who, bubble, marks);
  return { root, bubble, marks, chip, longest: "" };
}

function newCard() {
  const root = element("li", "tool");
  const call = element("code");
  const status = element("small");
  const result = element("code", "result");
  root.append(call, status, result);
  return { root, call, status, result };
}

/** The words that were heard, then where the caller cut in, then the words that were not. */
function showCut(line, heard) {
  const mark = element("span", "cut");
  mark.title = "You cut in here";
  const unheard = element("span", "unheard");
  unheard.textContent = line.longest.startsWith(heard) ? line.longest.slice(heard.length) : "";
  line.bubble.replaceChildren(heard.trimEnd(), mark, unheard);
  const label = element("span");
  label.textContent = "interrupted";
  line.marks.append(label);
}

function showResult(result) {
  return `→ ${typeof result === "string" ? result : JSON.stringify(result)}`;
}

function dots() {
  const root = element("span", "waiting");
  root.append(element("i"), element("i"), element("i"));
  return root;
}

function element(name, className = "") {
  const created = document.createElement(name);
  if (className) created.className = className;
  return created;
}
