// Which colour has each piece of a text? GraphQL documents and JSON, as lists of {text, role}.

import { read } from './graphql.js';

const JSON_LEXEME = /(?<key>"(?:\\.|[^"\\\n])*"(?=\s*:))|(?<string>"(?:\\.|[^"\\\n])*"?)|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<literal>\b(?:true|false|null)\b)|(?<punctuation>[{}[\]:,])|(?<space>\s+)|(?<other>[^\s\d"{}[\]:,\-tfn]+|[^])/gu;

/** A GraphQL document, piece by piece. */
export const paintGraphql = (text) => read(text).lexemes;

/** JSON, piece by piece; what is not JSON has the role `other`. */
export function paintJson(text) {
  return Array.from(text.matchAll(JSON_LEXEME), (match) => ({
    text: match[0],
    role: Object.keys(match.groups).find((name) => match.groups[name] !== undefined),
  }));
}
