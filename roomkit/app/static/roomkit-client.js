/**
 * A voice session in the browser: one class, no dependencies, no build step.
 *
 *   import { RoomKitVoice } from "./roomkit-client.js";
 *   const voice = new RoomKitVoice("wss://example.org/voice");
 *   voice.onTranscript = ({ role, text, isFinal }) => console.log(role, text);
 *   await voice.start({ microphone: true });    // from a click: browsers ask for one before they make a sound
 *
 * Callbacks, all optional, settable or given in `options`:
 *   onState({state, reason, microphone, speaker, isMuted, isRecovering, speaking: {user, assistant}, session})
 *       state: "idle" | "connecting" | "live" | "ended";  microphone: "off" | "on" | "sample";  speaker: "off" | "on"
 *   onTranscript({role, text, isFinal, itemId, isInterrupted, isBlocked}); blocked: take away what was shown of it
 *   onToolCall({name, arguments, result, status})
 *   onLatency({perceived_ms}): from the caller's last sound (or typed text) to the first sound of the answer here
 *   onLatency({answer_ms, heard_ms, ...}): what the server's application tells, if it does
 *   onError({code, message})     onLevel({input, output}), 0 to 1     onMessage(any message of the server)
 *
 * Speaks RoomKit's WebSocket protocol in both audio formats, `binary` and `base64_json`; session_started says which.
 * A page that may not use the microphone, or may not make a sound, says so, and the conversation goes on in writing on
 * that side. Invariant: after `clear_audio` nothing that arrived before it is heard, and `playback` reports name its epoch.
 */

import { Connection } from "./connection.js";
import { askForMicrophone, decodeRecording, microphoneObstacle, openMicrophone, playRecording } from "./audio-input.js";
import { openOutput } from "./audio-output.js";

export { microphoneObstacle };

const SAMPLE_TAIL_MS = 1_500;
const LOUD = 0.02; // -34 dBFS peak: speech, on any microphone
const CALLBACKS = ["onState", "onTranscript", "onToolCall", "onLatency", "onError", "onLevel", "onMessage"];

export class RoomKitVoice {
  #url;
  #options;
  #connection = null;
  #state = "idle";
  #session = null;
  #speaking = { user: false, assistant: false };
  #isMuted = false;
  #isAsking = false; // whether there will be a microphone is not known yet
  #hasSpeaker = true;
  #told = { microphone: true, speaker: true };
  #isRecovering = false; // the server dials its provider again
  #microphone = null;
  #recording = null;
  #output = null;
  #early = []; // agent audio that came before the output was open
  #epoch = 0;
  #lastLoudMs = 0;
  #askedAtMs = null; // when the caller stopped speaking, while the answer is awaited
  #levels = { input: 0, output: 0 };
  #statistics = { playedMs: 0, bufferedMs: 0, underruns: 0, epoch: 0 };

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

  /** Whether this page can make a sound, as far as the browser has said. */
  get hasSpeaker() {
    return this.#hasSpeaker;
  }

