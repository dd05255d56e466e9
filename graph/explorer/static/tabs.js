// Which questions are open, and what do they say? Kept in this browser, so that a reload or a restart loses nothing.

import { element, icon } from './dom.js';
import { read } from './graphql.js';

const KEY = 'studygraph.explorer';
const PARTS = ['query', 'variables'];

/**
 * The open questions. A tab is {id, example, name, query, variables, headers, base, as}: `example` is the name of the
 * configured question it came from (or null), `base` the text that question had when it was last taken over.
 * Fires `open` (another tab is in front) and `list` (the bar has to be drawn).
 */
export class Tabs extends EventTarget {
  #examples;
  #closed;
  #settings;

  constructor(configured) {
    super();
    this.#examples = configured.map(({ name, query, variables, as }) => ({
      name,
      as,
      query: query.trimEnd(),
      variables: Object.keys(variables).length ? JSON.stringify(variables, null, 2) : '',
    }));
    const kept = remembered();
    this.#settings = kept.settings;
    this.#closed = new Set(kept.closed);
    this.list = this.#merge(kept.tabs);
    if (!this.list.length) this.list.push(blank());
    this.current = this.list.find((tab) => tab.id === kept.current) ?? this.list[0];
    this.#keep();
  }

  /** Kept tabs and configured ones: what was not edited follows the server, what was edited stays. */
  #merge(kept) {
    const examples = this.#examples.filter(({ name }) => !this.#closed.has(name));
    const first = examples.map((example) => {
      const tab = kept.find((one) => one.example === example.name);
      if (!tab) return opened(example);
      for (const part of PARTS) if (tab[part] === tab.base?.[part]) tab[part] = example[part];
      tab.base = { query: example.query, variables: example.variables };
      tab.as = example.as;
      return tab;
    });
    // An example that the server no longer has stays as the user's own where it was edited.
    const own = kept.filter((tab) => !tab.example || (!this.#examples.some(({ name }) => name === tab.example) && this.edited(tab)));
    for (const tab of own) Object.assign(tab, { example: null, base: null, as: null });
    return [...first, ...own];
  }

  edited(tab) {
    return tab.base != null && PARTS.some((part) => tab[part] !== tab.base[part]);
  }

  title(tab) {
    return tab.name || read(tab.query).operations.find((operation) => operation.name)?.name || 'New question';
  }

  open(tab) {
    this.current = tab;
    this.#keep();
    this.dispatchEvent(new Event('open'));
    this.dispatchEvent(new Event('list'));
  }

  add() {
    const tab = blank();
    this.list.push(tab);
    this.open(tab);
  }

  close(tab) {
    const at = this.list.indexOf(tab);
    this.list.splice(at, 1);
    if (tab.example) this.#closed.add(tab.example);
    if (!this.list.length) this.list.push(blank());
    if (this.current === tab) this.open(this.list[Math.min(at, this.list.length - 1)]);
    else this.#changed();
  }

  rename(tab, name) {
    tab.name = name.trim() || tab.example;
    this.#changed();
  }

  /** New text in the tab in front: {query}, {variables} or {headers}. */
  write(text) {
    const before = [this.title(this.current), this.edited(this.current)].join();
    Object.assign(this.current, text);
    this.#keep();
    if (before !== [this.title(this.current), this.edited(this.current)].join()) this.dispatchEvent(new Event('list'));
  }

  /** Takes back the changes to the configured question in front. */
  restore() {
    Object.assign(this.current, this.current.base);
    this.open(this.current);
  }

  get examplesClosed() {
    return this.#examples.some(({ name }) => this.#closed.has(name));
  }

  /** Opens the configured questions that were closed. */
  reopen() {
    const back = this.#examples.filter(({ name }) => this.#closed.has(name)).map(opened);
    this.#closed.clear();
    this.list.unshift(...back);
    this.open(back[0]);
  }

  /** Small choices of the page that are kept with the tabs. */
  setting(name, otherwise) {
    return this.#settings[name] ?? otherwise;
  }

  set(name, value) {
    this.#settings[name] = value;
    this.#keep();
  }

  #changed() {
    this.#keep();
    this.dispatchEvent(new Event('list'));
  }

  #keep() {
    try {
      const kept = { tabs: this.list, current: this.current.id, closed: [...this.#closed], settings: this.#settings };
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      // Storage is off or full: the texts live as long as the page.
    }
  }
}

const fresh = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
const blank = () => ({ id: fresh(), example: null, name: null, query: '', variables: '', headers: '', base: null, as: null });
const opened = ({ name, query, variables, as }) => ({ ...blank(), example: name, name, query, variables, base: { query, variables }, as });

function remembered() {
  const nothing = { tabs: [], current: null, closed: [], settings: {} };
  try {
    const kept = { ...nothing, ...JSON.parse(localStorage.getItem(KEY)) };
    kept.tabs = kept.tabs.filter((tab) => ['query', 'variables', 'headers'].every((part) => typeof tab[part] === 'string'));
    return kept;
  } catch {
    return nothing;
  }
}

/** Draws the bar: arrows move between tabs, Delete closes, double click (or F2) renames. */
export function tabBar(host, tabs) {
  const draw = (focus = host.contains(document.activeElement)) => {
    host.replaceChildren(...tabs.list.map((tab) => drawn(tab)));
    const front = host.querySelector('[aria-selected=true]');
    front.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (focus) front.focus();
  };

  const drawn = (tab) => {
    const selected = tab === tabs.current;
    const title = tabs.title(tab);
    const label = element('button', {
      type: 'button',
      role: 'tab',
      class: 'tab-name',
      'aria-selected': String(selected),
      'aria-controls': 'question',
      tabindex: selected ? '0' : '-1',
      text: title,
      title: tabs.edited(tab) ? `${title} (edited)` : title,
      on: { click: () => tabs.open(tab), dblclick: () => rename(tab), keydown: (event) => key(event, tab) },
    });
    const close = element('button', {
      type: 'button',
      class: 'tab-close',
      'aria-label': `Close ${title}`,
      title: 'Close',
      tabindex: selected ? '0' : '-1',
      on: { click: () => tabs.close(tab) },
    }, icon('close'));
    return element('div', { class: `tab${selected ? ' selected' : ''}${tabs.edited(tab) ? ' edited' : ''}`, role: 'presentation' }, label, close);
  };

  const key = (event, tab) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      const { list } = tabs;
      tabs.open(list[(list.indexOf(tab) + step + list.length) % list.length]);
    } else if (event.key === 'Delete') tabs.close(tab);
    else if (event.key === 'F2') rename(tab);
    else return;
    event.preventDefault();
  };

  const rename = (tab) => {
    const shown = host.children[tabs.list.indexOf(tab)];
    let done = false;
    const finish = (keep) => {
      if (done) return;
      done = true;
      if (keep) tabs.rename(tab, input.value);
      draw(true);
    };
    const input = element('input', {
      class: 'tab-rename',
      'aria-label': 'Name of the tab',
      value: tabs.title(tab),
      on: {
        blur: () => finish(true),
        keydown: (event) => {
          if (event.key === 'Enter' || event.key === 'Escape') finish(event.key === 'Enter');
          event.stopPropagation();
        },
      },
    });
    shown.replaceChildren(input);
    input.select();
  };

  tabs.addEventListener('list', () => draw());
  draw(false);
}
