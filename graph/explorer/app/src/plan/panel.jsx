// What did the answer in front cost? A panel beside the operation that draws its plan and its store calls.

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useMemo, useState } from 'react';

import { plural } from '../../../static/dom.js';
import { Picture } from './Picture.jsx';

export function planPlugin(asking, config) {
  return {
    title: 'Plan and store calls',
    icon: Icon,
    content: () => <Panel asking={asking} config={config} />,
  };
}

function Panel({ asking, config }) {
  const { run } = useGraphiQLActions();
  const response = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.response);
  const isFetching = useGraphiQL((state) => state.isFetching);
  const [looking, setLooking] = useState(asking.looking);
  const answer = useMemo(() => read(response), [response]);
  const extensions = answer?.extensions ?? {};
  const shown = extensions.plan || extensions.ledger;

  function look(event) {
    asking.looking = event.target.checked;
    setLooking(event.target.checked);
  }

  function plan() {
    asking.planOnly = true;
    run();
  }

  return (
    <section className="plan" aria-label="Plan and store calls">
      <header className="plan-head">
        <h2>Plan and store calls</h2>
        <label className="switch" title="Sends x-studygraph-explain and x-studygraph-ledger with each operation">
          <input type="checkbox" checked={looking} onChange={look} />
          <span>with each run</span>
        </label>
      </header>
      <p className="plan-line">
        <Summary {...extensions} />
        <button type="button" className="quiet" disabled={isFetching} onClick={plan} title="Plans the operation without running it: no store is asked for anything">
          Plan only
        </button>
      </p>
      {shown ? <Picture extensions={extensions} /> : <Nothing answer={answer} looking={looking} production={config.production} />}
    </section>
  );
}

function Summary({ plan, ledger }) {
  const asked = ledger && Object.values(ledger).reduce((sum, { calls }) => sum + calls, 0);
  const count = asked ?? plan?.total;
  if (count === undefined) return <span className="plan-total" />;
  const levels = plan && ` on ${plural(plan.levels.length, 'level')}`;
  const how = asked === undefined ? 'planned, not run' : plan && (asked === plan.total ? 'as planned' : `at most ${plan.total} planned`);
  return (
    <span className="plan-total">
      <b>{plural(count, 'store call')}</b>{levels}
      {how && <span className={asked === plan.total ? 'chip fine' : 'chip'}>{how}</span>}
    </span>
  );
}

/** Why there is no picture, in a sentence. */
function Nothing({ answer, looking, production }) {
  let why = 'Run an operation: its levels, and what each asks of which store, are drawn here.';
  if (answer && !looking) why = 'This answer came without a plan: the switch above asks for one.';
  else if (answer?.errors && !answer.data) why = 'There is no plan to draw: the answer says why.';
  else if (answer && production) why = 'This answer came without a plan: in production, only administrators get one.';
  else if (answer) why = 'This answer came without a plan: introspection and events have none.';
  return (
    <div className="plan-nothing">
      <Icon />
      <p>{why}</p>
    </div>
  );
}

function read(response) {
  try {
    return JSON.parse(response);
  } catch {
    // Nothing yet, or half an answer.
    return null;
  }
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M6 5.5c0 7 6 4 6 12M6 5.5c0 5 12 4 12 10" />
      <circle cx="6" cy="4.5" r="2.5" fill="currentColor" stroke="none" />
      <circle cx="12" cy="18.5" r="2.5" fill="currentColor" stroke="none" />
      <circle cx="18" cy="16.5" r="2.5" fill="currentColor" stroke="none" />
    </svg>
  );
}
