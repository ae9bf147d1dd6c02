/**
 * The agent's voice, on the audio thread: a ring buffer with a prebuffer, cleared within one render quantum.
 *
 * In:  an ArrayBuffer of PCM16 mono at the context's rate; {type: "clear", epoch}.
 * Out: {type: "started"} when sound begins; {type: "played", samples, epoch, buffered, underruns, level, isEmpty} about
 *      every 50 ms while playing, and once when the ring has run empty. `samples` counts what left the ring since clear
 *      number `epoch`, never going back.
 * Not in here: sockets, resampling.
 */

const CAPACITY_S = 60; // a server that does not pace may send a whole answer at once
const REPORT_S = 0.05;
const HOLE_S = 0.25; // more audio this soon after the ring ran empty: a hole, not the end of an answer
const FADE_SAMPLES = 64; // stopping in mid-wave clicks; half a quantum of slope does not

class RoomKitPlayback extends AudioWorkletProcessor {
  constructor(options) {
    super();
    const { prebufferMs } = options.processorOptions;
    this.ring = new Float32Array(Math.ceil(sampleRate * CAPACITY_S));
    this.prebuffer = Math.round((sampleRate * prebufferMs) / 1000);
    this.reportEvery = Math.round(sampleRate * REPORT_S);
    this.read = 0;
    this.buffered = 0;
    this.waited = 0;
    this.played = 0;
    this.sinceReport = 0;
    this.peak = 0;
    this.epoch = 0;
    this.underruns = 0;
    this.last = 0;
    this.isPlaying = false;
    this.ranEmptyAtS = -Infinity;
    this.port.onmessage = ({ data }) => (data instanceof ArrayBuffer ? this.push(data) : this.clear(data.epoch));
  }

  push(buffer) {
    const pcm = new Int16Array(buffer);
    if (currentTime - this.ranEmptyAtS < HOLE_S) this.underruns += 1;
    this.ranEmptyAtS = -Infinity;
    const room = this.ring.length - this.buffered;
    const count = Math.min(pcm.length, room);
    let at = (this.read + this.buffered) % this.ring.length;
    for (let i = 0; i < count; i += 1) {
      this.ring[at] = pcm[i] / 32768;
      at = at + 1 === this.ring.length ? 0 : at + 1;
    }
    this.buffered += count;
  }

  clear(epoch) {
    this.buffered = 0;
    this.waited = 0;
    this.played = 0;
    this.epoch = epoch;
    this.isPlaying = false;
    this.ranEmptyAtS = -Infinity;
    this.report();
  }

  report() {
    this.port.postMessage({
      type: "played",
      samples: this.played,
      epoch: this.epoch,
      buffered: this.buffered,
      underruns: this.underruns,
      level: this.peak,
      isEmpty: this.buffered === 0,
    });
    this.sinceReport = 0;
    this.peak = 0;
  }

  /** Whether to play now: once the prebuffer is full, or whatever there is has waited as long as filling it takes. */
  mayPlay(quantum) {
    if (this.isPlaying || this.buffered === 0) return this.isPlaying;
    this.waited += quantum;
    this.isPlaying = this.buffered >= this.prebuffer || this.waited >= this.prebuffer;
    if (this.isPlaying) {
      this.waited = 0;
      this.port.postMessage({ type: "started" });
    }
    return this.isPlaying;
  }

  process(_inputs, outputs) {
    const out = outputs[0][0];
    const count = this.mayPlay(out.length) ? Math.min(out.length, this.buffered) : 0;
    for (let i = 0; i < count; i += 1) {
      const sample = this.ring[this.read];
      this.read = this.read + 1 === this.ring.length ? 0 : this.read + 1;
      out[i] = sample;
      if (sample > this.peak) this.peak = sample;
      else if (-sample > this.peak) this.peak = -sample;
    }
    this.buffered -= count;
    this.played += count;
    this.sinceReport += count;
    this.fade(out, count);
    if (this.isPlaying && this.buffered === 0) {
      this.isPlaying = false;
      this.ranEmptyAtS = currentTime;
      this.report();
    } else if (this.sinceReport >= this.reportEvery) {
      this.report();
    }
    return true;
  }

  fade(out, from) {
    if (from > 0) this.last = out[from - 1];
    const end = Math.min(out.length, from + FADE_SAMPLES);
    for (let i = from; i < end; i += 1) out[i] = this.last * (1 - (i - from + 1) / FADE_SAMPLES);
    if (from < out.length) this.last = 0;
  }
}

registerProcessor("roomkit-playback", RoomKitPlayback);
