// Is the graph a subgraph that Apollo's composition takes and Apollo's gateway asks, in both directions?

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { composeServices } from '@apollo/composition';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';

import { CLASSROOMS, ask, authorization, ids, url } from './school.js';

// A second graph, which knows something about classrooms and people by their ids alone.
const MOTTOS = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key"])
  type Query { mottos(ids: [ID!]!): [Motto!]! }
  type Motto { text: String! classroom: Classroom author: User }
  type Classroom @key(fields: "id") { id: ID! motto: String! }
  type User @key(fields: "id") { id: ID! }
`);
const mottos = buildSubgraphSchema({
  typeDefs: MOTTOS,
  resolvers: {
    Query: {
      mottos: (_, { ids }) =>
        ids.map((id) => ({ text: `Motto of ${id}`, classroom: { id }, author: { id: ids.at(-1) } })),
    },
    Classroom: { __resolveReference: ({ id }) => ({ id, motto: `Motto of ${id}` }) },
  },
});

let sdl, server, supergraph, gateway, asked;

/** An operation through the gateway, as an account. */
async function through(query, variables = {}, account = 'teacher') {
  asked.length = 0;
  const { body } = await gateway.executeOperation(
    { query, variables },
    { contextValue: { authorization: authorization(account) } },
  );
  // As it goes over the wire: without prototypes and members that are not there.
  return JSON.parse(JSON.stringify(body.singleResult));
}

before(async () => {
  sdl = (await ask('{ _service { sdl } }')).data._service.sdl;
  server = createServer(createHandler({ schema: mottos }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const composed = composeServices([
    { name: 'school', url, typeDefs: parse(sdl) },
    { name: 'mottos', url: `http://127.0.0.1:${server.address().port}/`, typeDefs: MOTTOS },
  ]);
  assert.deepEqual(composed.errors ?? [], []);
  supergraph = composed;
  asked = [];
  const subgraphs = new ApolloGateway({
    supergraphSdl: composed.supergraphSdl,
    buildService: ({ name, url: address }) =>
      new RemoteGraphQLDataSource({
        url: address,
        willSendRequest: ({ request, context }) => {
          if (name === 'school' && context.authorization)
            request.http.headers.set('authorization', context.authorization);
          asked.push([name, request.variables?.representations?.length ?? 0]);
        },
      }),
  });
  gateway = new ApolloServer({ gateway: subgraphs });
  await gateway.start();
});

after(async () => {
  await gateway?.stop();
  server?.close();
});

test('the graph composes with another without a hint that anything is amiss', () => {
  assert.deepEqual(supergraph.hints.filter(({ definition }) => definition.level.name !== 'DEBUG').map(String), []);
  const names = ['Query', 'Mutation', 'Subscription', 'Node', 'Classroom', 'User', 'StoresEvent'];
  for (const name of names) assert.ok(supergraph.schema.type(name), name);
});

test('every node is an entity of the composed graph, by its id', () => {
  const nodes = supergraph.schema.type('Node').possibleRuntimeTypes();
  assert.ok(nodes.length >= 14);
  for (const node of nodes) {
    const keys = node.appliedDirectivesOf('join__type').map((each) => [each.arguments().graph, each.arguments().key]);
    assert.ok(
      keys.some(([graph, key]) => graph === 'SCHOOL' && key === 'id'),
      node.name,
    );
  }
});

test('a record of ours is completed by the other graph', async () => {
  const result = await through('query ($id: ID!) { classroom(id: $id) { name motto } }', { id: ids.classroom });
  assert.deepEqual(result, { data: { classroom: { name: 'Plant Biology', motto: `Motto of ${ids.classroom}` } } });
  assert.deepEqual(asked, [
    ['school', 0],
    ['mottos', 1],
  ]);
});

test('records of the other graph are completed by ours, all classrooms and people in one request', async () => {
  const { data } = await ask('{ classrooms(first: 10, orderBy: [{ field: NAME }]) { nodes { id } } }', {}, 'admin');
  const all = data.classrooms.nodes.map((each) => each.id);
  const query = 'query ($ids: [ID!]!) { mottos(ids: $ids) { classroom { name teacher { name } } author { name } } }';
  const result = await through(query, { ids: [...all, ids.teacher] }, 'admin');
  assert.deepEqual(
    result.data.mottos.slice(0, -1).map((each) => each.classroom.name),
    CLASSROOMS,
  );
  assert.equal(result.data.mottos[3].classroom.teacher.name, 'Maya Lindqvist');
  assert.deepEqual(
    result.data.mottos.map((each) => each.author),
    Array(7).fill({ name: 'Maya Lindqvist' }),
  );
  // One look-up of the classrooms, one of the people.
  assert.deepEqual(asked.sort(), [
    ['mottos', 0],
    ['school', 7],
    ['school', 7],
  ]);
});

test('one record that is not to be had costs its own place alone', async () => {
  const query = 'query ($ids: [ID!]!) { mottos(ids: $ids) { text classroom { name } } }';
  const result = await through(query, { ids: [ids.classroom, 'raw', ids.teacher] });
  assert.deepEqual(result.data.mottos, [
    { text: `Motto of ${ids.classroom}`, classroom: { name: 'Plant Biology' } },
    { text: 'Motto of raw', classroom: null },
    { text: `Motto of ${ids.teacher}`, classroom: null },
  ]);
  assert.deepEqual(
    result.errors?.map((each) => each.extensions.code),
    ['NOT_FOUND', 'NOT_FOUND'],
  );
});

test('what one may not read through the door one may not read through the gateway', async () => {
  const query = 'query ($ids: [ID!]!) { mottos(ids: $ids) { classroom { name joinCode } } }';
  const student = await through(query, { ids: [ids.classroom] }, 'student');
  assert.deepEqual(student.data.mottos, [{ classroom: { name: 'Plant Biology', joinCode: null } }]);
  assert.deepEqual(
    student.errors.map((each) => each.extensions.code),
    ['FORBIDDEN'],
  );
});

test('mutations and their errors go through', async () => {
  const mutation = 'mutation ($input: LogInInput!) { logIn(input: $input) { accessToken errors { code } } }';
  const { data } = await through(mutation, { input: { email: 'nobody@demo.school', password: 'wrong wrong wrong' } });
  assert.deepEqual(data, { logIn: { accessToken: null, errors: [{ code: 'INVALID_CREDENTIALS' }] } });
});
