// What can be asked here? The prepared operations, and the ids of the demo school's records for questions of one's own.

import { DropdownMenu, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useRef } from 'react';

/** GraphiQL's form of a configured tab. */
export const tabOf = ({ query, variables }) => ({
  query: query.trimEnd(),
  variables: Object.keys(variables).length ? JSON.stringify(variables, null, 2) : '',
});

export function Prepared({ config }) {
  const { addTab, changeTab } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const ids = Object.entries(config.demo?.ids ?? {});

  function open(configured) {
    const tab = tabOf(configured);
    const at = tabs.findIndex(({ query, variables }) => query === tab.query && (variables ?? '') === tab.variables);
    if (at >= 0) return changeTab(at);
    addTab();
    queryEditor.setValue(tab.query);
    variableEditor.setValue(tab.variables);
  }

  // Opening the menu takes the focus away: the editor that had it last is where the id belongs.
  const written = useRef(null);
  useEffect(() => {
    const watched = [queryEditor, variableEditor].filter(Boolean);
    const watches = watched.map((editor) => editor.onDidFocusEditorText(() => (written.current = editor)));
    return () => watches.forEach((watch) => watch.dispose());
  }, [queryEditor, variableEditor]);

  function insert(id) {
    const editor = written.current ?? variableEditor;
    editor.executeEdits('demo id', [{ range: editor.getSelection(), text: `"${id}"`, forceMoveMarkers: true }]);
  }

  function back(event) {
    event.preventDefault();
    (written.current ?? variableEditor).focus();
  }

  return (
    <div className="prepared">
      <DropdownMenu>
        <DropdownMenu.Button className="quiet">Examples</DropdownMenu.Button>
        <DropdownMenu.Content align="end">
          {config.tabs.map((tab) => (
            <DropdownMenu.Item key={tab.name} onSelect={() => open(tab)}>{tab.name}</DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu>
      {ids.length > 0 && (
        <DropdownMenu>
          <DropdownMenu.Button className="quiet" title="Writes the id of a demo record where the cursor is, among the variables unless the cursor is in the operation">Demo ids</DropdownMenu.Button>
          <DropdownMenu.Content align="end" onCloseAutoFocus={back}>
            {ids.map(([name, id]) => <DropdownMenu.Item key={name} onSelect={() => insert(id)}>{name}</DropdownMenu.Item>)}
          </DropdownMenu.Content>
        </DropdownMenu>
      )}
    </div>
  );
}
