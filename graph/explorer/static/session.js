// Who asks? The token of the signed-in account, kept for this browser tab only.

import { post, trouble, unauthenticated } from './transport.js';

const KEY = 'studygraph.session';
const LOG_IN = `mutation LogIn($input: LogInInput!) {
  logIn(input: $input) { accessToken refreshToken expiresAt user { id email role } errors { code message path } }
}`;

/** `account` is the demo account's short name, or null for an account of one's own. Fires `change` whenever `who` changes. */
export class Session extends EventTarget {
  #demo;
  #endpoint;

  constructor({ endpoint, demo }) {
    super();
    this.#endpoint = endpoint;
    this.#demo = demo;
    /** {token, email, role, account, expiresAt} or null. */
    this.who = remembered();
  }

  /** Answers null when signed in, else a sentence that says why not. */
  async logIn(email, password, account = null) {
    const outcome = await post(this.#endpoint, { query: LOG_IN, variables: { input: { email, password } }, operationName: 'LogIn' });
    const failed = trouble(outcome, this.#endpoint);
    if (failed) return failed;
    const payload = outcome.json.data?.logIn;
    if (payload?.accessToken) {
      const { accessToken: token, expiresAt, user } = payload;
      this.#become({ token, expiresAt, account, email: user?.email ?? email, role: user?.role ?? null });
      return null;
    }
    const errors = [...(payload?.errors ?? []), ...(outcome.json.errors ?? [])];
    return errors.map((error) => error.message).join(' ') || 'The server gave no token and no reason.';
  }

  /** One click: the demo account of this short name. */
  logInAs(account) {
    return this.logIn(this.#demo.accounts[account], this.#demo.password, account);
  }

  logOut() {
    this.#become(null);
  }

  /**
   * Sends a question as whoever is signed in. A demo account whose session is over is logged in again, once, and the
   * question repeated: the server refuses such a question as a whole, so nothing happens twice.
   * Answers transport's outcome with `renewed` (the account's name) where that was done.
   */
  async ask(body, headers, signal) {
    const own = headers.has('authorization');
    const send = () => {
      const sent = new Headers(headers);
      if (!own && this.who) sent.set('authorization', `Bearer ${this.who.token}`);
      return post(this.#endpoint, body, sent, signal);
    };
    const account = this.who?.account;
    const asked = this.who;
    const outcome = await send();
    if (own || !asked || !unauthenticated(outcome)) return outcome;
    if (account && this.#demo?.accounts[account] && (await this.logInAs(account)) === null) {
      return { ...(await send()), renewed: account };
    }
    this.logOut();
    return { ...outcome, ended: asked.email };
  }

  #become(who) {
    this.who = who;
    try {
      if (who) sessionStorage.setItem(KEY, JSON.stringify(who));
      else sessionStorage.removeItem(KEY);
    } catch {
      // Storage is switched off: the session lives as long as the page.
    }
    this.dispatchEvent(new Event('change'));
  }
}

function remembered() {
  try {
    const who = JSON.parse(sessionStorage.getItem(KEY));
    return typeof who?.token === 'string' ? who : null;
  } catch {
    return null;
  }
}
