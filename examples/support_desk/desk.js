/**
 * The support desk's page: the caller's voice (RoomKit's browser client), and one chat socket for each side that is shown.
 *
 * The server decides what a side may know: whispers are never sent to the caller's socket. `#caller` and `#supervisor`
 * in the address show one side alone.
 */

import { RoomKitVoice, microphoneObstacle } from "/roomkit/roomkit-client.js";
import { Timeline } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const SIDES = { "#caller": "caller", "#supervisor": "supervisor" };
const RETRY_MS = 1_000;
const GREETING_BEGINS_MS = 1_500;
const GREETING_ENDS_MS = 8_000;
const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;

const voice = new RoomKitVoice(`${address}/voice/`);
window.roomkitVoice = voice; // for whoever opens the console

/** A side's chat: comes back by itself, and is told the timeline from the beginning whenever it does. */
class Chat {
  #side;
  #timeline;
  #onState;
  #notice;
  #socket = null;

  constructor(side, timeline, notice, onState) {
    this.#side = side;
    this.#timeline = timeline;
    this.#notice = notice;
    this.#onState = onState;
  }

  open() {
    if (this.#socket) return;
    this.#socket = new WebSocket(`${address}/chat/${this.#side}`);
    this.#socket.onopen = () => {
      this.#timeline.clear();
      this.tell("");
    };
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#socket.onclose = () => {
      this.#socket = null;
      this.tell("The desk does not answer; trying again …");
      setTimeout(() => this.open(), RETRY_MS);
    };
  }

  send(type, text = "") {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.tell("");
    this.#socket.send(JSON.stringify({ type, text }));
    return true;
  }

  tell(text) {
    this.#notice.textContent = text;
    this.#notice.hidden = !text;
  }

  #take(message) {
    if (message.type === "event") this.#timeline.show(message);
    else if (message.type === "state") this.#onState?.(message);
    else this.tell(message.message);
  }
}

/** Where both sides are shown, the supervisor's is read out: it holds everything. */
function announcer(side) {
  return (text) => {
    const read = document.body.dataset.side === "caller" ? "caller" : "supervisor";
    if (side === read) $("announce").textContent = text;
  };
}

// --- the caller ----------------------------------------------------------------------------------------------------

const caller = new Chat("chat", new Timeline($("caller-log"), announcer("caller"), "caller"), $("caller-notice"));

voice.onState = (now) => {
  const isLive = now.state === "live";
  const hasVoice = isLive && now.microphone !== "off" && !(now.isMuted && now.microphone === "on");
  document.body.dataset.state = now.state;
  document.body.dataset.mic = hasVoice ? "on" : "off";
  document.body.dataset.voice = now.speaking.assistant ? "agent" : now.speaking.user ? "you" : "";
  $("caller-state").textContent = describe(now);
  $("talk-label").textContent = now.state === "connecting" ? "Calling" : isLive ? "On the line" : "Call";
  $("mute").disabled = $("end").disabled = !isLive;
  $("mute").setAttribute("aria-checked", String(now.isMuted));
};
voice.onError = ({ message }) => caller.tell(message);
voice.onLevel = ({ input, output }) => {
  document.body.style.setProperty("--level-you", loudness(input));
  document.body.style.setProperty("--level-agent", loudness(output));
};

function describe({ state, microphone, isMuted, speaking }) {
  if (state === "connecting") return "Calling …";
  if (state !== "live") return "Not on the line";
  if (speaking.assistant) return "The desk is speaking; just cut in";
  if (speaking.user) return "You are speaking";
  if (microphone === "off") return "On the line, without a microphone";
  return isMuted ? "Muted: nobody hears you" : "Listening";
}

/** Peak amplitude to the size of a halo: speech lives in the top 50 dB. */
function loudness(peak) {
  return peak > 0 ? Math.max(0, Math.min(1, 1 + Math.log10(peak) / 2.5)).toFixed(2) : 0;
}

async function ensureLive(microphone) {
  try {
    if (voice.state !== "live") await voice.start({ microphone });
    return true;
  } catch (error) {
    caller.tell(`No call: ${error.message}`);
    return false;
  }
}

$("talk").addEventListener("click", () => (voice.state === "live" ? voice.enableMicrophone() : ensureLive(true)));
$("mute").addEventListener("click", () => voice.mute(!voice.isMuted));
$("end").addEventListener("click", () => voice.stop());

/** A recording cannot wait politely, so we do: for the greeting to begin, and to end. */
async function greetingIsOver() {
  await until(() => document.body.dataset.voice === "agent", GREETING_BEGINS_MS);
  await until(() => document.body.dataset.voice !== "agent", GREETING_ENDS_MS);
}

async function until(isTrue, atMostMs) {
  const endMs = performance.now() + atMostMs;
  while (!isTrue() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 50));
}

function spokenChip(text, number) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", async () => {
    const isNew = voice.state !== "live";
    if (!(await ensureLive(false))) return;
    if (isNew) await greetingIsOver();
    if (voice.state === "live") await voice.playSample(`/spoken/${number}.wav`);
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

// --- the supervisor --------------------------------------------------------------------------------------------------

const desk = new Chat("desk", new Timeline($("desk-log"), announcer("supervisor"), "supervisor"), $("desk-notice"), (state) => {
  document.body.dataset.taken = String(state.taken_over);
  $("take-over").disabled = false;
  $("take-over").setAttribute("aria-pressed", String(state.taken_over));
  $("take-over").textContent = state.taken_over ? "Hand back" : "Take over";
  const who = state.taken_over ? "You answer" : "The agent answers";
  $("desk-state").textContent = `${who}; the caller is ${state.on_call ? "on the line" : "away"}`;
  const [whisper, say] = document.querySelectorAll("[name=to]");
  say.disabled = !state.taken_over;
  whisper.disabled = state.taken_over;
  (state.taken_over ? say : whisper).checked = true;
  $("desk-text").placeholder = state.taken_over ? "Your words are spoken to the caller" : "Offer free shipping";
});

$("take-over").addEventListener("click", (event) => {
  desk.send(event.currentTarget.getAttribute("aria-pressed") === "true" ? "hand_back" : "take_over");
});

// --- both ------------------------------------------------------------------------------------------------------------

function sends(form, input, chat, typeOf) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text && chat.send(typeOf(), text)) input.value = "";
  });
}

sends($("caller-form"), $("caller-text"), caller, () => "say");
sends($("desk-form"), $("desk-text"), desk, () => document.querySelector("[name=to]:checked").value);

function showSides() {
  const side = SIDES[location.hash] ?? "both";
  document.body.dataset.side = side;
  for (const link of document.querySelectorAll(".sides a")) {
    if (link.hash === `#${side}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (side !== "supervisor") caller.open();
  if (side !== "caller") desk.open();
}

async function introduce() {
  const config = await (await fetch("/config.json")).json();
  $("provider").textContent = config.voice === "local" ? "Local stack, no key" : config.voice;
  $("spoken").replaceChildren(...config.spoken.map(spokenChip));
}

const obstacle = microphoneObstacle();
if (obstacle) caller.tell(`${obstacle} Sentences can be said for you, and the text box works.`);
window.addEventListener("hashchange", showSides);
showSides();
introduce().catch(() => caller.tell("The server did not say what it can do; reload the page."));