  /** What the player did: {playedMs, bufferedMs, underruns, epoch, droppedFrames}. */
  get statistics() {
    return { ...this.#statistics, droppedFrames: this.#connection?.droppedFrames ?? 0 };
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
    const connection = this.#newConnection();
    try {
      const session = await connection.open();
      if (this.#connection !== connection) return letGo(stream); // stopped meanwhile
      this.#session = session;
      await this.#openOutput(connection);
    } catch (error) {
      letGo(stream);
      if (this.#connection !== connection) return;
      this.#finish("failed");
      throw error;
    }
    if (this.#connection !== connection) return letGo(stream);
    this.#isAsking = true;
    this.#set("live");
    this.#openMicrophone(await stream, connection);
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
    const connection = this.#connection;
    if (this.#state !== "live" || this.#microphone) return;
    await this.#openMicrophone(await this.#askForMicrophone(), connection);
  }

  /** Makes sound in a running session that had none; from a click. */
  async enableSpeaker() {
    if (this.#state !== "live" || this.#hasSpeaker) return;
    if (this.#output) await this.#output.resume();
    else await this.#openOutput(this.#connection);
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
    this.#tellCapabilities();
    this.#set(this.#state);
    const isComplete = await recording.done;
    if (this.#recording === recording) this.#recording = null;
    this.#tellCapabilities();
    this.#set(this.#state);
    return isComplete;
  }

  // --- the connection ------------------------------------------------------------------------------------------

  #newConnection() {
    this.#connection = new Connection(this.#url, this.#options.protocols ?? [], {
      onMessage: (message) => this.#receive(message),
      onAudio: (pcm) => this.#play(pcm),
      onLost: (why) => this.#lost(why),
    });
    return this.#connection;
  }

  #receive(message) {
    this.#meanings[message.type]?.(message);
    this.onMessage?.(message);
  }

  #meanings = {
    clear_audio: ({ epoch }) => this.#clear(epoch ?? this.#epoch + 1),
    speaking: ({ who, speaking }) => {
      if (who === "user" && this.#speaking.user) this.#askedAtMs = this.#lastLoudMs;
      this.#speaking[who] = speaking;
      this.#set(this.#state);
    },
    transcription: (message) => this.#tellTranscript(message),
    transcription_blocked: (message) => this.#tellTranscript({ ...message, text: "", is_final: true, is_blocked: true }),
    link_state: ({ link, state }) => {
      this.#isRecovering = link === "provider" && state === "recovering";
      this.#set(this.#state);
    },
    tool_call: (message) => this.onToolCall?.(message),
    latency: (message) => this.onLatency?.(message),
    error: ({ code, message }) => this.onError?.({ code, message }),
    session_ended: ({ reason }) => this.#finish(reason),
  };

  #tellTranscript({ role, text, is_final, item_id, interrupted, is_blocked }) {
    this.onTranscript?.({
      role,
      text,
      isFinal: is_final,
      itemId: item_id ?? "",
      isInterrupted: interrupted ?? false,
      isBlocked: is_blocked ?? false,
    });
  }

  #send(message) {
    this.#connection?.send(message);
  }

  #sendAudio(frame) {
    if (this.#state === "live") this.#connection?.sendAudio(frame);
  }

  // --- sound ---------------------------------------------------------------------------------------------------

  async #openOutput(connection) {
    const output = await openOutput(
      this.#session.output_sample_rate,
      (report) => this.#played(report),
      () => this.#soundBegins(),
      (isAudible) => this.#connection === connection && this.#speakerIs(isAudible),
    ).catch((error) => this.#withoutSpeaker(error));
    if (!output) return;
    if (this.#connection !== connection) return void output.close();
    this.#output = output;
    if (this.#epoch) output.clear(this.#epoch);
    for (const pcm of this.#early.splice(0)) output.push(pcm);
  }

  #withoutSpeaker(error) {
    this.onError?.({ code: "speaker_missing", message: `This page cannot make a sound (${error.name}): read along.` });
    this.#early = [];
    this.#speakerIs(false);
    return null;
  }

  #speakerIs(isAudible) {
    if (this.#hasSpeaker === isAudible) return;
    this.#hasSpeaker = isAudible;
    if (!isAudible && this.#output)
      this.onError?.({ code: "speaker_refused", message: "The browser plays no sound before you click on the page." });
    this.#tellCapabilities();
    this.#set(this.#state);
  }

  /** What this page has, as soon as it is known, and again when it changes. */
  #tellCapabilities() {
    const microphone = this.#isAsking || this.#microphone !== null || this.#recording !== null;
    const now = { microphone, speaker: this.#hasSpeaker };
    if (now.microphone === this.#told.microphone && now.speaker === this.#told.speaker) return;
    this.#told = now;
    this.#send({ type: "capabilities", ...now });
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

  async #openMicrophone(stream, connection) {
    if (this.#connection !== connection) return void (stream && letGo(Promise.resolve(stream)));
    this.#isAsking = false;
    if (!stream) return this.#tellCapabilities();
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
    if (this.#connection !== connection) return void microphone.close();
    this.#microphone = microphone;
    this.#tellCapabilities();
    this.#set(this.#state);
  }

  // --- state ---------------------------------------------------------------------------------------------------

  #lost(why) {
    this.onError?.({ code: "connection_lost", message: `The connection was lost: ${why}` });
    this.#finish("connection_lost");
  }

  #finish(reason) {
    if (this.#state === "ended" || this.#state === "idle") return;
    this.#speaking = { user: false, assistant: false };
    this.#recording?.stop();
    this.#microphone?.close();
    this.#output?.close();
    this.#recording = this.#microphone = this.#output = null;
    this.#connection?.close();
    this.#connection = null;
    this.#setLevel("input", 0);
    this.#setLevel("output", 0);
    this.#set("ended", reason);
  }

  #reset() {
    this.#session = null;
    this.#early = [];
    this.#epoch = 0;
    this.#askedAtMs = null;
    this.#isMuted = this.#isRecovering = this.#isAsking = false;
    this.#hasSpeaker = true;
    this.#told = { microphone: true, speaker: true };
    this.#statistics = { playedMs: 0, bufferedMs: 0, underruns: 0, epoch: 0 };
  }

  #set(state, reason = null) {
    this.#state = state;
    this.onState?.({
      state,
      reason,
      microphone: this.#recording ? "sample" : this.#microphone ? "on" : "off",
      speaker: this.#hasSpeaker ? "on" : "off",
      isMuted: this.#isMuted,
      isRecovering: this.#isRecovering,
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

/** Gives a microphone back that nobody needs any more. */
function letGo(stream) {
  stream.then((live) => live?.getTracks().forEach((track) => track.stop()));
}
