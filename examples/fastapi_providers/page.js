/** One call at a time to the provider that is picked; its name is the whole difference between them. */

import { RoomKitVoice, microphoneObstacle } from "/roomkit/roomkit-client.js";

const $ = (id) => document.getElementById(id);
const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
const STATES = {
  idle: "Nobody is on the line.",
  connecting: "Calling …",
  ended: "The call is over.",
};
let voice = null;

async function offer() {
  const choices = await (await fetch("/providers")).json();
  $("choices").append(...choices.map(radio));
}

function radio({ name, title, missing }) {
  const input = Object.assign(document.createElement("input"), {
    type: "radio",
    name: "provider",
    value: name,
    checked: name === "local",
    disabled: missing.length > 0,
  });
  const label = document.createElement("label");
  label.append(input, ` ${title}`);
  if (missing.length > 0) {
    const hint = document.createElement("small");
    hint.textContent = `set ${missing.join(" and ")}`;
    label.append(hint);
  }
  return label;
}

async function call() {
  const provider = new FormData($("call")).get("provider");
  $("log").replaceChildren();
  tell("");
  voice = new RoomKitVoice(`${address}/voice?provider=${encodeURIComponent(provider)}`, {
    onState: showState,
    onTranscript: showWords,
    onError: ({ message }) => tell(message),
  });
  window.roomkitVoice = voice; // for whoever opens the console
  const obstacle = microphoneObstacle();
  if (obstacle) tell(`${obstacle} Typing works all the same.`);
  try {
    await voice.start({ microphone: !obstacle });
    return true;
  } catch (error) {
    tell(`No call: ${error.message}`);
    return false;
  }
}

function showState({ state, speaking, session }) {
  const isLive = state === "live";
  const who = speaking.assistant ? "The agent speaks." : speaking.user ? "You speak." : "Listening.";
  $("state").textContent = isLive ? `${session?.provider ?? ""}: ${who}` : STATES[state];
  $("talk").disabled = isLive || state === "connecting";
  $("end").disabled = !isLive;
  $("choices").disabled = isLive || state === "connecting";
}

function showWords({ role, text, isFinal, itemId, isBlocked }) {
  const id = `${role}-${itemId}`;
  let line = document.getElementById(id);
  if (isBlocked) return void line?.remove();
  if (!line) {
    line = Object.assign(document.createElement("li"), { id, className: role });
    $("log").append(line);
  }
  line.textContent = text;
  line.classList.toggle("partial", !isFinal);
  line.scrollIntoView({ block: "nearest" });
}

function tell(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

$("call").addEventListener("submit", (event) => {
  event.preventDefault();
  void call();
});
$("end").addEventListener("click", () => voice?.stop());
$("typing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || (voice?.state !== "live" && !(await call()))) return;
  $("text").value = "";
  voice.sendText(text);
});

offer().catch(() => tell("The server did not say which providers it has; reload the page."));
