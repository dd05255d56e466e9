// Does Relay's compiler take our schema, and does its runtime page both ways and fetch records again by their ids?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';

import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws';

import { STORES, ask, authorization, ids, nextOfMongodb, socketUrl, url, whileMongodbStandsStill } from './school.js';

const { Environment, Network, Observable, RecordSource, Store } = relay;
const here = import.meta.dirname;
const made = path.join(here, '.made', 'relay');
const compiled = createRequire(path.join(made, 'package.json'));
const artifact = (name) => compiled(`./src/__generated__/${name}.graphql.js`);

before(async () => {
  await rm(made, { recursive: true, force: true });
  await mkdir(path.join(made, 'src'), { recursive: true });
  await cp(path.join(here, 'relay/classroom.js'), path.join(made, 'src/classroom.js'));
  await cp(path.join(here, '../../schema.graphql'), path.join(made, 'schema.graphql'));
  await writeFile(path.join(made, 'package.json'), '{ "type": "commonjs" }');
  const config = { src: './src', schema: './schema.graphql', language: 'javascript', eagerEsModules: false };
  await writeFile(path.join(made, 'relay.config.json'), JSON.stringify(config));
  const compiler = path.join(here, 'node_modules/relay-compiler/cli.js');
  const options = { cwd: made, env: { ...process.env, FORCE_NO_WATCHMAN: '1' } };
  await promisify(execFile)(process.execPath, [compiler, 'relay.config.json'], options);
});

/** An environment of `account`, and the operations that it sent. */
function school(account) {
  const sent = [];
  const fetchFn = async ({ name, text }, variables) => {
    sent.push(name);
    const headers = { 'content-type': 'application/json', authorization: authorization(account) };
    const body = JSON.stringify({ query: text, operationName: name, variables });
    return (await fetch(url, { method: 'POST', headers, body })).json();
  };
  const sockets = createClient({ url: socketUrl, webSocketImpl: WebSocket });
  const subscribeFn = ({ text }, variables) =>
    Observable.create((sink) => sockets.subscribe({ query: text, variables }, sink));
  const network = Network.create(fetchFn, subscribeFn);
  return { environment: new Environment({ network, store: new Store(new RecordSource()) }), sent };
}

/** Fetch a query and read what it holds from the store. */
async function fetched(environment, query, variables) {
  await relay.fetchQuery(environment, query, variables).toPromise();
  return environment.lookup(relay.createOperationDescriptor(relay.getRequest(query), variables).fragment).data;
}

/** What the store holds of a fragment. */
const seen = (environment, fragment, ref) =>
  environment.lookup(relay.getSingularSelector(relay.getFragment(fragment), ref)).data;

/** The next page in a direction, fetched as `usePaginationFragment` does it. */
async function turn(environment, fragment, direction, count, cursor) {
  const { paginationRequest, paginationMetadata } = relay.getPaginationMetadata(fragment, 'the test');
  const { identifierInfo } = relay.getRefetchMetadata(fragment, 'the test');
  const variables = relay.getPaginationVariables(direction, count, cursor, {}, {}, paginationMetadata);
  variables[identifierInfo.identifierQueryVariableName] = ids.classroom;
  await relay.fetchQuery(environment, paginationRequest, variables).toPromise();
}

const names = ({ members }) => members.edges.map((edge) => edge.node.user.name);

test('the compiler makes an artifact of every query, fragment and refetch', async () => {
  const files = (await readdir(path.join(made, 'src/__generated__'))).map((name) => name.replace('.graphql.js', ''));
  assert.deepEqual(files.sort(), [
    'classroomMembersQuery',
    'classroomMembers_classroom',
    'classroomPageQuery',
    'classroomPersonPageQuery',
    'classroomPersonQuery',
    'classroomPerson_user',
    'classroomPictureMutation',
    'classroomStaffQuery',
    'classroomStaff_classroom',
    'classroomStoresSubscription',
  ]);
});

