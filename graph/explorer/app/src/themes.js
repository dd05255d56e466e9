// In which colours are the texts written? Those of the small page, light and dark.

const INK = {
  light: {
    keyword: '8a3ab9', field: '1b57a8', variable: '0b7568', type: '8a5b00', string: '24713a', number: 'a83232',
    comment: '65708a', punctuation: '66728a', directive: 'a8317a',
    accent: '#0b7a6f', faintAccent: '#0b7a6f1a', surface: '#ffffff', ink: '#17212f', sunken: '#56637a14', guide: '#dfe4ec', guideHere: '#a9b4c6', lines: '#9aa5b8',
  },
  dark: {
    keyword: 'd3a2f2', field: '8cbcf6', variable: '5fd1c0', type: 'e6c26a', string: '93d19f', number: 'f29c94',
    comment: '8593a8', punctuation: '8f9db3', directive: 'f09ccb',
    accent: '#2fb5a5', faintAccent: '#2fb5a524', surface: '#171e29', ink: '#e3e9f2', sunken: '#a3b0c414', guide: '#2a3546', guideHere: '#4c5b72', lines: '#5d6b82',
  },
};

const rules = (ink) =>
  [
    ['keyword', ink.keyword], ['key.identifier', ink.field], ['argument.identifier', ink.variable], ['type.identifier', ink.type],
    ['annotation', ink.directive], ['string', ink.string], ['number', ink.number], ['comment', ink.comment], ['delimiter', ink.punctuation],
    ['string.key.json', ink.field], ['string.value.json', ink.string], ['number.json', ink.number], ['keyword.json', ink.keyword],
  ].map(([token, foreground]) => ({ token, foreground }));

const colors = (ink) => ({
  'editor.background': '#ffffff00',
  'editor.foreground': ink.ink,
  'editorLineNumber.foreground': ink.lines,
  'editorLineNumber.activeForeground': ink.accent,
  'editorIndentGuide.background1': ink.guide,
  'editorIndentGuide.activeBackground1': ink.guideHere,
  'editorBracketHighlight.foreground1': `#${ink.punctuation}`,
  'editorBracketHighlight.foreground2': `#${ink.punctuation}`,
  'editorBracketHighlight.foreground3': `#${ink.punctuation}`,
  'scrollbar.shadow': '#ffffff00',
  focusBorder: ink.accent,
  'input.background': ink.sunken,
  'editorWidget.resizeBorder': ink.accent,
  ...every(['textLink.foreground', 'textLink.activeForeground', 'editorLink.activeForeground', 'list.highlightForeground', 'list.focusHighlightForeground', 'editorSuggestWidget.selectedForeground', 'highlighted.label', 'pickerGroup.foreground', 'menu.selectionForeground'], ink.accent),
  ...every(['editorHoverWidget.background', 'menu.background', 'editorSuggestWidget.background', 'quickInput.background', 'editorWidget.background'], ink.surface),
  ...every(['list.hoverBackground', 'editorSuggestWidget.selectedBackground', 'toolbar.hoverBackground', 'inputOption.hoverBackground', 'quickInputList.focusBackground', 'menu.selectionBackground'], ink.faintAccent),
  'quickInputList.focusForeground': ink.ink,
});

const every = (names, color) => Object.fromEntries(names.map((name) => [name, color]));

/** The names by which GraphiQL chooses. */
export const editorTheme = { light: 'studygraph-light', dark: 'studygraph-dark' };

/** Loads the editor, which takes longest, and gives it its colours before GraphiQL, which waits for it too, asks for them. */
export async function defineThemes() {
  const { editor } = await import('monaco-graphql/esm/monaco-editor.js');
  for (const [scheme, name] of Object.entries(editorTheme)) {
    const base = scheme === 'dark' ? 'vs-dark' : 'vs';
    editor.defineTheme(name, { base, inherit: true, rules: rules(INK[scheme]), colors: colors(INK[scheme]) });
  }
}
