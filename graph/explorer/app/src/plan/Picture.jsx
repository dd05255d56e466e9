// How are levels and stores drawn? Time runs downwards, a level at a time; each store has a lane; a disc is its calls.

import { useState } from 'react';

import { milliseconds, plural } from '../../../static/dom.js';
import { drawn, storeName } from './picture.js';

const RADIUS = 8;

/** The picture of one answer's `extensions`. */
export function Picture({ extensions }) {
  const [pointed, setPointed] = useState(null);
  const picture = drawn(extensions);
  const { lanes, bands, rows, links, width, height, idle } = picture;
  const lit = chain(pointed, rows);

  return (
    <div className={`picture${pointed ? ' pointing' : ''}`}>
      <svg className="names" width={width} height="54" aria-hidden="true">
        {lanes.map(({ store, x }) => (
          <text key={store} data-store={store} transform={`translate(${x + 4} 49) rotate(42)`} textAnchor="end">{storeName(store)}</text>
        ))}
      </svg>
      <Totals picture={picture} ledger={extensions.ledger} />
      {bands.length > 0 && (
        <div className="levels" style={{ height }}>
          {bands.map(({ level, y, height: tall, rows: own }) => (
            <section key={level} className="band" data-level={level} style={{ top: y, height: tall }} aria-label={level ? `Level ${level}` : 'Before the levels'}>
              <h3>{level ? <>Level <b>{level}</b></> : 'First'}<span>{level ? together(own.length) : ''}</span></h3>
              <ul>
                {own.map((row) => (
                  <li
                    key={row.path}
                    data-path={row.path}
                    className={lit.has(row.path) ? 'lit' : undefined}
                    style={{ paddingRight: width + 8 }}
                    title={spoken(row)}
                    onPointerEnter={() => setPointed(row.path)}
                    onPointerLeave={() => setPointed(null)}
                  >
                    {row.above && <span className="above"><span>{row.above}</span></span>}
                    <span className="edge">{row.name}</span>
                    <span className="unseen">{calls(row)}</span>
                  </li>
                ))}
              </ul>
            </section>
          ))}
          <svg className="lanes" width={width} height={height} aria-hidden="true">
            {lanes.map(({ store, x }) => (
              <line key={store} data-store={store} className="lane" x1={x} x2={x} y1="0" y2={height - 5} />
            ))}
            {links.map(({ from, to, store, x }) => (
              <path
                key={`${to.path} ${store}`}
                className={lit.has(to.path) ? 'link lit' : 'link'}
                data-store={store ?? undefined}
                d={`M${from.x} ${from.y}C${from.x} ${(from.y + to.y) / 2} ${x} ${(from.y + to.y) / 2} ${x} ${to.y}`}
              />
            ))}
            {rows.map((row) => <Calls key={row.path} row={row} lanes={lanes} lit={lit.has(row.path)} />)}
          </svg>
        </div>
      )}
      {idle.length > 0 && <p className="idle">Not asked: {idle.map(storeName).join(', ')}</p>}
    </div>
  );
}

function Calls({ row, lanes, lit }) {
  const own = lanes.filter(({ store }) => row.calls[store]);
  // An edge that asks no store: signed, or brought along by the edge it hangs on.
  if (!own.length) return row.x === null ? null : <circle className={lit ? 'brought lit' : 'brought'} cx={row.x} cy={row.y} r="3.5" />;
  return (
    <g className={lit ? 'calls lit' : 'calls'}>
      {own.length > 1 && <line className="beside" x1={own[0].x} x2={own.at(-1).x} y1={row.y} y2={row.y} />}
      {own.map(({ store, x }) => (
        <g key={store} data-store={store}>
          <circle className="disc" cx={x} cy={row.y} r={RADIUS} />
          <text className="count" x={x} y={row.y} dy="0.36em" textAnchor="middle">{row.calls[store]}</text>
        </g>
      ))}
    </g>
  );
}

/** What was planned and what was asked, a column for each lane. */
function Totals({ picture, ledger }) {
  const { lanes, width, planned, asked } = picture;
  const longest = Math.max(...Object.values(ledger ?? {}).map(({ ms }) => ms), 0.001);
  const lines = [
    // Where both say the same, once is enough.
    planned && planned.total !== asked?.total && ['planned', ({ store }) => planned[store] ?? 0, planned.total],
    asked && ['asked', ({ store }) => ledger[store]?.calls ?? 0, asked.total],
    ledger && ['rows', ({ store }) => ledger[store]?.rows ?? '–'],
    ledger && ['ms', ({ store }) => (ledger[store] ? short(ledger[store].ms) : '–')],
  ].filter(Boolean);
  return (
    <div className="totals">
      <table>
        <thead className="unseen">
          <tr><th scope="col">calls</th>{lanes.map(({ store }) => <th key={store} scope="col">{storeName(store)}</th>)}</tr>
        </thead>
        <tbody>
          {lines.map(([name, value, total]) => (
            <tr key={name} data-line={name} title={name === 'ms' ? 'Milliseconds waited; of calls at the same time, each counts' : undefined}>
              <th scope="row">{name}{total !== undefined && <b>{total}</b>}</th>
              {lanes.map((lane) => <td key={lane.store} style={{ width: width / lanes.length }}>{value(lane)}</td>)}
            </tr>
          ))}
          {ledger && (
            <tr aria-hidden="true">
              <th />
              {lanes.map(({ store }) => {
                const { ms = 0 } = ledger[store] ?? {};
                return (
                  <td key={store} data-store={store} title={`${storeName(store)}: ${milliseconds(ms)}`}>
                    <span className="time"><span style={{ height: ms ? `${Math.max(6, (100 * ms) / longest)}%` : 0 }} /></span>
                  </td>
                );
              })}
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** The row under the pointer, what it hangs on, and what hangs on it. */
function chain(path, rows) {
  const lit = new Set();
  const pointed = rows.find((row) => row.path === path);
  for (let row = pointed; row; row = row.parent) lit.add(row.path);
  const below = (above) => rows.filter(({ parent }) => parent === above).forEach((row) => lit.add(row.path) && below(row));
  if (pointed) below(pointed);
  return lit;
}

const together = (count) => (count > 1 ? `${count} edges at once` : '');
const short = (ms) => (ms < 10 ? ms.toFixed(1) : Math.round(ms));
const calls = ({ calls: each }) =>
  Object.entries(each).map(([store, count]) => `${storeName(store)}: ${plural(count, 'call')}`).join(', ') || 'asks no store';
const spoken = (row) => `${row.path}\n${calls(row)}`;
