// Do the types that graphql-codegen makes of our schema and operations hold under `tsc --strict`, and on the wire?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { Kind, buildSchema, parse } from 'graphql';

import { ids, tokens, url } from './school.js';

const here = import.meta.dirname;
const made = path.join(here, '.made', 'codegen');
const run = promisify(execFile);

/** The contract's operations and our schema, as generated TypeScript. Answers the names of the operations. */
async function generate() {
  const sdl = await readFile(path.join(here, '../../schema.graphql'), 'utf8');
  const folder = path.join(here, '../contract/operations');
  const documents = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.graphql')).sort()) {
    const rawSDL = await readFile(path.join(folder, file), 'utf8');
    documents.push({ location: path.join(folder, file), rawSDL, document: parse(rawSDL) });
  }
  const text = { input: 'string', output: 'string' };
  const config = {
    documentMode: 'string',
    defaultScalarType: 'unknown',
    useTypeImports: true,
    scalars: { BigInt: text, Date: text, DateTime: text },
  };
  const parts = await preset.buildGeneratesSection({
    baseOutputDir: path.join(made, 'gql/'),
    schema: parse(sdl),
    schemaAst: buildSchema(sdl),
    documents,
    config,
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
    pluginContext: {},
  });
  for (const part of parts) await writeFile(part.filename, await codegen(part));
  return documents
    .flatMap(({ document }) => document.definitions)
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .map((operation) => operation.name.value);
}

test('every operation of the contract has types, and a page that uses them passes tsc --strict', async () => {
  await rm(made, { recursive: true, force: true });
  await mkdir(path.join(made, 'gql'), { recursive: true });
  await cp(path.join(here, 'codegen/page.ts'), path.join(made, 'page.ts'));
  const names = await generate();
  const types = await readFile(path.join(made, 'gql/graphql.ts'), 'utf8');
  assert.ok(names.length >= 20);
  for (const name of names) assert.match(types, new RegExp(`export const ${name}Document = `));
  // Scalars that nobody has given a type would be `any`.
  assert.doesNotMatch(types, /: any\b/);

  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--verbatimModuleSyntax'];
  const shape = ['--target', 'es2022', '--module', 'nodenext', '--types', 'node', '--outDir', path.join(made, 'js')];
  await writeFile(path.join(made, 'package.json'), '{ "type": "module" }');
  const tsc = path.join(here, 'node_modules/typescript/bin/tsc');
  const said = await run(process.execPath, [tsc, ...strict, ...shape, 'page.ts'], { cwd: made }).catch(
    (error) => error,
  );
  assert.equal(said.stdout, '');
});

test('the page reads from the server what its types promise', async () => {
  const page = path.join(made, 'js/page.js');
  const { stdout } = await run(process.execPath, [page, url, tokens.teacher, tokens.admin, ids.classroom, ids.teacher]);
  assert.deepEqual(JSON.parse(stdout), {
    name: 'Plant Biology',
    roles: ['TEACHER', 20],
    scheduled: 'string',
    score: 'number',
    accounts: ['ADMIN'],
    node: 'Maya Lindqvist',
    types: ['Classroom', 'User'],
    refused: ['INVALID_CREDENTIALS'],
  });
});
