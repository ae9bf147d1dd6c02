/**
 * Where the caller's voice comes from: a microphone, or a recording played as if it were one.
 *
 * Both deliver 20 ms frames, `onFrame(Int16Array)`, at the session's input rate. Not in here: sockets, mute.
 */

const FRAME_MS = 20;
const MAX_CATCH_UP_FRAMES = 50; // a hidden tab's timers come once a second

/** Why this page cannot have a microphone, in words for the person in front of it; null if it can. */
export function microphoneObstacle() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia)
    return "Browsers give a microphone only to pages on https or localhost, and this page is on neither.";
  if (typeof AudioWorkletNode === "undefined") return "This browser has no AudioWorklet, which the microphone needs.";
  return null;
}

/** Asks for the microphone; the promise rejects as getUserMedia does. */
export function askForMicrophone(constraints = {}) {
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1, ...constraints },
  });
}

/** Turns a live MediaStream into frames; owns the stream from here on. */
export async function openMicrophone(stream, rateHz, onFrame, onLevel) {
  let { context, source } = connect(stream, rateHz);
  await context.audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url));
  const node = new AudioWorkletNode(context, "roomkit-capture", {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
    processorOptions: { rateHz },
  });
  node.port.onmessage = ({ data }) => {
    onLevel(data.level);
    onFrame(new Int16Array(data.pcm));
  };
  source.connect(node);
  if (context.state === "suspended") await context.resume();
  return {
    contextRateHz: context.sampleRate,
    async close() {
      node.port.onmessage = null;
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
      await context.close();
    },
  };
}

/** A context at the wanted rate lets the browser resample; Firefox refuses that for a microphone: then the worklet does. */
function connect(stream, rateHz) {
  const wanted = new AudioContext({ sampleRate: rateHz, latencyHint: "interactive" });
  try {
    return { context: wanted, source: wanted.createMediaStreamSource(stream) };
  } catch {
    wanted.close();
    const native = new AudioContext({ latencyHint: "interactive" });
    return { context: native, source: native.createMediaStreamSource(stream) };
  }
}

/** Decodes any audio file the browser knows to PCM16 mono at `rateHz`; rejects what is not audio. */
export async function decodeRecording(buffer, rateHz) {
  const context = new OfflineAudioContext(1, 1, rateHz);
  const decoded = await context.decodeAudioData(buffer);
  const pcm = new Int16Array(decoded.length);
  for (let c = 0; c < decoded.numberOfChannels; c += 1) {
    const channel = decoded.getChannelData(c);
    for (let i = 0; i < pcm.length; i += 1)
      pcm[i] += Math.round((Math.max(-1, Math.min(1, channel[i])) * 32767) / decoded.numberOfChannels);
  }
  return pcm;
}

/**
 * Plays a recording as the caller, in real time, with silence after it so that whoever listens notices the end.
 * Returns {done: Promise<boolean> (false: it was stopped), stop()}.
 */
export function playRecording(pcm, rateHz, tailMs, onFrame, onLevel) {
  const frameSamples = Math.round((rateHz * FRAME_MS) / 1000);
  const total = pcm.length + Math.round((rateHz * tailMs) / 1000);
  const startedMs = performance.now();
  let at = 0;
  let finish;
  const done = new Promise((resolve) => (finish = resolve));
  const timer = setInterval(() => {
    const dueFrames = (performance.now() - startedMs) / FRAME_MS - at / frameSamples;
    for (let n = 0; n < Math.min(dueFrames, MAX_CATCH_UP_FRAMES) && at < total; n += 1) {
      const frame = new Int16Array(frameSamples);
      frame.set(pcm.subarray(at, at + frameSamples));
      at += frameSamples;
      onLevel(peak(frame));
      onFrame(frame);
    }
    if (at >= total) stop(true);
  }, FRAME_MS);
  function stop(isComplete = false) {
    clearInterval(timer);
    onLevel(0);
    finish(isComplete);
  }
  return { done, stop };
}

function peak(frame) {
  let highest = 0;
  for (const sample of frame) highest = Math.max(highest, Math.abs(sample));
  return highest / 32768;
}
