// How do events arrive? Over one WebSocket of the protocol graphql-transport-ws; every end has its sentence.

import { CloseCode, createClient } from 'graphql-ws';

const SENTENCES = {
  1012: 'The server is starting anew.',
  4400: 'The server could not read what was sent.',
  4401: 'The server wants to know who asks: sign in first.',
  4403: 'The session is over: sign in again.',
  4406: 'The server does not speak graphql-transport-ws.',
  4408: 'The connection took too long to begin.',
  4429: 'Too many connections or subscriptions.',
};

/** Subscriptions at `endpoint`, as whoever is signed in when the socket opens. */
export class Sockets {
  #url;
  #session;
  #client;
  #acknowledged = false;
  #authorization;
  #renewal;

  constructor(endpoint, session) {
    const url = new URL(endpoint, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.#url = url.href;
    this.#session = session;
    this.#client = createClient({
      url: this.#url,
      connectionParams: () => this.#credentials(),
      retryAttempts: 5,
      // A socket that never came to be would not come to be a second later; one that worked is opened again.
      shouldRetry: () => this.#acknowledged,
      on: {
        opened: () => (this.#acknowledged = false),
        connected: () => (this.#acknowledged = true),
        closed: (end) => this.#closed(end),
      },
    });
    // Whoever signs in next asks under their own name.
    session.addEventListener('change', () => this.#client.terminate());
  }

  /** The events of one subscription; what goes wrong is the last of them. `authorization` as the headers' editor has it. */
  events(params, authorization) {
    this.#authorization = authorization;
    const events = this.#client.iterate(params);
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => events.next().catch((failure) => ({ done: false, value: { errors: this.#said(failure) } })),
      return: () => events.return(),
    };
  }

  async #credentials() {
    await this.#renewal;
    const authorization = this.#authorization ?? (this.#session.who && `Bearer ${this.#session.who.token}`);
    return authorization ? { authorization } : {};
  }

  #closed({ code }) {
    const account = this.#session.who?.account;
    // The demo's accounts are signed in again by themselves, before the next socket opens.
    if (code === CloseCode.Forbidden && account) this.#renewal = this.#session.logInAs(account);
  }

  #said(failure) {
    if (Array.isArray(failure)) return failure;
    // A browser tells of a connection that failed by an event without any reason.
    const { code = 1006, reason } = failure;
    if (code === 1006 && !this.#acknowledged) {
      return [{ message: `No subscription could be opened: ${this.#url} does not answer as a WebSocket of graphql-transport-ws. The server may offer none, or something on the way refuses sockets.` }];
    }
    const sentence = SENTENCES[code] ?? (code === 1006 ? 'The connection was lost.' : 'The server closed the socket.');
    return [{ message: `${sentence} (${[code, reason].filter(Boolean).join(' ')})` }];
  }
}
