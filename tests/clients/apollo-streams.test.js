// Does Apollo Client read what comes in parts: deferred fields, streamed lists, subscriptions?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApolloLink, HttpLink, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { apollo, shown, values } from './apollo.js';
import { CLASSROOMS, LIVE, STORES, ids, nextOfMongodb, socketUrl, whileMongodbStandsStill } from './school.js';

test('what is deferred comes in a second part', async () => {
  const { client, sent } = apollo('teacher');
  const query = gql`
    query Deferred($id: ID!) {
      classroom(id: $id) {
        id
        name
        ... @defer(label: "staff") {
          teacher {
            id
            name
          }
          ... @defer {
            joinCode
          }
        }
      }
    }
  `;
  const events = values(client.watchQuery({ query, variables: { id: ids.classroom } }));
  const seen = (await shown(events)).map(({ data, dataState }) => [
    dataState,
    Object.keys(data.classroom).filter((key) => key !== '__typename'),
  ]);
  events.end();
  assert.deepEqual(seen[0], ['streaming', ['id', 'name']]);
  assert.deepEqual(seen.at(-1), ['complete', ['id', 'name', 'teacher', 'joinCode']]);
  assert.deepEqual(sent, ['POST 200 multipart/mixed']);
  const kept = client.readQuery({ query, variables: { id: ids.classroom } });
  assert.deepEqual([kept.classroom.teacher.name, kept.classroom.joinCode], ['Maya Lindqvist', 'LEAF2K7M']);
});

test('a list is streamed item by item', async () => {
  const { client, sent } = apollo('admin');
  const query = gql`
    query Streamed {
      classrooms(first: 10, orderBy: [{ field: NAME }]) {
        nodes @stream(initialCount: 2) {
          id
          name
        }
      }
    }
  `;
  const events = values(client.watchQuery({ query }));
  const seen = (await shown(events)).map(({ data }) => data.classrooms.nodes.map((each) => each.name));
  events.end();
  assert.deepEqual(seen[0], CLASSROOMS.slice(0, 2));
  assert.deepEqual(seen.at(-1), CLASSROOMS);
  assert.deepEqual(sent, ['POST 200 multipart/mixed']);
});

test('a deferred part that may not be read is an error, and the rest is there', async () => {
  const { client } = apollo('student');
  const query = gql`
    query Late($id: ID!) {
      classroom(id: $id) {
        id
        name
        ... @defer {
          joinCode
        }
      }
    }
  `;
  const { data, error } = await client.query({ query, variables: { id: ids.classroom }, errorPolicy: 'all' });
  assert.deepEqual([data.classroom.name, data.classroom.joinCode], ['Plant Biology', null]);
  assert.deepEqual(
    error.errors.map((each) => each.extensions.code),
    ['FORBIDDEN'],
  );
});

for (const [way, link] of [
  ['multipart parts', (http) => new HttpLink(http)],
  ['a socket', () => new GraphQLWsLink(createClient({ url: socketUrl, webSocketImpl: WebSocket }))],
]) {
  test(`a subscription is followed over ${way}`, async () => {
    const { client, sent } = apollo('teacher', { link: (http) => ApolloLink.from([link(http)]) });
    const events = values(client.subscribe({ query: gql(LIVE) }));
    const first = (await events.next()).value.data.storesLive;
    assert.equal(first.kind, 'SNAPSHOT');
    assert.deepEqual(
      first.snapshot.stores.map((store) => store.name),
      STORES,
    );
    const next = { next: async () => ({ value: (await events.next()).value }) };
    await whileMongodbStandsStill(async () => assert.deepEqual(await nextOfMongodb(next), ['UPDATED mongodb DOWN']));
    assert.deepEqual(await nextOfMongodb(next), ['UPDATED mongodb OK']);
    events.end();
    client.stop();
    assert.deepEqual(sent, way === 'a socket' ? [] : ['POST 200 multipart/mixed']);
  });
}

test('a subscription that is refused ends with its code', async () => {
  const { client } = apollo(null);
  const events = values(
    client.subscribe({
      query: gql`
        subscription {
          storesLive(after: "made up") {
            kind
          }
        }
      `,
    }),
  );
  const { value } = await events.next();
  assert.deepEqual(
    value.error.errors.map((each) => each.extensions.code),
    ['BAD_CURSOR'],
  );
  events.end();
});
