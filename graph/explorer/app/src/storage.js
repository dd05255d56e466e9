// Where do tabs, headers and sizes stay? In this browser, under our name: another GraphiQL on the same host has its own.

const PREFIX = 'studygraph.';
// What GraphiQL itself puts before each of its names.
const ITS_OWN = `${PREFIX}graphiql:`;

function tried(act) {
  try {
    return act();
  } catch {
    // Storage is off or full: the texts live as long as the page.
    return null;
  }
}

const keys = () => tried(() => Object.keys(localStorage).filter((key) => key.startsWith(ITS_OWN))) ?? [];

export const storage = {
  getItem: (key) => tried(() => localStorage.getItem(PREFIX + key)),
  setItem: (key, value) => localStorage.setItem(PREFIX + key, value),
  /** What is there until somebody chooses otherwise. */
  begin: (key, value) => tried(() => localStorage.getItem(PREFIX + key) ?? localStorage.setItem(PREFIX + key, value)),
  removeItem: (key) => tried(() => localStorage.removeItem(PREFIX + key)),
  clear: () => keys().forEach((key) => tried(() => localStorage.removeItem(key))),
  get length() {
    return keys().length;
  },
};
