/**
 * A voice session in the browser: one class, no dependencies, no build step.
 *
 *   import { RoomKitVoice } from "./roomkit-client.js";
 *   const voice = new RoomKitVoice("wss://example.org/voice");
 *   voice.onTranscript = ({ role, text, isFinal }) => console.log(role, text);
 *   await voice.start({ microphone: true });    // from a click: browsers ask for one before they make a sound
 *
 * Callbacks, all optional, settable or given in `options`:
 *   onState({state, reason, microphone, isMuted, speaking: {user, assistant}, session})
 *       state: "idle" | "connecting" | "live" | "ended";  microphone: "off" | "on" | "sample"
 *   onTranscript({role, text, isFinal, itemId, isInterrupted, isBlocked}); blocked: take away what was shown of it
 *   onToolCall({name, arguments, result, status})
 *   onLatency({perceived_ms}): from the caller's last sound (or typed text) to the first sound of the answer here
 *   onLatency({answer_ms, heard_ms, ...}): what the server's application tells, if it does
 *   onError({code, message})     onLevel({input, output}), 0 to 1     onMessage(any message of the server)
 *
 * Speaks RoomKit's WebSocket protocol in both audio formats, `binary` and `base64_json`; session_started says which.
 * Invariant: after `clear_audio` nothing that arrived before it is heard, and `playback` reports name its epoch.
 */

import { askForMicrophone, decodeRecording, microphoneObstacle, openMicrophone, playRecording } from "./audio-input.js";
import { openOutput } from "./audio-output.js";

export { microphoneObstacle };

const CONNECT_TIMEOUT_MS = 15_000;
const MAX_UNSENT_BYTES = 256 * 1024; // late speech is worse than lost speech
const SAMPLE_TAIL_MS = 1_500;
const LOUD = 0.02; // -34 dBFS peak: speech, on any microphone
const CALLBACKS = ["onState", "onTranscript", "onToolCall", "onLatency", "onError", "onLevel", "onMessage"];

export class RoomKitVoice {
  #url;
  #options;
  #socket = null;
  #state = "idle";
  #session = null;
  #speaking = { user: false, assistant: false };
  #isMuted = false;
  #microphone = null;
  #recording = null;
  #output = null;
  #early = []; // agent audio that came before the output was open
  #epoch = 0;
  #lastLoudMs = 0;
  #askedAtMs = null; // when the caller stopped speaking, while the answer is awaited
  #levels = { input: 0, output: 0 };
  #statistics = { playedMs: 0, bufferedMs: 0, underruns: 0, epoch: 0, droppedFrames: 0 };

  /**
   * @param {string} url ws:// or wss:// address of the transport.
   * @param {object} options any callback; `constraints`: for getUserMedia's audio; `protocols`: WebSocket subprotocols.
   */
  constructor(url, options = {}) {
    this.#url = url;
    this.#options = options;
    for (const name of CALLBACKS) this[name] = options[name] ?? null;
  }

  get state() {
    return this.#state;
  }

  get session() {
    return this.#session;
  }

  get isMuted() {
    return this.#isMuted;
  }

  get hasMicrophone() {
    return this.#microphone !== null;
  }

