// Does urql work as it comes, though it asks for everything with every request: JSON, events and parts?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { LIVE, STORES, authorization, ids, nextOfMongodb, socketUrl, url, whileMongodbStandsStill } from './school.js';

/** A client of `account`, and what it sent: method, status and media type of each answer. */
function urql(account, { exchanges = [cacheExchange, fetchExchange], ...options } = {}) {
  const sent = [];
  const client = new Client({
    url,
    exchanges,
    fetchSubscriptions: true,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: account ? { authorization: authorization(account) } : {} }),
    fetch: async (address, init) => {
      const response = await fetch(address, init);
      sent.push(`${init.method} ${response.status} ${response.headers.get('content-type').split(';')[0]}`);
      return response;
    },
    ...options,
  });
  return { client, sent };
}

/** The results of a source, one by one. */
function results(source) {
  const waiting = [];
  const come = [];
  const { unsubscribe } = source.subscribe((value) =>
    waiting.length ? waiting.shift()({ value }) : come.push({ value }),
  );
  return { next: async () => come.shift() ?? new Promise((resolve) => waiting.push(resolve)), end: unsubscribe };
}

/** Everything that an operation that comes in parts shows, until nothing more comes. */
async function parts(source) {
  const events = results(source);
  const seen = [];
  do seen.push((await events.next()).value);
  while (seen.at(-1).hasNext);
  events.end();
  return seen;
}

const ONE = 'query One($id: ID!) { classroom(id: $id) { id name joinCode teacher { id name } } }';

test('a query is JSON, and asked once', async () => {
  const { client, sent } = urql('teacher');
  for (const time of ['from the server', 'from the cache']) {
    const { data, error } = await client.query(ONE, { id: ids.classroom });
    assert.equal(error, undefined, time);
    assert.equal(data.classroom.name, 'Plant Biology');
    assert.deepEqual(data.classroom.teacher, { id: ids.teacher, name: 'Maya Lindqvist', __typename: 'User' });
  }
  assert.deepEqual(sent, ['POST 200 application/graphql-response+json']);
});

test('a short query goes by GET where the client prefers it', async () => {
  const { client, sent } = urql('student', { preferGetMethod: 'force' });
  assert.deepEqual((await client.query('{ viewer { name } }')).data.viewer, { name: 'Sam Okafor', __typename: 'User' });
  assert.deepEqual(sent, ['GET 200 application/graphql-response+json']);
});

test('an error keeps its code, beside what could be had', async () => {
  const { client } = urql('student');
  const { data, error } = await client.query(ONE, { id: ids.classroom });
  assert.deepEqual([data.classroom.name, data.classroom.joinCode], ['Plant Biology', null]);
  assert.deepEqual(
    error.graphQLErrors.map(({ path, extensions }) => [path, extensions.code]),
    [[['classroom', 'joinCode'], 'FORBIDDEN']],
  );
});

test('what is refused whole has its code and its status', async () => {
  const { client } = urql(null);
  const { error } = await client.query('{ classrooms(first: 2) { nodes { id } } }');
  assert.deepEqual(
    error.graphQLErrors.map((each) => each.extensions.code),
    ['UNAUTHENTICATED'],
  );
  assert.equal(error.response.status, 401);
});

test('a mutation tells what is wrong with its input in its payload', async () => {
  const { client } = urql('student');
  const mutation =
    'mutation Update($input: UpdateProfileInput!) { updateProfile(input: $input) { user { id } errors { code } } }';
  const { data } = await client.mutation(mutation, { input: { firstName: 'x'.repeat(101) } });
  assert.deepEqual([data.updateProfile.user, data.updateProfile.errors.map((each) => each.code)], [null, ['TOO_LONG']]);
});

test('a file is uploaded, where the client says that it may', async () => {
  const png =
    'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGM8ISfHgA0wYRUdtBIA0MoBFD5jqJkAAAAASUVORK5CYII=';
  const mutation =
    'mutation Show($input: UploadAvatarInput!) { uploadAvatar(input: $input) { user { avatarUrl } errors { code } } }';
  const variables = () => ({
    input: { file: new File([Buffer.from(png, 'base64')], 'me.png', { type: 'image/png' }) },
  });
  const { client } = urql('outsider');
  const forged = await client.mutation(mutation, variables());
  assert.deepEqual(
    forged.error.graphQLErrors.map((each) => each.extensions.code),
    ['CSRF'],
  );
  const headers = { authorization: authorization('outsider'), 'GraphQL-Require-Preflight': '1' };
  const { data } = await client.mutation(mutation, variables(), { fetchOptions: { headers } });
  assert.deepEqual(data.uploadAvatar.errors, []);
  const picture = await fetch(data.uploadAvatar.user.avatarUrl);
  assert.match(picture.headers.get('content-type'), /^image\//);
});

test('what is deferred comes in a second part, also where one part is within another', async () => {
  const { client, sent } = urql('teacher');
  const query = `query Deferred($id: ID!) {
    classroom(id: $id) { id name ... @defer { teacher { id ... @defer { name } } joinCode } }
  }`;
  const seen = await parts(client.query(query, { id: ids.classroom }));
  assert.deepEqual(sent, ['POST 200 multipart/mixed']);
  assert.ok(seen.length > 1);
  assert.deepEqual(seen[0].data.classroom, { id: ids.classroom, name: 'Plant Biology', __typename: 'Classroom' });
  assert.deepEqual(seen.at(-1).data.classroom, {
    id: ids.classroom,
    name: 'Plant Biology',
    teacher: { id: ids.teacher, name: 'Maya Lindqvist', __typename: 'User' },
    joinCode: 'LEAF2K7M',
    __typename: 'Classroom',
  });
});

for (const [way, exchanges] of [
  ['events', () => [cacheExchange, fetchExchange]],
  [
    'a socket',
    () => {
      const sockets = createClient({ url: socketUrl, webSocketImpl: WebSocket });
      const forwardSubscription = ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
      });
      return [cacheExchange, subscriptionExchange({ forwardSubscription }), fetchExchange];
    },
  ],
]) {
  test(`a subscription is followed over ${way}`, async () => {
    const { client, sent } = urql(null, { exchanges: exchanges(), fetchSubscriptions: way === 'events' });
    const events = results(client.subscription(LIVE, {}));
    const { value } = await events.next();
    assert.equal(value.data.storesLive.kind, 'SNAPSHOT');
    assert.deepEqual(
      value.data.storesLive.snapshot.stores.map((store) => store.name),
      STORES,
    );
    await whileMongodbStandsStill(async () => assert.deepEqual(await nextOfMongodb(events), ['UPDATED mongodb DOWN']));
    assert.deepEqual(await nextOfMongodb(events), ['UPDATED mongodb OK']);
    events.end();
    assert.deepEqual(sent, way === 'events' ? ['POST 200 text/event-stream'] : []);
  });
}
