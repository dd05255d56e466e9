// How does a large answer stay readable? JSON line by line: small objects on one line, large ones to fold, long lists shortened.

import { element } from './dom.js';

// An object or list of plain values up to this many characters stays on one line.
const ONE_LINE = 96;
// A longer list shows its first items and a button.
const LONG_LIST = 7;
const SHOWN_FIRST = 5;

/**
 * The lines of a JSON value and how to move in them: {node, reveal(path), fold(), unfold()}.
 * `flaws` maps a path (as JSON) to the error code that left a null there.
 */
export function tree(value, flaws = new Map()) {
  const root = part(value, null, [], flaws, true);
  const node = element('div', { class: 'tree', role: 'group', 'aria-label': 'JSON' }, root.node);
  node.addEventListener('keydown', (event) => walk(event, node));
  node.querySelector('button')?.setAttribute('tabindex', '0');
  return {
    node,
    reveal: (path) => reveal(root, path),
    fold: () => root.children().forEach((child) => child.children().forEach((inner) => inner.set?.(false))),
    unfold: () => unfold(root),
  };
}

function unfold(branch) {
  branch.set?.(true);
  branch.more?.();
  branch.children().forEach(unfold);
}

/** Opens the way to a path and shows the line where it ends (or the deepest there is). */
function reveal(root, path) {
  let at = root;
  for (const step of path) {
    at.set?.(true);
    if (typeof step === 'number' && step >= SHOWN_FIRST) at.more?.();
    const next = at.child?.(step);
    if (!next) break;
    at = next;
  }
  at.line.scrollIntoView({ block: 'center' });
  at.line.classList.remove('flash');
  // Reading a layout value lets the animation start anew.
  void at.line.offsetWidth;
  at.line.classList.add('flash');
}

const plain = (value) => value === null || typeof value !== 'object';
const comma = (last) => (last ? null : element('span', { class: 'as-punctuation', text: ',' }));
const name = (key) => (typeof key === 'string' ? [element('span', { class: 'as-key', text: JSON.stringify(key) }), element('span', { class: 'as-punctuation', text: ': ' })] : []);
const entriesOf = (value) => (Array.isArray(value) ? value.map((item, index) => [index, item]) : Object.entries(value));

/** One value with its key: a leaf of one line, or a branch. */
function part(value, key, path, flaws, last) {
  const flaw = flaws.get(JSON.stringify(path));
  if (!plain(value) && entriesOf(value).length && !fits(value, key, path, flaws)) return branch(value, key, path, flaws, last);
  const line = element('div', { class: 'row' }, name(key), inline(value, key), comma(last), flaw && element('span', { class: 'flaw', text: flaw }));
  return { node: line, line, children: () => [] };
}

function fits(value, key, path, flaws) {
  const entries = entriesOf(value);
  if (!entries.every(([, inner]) => plain(inner)) || JSON.stringify(value).length + entries.length * 2 + (key?.length ?? 0) > ONE_LINE) return false;
  return !entries.some(([inner]) => flaws.has(JSON.stringify([...path, inner])));
}

function inline(value, key) {
  if (plain(value)) return leaf(value, key);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const entries = entriesOf(value);
  const space = entries.length && !Array.isArray(value) ? ' ' : '';
  return [
    element('span', { class: 'as-punctuation', text: open + space }),
    // Where a line is too long it breaks between pairs, and the last pair keeps its bracket.
    ...entries.flatMap(([inner, one], index) => {
      const end = index < entries.length - 1 ? ',' : space + close;
      return [element('span', { class: 'pair' }, name(inner), leaf(one, inner), element('span', { class: 'as-punctuation', text: end })), end === ',' ? ' ' : null];
    }),
    entries.length ? null : element('span', { class: 'as-punctuation', text: close }),
  ];
}

