// Does graphql-inspector find the committed schema in the running server, and the contract's operations valid by it?

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';

import { CriticalityLevel, coverage, diff, validate } from '@graphql-inspector/core';
import { Source, buildClientSchema, buildSchema, getIntrospectionQuery } from 'graphql';

import { ask } from './school.js';

const root = path.join(import.meta.dirname, '../..');
const folder = path.join(root, 'tests/contract/operations');
let committed, sources;

before(async () => {
  committed = await readFile(path.join(root, 'schema.graphql'), 'utf8');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.graphql')).sort();
  sources = await Promise.all(
    files.map(async (name) => new Source(await readFile(path.join(folder, name), 'utf8'), name)),
  );
});

const breaking = (changes) =>
  changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking).map(({ message }) => message);

test('the running server has the committed schema: nothing is changed', async () => {
  const { sdl } = (await ask('{ _service { sdl } }')).data._service;
  assert.deepEqual(await diff(buildSchema(committed), buildSchema(sdl)), []);
});

test('what introspection shows breaks nobody who wrote against the committed schema', async () => {
  const { data } = await ask(
    getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true, directiveIsRepeatable: true }),
  );
  assert.deepEqual(breaking(await diff(buildSchema(committed), buildClientSchema(data))), [
    // A gateway reads the SDL, which has the name that composition asks for; no client sends these.
    "Type for argument 'fields' on directive 'key' changed from 'federation__FieldSet!' to '_FieldSet!'",
    "Type 'federation__FieldSet' was removed",
  ]);
});

test('the operations of the contract are valid, and nothing in them is deprecated', () => {
  assert.deepEqual(validate(buildSchema(committed), sources), []);
});

test('a change that breaks an operation of the contract is told, and what it breaks', async () => {
  const changed = buildSchema(committed.replace(/^  joinCode: String @access/m, '  entryCode: String @access'));
  assert.deepEqual(breaking(await diff(buildSchema(committed), changed)), [
    "Field 'joinCode' was removed from object type 'Classroom'",
  ]);
  const invalid = validate(changed, sources);
  assert.deepEqual(
    invalid.map(({ source, errors }) => [source.name, errors.map((error) => error.message)]),
    [['00-front-page.graphql', ['Cannot query field "joinCode" on type "Classroom".']]],
  );
});
