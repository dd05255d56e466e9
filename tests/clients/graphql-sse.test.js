// Does graphql-sse follow streams over HTTP, each on a connection of its own?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createClient } from 'graphql-sse';

import { LIVE, STORES, authorization, nextOfMongodb, url, whileMongodbStandsStill } from './school.js';

/** A client, and the requests it has sent. */
function connected(options = {}) {
  const sent = [];
  const client = createClient({
    url,
    singleConnection: false,
    retryAttempts: 0,
    fetchFn: (address, init) => {
      sent.push(init.method);
      return fetch(address, init);
    },
    ...options,
  });
  return { client, sent };
}

/** All answers to an operation. */
async function all(client, query, variables) {
  const answers = [];
  for await (const each of client.iterate({ query, variables })) answers.push(each);
  return answers;
}

test('a stream tells its snapshot and changes, until the client has enough', async () => {
  const { client, sent } = connected();
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
  await events.return();
  client.dispose();
  assert.deepEqual(sent, ['POST']);
});

test('each stream has a connection of its own, and the end of one ends no other', async () => {
  const { client, sent } = connected();
  const [one, other] = [client.iterate({ query: LIVE }), client.iterate({ query: LIVE })];
  await Promise.all([one.next(), other.next()]);
  await one.return();
  await whileMongodbStandsStill(async () => {
    assert.deepEqual(await nextOfMongodb(other), ['UPDATED mongodb DOWN']);
  });
  await other.return();
  client.dispose();
  assert.deepEqual(sent, ['POST', 'POST']);
});

test('a query is one event and the end', async () => {
  const { client } = connected({ headers: () => ({ authorization: authorization('teacher') }) });
  const answers = await all(client, '{ viewer { name role } }');
  assert.deepEqual(
    answers.map((answer) => answer.data),
    [{ viewer: { name: 'Maya Lindqvist', role: 'TEACHER' } }],
  );
  client.dispose();
});

test('a document that is refused is an event with its error, and the client asks on', async () => {
  const { client } = connected();
  const [answer] = await all(client, '{');
  assert.deepEqual(
    answer.errors.map((error) => error.extensions.code),
    ['GRAPHQL_PARSE_FAILED'],
  );
  assert.deepEqual((await all(client, '{ __typename }'))[0].data, { __typename: 'Query' });
  client.dispose();
});

test('a token that is not valid is told by the status', async () => {
  const { client } = connected({ headers: { authorization: 'Bearer made-up' } });
  await assert.rejects(all(client, LIVE), (error) => error.response?.status === 401);
  client.dispose();
});
