// How is a text written on this page? A plain textarea, with its own coloured copy lying exactly behind it.

import { element } from './dom.js';

const OPENING = { '{': '}', '(': ')', '[': ']' };
const CLOSING = { '}': '{', ')': '(', ']': '[' };
// Beyond this the colours cost more than they help.
const PLAIN_BEYOND = 200_000;

/** Fires `input` (the text was changed by hand) and `caret` (the cursor moved). */
export class Editor extends EventTarget {
  #paint;
  #lines;
  #painted = [];
  #free = false;
  #brackets = [];

  /** `paint(text)` answers [{text, role}]; `keys` is the id of the sentence that explains the keyboard. */
  constructor(host, { label, paint, keys, placeholder = '' }) {
    super();
    this.#paint = paint;
    this.#lines = element('div', { class: 'lines', 'aria-hidden': 'true' });
    this.input = element('textarea', {
      'aria-label': label,
      'aria-describedby': keys,
      placeholder,
      spellcheck: 'false',
      autocapitalize: 'off',
      autocomplete: 'off',
      rows: '1',
    });
    this.host = host;
    host.append(element('div', { class: 'sheet' }, this.#lines, this.input));
    // The empty ground below the last line belongs to the text, too.
    host.addEventListener('mousedown', (event) => {
      if (event.target !== host) return;
      event.preventDefault();
      this.input.focus();
      this.input.setSelectionRange(this.text.length, this.text.length);
    });
    this.input.addEventListener('input', () => {
      this.#draw();
      this.dispatchEvent(new Event('input'));
    });
    this.input.addEventListener('keydown', (event) => this.#key(event));
    this.input.addEventListener('blur', () => (this.#free = false));
    document.addEventListener('selectionchange', () => {
      if (document.activeElement !== this.input) return;
      this.#pair();
      this.dispatchEvent(new Event('caret'));
    });
    this.#draw();
  }

  get text() {
    return this.input.value;
  }

  /** Replaces everything, without firing `input`; the undo history starts anew. */
  set text(text) {
    if (text === this.text) return;
    this.input.value = text;
    this.input.setSelectionRange(0, 0);
    this.host.scrollTop = 0;
    this.#draw();
  }

  get caret() {
    return this.input.selectionEnd;
  }

  /** Puts `text` in place of [from, to), as if it was typed: it can be undone, and `input` fires. */
  insert(text, from = this.input.selectionStart, to = this.input.selectionEnd) {
    this.input.focus();
    this.input.setSelectionRange(from, to);
    // The only way that keeps the undo history, old as it is; the other branch is for browsers that dropped it.
    if (!document.execCommand(text ? 'insertText' : 'delete', false, text)) {
      this.input.setRangeText(text, from, to, 'end');
      this.input.dispatchEvent(new Event('input'));
    }
  }

  /** Marks lines (counted from 1) until the next change. */
  mark(lines) {
    for (const line of lines) this.#lines.children[line - 1]?.classList.add('marked');
  }

  /** Puts the cursor at line and column, both counted from 1. */
  goTo(line, column) {
    const before = this.text.split('\n').slice(0, line - 1);
    const offset = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
    this.input.focus();
    this.input.setSelectionRange(offset, offset);
    this.#lines.children[line - 1]?.scrollIntoView({ block: 'nearest' });
  }

  /** Where on the screen does this offset stand? A DOMRect of no width. */
  place(offset) {
    const before = this.text.slice(0, offset).split('\n');
    const line = this.#lines.children[before.length - 1];
    let left = before.at(-1).length;
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left <= node.length) {
        const range = document.createRange();
        range.setStart(node, left);
        range.collapse(true);
        const rect = range.getClientRects()[0];
        if (rect) return rect;
      }
      left -= node.length;
    }
    return line.getBoundingClientRect();
  }

  #draw() {
    const text = this.text;
    const pieces = text.length > PLAIN_BEYOND ? [{ text, role: 'other' }] : this.#paint(text);
    const lines = [[]];
    for (const { text: piece, role } of pieces) {
      const parts = piece.split('\n');
      parts.forEach((part, index) => {
        if (index) lines.push([]);
        if (part) lines.at(-1).push([role, part]);
      });
    }
    lines.forEach((line, index) => {
      const signature = JSON.stringify(line);
      const shown = this.#lines.children[index];
      if (shown && this.#painted[index] === signature) return shown.classList.remove('marked');
      this.#painted[index] = signature;
      const made = element('div', { class: 'line' }, line.map(([role, part]) => element('span', { class: `as-${role}`, text: part })));
      if (shown) shown.replaceWith(made);
      else this.#lines.append(made);
      return undefined;
    });
    while (this.#lines.children.length > lines.length) this.#lines.lastChild.remove();
    this.#painted.length = lines.length;
    this.#pair();
  }

  /** Lights up the bracket at the cursor and its partner. */
  #pair() {
    for (const bracket of this.#brackets) bracket.classList.remove('paired');
    this.#brackets = [];
    const at = this.input.selectionStart;
    if (document.activeElement !== this.input || at !== this.input.selectionEnd) return;
    const beside = [at - 1, at].find((offset) => this.text[offset] in OPENING || this.text[offset] in CLOSING);
    if (beside === undefined) return;
    const all = [...this.#lines.querySelectorAll('.as-punctuation')];
    const own = this.#lines.children[this.text.slice(0, beside).split('\n').length - 1];
    const column = beside - (this.text.lastIndexOf('\n', beside - 1) + 1);
    let passed = 0;
    const start = [...own.children].find((piece) => (passed += piece.textContent.length) > column);
    const partner = this.#partner(all, all.indexOf(start));
    if (!partner) return;
    this.#brackets = [start, partner];
    for (const bracket of this.#brackets) bracket.classList.add('paired');
  }

  #partner(all, index) {
    const open = all[index]?.textContent;
    const other = OPENING[open] ?? CLOSING[open];
    const step = open in OPENING ? 1 : -1;
    let depth = 0;
    for (let at = index; other && at >= 0 && at < all.length; at += step) {
      if (all[at].textContent === open) depth += 1;
      if (all[at].textContent === other && --depth === 0) return all[at];
    }
    return null;
  }

  #key(event) {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === 'Escape') this.#free = true;
    else if (event.key === 'Tab' && !this.#free && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.#indent(event.shiftKey);
    } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      this.#breakLine();
    } else if (event.key in CLOSING) this.#outdentClosing(event);
    if (!['Escape', 'Shift', 'Tab'].includes(event.key)) this.#free = false;
  }

  /** A new line as deep as this one, two deeper after an opening bracket. */
  #breakLine() {
    const { selectionStart: from, selectionEnd: to } = this.input;
    const line = this.text.slice(this.text.lastIndexOf('\n', from - 1) + 1, from);
    const indent = line.match(/^ */)[0];
    const last = line.trimEnd().at(-1);
    if (!(last in OPENING)) return this.insert(`\n${indent}`, from, to);
    const closes = this.text[to] === OPENING[last];
    this.insert(`\n${indent}  ${closes ? `\n${indent}` : ''}`, from, to);
    if (closes) this.input.setSelectionRange(from + indent.length + 3, from + indent.length + 3);
    return undefined;
  }

  /** A closing bracket that is the first of its line goes two to the left. */
  #outdentClosing(event) {
    const { selectionStart: from, selectionEnd: to } = this.input;
    const begin = this.text.lastIndexOf('\n', from - 1) + 1;
    const line = this.text.slice(begin, from);
    if (from !== to || line.length < 2 || line.trim()) return;
    event.preventDefault();
    this.insert(event.key, from - 2, to);
  }

  #indent(back) {
    const { selectionStart: from, selectionEnd: to } = this.input;
    if (!back && !this.text.slice(from, to).includes('\n')) return this.insert('  ', from, to);
    const begin = this.text.lastIndexOf('\n', from - 1) + 1;
    const lines = this.text.slice(begin, to);
    const moved = back ? lines.replace(/^ {1,2}/gm, '') : lines.replace(/^(?=.)/gm, '  ');
    if (moved === lines) return undefined;
    this.insert(moved, begin, to);
    if (from !== to) this.input.setSelectionRange(begin, begin + moved.length);
    return undefined;
  }
}
