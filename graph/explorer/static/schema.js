// What does the server offer? Its schema by introspection, fetched when first needed and kept.

import { trouble } from './transport.js';

const TYPE = 'kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }';
const INPUT = `name description defaultValue isDeprecated deprecationReason type { ${TYPE} }`;
const INTROSPECTION = `query Introspection {
  __schema {
    description
    queryType { name } mutationType { name } subscriptionType { name }
    directives { name description locations args(includeDeprecated: true) { ${INPUT} } }
    types {
      kind name description specifiedByURL
      fields(includeDeprecated: true) {
        name description isDeprecated deprecationReason type { ${TYPE} } args(includeDeprecated: true) { ${INPUT} }
      }
      inputFields(includeDeprecated: true) { ${INPUT} }
      interfaces { name }
      possibleTypes { name }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    }
  }
}`;
const TYPENAME = { name: '__typename', description: 'The name of the type that stands here.', args: [], type: { kind: 'NON_NULL', ofType: { kind: 'SCALAR', name: 'String' } } };
const COMPOSITE = new Set(['OBJECT', 'INTERFACE', 'UNION']);

/** The server's types by name, as introspection describes them. */
export class Schema {
  #types;
  #roots;
  #directives;

  constructor({ types, directives, queryType, mutationType, subscriptionType, description }) {
    this.description = description;
    this.#types = new Map(types.map((type) => [type.name, type]));
    this.#directives = new Map(directives.map((directive) => [directive.name, directive]));
    this.#roots = { query: queryType?.name, mutation: mutationType?.name, subscription: subscriptionType?.name };
  }

  /** All types but introspection's own, in alphabetical order. */
  get types() {
    return [...this.#types.values()].filter((type) => !type.name.startsWith('__')).sort((a, b) => a.name.localeCompare(b.name));
  }

  get directives() {
    return [...this.#directives.values()];
  }

  type(name) {
    return this.#types.get(name) ?? null;
  }

  directive(name) {
    return this.#directives.get(name) ?? null;
  }

  /** The type where an operation of this kind starts; null where the server has none. */
  root(kind) {
    return this.type(this.#roots[kind]);
  }

  /** The type inside the lists and exclamation marks of a reference. */
  named(reference) {
    let inner = reference;
    while (inner?.ofType) inner = inner.ofType;
    return this.type(inner?.name);
  }

  /** The fields that may be asked of a type, `__typename` last. */
  fields(type) {
    return COMPOSITE.has(type?.kind) ? [...(type.fields ?? []), TYPENAME] : [];
  }

  field(type, name) {
    return this.fields(type).find((field) => field.name === name) ?? null;
  }

  /** What may follow `... on` within a type: itself, its interfaces, and all that can stand there. */
  conditions(type) {
    if (!type) return this.types.filter((one) => COMPOSITE.has(one.kind));
    const names = [type.name, ...(type.possibleTypes ?? []).map((one) => one.name), ...(type.interfaces ?? []).map((one) => one.name)];
    return [...new Set(names)].map((name) => this.type(name)).filter(Boolean);
  }

  get inputTypes() {
    return this.types.filter((type) => ['SCALAR', 'ENUM', 'INPUT_OBJECT'].includes(type.kind));
  }
}

/** `[Member!]!` */
export function written(reference) {
  if (reference.kind === 'NON_NULL') return `${written(reference.ofType)}!`;
  if (reference.kind === 'LIST') return `[${written(reference.ofType)}]`;
  return reference.name ?? '…';
}

/** Asks for the schema once; a refusal is kept until somebody else signs in, a server that did not answer is asked again. */
export class SchemaSource {
  #session;
  #endpoint;
  #asked = null;

  constructor(session, endpoint) {
    this.#session = session;
    this.#endpoint = endpoint;
    this.schema = null;
    session.addEventListener('change', () => {
      if (!this.schema) this.#asked = null;
    });
  }

  /** Answers {schema} or {refused: a sentence}. */
  load() {
    this.#asked ??= this.#fetch();
    return this.#asked;
  }

  async #fetch() {
    const outcome = await this.#session.ask({ query: INTROSPECTION, operationName: 'Introspection' }, new Headers());
    const failed = trouble(outcome, this.#endpoint);
    if (failed) {
      this.#asked = null;
      return { refused: failed };
    }
    const found = outcome.json.data?.__schema;
    if (!found) return { refused: refusal(outcome.json.errors ?? []) };
    this.schema = new Schema(found);
    return { schema: this.schema };
  }
}

function refusal(errors) {
  const codes = errors.map((error) => error.extensions?.code);
  if (codes.includes('UNAUTHENTICATED')) return 'This server shows its schema to people who are signed in. Sign in, then open this again.';
  if (codes.includes('INTROSPECTION_DISABLED') || codes.includes('FORBIDDEN')) {
    return 'This server keeps its schema to itself: only administrators may read it here. Questions work all the same.';
  }
  return `The server did not show its schema: ${errors.map((error) => error.message).join(' ') || 'it gave no reason.'}`;
}
