/**
 * Two ways to play the agent's voice, one shape: push(pcm16), clear(epoch), close(), and a report of what was played.
 *
 * `WorkletOutput` plays on the audio thread. `SourceOutput` schedules plain buffer sources, for origins where browsers
 * hide AudioWorklet (not https, not localhost). Invariant: reports of one epoch never go back.
 */

const PREBUFFER_MS = 50;
const REPORT_MS = 50;
const DECISION_MS = 1_000; // a browser that plays at all has begun to by then
const HOLE_S = 0.25; // more audio this soon after the last was played: a hole, not the end of an answer

/**
 * Opens the better of the two; rejects where there is nothing to play on. `onAudible(isAudible)` is told once the browser
 * has decided, and whenever it changes its mind: many play nothing before somebody has clicked. `onReport({playedMs, epoch, bufferedMs, underruns, level, isEmpty})` comes while playing,
 * `onStart()` whenever sound begins after silence.
 */
export async function openOutput(rateHz, onReport, onStart, onAudible) {
  const context = new AudioContext({ sampleRate: rateHz, latencyHint: "interactive" });
  context.onstatechange = () => onAudible(context.state === "running");
  if (context.state === "suspended") context.resume().catch(() => {});
  setTimeout(() => {
    if (context.state !== "running" && context.state !== "closed") onAudible(false);
  }, DECISION_MS);
  if (!context.audioWorklet) return new SourceOutput(context, rateHz, onReport, onStart);
  await context.audioWorklet.addModule(new URL("playback-worklet.js", import.meta.url));
  return new WorkletOutput(context, rateHz, onReport, onStart);
}

class WorkletOutput {
  constructor(context, rateHz, onReport, onStart) {
    this.kind = "worklet";
    this.context = context;
    this.node = new AudioWorkletNode(context, "roomkit-playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { prebufferMs: PREBUFFER_MS },
    });
    this.node.port.onmessage = ({ data }) => {
      if (data.type === "started") return void onStart();
      onReport({
        playedMs: (data.samples / rateHz) * 1000,
        epoch: data.epoch,
        bufferedMs: (data.buffered / rateHz) * 1000,
        underruns: data.underruns,
        level: data.level,
        isEmpty: data.isEmpty,
      });
    };
    this.node.connect(context.destination);
  }

  push(pcm) {
    this.node.port.postMessage(pcm.buffer, [pcm.buffer]);
  }

  clear(epoch) {
    this.node.port.postMessage({ type: "clear", epoch });
  }

  resume() {
    return this.context.resume();
  }

  async close() {
    this.context.onstatechange = null;
    this.node.port.onmessage = null;
    this.node.disconnect();
    await this.context.close();
  }
}

class SourceOutput {
  constructor(context, rateHz, onReport, onStart) {
    this.kind = "sources";
    this.context = context;
    this.rateHz = rateHz;
    this.onReport = onReport;
    this.onStart = onStart;
    this.pieces = []; // {source, startS, endS}, in order
    this.doneSamples = 0;
    this.endS = -Infinity;
    this.epoch = 0;
    this.underruns = 0;
    this.peak = 0;
    this.timer = setInterval(() => this.report(), REPORT_MS);
  }

  push(pcm) {
    const buffer = this.context.createBuffer(1, pcm.length, this.rateHz);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < pcm.length; i += 1) {
      channel[i] = pcm[i] / 32768;
      this.peak = Math.max(this.peak, Math.abs(channel[i]));
    }
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    const now = this.context.currentTime;
    if (this.endS < now) {
      if (now - this.endS < HOLE_S) this.underruns += 1;
      this.endS = now + PREBUFFER_MS / 1000;
      setTimeout(this.onStart, PREBUFFER_MS);
    }
    source.start(this.endS);
    this.pieces.push({ source, startS: this.endS, endS: this.endS + buffer.duration });
    this.endS += buffer.duration;
  }

  clear(epoch) {
    for (const { source } of this.pieces) source.stop();
    this.pieces = [];
    this.doneSamples = 0;
    this.endS = -Infinity;
    this.epoch = epoch;
    this.send(0);
  }

  report() {
    if (this.pieces.length === 0) return;
    const now = this.context.currentTime;
    while (this.pieces.length > 0 && this.pieces[0].endS <= now) {
      this.doneSamples += this.pieces.shift().source.buffer.length;
    }
    const current = this.pieces[0];
    const currentS = current ? Math.max(0, now - current.startS) : 0;
    this.send((this.doneSamples / this.rateHz + currentS) * 1000);
  }

  send(playedMs) {
    this.onReport({
      playedMs,
      epoch: this.epoch,
      bufferedMs: Math.max(0, this.endS - this.context.currentTime) * 1000,
      underruns: this.underruns,
      level: this.pieces.length > 0 ? this.peak : 0,
      isEmpty: this.pieces.length === 0,
    });
    this.peak *= 0.8;
  }

  resume() {
    return this.context.resume();
  }

  async close() {
    this.context.onstatechange = null;
    clearInterval(this.timer);
    await this.context.close();
  }
}
