// How does the page hang together? Reads the configuration, makes the parts, and runs the question in front.

import { Account } from './account.js';
import { Completion } from './completion.js';
import { Docs } from './docs.js';
import { byId, element, icon } from './dom.js';
import { Editor } from './editor.js';
import { read } from './graphql.js';
import { paintGraphql, paintJson } from './paint.js';
import { Result } from './result.js';
import { SchemaSource } from './schema.js';
import { Session } from './session.js';
import { Tabs, tabBar } from './tabs.js';
import { unauthenticated } from './transport.js';

const LEDGER = 'x-studygraph-ledger';

const { endpoint, production, other, demo, tabs: configured } = JSON.parse(byId('config').textContent);
const tabs = new Tabs(configured);
const session = new Session({ endpoint, demo });
const source = new SchemaSource(session, endpoint);

const query = new Editor(byId('query'), { label: 'Question in GraphQL', paint: paintGraphql, keys: 'editor-keys', placeholder: '{ stores { name status } }' });
const variables = new Editor(byId('variables'), { label: 'Variables in JSON', paint: paintJson, keys: 'editor-keys', placeholder: '{ }' });
const headers = new Editor(byId('headers'), { label: 'Headers in JSON', paint: paintJson, keys: 'editor-keys', placeholder: '{ "name": "value" }' });
const parts = { query, variables, headers };

const result = new Result({ endpoint, production, other, goTo: (line, column) => query.goTo(line, column) });
const account = new Account({
  session,
  demo,
  say(sentence, tone) {
    result.quiet();
    result.notice(sentence, tone);
  },
});
const completion = new Completion(query, source);
const docs = new Docs({ source, session });

byId('endpoint').textContent = `POST ${endpoint}`;

// The tab in front, and the last answer of each tab

const answers = new Map();
let running = null;

function show() {
  running?.abort();
  completion.close();
  result.quiet();
  const answer = answers.get(tabs.current.id);
  if (answer) result.show(answer.outcome, answer.asked);
  else result.welcome();
  for (const [part, editor] of Object.entries(parts)) editor.text = tabs.current[part];
  check(variables, 'variables');
  check(headers, 'headers');
  // Headers that are sent should not be hidden.
  if (headers.text.trim()) byId('headers-drawer').open = true;
  operations();
  changed();
}

function changed() {
  byId('restore').hidden = !tabs.edited(tabs.current);
  byId('tab-examples').hidden = !tabs.examplesClosed;
}

for (const [part, editor] of Object.entries(parts)) {
  editor.addEventListener('input', () => {
    tabs.write({ [part]: editor.text });
    if (part === 'query') operations();
    else check(editor, part);
  });
}
query.addEventListener('caret', () => operations());
tabs.addEventListener('open', show);
tabs.addEventListener('list', changed);
byId('tab-add').addEventListener('click', () => {
  tabs.add();
  query.input.focus();
});
byId('tab-examples').addEventListener('click', () => tabs.reopen());
byId('restore').addEventListener('click', () => tabs.restore());
tabBar(byId('tablist'), tabs);

// Which operation of the document runs: the one with the cursor, unless another was chosen

function operations() {
  const found = read(query.text).operations;
  const select = byId('operation');
  byId('operation-pick').hidden = found.length < 2;
  if (found.length < 2) return select.replaceChildren();
  const within = found.findIndex(({ start, end }) => query.caret >= start && query.caret <= end);
  const chosen = document.activeElement === query.input && within >= 0 ? within : Math.max(0, Math.min(select.selectedIndex, found.length - 1));
  const names = found.map(({ kind, name }) => name ?? `${kind} without a name`);
  if (names.join('\n') !== [...select.options].map((option) => option.text).join('\n')) {
    select.replaceChildren(...names.map((name) => element('option', { text: name })));
  }
  select.selectedIndex = chosen;
  return undefined;
}

function operationName() {
  const found = read(query.text).operations;
  return found.length > 1 ? (found[byId('operation').selectedIndex]?.name ?? undefined) : undefined;
}

// Variables and headers are JSON objects

/** Answers the object, or null and says what is wrong beside the drawer's name. */
function check(editor, part) {
  const note = byId(`${part}-note`);
  const [value, wrong] = object(editor.text, part);
  if (note.textContent !== wrong) note.textContent = wrong;
  return wrong ? null : value;
}

