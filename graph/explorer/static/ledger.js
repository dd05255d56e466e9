// Which stores were asked for this answer, how often, and for how long? One small card per store.

import { element, milliseconds, plural } from './dom.js';

const STORES = { postgresql: 'PostgreSQL', mongodb: 'MongoDB', qdrant: 'Qdrant', cassandra: 'Cassandra', redis: 'Redis', kafka: 'Kafka', minio: 'MinIO' };

/** Draws `extensions.ledger` ({store: {calls, rows, ms}}) into `host`; null says that the answer came without one. */
export function drawLedger(host, ledger) {
  host.hidden = false;
  if (!ledger || typeof ledger !== 'object') {
    host.replaceChildren(element('p', { class: 'ledger-none', text: 'This answer came without store calls. In production, only administrators get them.' }));
    return;
  }
  const names = [...Object.keys(STORES), ...Object.keys(ledger).filter((name) => !(name in STORES))];
  const entry = (name) => ({ calls: 0, rows: 0, ms: 0, ...ledger[name] });
  const longest = Math.max(...names.map((name) => entry(name).ms), 0.001);
  const calls = names.reduce((sum, name) => sum + entry(name).calls, 0);
  const asked = names.filter((name) => entry(name).calls).length;

  const cards = names.map((name) => {
    const { calls: own, rows, ms } = entry(name);
    const title = STORES[name] ?? name;
    const bar = element('span', { class: 'store-bar' }, element('span', { class: 'store-time' }));
    bar.firstChild.style.width = own ? `${Math.max(4, (100 * ms) / longest)}%` : '0';
    const spoken = `${title}: ${plural(own, 'call')}, ${plural(rows, 'row')}, ${milliseconds(ms)}`;
    return element(
      'li',
      { class: own ? 'store' : 'store idle', 'data-store': name, title: spoken },
      element('span', { class: 'unseen', text: spoken }),
      element('span', { class: 'store-name', 'aria-hidden': 'true', text: title }),
      element('span', { class: 'store-calls', 'aria-hidden': 'true' }, element('b', { text: String(own) }), own === 1 ? ' call' : ' calls'),
      bar,
      element('span', { class: 'store-more', 'aria-hidden': 'true' }, own ? [element('span', { text: plural(rows, 'row') }), element('span', { text: milliseconds(ms) })] : 'not asked'),
    );
  });
  host.replaceChildren(
    element('p', { class: 'ledger-total' }, element('b', { text: plural(calls, 'store call') }), ` to ${plural(asked, 'store')}`),
    element('ul', { class: 'stores' }, cards),
  );
}
