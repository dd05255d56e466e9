// What is on the page? A bar with the account, and below it GraphiQL with the plan of what was asked.

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { Spinner, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect, useState } from 'react';

import { Account, useWho } from './Account.jsx';
import { Asking } from './asking.js';
import { Prepared, tabOf } from './Prepared.jsx';
import { planPlugin } from './plan/panel.jsx';
import { Status } from './Status.jsx';
import { storage } from './storage.js';
import { defineThemes, editorTheme } from './themes.js';

export function Page({ config, session }) {
  // The editor draws itself in colours that it already knows.
  const [editor, setEditor] = useState('coming');
  useEffect(() => {
    defineThemes().then(() => setEditor('here'), () => setEditor('lost'));
  }, []);

  return (
    <div className="page">
      <header className="top">
        <h1 className="brand"><Mark />StudyGraph</h1>
        <code className="endpoint" title="Operations are sent here">{config.endpoint}</code>
        {config.other && <a href={config.other}>Small page</a>}
        <Account session={session} demo={config.demo} />
      </header>
      {editor === 'coming' && <Spinner />}
      {editor === 'here' && <Editors config={config} session={session} />}
      {editor === 'lost' && <p className="lost" role="alert">The editor could not be loaded: the server may have stopped, or been built anew. Reload the page.</p>}
    </div>
  );
}

function Editors({ config, session }) {
  const [asking] = useState(() => new Asking({ config, session }));
  const [plan] = useState(() => planPlugin(asking, config));
  const [tabs] = useState(() => config.tabs.map(tabOf));
  const [front] = useState(() => keptInFront() ?? tabs[0]);
  const [plugins] = useState(() => [plan, explorerPlugin(), HISTORY_PLUGIN]);

  return (
    <GraphiQL
      fetcher={asking.fetcher}
      storage={storage}
      plugins={plugins}
      visiblePlugin={plan}
      defaultTabs={tabs}
      initialQuery={front.query ?? ''}
      initialVariables={front.variables ?? ''}
      initialHeaders={front.headers ?? ''}
      editorTheme={editorTheme}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo><Prepared config={config} /></GraphiQL.Logo>
      <GraphiQL.Footer><Status asking={asking} /></GraphiQL.Footer>
      <SchemaOf session={session} />
      <Letters />
    </GraphiQL>
  );
}

/**
 * The tab that was in front at the last visit, null at the first one. GraphiQL keeps all tabs, but begins with the text
 * that was last written anywhere: what nobody has changed, the variables of an example, would be gone.
 */
function keptInFront() {
  // The plan's labels need more room than GraphiQL gives its panels: a share of the editors'.
  storage.begin('graphiql:docExplorerFlex', '0.42');
  try {
    const { tabs, activeTabIndex } = JSON.parse(storage.getItem('graphiql:tabState'));
    return tabs[activeTabIndex] ?? null;
  } catch {
    return null;
  }
}

/** Reads the schema again for somebody who may, where it was refused before. */
function SchemaOf({ session }) {
  const who = useWho(session);
  const refused = useGraphiQL((state) => state.fetchError !== null);
  const { introspect } = useGraphiQLActions();
  useEffect(() => {
    if (who && refused) introspect();
    // Once for each account: a second refusal is the answer.
  }, [who]);
  return null;
}

/** Three columns need smaller letters than two, and lines that fold. */
function Letters() {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const headerEditor = useGraphiQL((state) => state.headerEditor);
  const responseEditor = useGraphiQL((state) => state.responseEditor);
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor, headerEditor, responseEditor]) editor?.updateOptions({ fontSize: 13, lineHeight: 19, wordWrap: 'on' });
  }, [queryEditor, variableEditor, headerEditor, responseEditor]);
  return null;
}

function Mark() {
  const ends = [[12, 3.5], [19.4, 7.8], [19.4, 16.2], [12, 20.5], [4.6, 16.2], [4.6, 7.8]];
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path d={ends.map(([x, y]) => `M12 12 ${x} ${y}`).join('')} stroke="currentColor" strokeWidth="1.6" />
      <circle cx="12" cy="12" r="3.4" fill="currentColor" />
      {ends.map(([x, y]) => <circle key={`${x} ${y}`} cx={x} cy={y} r="1.9" fill="currentColor" />)}
    </svg>
  );
}
