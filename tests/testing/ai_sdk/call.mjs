// One call by the AI SDK's xAI model: argv[2] is the socket's address. Prints each event as the SDK understood it.
import { createXai } from '@ai-sdk/xai';
import WebSocket from 'ws';

const model = createXai({ apiKey: 'unused' }).experimental_realtime('grok-voice-latest');
const { url, protocols } = model.getWebSocketConfig({ token: 'xai-judge', url: process.argv[2] });
const socket = new WebSocket(url, protocols);
const send = (event) => socket.send(JSON.stringify(model.serializeClientEvent(event)));

const config = {
  instructions: 'Be brief.',
  voice: 'eve',
  turnDetection: { type: 'server-vad', threshold: 0.5, silenceDurationMs: 300 },
  inputAudioFormat: { type: 'audio/pcm', rate: 16000 },
  tools: [{ type: 'function', name: 'get_slot', description: 'Find a slot', parameters: { type: 'object', properties: {} } }],
};

socket.on('open', () => send({ type: 'session-update', config }));
socket.on('message', (message) => {
  const { raw, ...event } = model.parseServerEvent(JSON.parse(message.toString()));
  console.log(JSON.stringify(event));
  switch (event.type) {
    case 'session-updated':
      send({ type: 'conversation-item-create', item: { type: 'text-message', role: 'user', text: 'Any slot?' } });
      send({ type: 'response-create' });
      break;
    case 'function-call-arguments-done':
      send({ type: 'conversation-item-create', item: { type: 'function-call-output', callId: event.callId, output: '10:30' } });
      break;
    case 'output-item-done':
      break;
    case 'response-done':
      if (raw.response.output.some((item) => item.type === 'function_call')) send({ type: 'response-create' });
      else socket.close();
      break;
  }
});
