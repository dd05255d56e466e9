// What does the picture show? Levels with their edges, a lane for each store, and where each call stands.

export const STORES = {
  postgresql: 'PostgreSQL',
  mongodb: 'MongoDB',
  qdrant: 'Qdrant',
  cassandra: 'Cassandra',
  redis: 'Redis',
  kafka: 'Kafka',
  minio: 'S3',
};

export const storeName = (store) => STORES[store] ?? store;

const ROW = 23;
const HEAD = 26;
const BETWEEN = 5;
const WIDEST = 32;
const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

/**
 * The drawing of `extensions.plan` ({levels: [{level, edges: [{path, calls}]}], calls, total}) and `extensions.ledger`
 * ({store: {calls, rows, ms}}), either of which may be missing; null without both. Lengths are pixels.
 *
 * {lanes: [{store, x}], bands: [{level, y, height, rows}], rows: [{path, name, above, level, calls, y, x, parent}],
 *  links: [{from, to, store}], width, height, planned, asked, idle}; `x` of a row is where its first call stands, or
 * that of the row it hangs on.
 */
export function drawn({ plan, ledger }) {
  if (!plan && !ledger) return null;
  const stores = [...Object.keys(STORES), ...others(plan, ledger)];
  const used = stores.filter((store) => plan?.calls?.[store] || ledger?.[store]?.calls);
  const step = Math.min(WIDEST, 196 / used.length);
  const lanes = used.map((store, at) => ({ store, x: step * (at + 0.5) }));
  const laneX = Object.fromEntries(lanes.map(({ store, x }) => [store, x]));

  const rows = [];
  const bands = [];
  let y = 0;
  for (const { level, edges } of withPreamble(plan)) {
    const top = y;
    y += HEAD;
    const own = edges.map(({ path, calls }) => {
      const row = { ...named(path, level), level, calls, y: y + ROW / 2 };
      y += ROW;
      row.parent = level > 1 ? nearestAbove(rows, path) : null;
      const first = lanes.find(({ store }) => calls[store]);
      row.x = first?.x ?? row.parent?.x ?? null;
      rows.push(row);
      return row;
    });
    bands.push({ level, y: top, height: y + BETWEEN - top, rows: own });
    y += 2 * BETWEEN;
  }

  const links = rows.flatMap((row) =>
    row.parent?.x == null ? [] : targets(row).map((store) => ({ from: row.parent, to: row, store, x: laneX[store] ?? row.x })),
  );
  return {
    lanes,
    bands,
    rows,
    links,
    width: step * lanes.length,
    height: y,
    planned: plan ? { ...plan.calls, total: plan.total } : null,
    asked: ledger ? { total: sum(Object.values(ledger).map(({ calls }) => calls)) } : null,
    idle: stores.filter((store) => !used.includes(store)),
  };
}

const others = (plan, ledger) =>
  Object.keys({ ...plan?.calls, ...ledger }).filter((store) => !(store in STORES));

/** The levels, before them what is asked about the asker: the calls that no edge makes. */
function withPreamble(plan) {
  if (!plan) return [];
  const rest = { ...plan.calls };
  for (const { edges } of plan.levels) {
    for (const { calls } of edges) for (const [store, count] of Object.entries(calls)) rest[store] -= count;
  }
  const calls = Object.fromEntries(Object.entries(rest).filter(([, count]) => count > 0));
  const preamble = { level: 0, edges: [{ path: 'who asks', calls }] };
  return Object.keys(calls).length ? [preamble, ...plan.levels] : plan.levels;
}

/** classroom.members.nodes.user -> name "user", above "members": lists' own words say nothing. */
function named(path, level) {
  if (level === 0) return { path, name: path, above: '' };
  const words = path.split('.');
  const above = words.slice(0, -1).filter((word) => !['nodes', 'edges', 'node'].includes(word));
  return { path, name: words.at(-1), above: above.at(-1) ?? '' };
}

const nearestAbove = (rows, path) =>
  rows.findLast((row) => row.level > 0 && path.startsWith(`${row.path}.`)) ?? null;

const targets = (row) => {
  const stores = Object.keys(row.calls);
  return stores.length ? stores : [null];
};