function object(text, part) {
  if (!text.trim()) return [{}, ''];
  let value;
  try {
    value = JSON.parse(text);
  } catch (failure) {
    return [null, `Not JSON yet: ${failure.message}`];
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [null, 'Write a JSON object: { "name": value }'];
  if (part !== 'headers') return [value, ''];
  try {
    return [new Headers(Object.entries(value).map(([name, one]) => [name, String(one)])), ''];
  } catch {
    return [null, 'A browser cannot send a header of this name or value.'];
  }
}

// Run

async function run() {
  if (running) return running.abort();
  completion.close();
  result.quiet();
  const [given, extra] = [check(variables, 'variables'), check(headers, 'headers')];
  for (const [value, part] of [[given, 'variables'], [extra, 'headers']]) {
    if (value) continue;
    byId(`${part}-drawer`).open = true;
    parts[part].input.focus();
    return result.notice(`Not sent: the ${part} have to be a JSON object first.`, 'warning');
  }
  const sent = new Headers(extra);
  const asked = byId('ledger-on').checked;
  if (asked && !sent.has(LEDGER)) sent.set(LEDGER, '1');

  running = new AbortController();
  const { signal } = running;
  draw();
  const tab = tabs.current;
  const { as } = tab;
  const name = operationName();
  const body = { query: query.text, variables: given, operationName: name };
  try {
    if (as && !session.who && demo?.accounts[as] && !sent.has('authorization')) {
      if (!(await account.become(as))) return undefined;
      result.notice(`Signed in as ${as}, for whom this question is made. Ask it as somebody else, too.`);
    }
    result.wait();
    const outcome = await session.ask(body, sent, signal);
    if (outcome.kind !== 'stopped') answers.set(tab.id, { outcome, asked });
    if (tabs.current !== tab) return undefined;
    result.show(outcome, asked);
    remark(outcome);
  } finally {
    running = null;
    draw();
  }
  return undefined;
}

/** What the account has to do with this outcome. */
function remark(outcome) {
  if (outcome.renewed) result.notice(`The session was over: signed in again as ${outcome.renewed} and asked once more.`);
  if (outcome.ended) result.notice(`The session of ${outcome.ended} is over. Sign in again.`, 'warning');
  else if (unauthenticated(outcome)) {
    result.notice(demo ? 'This question needs an account: choose one above, then run it again.' : 'This question needs an account: sign in, then run it again.', 'warning');
  }
  if (unauthenticated(outcome)) account.point();
  const lines = (outcome.json?.errors ?? []).filter((error) => !error.path).flatMap((error) => (error.locations ?? []).map(({ line }) => line));
  query.mark(lines);
}

function draw() {
  const play = byId('play');
  play.classList.toggle('running', running !== null);
  play.replaceChildren(icon(running ? 'stop' : 'play'), element('span', { text: running ? 'Stop' : 'Run' }));
}

byId('play').addEventListener('click', run);
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || byId('sign-in').open) return;
  event.preventDefault();
  if (!running) run();
});

// Small choices that are kept

const ledgerOn = byId('ledger-on');
ledgerOn.checked = tabs.setting('ledger', !production);
ledgerOn.addEventListener('change', () => {
  tabs.set('ledger', ledgerOn.checked);
  byId('ledger').hidden = true;
});

for (const part of ['variables', 'headers']) {
  const drawer = byId(`${part}-drawer`);
  drawer.open = tabs.setting(part, drawer.open);
  drawer.addEventListener('toggle', () => tabs.set(part, drawer.open));
}

if (demo && Object.keys(demo.ids).length) {
  const select = byId('ids');
  select.append(element('option', { text: 'a demo id …', value: '' }), ...Object.keys(demo.ids).sort().map((name) => element('option', { text: name, value: name })));
  select.addEventListener('change', () => {
    if (select.value) variables.insert(JSON.stringify(demo.ids[select.value]));
    select.selectedIndex = 0;
  });
  byId('ids-pick').hidden = false;
}

// The line between question and answer: drag it, or focus it and use the arrows

const divider = byId('divider');
function divide(percent, keep = true) {
  const width = Math.round(Math.max(25, Math.min(75, percent)));
  byId('split').style.setProperty('--question', `${width}%`);
  divider.setAttribute('aria-valuenow', String(width));
  if (keep) tabs.set('width', width);
}
divider.addEventListener('pointerdown', (event) => {
  event.preventDefault();
  divider.setPointerCapture(event.pointerId);
});
divider.addEventListener('pointermove', (event) => {
  if (!divider.hasPointerCapture(event.pointerId)) return;
  const { left, width } = byId('split').getBoundingClientRect();
  divide((100 * (event.clientX - left)) / width);
});
divider.addEventListener('dblclick', () => divide(46));
divider.addEventListener('keydown', (event) => {
  const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
  if (step) divide(Number(divider.getAttribute('aria-valuenow')) + step);
});
divide(tabs.setting('width', 46), false);

const mac = /Mac|iPhone|iPad/.test(navigator.platform);
if (mac) for (const key of document.querySelectorAll('kbd')) if (key.textContent === 'Ctrl' && key.nextSibling?.textContent === '⏎') key.textContent = '⌘';

show();
document.documentElement.classList.add('ready');
