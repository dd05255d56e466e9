// What do the schema's names mean? A drawer to search and to click through, filled when it is first opened.

import { byId, element, icon } from './dom.js';
import { written } from './schema.js';

const KINDS = { OBJECT: 'type', INTERFACE: 'interface', UNION: 'union', ENUM: 'enum', INPUT_OBJECT: 'input', SCALAR: 'scalar' };
const MOST_HITS = 60;

export class Docs {
  #source;
  #host;
  #toggle;
  #schema = null;
  #body = element('div', { class: 'docs-body', tabindex: '-1' });
  #search;
  #back;
  // The names of the types that were opened, the last one in view.
  #trail = [];

  constructor({ source, session }) {
    this.#source = source;
    this.#host = byId('docs');
    this.#toggle = byId('docs-toggle');
    this.#search = element('input', { type: 'search', class: 'docs-search', placeholder: 'Search types and fields', 'aria-label': 'Search types and fields', spellcheck: 'false', on: { input: () => this.#draw() } });
    this.#back = element('button', { type: 'button', class: 'icon', 'aria-label': 'Back', title: 'Back', on: { click: () => this.#goBack() } }, icon('back'));
    const close = element('button', { type: 'button', class: 'icon', 'aria-label': 'Close the schema', title: 'Close', on: { click: () => this.show(false) } }, icon('close'));
    this.#host.append(element('div', { class: 'docs-head' }, this.#back, this.#search, close), this.#body);
    this.#host.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !(event.target === this.#search && this.#search.value)) this.show(false);
    });
    this.#toggle.addEventListener('click', () => this.show(this.#host.hidden));
    session.addEventListener('change', () => {
      if (!this.#host.hidden && !this.#schema) this.#load();
    });
  }

  show(isOpen) {
    this.#host.hidden = !isOpen;
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
    if (!isOpen) return this.#toggle.focus();
    this.#search.focus();
    return this.#schema ? this.#draw() : this.#load();
  }

  async #load() {
    this.#body.replaceChildren(element('p', { class: 'docs-note', text: 'Reading the schema …' }));
    const { schema, refused } = await this.#source.load();
    this.#schema = schema ?? null;
    if (schema) this.#draw();
    else this.#body.replaceChildren(element('p', { class: 'docs-note', role: 'alert', text: refused }));
  }

  #open(name) {
    this.#trail.push(name);
    this.#search.value = '';
    this.#draw();
    this.#body.focus();
  }

  #goBack() {
    if (this.#search.value) this.#search.value = '';
    else this.#trail.pop();
    this.#draw();
  }

  #draw() {
    if (!this.#schema) return;
    const sought = this.#search.value.trim().toLowerCase();
    const type = this.#schema.type(this.#trail.at(-1));
    this.#back.disabled = !sought && !type;
    this.#body.replaceChildren(...(sought ? this.#hits(sought) : type ? this.#type(type) : this.#start()));
    this.#body.scrollTop = 0;
  }

  #start() {
    const roots = ['query', 'mutation', 'subscription'].map((kind) => [kind, this.#schema.root(kind)]).filter(([, type]) => type);
    const names = new Set(roots.map(([, type]) => type.name));
    const others = this.#schema.types.filter((type) => !names.has(type.name));
    return [
      this.#schema.description ? description(this.#schema.description) : null,
      heading('Where questions start'),
      element('ul', { class: 'docs-list' }, roots.map(([kind, type]) => element('li', {}, element('span', { class: 'as-keyword', text: `${kind} ` }), this.#link(type.name)))),
      ...Object.entries(KINDS).flatMap(([kind, word]) => {
        const some = others.filter((type) => type.kind === kind);
        if (!some.length) return [];
        return [heading(`${word[0].toUpperCase()}${word.slice(1)}s`), element('ul', { class: 'docs-list names' }, some.map((type) => element('li', {}, this.#link(type.name))))];
      }),
    ].filter(Boolean);
  }

  #type(type) {
    const section = (title, items) => (items?.length ? [heading(title), ...items] : []);
    const names = (title, types) => section(title, types?.length ? [element('ul', { class: 'docs-list names' }, types.map((one) => element('li', {}, this.#link(one.name))))] : []);
    return [
      element('h2', { class: 'docs-title' }, element('span', { class: 'as-keyword', text: `${KINDS[type.kind]} ` }), element('span', { class: 'as-type', text: type.name })),
      description(type.description),
      ...names('Implements', type.interfaces),
      ...section('Fields', type.fields?.map((field) => this.#field(field))),
      ...section('Input fields', type.inputFields?.map((field) => this.#field(field))),
      ...section('Values', type.enumValues?.map((value) => entry([element('span', { class: 'as-enum', text: value.name })], value))),
      ...names('Possible types', type.possibleTypes),
      type.specifiedByURL && element('p', { class: 'docs-note' }, 'Specified by ', element('a', { href: type.specifiedByURL, target: '_blank', rel: 'noopener noreferrer', text: type.specifiedByURL })),
    ].filter(Boolean);
  }

  #field(field) {
    const args = field.args ?? [];
    const signature = [
      element('span', { class: 'as-field', text: field.name }),
      ...(args.length ? [punctuation('('), args.flatMap((argument, index) => [index ? punctuation(', ') : '', ...this.#argument(argument)]), punctuation(')')].flat() : []),
      punctuation(': '),
      this.#reference(field.type),
      field.defaultValue == null ? '' : element('span', { class: 'as-literal', text: ` = ${field.defaultValue}` }),
    ];
    const told = args.filter((argument) => argument.description);
    const list = told.length ? element('dl', { class: 'docs-arguments' }, told.flatMap((argument) => [element('dt', { class: 'as-argument', text: argument.name }), element('dd', {}, prose(argument.description))])) : null;
    return entry(signature, field, list);
  }

  #argument(argument) {
    const standard = argument.defaultValue == null ? '' : element('span', { class: 'as-literal', text: ` = ${argument.defaultValue}` });
    return [element('span', { class: 'as-argument', text: argument.name }), punctuation(': '), this.#reference(argument.type), standard];
  }

  /** `[Member!]!` with its name as a link. */
  #reference(reference) {
    const text = written(reference);
    const { name } = this.#schema.named(reference) ?? {};
    if (!name) return text;
    const [before, after] = text.split(name);
    return element('span', { class: 'docs-reference' }, punctuation(before), this.#link(name), punctuation(after));
  }

  #link(name) {
    return element('button', { type: 'button', class: 'docs-link as-type', text: name, on: { click: () => this.#open(name) } });
  }

  #hits(sought) {
    const found = [];
    for (const type of this.#schema.types) {
      if (type.name.toLowerCase().includes(sought)) found.push([rank(type.name, sought), this.#hit(type.name, KINDS[type.kind], type.name)]);
      for (const field of [...(type.fields ?? []), ...(type.inputFields ?? []), ...(type.enumValues ?? [])]) {
        if (field.name.toLowerCase().includes(sought)) found.push([rank(field.name, sought) + 1, this.#hit(type.name, `in ${type.name}`, field.name, field.isDeprecated)]);
      }
    }
    if (!found.length) return [element('p', { class: 'docs-note', text: 'No type or field has this in its name.' })];
    found.sort(([a], [b]) => a - b);
    const more = found.length - MOST_HITS;
    return [element('ul', { class: 'docs-list' }, found.slice(0, MOST_HITS).map(([, hit]) => hit)), more > 0 && element('p', { class: 'docs-note', text: `And ${more} more; write a letter or two more.` })].filter(Boolean);
  }

  #hit(type, where, name, deprecated = false) {
    return element('li', { class: deprecated ? 'deprecated' : null }, element('button', { type: 'button', class: 'docs-hit', on: { click: () => this.#open(type) } }, element('b', { text: name }), element('span', { text: where })));
  }
}

const heading = (text) => element('h3', { class: 'docs-heading', text });
const punctuation = (text) => element('span', { class: 'as-punctuation', text });
/** Exact names first, then beginnings, then the rest; types before fields of the same rank. */
const rank = (name, sought) => 2 * (name.toLowerCase() === sought ? 0 : name.toLowerCase().startsWith(sought) ? 1 : 2);
/** Descriptions are Markdown; of it, `code` is what matters in them. */
const prose = (text) => text.trim().split(/`([^`\n]+)`/).map((piece, index) => (index % 2 ? element('code', { text: piece }) : piece.replace(/(?<!\n)\n(?!\n)/g, ' ')));
const description = (text) => (text ? element('p', { class: 'docs-description' }, prose(text)) : null);

function entry(signature, { description: text, isDeprecated, deprecationReason }, ...more) {
  return element(
    'div',
    { class: isDeprecated ? 'docs-entry deprecated' : 'docs-entry' },
    element('div', { class: 'docs-signature' }, signature),
    description(text),
    isDeprecated && element('p', { class: 'docs-deprecated', text: `Deprecated: ${deprecationReason ?? 'without a reason'}` }),
    ...more,
  );
}
