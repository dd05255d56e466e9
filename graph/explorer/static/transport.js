// How does a question travel? One POST; every outcome, also "nobody there", is a value and not an exception.

/**
 * Sends `body` ({query, variables, operationName}) and reads the whole answer.
 * Answers {kind: 'answer', status, reason, json | null, text, ms, size} (json null: the body was not JSON),
 * {kind: 'unreachable', ms} or {kind: 'stopped', ms}.
 * @param {Headers} headers sent on top of Accept and Content-Type
 */
export async function post(endpoint, body, headers = new Headers(), signal = undefined) {
  const sent = new Headers({
    'content-type': 'application/json',
    accept: 'application/graphql-response+json, application/json;q=0.9',
  });
  for (const [name, value] of headers) sent.set(name, value);
  const began = performance.now();
  try {
    const response = await fetch(endpoint, { method: 'POST', headers: sent, body: JSON.stringify(body), signal });
    const text = await response.text();
    const ms = performance.now() - began;
    const size = new TextEncoder().encode(text).length;
    return { kind: 'answer', status: response.status, reason: response.statusText, json: parsed(text), text, ms, size };
  } catch (failure) {
    const ms = performance.now() - began;
    return { kind: failure?.name === 'AbortError' ? 'stopped' : 'unreachable', ms };
  }
}

function parsed(text) {
  try {
    const json = JSON.parse(text);
    return json !== null && typeof json === 'object' && !Array.isArray(json) ? json : null;
  } catch {
    return null;
  }
}

/** Is this answer the server's "who are you?" to the whole question? */
export const unauthenticated = (outcome) =>
  outcome.kind === 'answer' && (outcome.json?.errors ?? []).some((error) => error?.extensions?.code === 'UNAUTHENTICATED');

/** What happened, in a sentence, for an outcome without a GraphQL answer; null where there is one. */
export function trouble(outcome, endpoint) {
  if (outcome.kind === 'unreachable') {
    return `No answer from ${new URL(endpoint, location.href).href}. The server may have stopped, or the network is cut; start it and run the question again.`;
  }
  if (outcome.kind === 'stopped') return 'Stopped before the answer arrived.';
  if (outcome.json === null) return `The server answered ${outcome.status} without JSON: ${outcome.text.slice(0, 300) || 'an empty body'}`;
  return null;
}
