/**
 * The demo page: wires one RoomKitVoice to the buttons, and what it tells to the page.
 *
 * The session lives in roomkit-client.js, the bubbles in conversation.js; here is only what depends on this page.
 */

import { Conversation } from "./conversation.js";
import { RoomKitVoice, microphoneObstacle } from "./roomkit-client.js";

const $ = (id) => document.getElementById(id);
const GREETING_BEGINS_MS = 800;
const GREETING_ENDS_MS = 8_000;
const ENDED = {
  client_ended: "You ended the conversation",
  hangup: "The agent said goodbye",
  agent_ended: "The agent said goodbye",
  connection_lost: "The connection was lost",
  client_gone: "The connection was lost",
  replaced: "You went on in another window",
  provider_refused: "The provider refused the session",
  provider_lost: "The provider went away",
  shutdown: "The server was stopped",
  failed: "The session could not be started",
};

const scheme = location.protocol === "https:" ? "wss" : "ws";
const voice = new RoomKitVoice(`${scheme}://${location.host}/voice`);
const conversation = new Conversation($("log"), $("announce"));
const times = { answer: [], heard: [] };
let sampleUrl = null;
let wasSpeaking = false;
let isAgentSpeaking = false;

window.roomkitVoice = voice; // for whoever opens the console

// --- what the session tells ------------------------------------------------------------------------------------

voice.onState = (now) => {
  const isLive = now.state === "live";
  const hasVoice = isLive && now.microphone !== "off" && !(now.isMuted && now.microphone === "on");
  document.body.dataset.state = now.state;
  document.body.dataset.mic = hasVoice ? "on" : "off";
  document.body.dataset.voice = now.speaking.assistant ? "agent" : now.speaking.user ? "you" : "";
  $("state").textContent = describe(now);
  $("talk-label").textContent = talkLabel(now);
  $("mute").disabled = $("end").disabled = !isLive;
  $("mute").setAttribute("aria-checked", String(now.isMuted));
  $("interrupt").disabled = !(isLive && now.speaking.assistant);
  $("sample").disabled = now.state === "connecting" || now.microphone === "sample" || !sampleUrl;
  $("fact-session").textContent = isLive ? now.session.session_id.slice(0, 12) : now.state === "idle" ? "none yet" : now.state;
  $("fact-session").title = now.session?.session_id ?? "";
  if (now.speaking.user !== wasSpeaking) conversation.callerSpeaks(now.speaking.user);
  wasSpeaking = now.speaking.user;
  isAgentSpeaking = now.speaking.assistant;
  if (now.state === "ended") conversation.note(ENDED[now.reason] ?? `Ended: ${now.reason}`);
};

voice.onTranscript = (transcript) => conversation.transcript(transcript);
voice.onToolCall = (call) => conversation.tool(call);
voice.onLatency = (latency) => {
  conversation.latency(latency);
  remember(times.heard, latency.perceived_ms, $("fact-heard"));
  remember(times.answer, latency.answer_ms, $("fact-answer"));
};
voice.onError = ({ message }) => notice(message);
voice.onLevel = ({ input, output }) => {
  document.body.style.setProperty("--level-you", loudness(input));
  document.body.style.setProperty("--level-agent", loudness(output));
};

function describe({ state, microphone, speaker, isMuted, isRecovering, speaking, reason }) {
  if (state === "connecting") return "Connecting …";
  if (state === "ended") return ENDED[reason] ?? "The conversation is over";
  if (state !== "live") return "Ready when you are";
  if (isRecovering) return "The line to the agent dropped; dialling again …";
  if (speaker === "off") return microphone === "off" ? "No sound here: type and read" : "No sound here: speak and read";
  if (speaking.assistant) return "The agent is speaking; just cut in";
  if (speaking.user) return "You are speaking";
  if (microphone === "sample") return "The sample is speaking";
  if (microphone === "off") return "No microphone: type, or play the sample";
  return isMuted ? "Muted: the agent hears nothing" : "Listening";
}

