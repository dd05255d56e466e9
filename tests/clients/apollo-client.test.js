// Does Apollo Client work as it comes: its cache by our ids, its pages, its errors, its documents by hash?

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors, ServerError } from '@apollo/client/errors';
import { BatchHttpLink } from '@apollo/client/link/batch-http';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';

import { apollo, shown, values } from './apollo.js';
import { CLASSROOMS, STORES, ids } from './school.js';

const MEMBERS = gql`
  query Members($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    classroom(id: $id) {
      id
      members(first: $first, after: $after, last: $last, before: $before) {
        edges {
          cursor
          node {
            id
            user {
              id
              name
            }
          }
        }
        pageInfo {
          hasNextPage
          hasPreviousPage
          startCursor
          endCursor
        }
      }
    }
  }
`;
const namesOf = (data) => data.classroom.members.edges.map((edge) => edge.node.user.name);

test('records are kept by their ids: what one query brought another finds without asking', async () => {
  const { client, sent } = apollo('teacher');
  const { data } = await client.query({
    query: gql`
      query One($id: ID!) {
        classroom(id: $id) {
          id
          name
          teacher {
            id
            name
          }
        }
      }
    `,
    variables: { id: ids.classroom },
  });
  assert.deepEqual(data.classroom, {
    __typename: 'Classroom',
    id: ids.classroom,
    name: 'Plant Biology',
    teacher: { __typename: 'User', id: ids.teacher, name: 'Maya Lindqvist' },
  });
  assert.deepEqual(
    Object.keys(client.cache.extract()).sort(),
    [`Classroom:${ids.classroom}`, 'ROOT_QUERY', `User:${ids.teacher}`].sort(),
  );
  const teacher = client.readFragment({
    id: `User:${ids.teacher}`,
    fragment: gql`
      fragment Named on User {
        name
      }
    `,
  });
  assert.equal(teacher.name, 'Maya Lindqvist');
  assert.deepEqual(sent, ['POST 200 application/graphql-response+json']);
});

test('pages are joined forwards and backwards', async () => {
  const policies = { Classroom: { fields: { members: relayStylePagination() } } };
  const { client } = apollo('teacher', { cache: new InMemoryCache({ typePolicies: policies }) });
  const all = (
    await client.query({ query: MEMBERS, variables: { id: ids.classroom, first: 100 }, fetchPolicy: 'no-cache' })
  ).data;
  assert.equal(namesOf(all).length, 25);
  assert.deepEqual(namesOf(all).slice(0, 3), ['Maya Lindqvist', 'Sam Okafor', 'Lena Hoffmann']);

  const middle = all.classroom.members.edges[9].cursor;
  const query = client.watchQuery({ query: MEMBERS, variables: { id: ids.classroom, first: 5, after: middle } });
  const events = values(query);
  assert.deepEqual(namesOf((await shown(events)).at(-1).data), namesOf(all).slice(10, 15));
  const page = () => query.getCurrentResult().data.classroom.members.pageInfo;
  await query.fetchMore({ variables: { first: 100, after: page().endCursor } });
  assert.deepEqual(namesOf((await shown(events)).at(-1).data), namesOf(all).slice(10));
  assert.equal(page().hasNextPage, false);
  await query.fetchMore({ variables: { first: undefined, after: undefined, last: 100, before: page().startCursor } });
  assert.deepEqual(namesOf((await shown(events)).at(-1).data), namesOf(all));
  assert.equal(page().hasPreviousPage, false);
  events.end();
});

test('an error has its code, and what could be had is kept where the client wants it', async () => {
  const { client } = apollo('student');
  const query = gql`
    query Code($id: ID!) {
      classroom(id: $id) {
        id
        name
        joinCode
      }
    }
  `;
  const refused = await client.query({ query, variables: { id: ids.classroom } }).catch((error) => error);
  assert.ok(CombinedGraphQLErrors.is(refused));
  assert.deepEqual(
    refused.errors.map(({ path, extensions }) => [path, extensions.code]),
    [[['classroom', 'joinCode'], 'FORBIDDEN']],
  );
  const partial = await client.query({ query, variables: { id: ids.classroom }, errorPolicy: 'all' });
  assert.deepEqual(partial.data.classroom, {
    __typename: 'Classroom',
    id: ids.classroom,
    name: 'Plant Biology',
    joinCode: null,
  });
});

test('an operation that is refused whole is an error with a code too, whatever the status', async () => {
  const { client, sent } = apollo(null);
  const codes = async (query) => {
    const error = await client.query({ query }).catch((reason) => reason);
    assert.ok(CombinedGraphQLErrors.is(error) || ServerError.is(error), String(error));
    const errors = CombinedGraphQLErrors.is(error) ? error.errors : JSON.parse(error.bodyText).errors;
    return errors.map((each) => each.extensions.code);
  };
  assert.deepEqual(
    await codes(gql`
      {
        shoeSize
      }
    `),
    ['GRAPHQL_VALIDATION_FAILED'],
  );
  assert.deepEqual(
    await codes(gql`
      {
        classrooms(first: 3) {
          nodes {
            id
          }
        }
      }
    `),
    ['UNAUTHENTICATED'],
  );
  assert.deepEqual(sent, ['POST 400 application/graphql-response+json', 'POST 401 application/graphql-response+json']);
});

test('a mutation tells what is wrong with its input in its payload', async () => {
  const { client } = apollo('student');
  const mutation = gql`
    mutation Update($input: UpdateProfileInput!) {
      updateProfile(input: $input) {
        user {
          id
        }
        errors {
          code
          path
        }
      }
    }
  `;
  const { data } = await client.mutate({ mutation, variables: { input: { firstName: 'x'.repeat(101) } } });
  assert.deepEqual(data.updateProfile, {
    __typename: 'UpdateProfilePayload',
    user: null,
    errors: [{ __typename: 'UserError', code: 'TOO_LONG', path: ['input', 'firstName'] }],
  });
});

test('documents are asked by their hash, and sent once where the server does not know them', async () => {
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const link = (http) => new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(new HttpLink(http));
  // A name of its own: what an earlier run has told the server would be known.
  const query = gql(`query Kept${process.pid}x${Date.now()} { viewer { name } }`);
  const first = apollo('teacher', { link });
  assert.equal((await first.client.query({ query })).data.viewer.name, 'Maya Lindqvist');
  assert.deepEqual(first.sent, [
    'GET 200 application/graphql-response+json',
    'POST 200 application/graphql-response+json',
  ]);
  const second = apollo('student', { link });
  assert.equal((await second.client.query({ query })).data.viewer.name, 'Sam Okafor');
  assert.deepEqual(second.sent, ['GET 200 application/graphql-response+json']);
});

test('operations of one moment are one request', async () => {
  const { client, sent } = apollo('admin', { link: (http) => new BatchHttpLink({ ...http, batchInterval: 20 }) });
  const [list, stores] = await Promise.all([
    client.query({
      query: gql`
        {
          classrooms(first: 10) {
            nodes {
              id
              name
            }
          }
        }
      `,
    }),
    client.query({
      query: gql`
        {
          stores {
            name
          }
        }
      `,
    }),
  ]);
  assert.deepEqual(
    list.data.classrooms.nodes.map((each) => each.name),
    CLASSROOMS,
  );
  assert.deepEqual(
    stores.data.stores.map((each) => each.name),
    STORES,
  );
  assert.equal(sent.length, 1);
});
