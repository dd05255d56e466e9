// What does a page with open streams do while the server is stopped and started again? Each client follows the stores
// and says a line for what it sees: `test_comes_back.py` reads them, and stops and starts the server.

import { createClient as createSse } from 'graphql-sse';
import { createClient as createSocket } from 'graphql-ws';
import { setTimeout as after } from 'node:timers/promises';
import WebSocket from 'ws';

import { LIVE, socketUrl, url } from './school.js';

const say = (line) => process.stdout.write(`${line}\n`);
const soon = () => after(100);

const socket = createSocket({
  url: socketUrl,
  webSocketImpl: WebSocket,
  retryAttempts: 1000,
  retryWait: soon,
  shouldRetry: () => true,
  on: {
    connected: () => say('socket connected'),
    // 1006: there is no server at the moment, or none yet.
    closed: ({ code }) => code !== 1006 && say(`socket closed ${code}`),
  },
});
const sse = createSse({ url, singleConnection: false, retryAttempts: 1000, retry: soon });

const streams = [];
for (const [name, client] of [
  ['socket', socket],
  ['events', sse],
]) {
  streams.push(
    new Promise((resolve, reject) =>
      client.subscribe(
        { query: LIVE },
        {
          next: ({ data }) => data.storesLive.kind !== 'CHANGE' && say(`${name} ${data.storesLive.kind}`),
          error: reject,
          complete: resolve,
        },
      ),
    ),
  );
}

// What we are told comes back, behind all that was said before it; the end of our input is the end of the page.
process.stdin.on('data', (line) => process.stdout.write(line));
process.stdin.on('end', () => {
  socket.dispose();
  sse.dispose();
});
await Promise.all(streams);
say('the end');
