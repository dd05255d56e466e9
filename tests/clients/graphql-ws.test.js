// Does graphql-ws follow streams over a socket, is it let in by a token, and does one wrong document cost it nothing?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import {
  LIVE,
  STORES,
  ask,
  authorization,
  nextOfMongodb,
  socketUrl,
  tokens,
  whileMongodbStandsStill,
} from './school.js';

/** A client and what became of its sockets, in words; `closed` is when the last one is. */
function connected(options = {}) {
  const told = [];
  let last;
  const closed = new Promise((resolve) => (last = resolve));
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    retryWait: () => Promise.resolve(),
    ...options,
    on: {
      connected: () => told.push('connected'),
      closed: (event) => {
        told.push(`closed ${event.code}`);
        if (event.code === 1000) last();
      },
    },
  });
  return { client, told, closed };
}

/** The only answer to an operation. */
async function only(client, query, variables) {
  const answers = [];
  for await (const each of client.iterate({ query, variables })) answers.push(each);
  assert.equal(answers.length, 1);
  return answers[0];
}

test('a stream tells its snapshot and changes, until the client has enough', async () => {
  const { client, told, closed } = connected();
  const events = client.iterate({ query: LIVE });
  const { value } = await events.next();
  assert.equal(value.data.storesLive.kind, 'SNAPSHOT');
  assert.deepEqual(
    value.data.storesLive.snapshot.stores.map((store) => store.name),
    STORES,
  );
  await whileMongodbStandsStill(async () => {
    assert.deepEqual(await nextOfMongodb(events), ['UPDATED mongodb DOWN']);
  });
  assert.deepEqual(await nextOfMongodb(events), ['UPDATED mongodb OK']);
  assert.deepEqual(await events.return(), { done: true, value: undefined });
  await client.dispose();
  await closed;
  assert.deepEqual(told, ['connected', 'closed 1000']);
});

test('a token in connectionParams says who asks', async () => {
  const { client } = connected({ connectionParams: () => ({ authorization: authorization('teacher') }) });
  const answer = await only(client, '{ viewer { name role } }');
  assert.deepEqual(answer.data, { viewer: { name: 'Maya Lindqvist', role: 'TEACHER' } });
  await client.dispose();
});

test('without a token one is nobody', async () => {
  const { client } = connected();
  assert.deepEqual((await only(client, '{ viewer { name } }')).data, { viewer: null });
  await client.dispose();
});

test('a token that is not valid closes the socket 4403, and the client comes back with another', async () => {
  const given = ['made up', tokens.student];
  const { client, told } = connected({ connectionParams: () => ({ token: given.shift() }) });
  assert.deepEqual((await only(client, '{ viewer { role } }')).data, { viewer: { role: 'STUDENT' } });
  assert.deepEqual(told, ['closed 4403', 'connected']);
  await client.dispose();
});

test('a document with a syntax error, one that is refused and one that fails cost the socket nothing', async () => {
  const { client, told, closed } = connected({ connectionParams: { authorization: authorization('teacher') } });
  const events = client.iterate({ query: LIVE });
  assert.equal((await events.next()).value.data.storesLive.kind, 'SNAPSHOT');
  const refused = async (query) => {
    const errors = await only(client, query).then(
      () => assert.fail('The operation was answered.'),
      (reason) => reason,
    );
    return errors.map((error) => error.extensions.code);
  };
  assert.deepEqual(await refused('{'), ['GRAPHQL_PARSE_FAILED']);
  assert.deepEqual(await refused('{ shoeSize }'), ['GRAPHQL_VALIDATION_FAILED']);
  assert.deepEqual(await refused('{ classrooms(first: 1000) { nodes { id } } }'), ['PAGE_SIZE']);
  const missing = await only(client, '{ classroom(id: "raw") { id } }');
  assert.deepEqual(missing.data, { classroom: null });
  assert.deepEqual(
    missing.errors.map((error) => error.extensions.code),
    ['NOT_FOUND'],
  );
  await whileMongodbStandsStill(async () => {
    assert.deepEqual(await nextOfMongodb(events), ['UPDATED mongodb DOWN']);
  });
  await events.return();
  await client.dispose();
  await closed;
  assert.deepEqual(told, ['connected', 'closed 1000']);
});

test('queries and mutations over a socket are answered as over HTTP', async () => {
  const { client } = connected();
  const wrong = 'mutation ($input: LogInInput!) { logIn(input: $input) { accessToken errors { code path } } }';
  const input = { email: 'student@demo.school', password: 'wrong wrong wrong' };
  const answer = await only(client, wrong, { input });
  assert.deepEqual(answer.data, {
    logIn: { accessToken: null, errors: [{ code: 'INVALID_CREDENTIALS', path: ['input'] }] },
  });
  assert.deepEqual((await ask(wrong, { input })).data, answer.data);
  await client.dispose();
});

test("the client's own pings are answered", async () => {
  let pongs;
  const heard = new Promise((resolve) => (pongs = resolve));
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    lazy: false,
    keepAlive: 20,
    on: { pong: pongs },
  });
  assert.equal(await heard, true);
  await client.dispose();
});
