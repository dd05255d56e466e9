// What does each word of a GraphQL document mean, and what may stand at the cursor? A reader that forgives half-written documents.

const LEXEME = new RegExp(
  [
    '(?<comment>#[^\\n]*)',
    '(?<string>"""(?:\\\\"""|[^])*?(?:"""|$)|"(?:\\\\.|[^"\\\\\\n])*"?)',
    '(?<number>-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)',
    '(?<variable>\\$[_A-Za-z0-9]*)',
    '(?<directive>@[_A-Za-z0-9]*)',
    '(?<name>[_A-Za-z][_A-Za-z0-9]*)',
    '(?<punctuation>\\.{3}|[{}()[\\]:=!|&])',
    '(?<space>[\\s,\\uFEFF]+)',
    '(?<other>[^])',
  ].join('|'),
  'gu',
);
const OPERATIONS = new Set(['query', 'mutation', 'subscription']);
const LITERALS = new Set(['true', 'false', 'null']);
const CLOSING = new Set([')', '}', ']']);
const ANYTHING = { kind: 'nothing' };

/** The document's lexemes in order, nothing left out: {kind, text, start, end, role}. */
export function lexemes(text) {
  const found = [];
  for (const match of text.matchAll(LEXEME)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    found.push({ kind, text: match[0], start: match.index, end: match.index + match[0].length, role: kind });
  }
  return found;
}

/**
 * Reads a document and gives each lexeme its `role` (keyword, definition, field, argument, type, literal, ...).
 * Answers {lexemes, operations: [{kind, name, start, end}], variables: [names], fragments: [names], wanted}, where
 * `wanted` says what may stand at the document's end; with a schema it carries types.
 */
export function read(text, schema = null) {
  const all = lexemes(text);
  const reader = new Reader(all.filter((lexeme) => lexeme.kind !== 'space' && lexeme.kind !== 'comment'), schema);
  let wanted = ANYTHING;
  try {
    reader.document();
  } catch (end) {
    if (!(end instanceof End)) throw end;
    wanted = end.wanted;
  }
  return { lexemes: all, operations: reader.operations, variables: reader.variables, fragments: reader.fragments, wanted };
}

class End {
  constructor(wanted) {
    this.wanted = wanted;
  }
}

class Reader {
  constructor(lexemes, schema) {
    this.lexemes = lexemes;
    this.schema = schema;
    this.at = 0;
    this.operations = [];
    this.variables = [];
    this.fragments = [];
  }

  /** The next lexeme; at the document's end, what was wanted there is thrown. */
  peek(wanted = ANYTHING) {
    if (this.at >= this.lexemes.length) throw new End(wanted);
    return this.lexemes[this.at];
  }

  take(role) {
    const lexeme = this.lexemes[this.at++];
    if (role) lexeme.role = role;
    return lexeme;
  }

  document() {
    for (;;) {
      const next = this.peek({ kind: 'definition' });
      if (next.text === '{' || (next.kind === 'name' && OPERATIONS.has(next.text))) this.operation(next);
      else if (next.text === 'fragment') this.fragment();
      else this.take();
    }
  }

  operation(first) {
    const kind = first.text === '{' ? 'query' : first.text;
    const operation = { kind, name: null, start: first.start, end: Infinity };
    this.operations.push(operation);
    const root = this.schema?.root(kind) ?? null;
    if (first.text !== '{') {
      this.take('keyword');
      if (this.peek().kind === 'name') operation.name = this.take('definition').text;
      if (this.peek().text === '(') this.declarations();
      this.directives();
    }
    if (this.peek().text === '{') this.selection(root);
    operation.end = this.lexemes[this.at - 1].end;
  }

  fragment() {
    this.take('keyword');
    if (this.peek().kind === 'name') this.fragments.push(this.take('definition').text);
    const type = this.peek().text === 'on' ? this.condition(null) : null;
    this.directives();
    if (this.peek().text === '{') this.selection(type);
  }

  condition(parent) {
    this.take('keyword');
    if (this.peek({ kind: 'condition', type: parent }).kind !== 'name') return parent;
    const { text } = this.take('type');
    return this.schema?.type(text) ?? null;
  }

  declarations() {
    this.take();
    for (;;) {
      const next = this.peek();
      if (next.text === ')') return void this.take();
      if (next.text === '{') return;
      if (next.kind !== 'variable') {
        this.take();
        continue;
      }
      this.variables.push(this.take().text);
      if (this.peek().text !== ':') continue;
      this.take();
      while (['[', ']', '!'].includes(this.peek({ kind: 'inputType' }).text) || this.peek().kind === 'name') {
        this.take(this.peek().kind === 'name' ? 'type' : undefined);
      }
      if (this.peek().text === '=') {
        this.take();
        this.value(null);
      }
      this.directives();
    }
  }

  selection(type) {
    this.take();
    const wanted = { kind: 'field', type };
    for (;;) {
      const next = this.peek(wanted);
      if (next.text === '}') return void this.take();
      if (next.text === '...') this.spread(type);
      else if (next.kind === 'name') this.field(type, wanted);
      else this.take();
    }
  }

  spread(type) {
    this.take('keyword');
    let inner = type;
    const next = this.peek({ kind: 'spread', type });
    if (next.text === 'on') inner = this.condition(type);
    else if (next.kind === 'name') {
      this.take('fragment');
      return this.directives();
    }
    this.directives();
    if (this.peek({ kind: 'field', type }).text === '{') this.selection(inner);
    return undefined;
  }

  field(type, wanted) {
    let name = this.take('field');
    if (this.peek(wanted).text === ':') {
      name.role = 'alias';
      this.take();
      if (this.peek(wanted).kind !== 'name') return;
      name = this.take('field');
    }
    const field = this.schema?.field(type, name.text) ?? null;
    if (this.peek(wanted).text === '(') this.arguments(field?.args ?? []);
    this.directives(wanted);
    if (this.peek(wanted).text === '{') this.selection(field ? this.schema.named(field.type) : null);
  }

  directives(wanted = ANYTHING) {
    while (this.peek(wanted).kind === 'directive') {
      const { text } = this.take();
      const directive = this.schema?.directive(text.slice(1));
      if (this.peek(wanted).text === '(') this.arguments(directive?.args ?? []);
    }
  }

  arguments(known) {
    this.take();
    this.pairs(known, ')');
  }

  /** `name: value` pairs up to `close`: arguments and the fields of input objects. */
  pairs(known, close) {
    const used = [];
    for (;;) {
      const next = this.peek({ kind: 'argument', known, used });
      if (next.text === close) return void this.take();
      // Another bracket closes something further out: the document is half-written here.
      if (CLOSING.has(next.text) || next.text === '{') return;
      if (next.kind !== 'name') {
        this.take();
        continue;
      }
      const name = this.take('argument').text;
      used.push(name);
      if (this.peek().text !== ':') continue;
      this.take();
      this.value(known.find((argument) => argument.name === name)?.type ?? null);
    }
  }

  value(type) {
    const named = type && this.schema ? this.schema.named(type) : null;
    const next = this.peek({ kind: 'value', type: named });
    if (next.text === '{') {
      this.take();
      this.pairs(named?.inputFields ?? [], '}');
    } else if (next.text === '[') {
      this.take();
      for (;;) {
        const item = this.peek({ kind: 'value', type: named });
        if (item.text === ']') return void this.take();
        if (CLOSING.has(item.text)) return;
        this.value(type);
      }
    } else if (!CLOSING.has(next.text)) {
      this.take(next.kind === 'name' ? (LITERALS.has(next.text) ? 'literal' : 'enum') : undefined);
    }
  }
}