test('a connection is paged forwards to its end and backwards to its start', async () => {
  const list =
    '{ classroom(id: "' + ids.classroom + '") { members(first: 100) { edges { cursor node { user { name } } } } } }';
  const { edges } = (await ask(list, {}, 'teacher')).data.classroom.members;
  const all = edges.map((edge) => edge.node.user.name);
  assert.equal(all.length, 25);

  const { environment, sent } = school('teacher');
  const fragment = artifact('classroomMembers_classroom');
  const start = { id: ids.classroom, first: 5, after: edges[9].cursor };
  const { classroom } = await fetched(environment, artifact('classroomPageQuery'), start);
  const shown = () => seen(environment, fragment, classroom);
  assert.equal(classroom.name, 'Plant Biology');
  assert.deepEqual(names(shown()), all.slice(10, 15));

  await turn(environment, fragment, 'forward', 4, shown().members.pageInfo.endCursor);
  assert.deepEqual(names(shown()), all.slice(10, 19));
  assert.equal(shown().members.pageInfo.hasNextPage, true);
  await turn(environment, fragment, 'forward', 100, shown().members.pageInfo.endCursor);
  assert.deepEqual(names(shown()), all.slice(10));
  assert.equal(shown().members.pageInfo.hasNextPage, false);

  await turn(environment, fragment, 'backward', 3, shown().members.pageInfo.startCursor);
  assert.deepEqual(names(shown()), all.slice(7));
  assert.equal(shown().members.pageInfo.hasPreviousPage, true);
  await turn(environment, fragment, 'backward', 100, shown().members.pageInfo.startCursor);
  assert.deepEqual(names(shown()), all);
  assert.equal(shown().members.pageInfo.hasPreviousPage, false);
  assert.deepEqual(sent, ['classroomPageQuery', ...Array(4).fill('classroomMembersQuery')]);
});

test('a fragment is fetched again through node, by the id alone', async () => {
  const { environment, sent } = school('teacher');
  const { classroom } = await fetched(environment, artifact('classroomPageQuery'), { id: ids.classroom, first: 1 });
  const { refetchableRequest } = relay.getRefetchMetadata(artifact('classroomStaff_classroom'), 'the test');
  assert.match(refetchableRequest.params.text, /node\(id: \$id\)/);
  // Forgotten here, so that only the server can bring it back.
  environment.commitUpdate((store) => store.get(ids.classroom).setValue(null, 'joinCode'));
  const shown = () => seen(environment, artifact('classroomStaff_classroom'), classroom);
  assert.equal(shown().joinCode, null);
  await relay.fetchQuery(environment, refetchableRequest, { id: ids.classroom }).toPromise();
  assert.deepEqual(shown(), {
    id: ids.classroom,
    joinCode: 'LEAF2K7M',
    teacher: { id: ids.teacher, name: 'Maya Lindqvist', avatarUrl: null },
  });
  assert.deepEqual(sent, ['classroomPageQuery', 'classroomStaffQuery']);
});

test('a mutation changes the record wherever it is shown, and tells what is wrong with its input', async () => {
  const { environment } = school('student');
  const { viewer } = await fetched(environment, artifact('classroomPersonPageQuery'), {});
  const picture = () => seen(environment, artifact('classroomPerson_user'), viewer).avatarUrl;
  const change = (avatarUrl) =>
    new Promise((onCompleted, onError) => {
      const mutation = artifact('classroomPictureMutation');
      relay.commitMutation(environment, { mutation, variables: { input: { avatarUrl } }, onCompleted, onError });
    });
  const before = picture();
  try {
    assert.deepEqual((await change('https://pictures.test/sam.png')).updateProfile.errors, []);
    assert.equal(picture(), 'https://pictures.test/sam.png');
    const refused = await change('sam.png');
    assert.deepEqual(refused.updateProfile, {
      user: null,
      errors: [{ code: 'INVALID_URL', path: ['input', 'avatarUrl'] }],
    });
    assert.equal(picture(), 'https://pictures.test/sam.png');
  } finally {
    await change(before);
  }
  assert.equal(picture(), before);
});

test('a subscription is followed over a socket', async () => {
  const { environment } = school('student');
  const waiting = [];
  const come = [];
  const subscription = relay.requestSubscription(environment, {
    subscription: artifact('classroomStoresSubscription'),
    variables: {},
    onNext: (value) => (waiting.length ? waiting.shift()({ value }) : come.push({ value })),
  });
  const events = { next: async () => come.shift() ?? new Promise((resolve) => waiting.push(resolve)) };
  const { storesLive } = (await events.next()).value;
  assert.equal(storesLive.kind, 'SNAPSHOT');
  assert.deepEqual(
    storesLive.snapshot.stores.map((store) => store.name),
    STORES,
  );
  await whileMongodbStandsStill(async () => assert.deepEqual(await nextOfMongodb(events), ['UPDATED mongodb DOWN']));
  subscription.dispose();
});
