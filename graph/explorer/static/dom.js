// How is a piece of the page made? One function, so that text is always text and never markup.

/**
 * A new element. `attributes`: `class`, `text`, `on` ({event: listener}), booleans (true sets, false leaves out), others as strings.
 * Children: nodes, strings, or nothing (null, false).
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') made.textContent = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** One of the page's symbols: `icon('play')`. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** 12 -> "12 B", 14500 -> "14.5 kB". */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

/** 0.42 -> "0.4 ms", 41.7 -> "42 ms", 1234 -> "1.2 s". */
export function milliseconds(count) {
  if (count >= 1000) return `${(count / 1000).toFixed(1)} s`;
  return `${count < 10 ? count.toFixed(1) : Math.round(count)} ms`;
}

/** (1, "call") -> "1 call", (2, "call") -> "2 calls". */
export const plural = (count, noun, many = `${noun}s`) => `${count} ${count === 1 ? noun : many}`;
