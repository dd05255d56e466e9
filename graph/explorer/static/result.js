// What came back? The status in a line, the errors as sentences, the data as a tree.

import { bytes, byId, element, milliseconds, plural } from './dom.js';
import { drawLedger } from './ledger.js';
import { trouble } from './transport.js';
import { tree } from './tree.js';

/**
 * The right half of the page. `goTo(line, column)` moves the question's cursor, `endpoint` is named in sentences, `other`
 * is where the full explorer is, null where there is none.
 */
export class Result {
  #goTo;
  #endpoint;
  #production;
  #other;
  #shown = null;
  #text = '';
  #clock = null;

  constructor({ endpoint, production, other, goTo }) {
    this.#endpoint = endpoint;
    this.#production = production;
    this.#other = other;
    this.#goTo = goTo;
    byId('fold-all').addEventListener('click', () => this.#shown?.fold());
    byId('unfold-all').addEventListener('click', () => this.#shown?.unfold());
    byId('copy').addEventListener('click', () => this.#copy());
    this.welcome();
  }

  /** Before the first question. */
  welcome() {
    this.#settle();
    byId('ledger').hidden = true;
    this.#status([]);
    const step = (keys, text) => element('li', {}, element('span', { class: 'keys' }, keys.map((key) => element('kbd', { text: key }))), text);
    this.#body(
      element(
        'div',
        { class: 'welcome' },
        element('h2', { text: 'One question, seven stores' }),
        element('p', { text: 'Press Run: the answer appears here, gathered from every store that holds a part of it.' }),
        element('ul', {}, step(['Ctrl', '⏎'], 'run the question'), step(['Ctrl', 'Space'], 'what fits at the cursor'), step(['Esc', 'Tab'], 'leave the editor')),
        this.#full(),
      ),
    );
  }

  /** The way to the full explorer: a link where it is built; else, for whoever can build it, how. */
  #full() {
    if (this.#other) return element('p', { class: 'welcome-full' }, element('a', { href: this.#other, text: 'The full explorer' }), ': GraphiQL, with the plan of each answer drawn.');
    if (this.#production) return null;
    return element('p', { class: 'welcome-full' }, 'This is the small page. ', element('code', { text: 'make explorer' }), ' builds the full one, GraphiQL with the plan of each answer drawn (Node 20); then reload.');
  }

  /** A sentence above the answer; `tone` is note, warning or error. */
  notice(sentence, tone = 'note') {
    byId('notices').append(element('p', { class: `notice ${tone}`, text: sentence }));
  }

  quiet() {
    byId('notices').replaceChildren();
  }

  /** From now on a clock runs in the status line. */
  wait() {
    const began = performance.now();
    byId('answer').classList.add('waiting');
    // A short question should not flicker.
    this.#clock = setInterval(() => {
      const ms = performance.now() - began;
      if (ms > 300) this.#status([['wait', `Asking … ${(ms / 1000).toFixed(1)} s`]]);
    }, 100);
  }

  /** Shows transport's outcome; `asked` says whether store calls were asked for. */
  show(outcome, asked) {
    this.#settle();
    const json = outcome.json ?? null;
    const errors = Array.isArray(json?.errors) ? json.errors : [];
    byId('ledger').hidden = true;
    // A refusal before execution asked no store at all.
    if (asked && json?.data) drawLedger(byId('ledger'), json.extensions?.ledger);

    const failed = trouble(outcome, this.#endpoint);
    if (failed) {
      this.#status([['error', { unreachable: 'Unreachable', stopped: 'Stopped' }[outcome.kind] ?? String(outcome.status)], milliseconds(outcome.ms)]);
      this.#body(element('p', { class: 'failure', role: 'alert', text: failed }));
      return;
    }
    const nothing = json.data === undefined || json.data === null;
    const tone = !errors.length ? 'fine' : nothing ? 'error' : 'partial';
    const word = { fine: ` ${outcome.reason}`, partial: ' · partial', error: outcome.status < 400 ? ' · no data' : ` ${outcome.reason}` }[tone];
    const status = [[tone, `${outcome.status}${word}`.trim()], milliseconds(outcome.ms), bytes(outcome.size)];
    if (errors.length) status.push(plural(errors.length, 'error'));
    this.#status(status);
    this.#text = JSON.stringify(json, null, 2);
    const flaws = new Map(errors.filter((error) => Array.isArray(error.path)).map((error) => [JSON.stringify(['data', ...error.path]), error.extensions?.code ?? 'error']));
    // The errors stand above as sentences.
    const { errors: _, ...rest } = json;
    this.#shown = tree(rest, flaws);
    this.#body(errors.length ? this.#errors(errors) : null, Object.keys(rest).length ? this.#shown.node : null);
    this.#buttons(true);
  }

  #settle() {
    clearInterval(this.#clock);
    byId('answer').classList.remove('waiting');
  }

  #status(pieces) {
    byId('status').replaceChildren(...pieces.map((piece) => (Array.isArray(piece) ? element('span', { class: `tone ${piece[0]}`, text: piece[1] }) : element('span', { text: piece }))));
  }

  #body(...children) {
    this.#buttons(false);
    const body = byId('result');
    body.replaceChildren(...children.filter(Boolean));
    body.scrollTop = 0;
  }

  #buttons(usable) {
    for (const id of ['fold-all', 'unfold-all', 'copy']) byId(id).disabled = !usable;
  }

  /** Errors of one message and kind of place are one item: a list of forty refusals is one sentence. */
  #errors(errors) {
    const groups = new Map();
    for (const error of errors) {
      const place = (error.path ?? []).map((step) => (typeof step === 'number' ? '*' : step)).join('.');
      const key = JSON.stringify([error.message, error.extensions?.code, place]);
      if (!groups.has(key)) groups.set(key, { place, all: [] });
      groups.get(key).all.push(error);
    }
    const items = [...groups.values()].map(({ place, all }) => {
      const [{ message, extensions, path, locations }] = all;
      const at = locations?.[0];
      return element(
        'li',
        { class: 'error' },
        extensions?.code && element('code', { class: 'error-code', text: extensions.code }),
        element('span', { class: 'error-message', text: message ?? 'An error without a message.' }),
        all.length > 1 && element('span', { class: 'error-times', text: `× ${all.length}` }),
        path && element('button', { type: 'button', class: 'error-place', title: 'Show where it is missing', text: place, on: { click: () => this.#shown.reveal(['data', ...path]) } }),
        !path && at && element('button', { type: 'button', class: 'error-place', title: 'Show it in the question', text: `line ${at.line}, column ${at.column}`, on: { click: () => this.#goTo(at.line, at.column) } }),
      );
    });
    return element('ul', { class: 'errors', 'aria-label': 'Errors' }, items);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text);
      byId('copy').classList.add('done');
      setTimeout(() => byId('copy').classList.remove('done'), 1200);
    } catch {
      this.quiet();
      this.notice('The browser does not let this page use the clipboard; select the text instead.', 'warning');
    }
  }
}
