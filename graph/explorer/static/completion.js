// Which words fit at the cursor? A small list beside it, from the schema and from the document itself.

import { element } from './dom.js';
import { read } from './graphql.js';
import { written } from './schema.js';

const WORD = /[$@_A-Za-z0-9]*$/;
const KEYWORDS = ['query', 'mutation', 'subscription', 'fragment'];
const SPOTS = new Set(['FIELD', 'FRAGMENT_SPREAD', 'INLINE_FRAGMENT', 'QUERY', 'MUTATION', 'SUBSCRIPTION']);

/**
 * The words that fit at `caret`: {from, prefix, words: [{name, insert, detail, description, deprecated}]}.
 * Words that begin with what is typed come first, then those that contain it.
 */
export function fitting(text, caret, schema) {
  const before = text.slice(0, caret);
  const prefix = before.match(WORD)[0];
  const from = caret - prefix.length;
  const { lexemes, wanted, fragments } = read(text.slice(0, from), schema);
  const last = lexemes.at(-1);
  const within = last?.kind === 'comment' || (last?.kind === 'string' && !/^("(?:\\.|[^"\\])*"|"""[^]*""")$/.test(last.text));
  if (within || /^[0-9]/.test(prefix)) return { from, prefix, words: [] };
  const all = offered(prefix, wanted, schema, read(text), fragments);
  const low = prefix.toLowerCase();
  const starting = all.filter((word) => word.name.toLowerCase().startsWith(low));
  const containing = prefix.length > 1 ? all.filter((word) => !starting.includes(word) && word.name.toLowerCase().includes(low)) : [];
  return { from, prefix, words: [...starting, ...containing] };
}

function offered(prefix, wanted, schema, document) {
  const plain = (name, detail = '') => ({ name, insert: name, detail });
  if (prefix.startsWith('$')) return wanted.kind === 'value' ? [...new Set(document.variables)].map((name) => plain(name, 'variable')) : [];
  if (prefix.startsWith('@')) {
    return schema.directives
      .filter((directive) => directive.locations.some((location) => SPOTS.has(location)))
      .map((directive) => ({ ...plain(`@${directive.name}`), description: directive.description }));
  }
  const described = (one, insert = one.name) => ({
    name: one.name,
    insert,
    detail: one.type ? written(one.type) : '',
    description: one.deprecationReason ? `Deprecated: ${one.deprecationReason}` : one.description,
    deprecated: one.isDeprecated,
  });
  switch (wanted.kind) {
    case 'definition':
      return KEYWORDS.map((name) => plain(name));
    case 'field':
      return schema.fields(wanted.type).map((field) => described(field));
    case 'spread':
      return [plain('on', 'type condition'), ...document.fragments.map((name) => plain(name, 'fragment'))];
    case 'condition':
      return schema.conditions(wanted.type).map((type) => ({ ...plain(type.name), description: type.description }));
    case 'argument':
      return wanted.known.filter((one) => !wanted.used.includes(one.name)).map((one) => described(one, `${one.name}: `));
    case 'inputType':
      return schema.inputTypes.map((type) => ({ ...plain(type.name), description: type.description }));
    case 'value':
      return values(wanted.type, document, plain, described);
    default:
      return [];
  }
}

function values(type, document, plain, described) {
  const variables = [...new Set(document.variables)].map((name) => plain(name, 'variable'));
  if (type?.kind === 'ENUM') return [...type.enumValues.map((value) => described(value)), ...variables];
  if (type?.name === 'Boolean') return [plain('true'), plain('false'), ...variables];
  return variables;
}

/** The list itself: opens with Ctrl+Space and while a word is typed; arrows choose, Enter or Tab takes, Escape closes. */
export class Completion {
  #editor;
  #source;
  #list;
  #about;
  #box;
  #fit = null;
  #chosen = 0;
  #turn = 0;

  constructor(editor, source) {
    this.#editor = editor;
    this.#source = source;
    this.#list = element('ul', { class: 'words', role: 'listbox', id: 'words', 'aria-label': 'Suggestions' });
    this.#about = element('p', { class: 'words-about' });
    this.#box = element('div', { class: 'completion', hidden: true }, this.#list, this.#about);
    document.body.append(this.#box);
    const { input, host } = editor;
    input.setAttribute('aria-autocomplete', 'list');
    input.setAttribute('aria-controls', 'words');
    // Before the editor's own keys: Tab and Enter mean something else while the list is open.
    input.addEventListener('keydown', (event) => this.#key(event), { capture: true });
    input.addEventListener('input', (event) => this.#typed(event));
    input.addEventListener('blur', () => this.close());
    input.addEventListener('mousedown', () => this.close());
    host.addEventListener('scroll', () => this.close());
  }

  get open() {
    return !this.#box.hidden;
  }

  close() {
    this.#turn += 1;
    this.#box.hidden = true;
    this.#fit = null;
    this.#editor.input.removeAttribute('aria-activedescendant');
  }

  /** Offers what fits at the cursor; `asked`: somebody asked for it, so a missing schema is said aloud. */
  async offer(asked) {
    const turn = ++this.#turn;
    const { schema, refused } = await this.#source.load();
    // The answer may come after the cursor went on, or away.
    if (turn !== this.#turn || document.activeElement !== this.#editor.input) return;
    if (!schema) return asked ? this.#say(refused) : this.close();
    const { text, caret } = this.#editor;
    const fit = fitting(text, caret, schema);
    const done = fit.words.length === 1 && fit.words[0].insert === fit.prefix;
    if (!asked && (done || !fit.prefix)) return this.close();
    if (!fit.words.length) return asked ? this.#say('Nothing fits here.') : this.close();
    this.#fit = fit;
    this.#show();
    return undefined;
  }

  #say(sentence) {
    this.#fit = { words: [] };
    this.#list.replaceChildren();
    this.#about.textContent = sentence;
    this.#place(this.#editor.caret);
  }

  #show() {
    this.#list.replaceChildren(
      ...this.#fit.words.map((word, index) =>
        element(
          'li',
          { role: 'option', id: `word-${index}`, class: word.deprecated ? 'word deprecated' : 'word', on: { mousedown: (event) => this.#click(event, index) } },
          element('span', { class: 'word-name', text: word.name }),
          element('span', { class: 'word-detail', text: word.detail }),
        ),
      ),
    );
    this.#place(this.#fit.from);
    this.#choose(0);
  }

  #place(offset) {
    this.#box.hidden = false;
    const at = this.#editor.place(offset);
    const below = at.bottom + 4 + this.#box.offsetHeight <= innerHeight;
    this.#box.style.left = `${Math.max(8, Math.min(at.left - 13, innerWidth - this.#box.offsetWidth - 8))}px`;
    this.#box.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - this.#box.offsetHeight)}px`;
  }

  #choose(index) {
    this.#list.children[this.#chosen]?.removeAttribute('aria-selected');
    this.#chosen = index;
    const option = this.#list.children[index];
    option.setAttribute('aria-selected', 'true');
    option.scrollIntoView({ block: 'nearest' });
    this.#editor.input.setAttribute('aria-activedescendant', option.id);
    this.#about.textContent = this.#fit.words[index].description ?? '';
  }

  #click(event, index) {
    event.preventDefault();
    this.#take(index);
  }

  #take(index) {
    const { from, prefix, words } = this.#fit;
    this.close();
    this.#editor.insert(words[index].insert, from, from + prefix.length);
    this.close();
  }

  #typed(event) {
    const letter = event.inputType?.startsWith('insert') && /^[$@_A-Za-z0-9]$/.test(event.data ?? '');
    if (letter || (this.open && event.inputType === 'deleteContentBackward')) this.offer(false);
    else this.close();
  }

  #key(event) {
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      this.offer(true);
      return;
    }
    if (!this.open) return;
    const { words } = this.#fit;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 7, PageUp: -7 };
    if (event.key === 'Escape') {
      event.preventDefault();
      this.close();
    } else if (words.length && event.key in moves && !event.shiftKey && !event.ctrlKey) {
      event.preventDefault();
      const one = Math.abs(moves[event.key]) === 1;
      const next = this.#chosen + moves[event.key];
      this.#choose(one ? (next + words.length) % words.length : Math.max(0, Math.min(words.length - 1, next)));
    } else if (words.length && (event.key === 'Tab' || event.key === 'Enter') && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
      // A word that is written out already is not taken once more: Enter means a new line then.
      if (words[this.#chosen].insert === this.#fit.prefix) return this.close();
      event.preventDefault();
      this.#take(this.#chosen);
    } else if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key) || event.ctrlKey || event.metaKey) this.close();
    return undefined;
  }
}
