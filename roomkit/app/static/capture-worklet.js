/**
 * The caller's microphone, on the audio thread: 20 ms frames of PCM16 mono at the session's input rate.
 *
 * Out: {pcm: ArrayBuffer, level} a frame; `level` is the peak, 0 to 1.
 * A context that runs at another rate (a browser that refuses the asked-for one) is brought down by a short
 * windowed-sinc filter. Not in here: sockets, permission.
 */

const FRAME_S = 0.02;
const HALF_PERIODS = 12;

/** A streaming converter from one rate to another: feed it samples, it calls back with each converted one. */
class Converter {
  constructor(fromHz, toHz, emit) {
    this.step = fromHz / toHz;
    this.emit = emit;
    this.cutoff = Math.min(1, toHz / fromHz);
    this.half = Math.ceil(HALF_PERIODS / this.cutoff);
    this.history = new Float32Array(2 * this.half).fill(0);
    this.position = 0; // of the next output, in input samples after the middle of the history
  }

  feed(samples) {
    if (this.step === 1) {
      for (const sample of samples) this.emit(sample);
      return;
    }
    const all = new Float32Array(this.history.length + samples.length);
    all.set(this.history);
    all.set(samples, this.history.length);
    const end = all.length - this.half;
    let centre = this.half + this.position;
    for (; centre < end; centre += this.step) this.emit(this.at(all, centre));
    this.position = centre - end;
    this.history = all.slice(all.length - 2 * this.half);
  }

  at(all, centre) {
    const first = Math.ceil(centre - this.half);
    let sum = 0;
    for (let i = Math.max(0, first); i < centre + this.half && i < all.length; i += 1) {
      const x = i - centre;
      const phase = Math.PI * x * this.cutoff;
      const sinc = Math.abs(phase) < 1e-9 ? 1 : Math.sin(phase) / phase;
      sum += all[i] * sinc * this.cutoff * (0.5 + 0.5 * Math.cos((Math.PI * x) / this.half));
    }
    return sum;
  }
}

class RoomKitCapture extends AudioWorkletProcessor {
  constructor(options) {
    super();
    const { rateHz } = options.processorOptions;
    this.frameSamples = Math.round(rateHz * FRAME_S);
    this.frame = new Int16Array(this.frameSamples);
    this.filled = 0;
    this.peak = 0;
    this.converter = new Converter(sampleRate, rateHz, (sample) => this.take(sample));
  }

  take(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.frame[this.filled] = Math.round(clipped * 32767);
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.filled += 1;
    if (this.filled < this.frameSamples) return;
    this.port.postMessage({ pcm: this.frame.buffer, level: this.peak }, [this.frame.buffer]);
    this.frame = new Int16Array(this.frameSamples);
    this.filled = 0;
    this.peak = 0;
  }

  process(inputs) {
    const channel = inputs[0][0];
    if (channel) this.converter.feed(channel);
    return true;
  }
}

registerProcessor("roomkit-capture", RoomKitCapture);
