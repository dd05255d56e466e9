// Which school do the clients ask? The server that `conftest.py` has started; the addresses, ids, tokens and processes
// of its demo school stand in the environment. A client that runs on its own finds none of it and says so.

import { setTimeout as after } from 'node:timers/promises';

const given = process.env.STUDYGRAPH_CLIENTS;
if (!given) throw new Error('These tests are run by `make test-clients`, which starts a server for them.');

/** `url` of the server's GraphQL, `tokens` by account, `ids` by their names in the demo, `processes` by store. */
export const { url, tokens, ids, processes } = JSON.parse(given);
export const socketUrl = url.replace(/^http/, 'ws');

export const authorization = (account) => `Bearer ${tokens[account]}`;

/** One operation without any client, as `account` if named: for what a client is compared with. */
export async function ask(query, variables = {}, account = null) {
  const headers = { 'content-type': 'application/json' };
  if (account) headers.authorization = authorization(account);
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  return response.json();
}

/** Classrooms of the demo school as an administrator sees them, by name. */
export const CLASSROOMS = [
  'Algorithms and Data',
  'Calculus I',
  'Industrial Revolutions',
  'Plant Biology',
  'Waves and Optics',
  'World Literature',
];

export const LIVE =
  'subscription StoresLive { storesLive { kind snapshot { stores { name } } changes { op store { name status } } } }';
export const STORES = ['postgresql', 'redis', 'mongodb', 'qdrant', 'cassandra', 'kafka', 'minio'];

/** While `work` runs MongoDB's process stands still, which whoever follows the stores is told. */
export async function whileMongodbStandsStill(work) {
  process.kill(processes.mongodb, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(processes.mongodb, 'SIGCONT');
    while (!(await ask('{ stores { name status } }')).data.stores.every((store) => store.status === 'OK'))
      await after(100);
  }
}

/** The next change of MongoDB's status in a stream of `storesLive`; other stores may have their own news. */
export async function nextOfMongodb(events) {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error('The stream has ended.');
    const told = (value.data ?? value).storesLive.changes?.filter(({ store }) => store.name === 'mongodb') ?? [];
    if (told.length) return told.map(({ op, store }) => `${op} ${store.name} ${store.status}`);
  }
}
