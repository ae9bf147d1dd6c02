/**
 * One WebSocket to a voice server: opens it, knows both audio formats, drops late speech.
 *
 * Not in here: what messages mean. Invariant: after close() nothing is delivered any more.
 */

const CONNECT_TIMEOUT_MS = 15_000;
const MAX_UNSENT_BYTES = 256 * 1024; // late speech is worse than lost speech

export class Connection {
  #socket;
  #isJson = false;
  #isStarted = false;
  #giveUp = () => {};
  droppedFrames = 0;

  /** @param {object} on onMessage(message), onAudio(Int16Array), onLost(why): once, and only after the session started */
  constructor(url, protocols, on) {
    this.#socket = new WebSocket(url, protocols);
    this.#socket.binaryType = "arraybuffer";
    this.on = on;
  }

  /** Resolves with session_started; rejects with the reason there is none. */
  open() {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const fail = (why) => {
        clearTimeout(timer);
        reject(new Error(why));
      };
      this.#giveUp = () => fail("the connection was closed here");
      const timer = setTimeout(() => fail("the server did not start a session in time"), CONNECT_TIMEOUT_MS);
      socket.onclose = ({ code, reason }) => {
        const why = reason || `the connection was closed (${code})`;
        if (this.#isStarted) this.on.onLost(why);
        else fail(why);
      };
      socket.onmessage = ({ data }) => {
        if (typeof data !== "string") return void this.on.onAudio(new Int16Array(data.slice(0, data.byteLength & ~1)));
        const message = parse(data);
        if (message.type === "audio") return void this.on.onAudio(fromBase64(message.data));
        if (message.type === "session_started") {
          clearTimeout(timer);
          this.#isStarted = true;
          this.#isJson = message.audio_format === "base64_json";
          resolve(message);
        } else if (message.type === "error" && !this.#isStarted) {
          fail(message.message);
        }
        this.on.onMessage(message);
      };
    });
  }

  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** A frame of the caller's voice; dropped, and counted, while too much is waiting. */
  sendAudio(frame) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) this.droppedFrames += 1;
    else if (this.#isJson) this.send({ type: "audio", data: toBase64(frame) });
    else this.#socket.send(frame.buffer);
  }

  close() {
    const socket = this.#socket;
    socket.onclose = socket.onmessage = null;
    // Browsers complain on the console of a socket that is closed while it connects.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000);
    else socket.close(1000);
    this.#giveUp(); // does nothing once the session has started
  }
}

function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return { type: "error", code: "bad_message", message: "The server sent what is no message." };
  }
}

function toBase64(pcm) {
  return btoa(String.fromCharCode(...new Uint8Array(pcm.buffer)));
}

function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}
