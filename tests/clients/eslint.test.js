// What does graphql-eslint say of our schema, by its rules for Relay and its recommended ones, and of our operations?

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import graphqlEslint from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';

const root = path.join(import.meta.dirname, '../..');
const schema = path.join(root, 'schema.graphql');
const documents = path.join(root, 'tests/contract/operations/*.graphql');
const { configs } = graphqlEslint;

/** What is said of files by these rules: rule and sentence. `files` below the root. */
async function complaints(files, rules, of = schema) {
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ['**/*.graphql'],
        languageOptions: {
          parser: graphqlEslint.parser,
          parserOptions: { graphQLConfig: { schema: of, documents } },
        },
        plugins: { '@graphql-eslint': graphqlEslint },
        rules,
      },
    ],
  });
  const results = await eslint.lintFiles(files);
  return results
    .flatMap(({ filePath, messages }) =>
      messages.map(
        ({ ruleId, message }) => `${path.basename(filePath)} ${ruleId?.replace('@graphql-eslint/', '')}: ${message}`,
      ),
    )
    .filter((complaint) => !FEDERATION.test(complaint));
}

// Names that Apollo's Federation prescribes.
const FEDERATION = / "(_|link__|federation__)\w+"|Leading underscores are not allowed/;

test('the schema keeps the rules of Relay: connections, edges, page info and arguments', async () => {
  const relay = configs['flat/schema-relay'].rules;
  assert.deepEqual(
    Object.keys(relay).map((name) => name.replace('@graphql-eslint/', '')),
    ['relay-arguments', 'relay-connection-types', 'relay-edge-types', 'relay-page-info'],
  );
  // Connections have `nodes` beside `edges`, and a record may hold a list of what is its own.
  const lists = { '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }] };
  assert.deepEqual(await complaints(['schema.graphql'], { ...relay, ...lists }), [
    // Best first, and only forwards: nobody reads the worst ones first.
    'schema.graphql relay-arguments: Field `search` must contain an argument `last`, that return Int.',
    'schema.graphql relay-arguments: Field `search` must contain an argument `before`, that return String or Scalar.',
  ]);
});

test('the schema keeps the recommended rules', async () => {
  const recommended = configs['flat/schema-recommended'].rules;
  // What is part of a record, or a step on the way to one, has no id; tests/contract/test_schema.py says what has.
  const ids = { '@graphql-eslint/strict-id-in-types': 'off' };
  assert.deepEqual(await complaints(['schema.graphql'], { ...recommended, ...ids }), [
    // The contract's names.
    'schema.graphql no-typename-prefix: Field "documentType" starts with the name of the parent type "Document"',
    'schema.graphql no-typename-prefix: Field "meetingUrl" starts with the name of the parent type "Meeting"',
  ]);
});

test('the operations of the contract keep the recommended rules', async () => {
  assert.deepEqual(await complaints([documents], configs['flat/operations-recommended'].rules), [
    // It sets a subscription, that is, a plan.
    '01-accounts.graphql naming-convention: Mutation "SetSubscription" should not have "Subscription" suffix',
  ]);
});

test('what breaks a rule is told', async () => {
  const broken = 'type Query { rooms(first: Int): RoomConnection }\ntype RoomConnection { edges: [String] }\n';
  const file = path.join(import.meta.dirname, '.made', 'broken.graphql');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, broken);
  const told = await complaints([file], configs['flat/schema-relay'].rules, file);
  assert.deepEqual(
    told.map((complaint) => complaint.split(': ')[0]),
    [
      'broken.graphql relay-arguments',
      'broken.graphql relay-connection-types',
      'broken.graphql relay-edge-types',
      'broken.graphql relay-edge-types',
    ],
  );
});
