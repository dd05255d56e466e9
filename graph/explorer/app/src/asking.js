// How does an operation travel? Queries and mutations by POST, subscriptions over a socket; as whoever is signed in.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { getOperationAST, parse } from 'graphql';

import { Sockets } from './sockets.js';

/** A result in GraphQL's shape that says why there is none. */
const refused = (message) => ({ errors: [{ message }] });

/**
 * The operation that is meant; null where the document cannot be read or has none of that name. GraphiQL reads a text a
 * moment after it was written: whoever is faster would run it under the name of the one before.
 */
function operationOf({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null;
  }
}

/** The prepared operations' accounts, by the operation's name: who is logged in when nobody is. */
function accountsByOperation(tabs) {
  const named = tabs.flatMap(({ query, as }) =>
    parse(query).definitions.map((definition) => [as && definition.name?.value, as]),
  );
  return new Map(named.filter(([name]) => name));
}

/**
 * Sends operations for GraphiQL. Fires `sent` (detail {status, reason, ms, size, notice}) after each answer to a POST
 * of the editor's, introspection excepted.
 */
export class Asking extends EventTarget {
  /** Whether plan and store calls are asked for with each operation. */
  looking = true;
  /** Whether the next operation is planned and not run. */
  planOnly = false;

  #endpoint;
  #accounts;
  #session;
  #sockets;
  #post;
  #look;
  #as;
  #notice;
  #renewing;

  constructor({ config, session }) {
    super();
    this.#endpoint = config.endpoint;
    this.#accounts = config.demo?.accounts ?? {};
    this.#session = session;
    this.#as = accountsByOperation(config.tabs);
    this.#sockets = new Sockets(config.endpoint, session);
    const { endpoint: url } = config;
    this.#post = createGraphiQLFetcher({ url, fetch: (to, init) => this.#send(to, init, true) });
    this.#look = createGraphiQLFetcher({ url, fetch: (to, init) => this.#send(to, init, false) });
  }

  /** GraphiQL's fetcher. It reads the schema without a word on the document, and runs operations with one. */
  fetcher = async (params, options = {}) => {
    if (!('documentAST' in options)) return this.#look(params, { headers: options.headers });
    const only = this.planOnly;
    this.planOnly = false;

    const operation = operationOf(params);
    const asked = { ...params, operationName: operation?.name?.value ?? params.operationName };
    const sent = this.#headers(options.headers, params.query, only);
    const said = await this.#become(asked.operationName, sent);
    if (said.failure) return refused(said.failure);
    if (operation?.operation === 'subscription' && !only) return this.#sockets.events(asked, sent.get('authorization'));
    this.#notice = said.notice;
    return this.#post(asked, { headers: Object.fromEntries(sent) });
  };

  /** What goes with the operation; what the headers' editor says is stronger than what this page would add. */
  #headers(written, query, only) {
    const sent = new Headers({ accept: 'application/graphql-response+json, application/json;q=0.9' });
    if (this.looking || only) {
      sent.set('x-studygraph-explain', only ? 'only' : '1');
      sent.set('x-studygraph-ledger', '1');
    }
    // Parts of an answer are taken where the operation asks for parts.
    if (/@(defer|stream)\b/.test(query)) sent.set('accept', `multipart/mixed, ${sent.get('accept')}`);
    for (const [name, value] of Object.entries(written ?? {})) sent.set(name, String(value));
    return sent;
  }

  /** Logs in the account for which a prepared operation is made, when nobody is signed in. */
  async #become(operation, sent) {
    const account = this.#as.get(operation);
    if (this.#session.who || sent.has('authorization') || !this.#accounts[account]) return {};
    const failure = await this.#session.logInAs(account);
    if (failure) return { failure: `Signing in as ${account} did not work: ${failure}` };
    return { notice: `Signed in as ${account}, for whom this operation is made. Ask it as somebody else, too.` };
  }

  /** fetch, as whoever is signed in; every failure is an answer in GraphQL's shape. `told` fires `sent`. */
  async #send(url, init, told) {
    const own = new Headers(init.headers).has('authorization');
    const began = performance.now();
    let answer;
    try {
      answer = await this.#posted(url, init, own);
      const asked = this.#session.who;
      // The server refuses such an operation as a whole, so that repeating it does nothing twice.
      if (answer.status === 401 && !own && asked) {
        if (await this.#renewed(asked)) {
          answer = await this.#posted(url, init, own);
          this.#notice = `The session was over: signed in as ${asked.account} again.`;
        } else {
          if (this.#session.who === asked) this.#session.logOut();
          this.#notice = `The session of ${asked.email} is over: sign in again.`;
        }
      }
    } catch {
      const where = new URL(url, location.href).href;
      return Response.json(refused(`No answer from ${where}. The server may have stopped, or the network is cut; start it and run the operation again.`));
    }
    const kind = answer.headers.get('content-type') ?? '';
    if (kind.startsWith('multipart/')) return answer;
    const text = await answer.text();
    const ms = performance.now() - began;
    const { status, statusText: reason } = answer;
    if (told) {
      const size = new TextEncoder().encode(text).length;
      this.dispatchEvent(new CustomEvent('sent', { detail: { status, reason, ms, size, notice: this.#notice } }));
      this.#notice = undefined;
    }
    if (!kind.includes('json')) return Response.json(refused(`The server answered ${status} without JSON: ${text.slice(0, 300) || 'an empty body'}`));
    return new Response(text, { status, headers: answer.headers });
  }

  /** Whether whoever asked is signed in anew; of several operations that were refused at once, the first sees to it. */
  async #renewed(asked) {
    if (!this.#accounts[asked.account]) return false;
    if (this.#session.who !== asked) return this.#session.who?.account === asked.account;
    this.#renewing ??= this.#session.logInAs(asked.account).finally(() => (this.#renewing = undefined));
    return (await this.#renewing) === null;
  }

  #posted(url, init, own) {
    const sent = new Headers(init.headers);
    if (!own && this.#session.who) sent.set('authorization', `Bearer ${this.#session.who.token}`);
    return fetch(url, { ...init, headers: sent });
  }
}