  /** What the player did: {playedMs, bufferedMs, underruns, epoch, droppedFrames}. */
  get statistics() {
    return { ...this.#statistics };
  }

  /**
   * Connects; resolves when the session has started. Without a microphone (not wanted, refused, or none to be had)
   * the session runs all the same: onError says why, sendText and playSample work.
   */
  async start({ microphone = true } = {}) {
    if (this.#state === "connecting" || this.#state === "live") return;
    this.#reset();
    this.#set("connecting");
    const stream = microphone ? this.#askForMicrophone() : Promise.resolve(null);
    try {
      await this.#connect();
      await this.#openOutput();
    } catch (error) {
      stream.then((live) => live?.getTracks().forEach((track) => track.stop()));
      this.#finish("failed");
      throw error;
    }
    this.#set("live");
    this.#openMicrophone(await stream);
  }

  /** Says goodbye and hangs up. */
  stop() {
    if (this.#state !== "connecting" && this.#state !== "live") return;
    this.#send({ type: "end" });
    this.#finish("client_ended");
  }

  /** Typed words: part of the same conversation, answered aloud. */
  sendText(text) {
    const trimmed = text.trim();
    if (!trimmed) return;
    this.#send({ type: "text", text: trimmed });
    this.#askedAtMs = performance.now();
  }

  /** While muted nothing of the microphone leaves this page. */
  mute(isMuted) {
    this.#isMuted = isMuted;
    this.#send({ type: "mute", muted: isMuted });
    if (isMuted) this.#setLevel("input", 0);
    this.#set(this.#state);
  }

  /** Makes the agent stop talking. */
  interrupt() {
    this.#send({ type: "interrupt" });
  }

  /** Turns the microphone on in a running session. */
  async enableMicrophone() {
    if (this.#state === "live" && !this.#microphone) this.#openMicrophone(await this.#askForMicrophone());
  }

  /**
   * Plays a recording as the caller, instead of the microphone, in real time.
   * @param {ArrayBuffer|string|URL} source a file's bytes, or where they are
   * @returns {Promise<boolean>} true when it was played to its end, false when it was cut
   */
  async playSample(source) {
    if (this.#state !== "live") throw new Error("no session is running: call start() first");
    let buffer = source;
    if (!(source instanceof ArrayBuffer)) {
      const response = await fetch(source);
      if (!response.ok) throw new Error(`the sample could not be fetched: ${response.status}`);
      buffer = await response.arrayBuffer();
    }
    const rateHz = this.#session.input_sample_rate;
    const pcm = await decodeRecording(buffer, rateHz);
    this.#recording?.stop();
    const recording = playRecording(
      pcm,
      rateHz,
      SAMPLE_TAIL_MS,
      (frame) => this.#sendAudio(frame),
      (level) => this.#setLevel("input", level),
    );
    this.#recording = recording;
    this.#set(this.#state);
    const isComplete = await recording.done;
    if (this.#recording === recording) this.#recording = null;
    this.#set(this.#state);
    return isComplete;
  }

  // --- the socket ----------------------------------------------------------------------------------------------

  #connect() {
    const socket = new WebSocket(this.#url, this.#options.protocols ?? []);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(why));
      const timer = setTimeout(() => fail("the server did not start a session in time"), CONNECT_TIMEOUT_MS);
      socket.onclose = ({ code, reason }) => {
        clearTimeout(timer);
        fail(reason || `the server closed the connection (${code})`);
        if (this.#socket === socket && this.#state === "live") this.#lost(code, reason);
      };
      socket.onmessage = ({ data }) => {
        if (this.#socket !== socket) return;
        if (data instanceof ArrayBuffer) return void this.#play(new Int16Array(data.slice(0, data.byteLength & ~1)));
        const message = parse(data);
        if (!message) return void this.onError?.({ code: "bad_message", message: "The server sent what is no message." });
        this.#receive(message);
        if (message.type === "session_started") {
          clearTimeout(timer);
          resolve();
        } else if (message.type === "error" && !this.#session) {
          clearTimeout(timer);
          fail(message.message);
        }
      };
    });
  }

  #receive(message) {
    switch (message.type) {
      case "session_started":
        this.#session = message;
        break;
      case "audio":
        this.#play(fromBase64(message.data));
        return;
      case "clear_audio":
        this.#clear(message.epoch ?? this.#epoch + 1);
        break;
      case "speaking":
        if (message.who === "user" && this.#speaking.user) this.#askedAtMs = this.#lastLoudMs;
        this.#speaking[message.who] = message.speaking;
        this.#set(this.#state);
        break;
      case "transcription":
        this.onTranscript?.({
          role: message.role,
          text: message.text,
          isFinal: message.is_final,
          itemId: message.item_id ?? "",
          isInterrupted: message.interrupted ?? false,
        });
        break;
      case "transcription_blocked":
        this.onTranscript?.({ role: message.role, text: "", isFinal: true, itemId: message.item_id, isBlocked: true });
        break;
      case "tool_call":
        this.onToolCall?.(message);
        break;
      case "latency":
        this.onLatency?.(message);
        break;
      case "error":
        this.onError?.({ code: message.code, message: message.message });
        break;
      case "session_ended":
        this.#finish(message.reason);
        break;
    }
    this.onMessage?.(message);
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #sendAudio(frame) {
    const socket = this.#socket;
    if (this.#state !== "live" || socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#statistics.droppedFrames += 1;
      return;
    }
    if (this.#session.audio_format === "base64_json") this.#send({ type: "audio", data: toBase64(frame) });
    else socket.send(frame.buffer);
  }

  // --- sound ---------------------------------------------------------------------------------------------------

  async #openOutput() {
    const output = await openOutput(
      this.#session.output_sample_rate,
      (report) => this.#played(report),
      () => this.#soundBegins(),
    );
    if (this.#state !== "connecting") return void output.close(); // stopped meanwhile
    this.#output = output;
    if (this.#epoch) output.clear(this.#epoch);
    for (const pcm of this.#early.splice(0)) output.push(pcm);
  }

  #play(pcm) {
    if (pcm.length === 0) return;
    if (this.#output) this.#output.push(pcm);
    else this.#early.push(pcm);
  }

  #clear(epoch) {
    this.#epoch = epoch;
    this.#early = [];
    this.#output?.clear(epoch);
  }

  #soundBegins() {
    if (this.#askedAtMs === null) return;
    const perceivedMs = performance.now() - this.#askedAtMs;
    this.#askedAtMs = null;
    this.onLatency?.({ perceived_ms: perceivedMs });
  }

  #played(report) {
    if (report.epoch !== this.#epoch) return; // counted before the clear that is on its way to the player
    this.#send({ type: "playback", played_ms: report.playedMs, epoch: report.epoch });
    Object.assign(this.#statistics, {
      playedMs: report.playedMs,
      bufferedMs: report.bufferedMs,
      underruns: report.underruns,
      epoch: report.epoch,
    });
    this.#setLevel("output", report.isEmpty ? 0 : report.level);
  }

  async #askForMicrophone() {
    const obstacle = microphoneObstacle();
    if (obstacle) return this.#withoutMicrophone("microphone_unavailable", obstacle);
    try {
      return await askForMicrophone(this.#options.constraints);
    } catch (error) {
      const isRefused = error.name === "NotAllowedError";
      return this.#withoutMicrophone(
        isRefused ? "microphone_refused" : "microphone_missing",
        isRefused ? "The microphone was not allowed for this page." : `No microphone was found (${error.name}).`,
      );
    }
  }

  #withoutMicrophone(code, message) {
    this.onError?.({ code, message });
    return null;
  }

  async #openMicrophone(stream) {
    if (!stream) return;
    const socket = this.#socket;
    const microphone = await openMicrophone(
      stream,
      this.#session.input_sample_rate,
      (frame) => {
        if (!this.#isMuted && !this.#recording) this.#sendAudio(frame);
      },
      (level) => {
        if (!this.#isMuted && !this.#recording) this.#setLevel("input", level);
      },
    );
    if (this.#state !== "live" || this.#socket !== socket) return void microphone.close();
    this.#microphone = microphone;
    this.#set(this.#state);
  }

  // --- state ---------------------------------------------------------------------------------------------------

  #lost(code, reason) {
    this.onError?.({ code: "connection_lost", message: reason || `The connection was lost (${code}).` });
    this.#finish("connection_lost");
  }

  #finish(reason) {
    if (this.#state === "ended" || this.#state === "idle") return;
    this.#speaking = { user: false, assistant: false };
    this.#recording?.stop();
    this.#microphone?.close();
    this.#output?.close();
    this.#recording = this.#microphone = this.#output = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#setLevel("input", 0);
    this.#setLevel("output", 0);
    this.#set("ended", reason);
  }

  #reset() {
    this.#session = null;
    this.#early = [];
    this.#epoch = 0;
    this.#askedAtMs = null;
    this.#isMuted = false;
    this.#statistics = { playedMs: 0, bufferedMs: 0, underruns: 0, epoch: 0, droppedFrames: 0 };
  }

  #set(state, reason = null) {
    this.#state = state;
    this.onState?.({
      state,
      reason,
      microphone: this.#recording ? "sample" : this.#microphone ? "on" : "off",
      isMuted: this.#isMuted,
      speaking: { ...this.#speaking },
      session: this.#session,
    });
  }

  #setLevel(side, level) {
    this.#levels[side] = level;
    if (side === "input" && level > LOUD) this.#lastLoudMs = performance.now();
    this.onLevel?.({ ...this.#levels });
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function toBase64(pcm) {
  return btoa(String.fromCharCode(...new Uint8Array(pcm.buffer)));
}

function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}