function leaf(value, key) {
  if (typeof value === 'string') {
    const href = address(value, key);
    const shown = JSON.stringify(value);
    if (!href) return element('span', { class: 'as-string', text: shown });
    return element('a', { class: 'as-string link', href, target: '_blank', rel: 'noopener noreferrer', text: shown });
  }
  return element('span', { class: typeof value === 'number' ? 'as-number' : 'as-literal', text: String(value) });
}

/** Only addresses that a browser may open: http(s), or a path under a key that says "url". */
function address(value, key) {
  if (/^https?:\/\/[^\s]+$/.test(value)) return value;
  return typeof key === 'string' && /url$/i.test(key) && /^\/[^/\s][^\s]*$/.test(value) ? value : null;
}

function branch(value, key, path, flaws, last) {
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  const entries = entriesOf(value);
  const long = isList && entries.length > LONG_LIST;
  let parts = null;
  let rest = null;

  const count = `${entries.length} ${isList ? (entries.length === 1 ? 'item' : 'items') : entries.length === 1 ? 'field' : 'fields'}`;
  const folded = element('span', { class: 'folded' }, ` … `, element('span', { class: 'as-punctuation', text: close }), comma(last), element('span', { class: 'count', text: count }));
  const toggle = element('button', { type: 'button', class: 'fold', tabindex: '-1', 'aria-label': `${key ?? 'answer'}, ${count}`, on: { click: () => made.set(toggle.getAttribute('aria-expanded') !== 'true') } });
  const line = element('div', { class: 'row' }, toggle, name(key), element('span', { class: 'as-punctuation', text: open }), folded);
  const inside = element('div', { class: 'inside' });
  const end = element('div', { class: 'row' }, element('span', { class: 'as-punctuation', text: close }), comma(last));

  const build = (some) => some.map(([inner, one]) => [inner, part(one, inner, [...path, inner], flaws, inner === entries.at(-1)[0])]);
  const fill = () => {
    parts = new Map(build(long ? entries.slice(0, SHOWN_FIRST) : entries));
    inside.append(...[...parts.values()].map((child) => child.node));
    if (!long) return;
    rest = element('button', { type: 'button', class: 'more', tabindex: '-1', text: `show ${entries.length - SHOWN_FIRST} more of ${entries.length}`, on: { click: () => made.more(true) } });
    inside.append(rest);
  };

  const made = {
    node: element('div', { class: 'branch' }, line, inside, end),
    line,
    children: () => [...(parts?.values() ?? [])],
    child: (step) => parts?.get(step),
    set(isOpen) {
      if (isOpen && !parts) fill();
      toggle.setAttribute('aria-expanded', String(isOpen));
      made.node.classList.toggle('closed', !isOpen);
    },
    more(focus = false) {
      if (!rest) return;
      const added = build(entries.slice(SHOWN_FIRST));
      rest.replaceWith(...added.map(([, child]) => child.node));
      rest = null;
      for (const [inner, child] of added) parts.set(inner, child);
      if (focus) added[0][1].node.querySelector('button')?.focus();
    },
  };
  // Extensions are for those who look for them.
  made.set(!(path.length === 1 && key === 'extensions'));
  return made;
}

/** Up and down go from toggle to toggle, left folds, right unfolds. */
function walk(event, node) {
  const at = event.target.closest('button');
  if (!at) return;
  const isFold = at.classList.contains('fold');
  const isOpen = at.getAttribute('aria-expanded') === 'true';
  if (isFold && ((event.key === 'ArrowLeft' && isOpen) || (event.key === 'ArrowRight' && !isOpen))) at.click();
  else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const all = [...node.querySelectorAll('button')].filter((button) => button.offsetParent);
    const next = all[all.indexOf(at) + (event.key === 'ArrowDown' ? 1 : -1)];
    if (!next) return;
    node.querySelector('button[tabindex="0"]')?.setAttribute('tabindex', '-1');
    next.setAttribute('tabindex', '0');
    next.focus();
  } else return;
  event.preventDefault();
}