function talkLabel({ state, microphone, isMuted }) {
  if (state === "connecting") return "Connecting";
  if (state !== "live") return state === "ended" ? "Talk again" : "Start talking";
  if (microphone === "off") return "Turn on";
  return isMuted && microphone === "on" ? "Unmute" : "On air";
}

function remember(all, ms, shown) {
  if (ms === null || ms === undefined) return;
  all.push(ms);
  const sorted = [...all].sort((a, b) => a - b);
  shown.textContent = `${Math.round(sorted[Math.floor((sorted.length - 1) / 2)])} ms`;
}

/** Peak amplitude to the length of a bar: speech lives in the top 50 dB. */
function loudness(peak) {
  return peak > 0 ? Math.max(0, Math.min(1, 1 + Math.log10(peak) / 2.5)).toFixed(2) : 0;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// --- what the person does --------------------------------------------------------------------------------------

async function ensureLive(microphone) {
  if (voice.state === "live") return true;
  if (voice.state === "ended") conversation.clear();
  if (microphone) notice("");
  try {
    await voice.start({ microphone });
    return true;
  } catch (error) {
    notice(`No session: ${error.message}`);
    return false;
  }
}

function type(text) {
  conversation.callerTypes(text.trim());
  voice.sendText(text);
}

$("talk").addEventListener("click", async () => {
  if (voice.state !== "live") return void ensureLive(true);
  if (!voice.hasMicrophone) return void voice.enableMicrophone().then(() => voice.hasMicrophone && notice(""));
  voice.mute(!voice.isMuted);
});
$("mute").addEventListener("click", () => voice.mute(!voice.isMuted));
$("end").addEventListener("click", () => voice.stop());
$("interrupt").addEventListener("click", () => voice.interrupt());
$("sample").addEventListener("click", async () => {
  const isNew = voice.state !== "live";
  if (!(await ensureLive(false))) return;
  if (isNew) await greetingIsOver();
  try {
    await voice.playSample(sampleUrl);
  } catch (error) {
    notice(`The sample could not be played: ${error.message}`);
  }
});
/** A recording cannot wait politely, so we do: for a greeting to begin, and to end. */
async function greetingIsOver() {
  await until(() => isAgentSpeaking, GREETING_BEGINS_MS);
  await until(() => !isAgentSpeaking, GREETING_ENDS_MS);
}

async function until(isTrue, atMostMs) {
  const endMs = performance.now() + atMostMs;
  while (!isTrue() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 50));
}

$("typing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim() || !(await ensureLive(false))) return;
  $("text").value = "";
  type(text);
});
document.addEventListener("pointerdown", () => {
  if (!voice.hasSpeaker) voice.enableSpeaker().catch(() => {}); // refused: it says so itself
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") voice.interrupt();
});

// --- what the server says about itself ---------------------------------------------------------------------------

async function introduce() {
  const config = await (await fetch("config.json")).json();
  $("provider-name").textContent = config.provider;
  $("limits").textContent = config.limits;
  $("switch").replaceChildren(...withCode(config.switch));
  sampleUrl = config.sample_url;
  $("sample").hidden = !sampleUrl;
  $("sample").disabled = !sampleUrl;
  $("phrases").replaceChildren(...config.phrases.map(phraseChip));
  $("phrases").parentElement.hidden = config.phrases.length === 0;
}

function phraseChip(phrase) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = phrase;
  button.addEventListener("click", async () => {
    if (await ensureLive(false)) type(phrase);
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

/** Text in which `backticks` mark code. */
function withCode(text) {
  return text.split("`").map((part, index) => {
    if (index % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

const obstacle = microphoneObstacle();
if (obstacle) notice(`${obstacle} The sample and the text box work all the same.`);
introduce().catch(() => notice("The server did not say what it can do; reload the page."));
