// Who is signed in, and how does one sign in? One click for each demo account, or a form where there are none.

import { byId, element } from './dom.js';

/** Draws the account's corner of the page. `say(sentence, tone)` shows what went wrong. */
export class Account {
  #session;
  #names;
  #say;

  constructor({ session, demo, say }) {
    this.#session = session;
    this.#names = Object.keys(demo?.accounts ?? {});
    this.#say = say;
    session.addEventListener('change', () => this.#draw());
    byId('sign-in-cancel').addEventListener('click', () => byId('sign-in').close());
    byId('sign-in-form').addEventListener('submit', (event) => this.#submit(event));
    this.#draw();
  }

  /** Draws the eye here: somebody is needed. */
  point() {
    const host = byId('account');
    host.classList.remove('pointed');
    void host.offsetWidth;
    host.classList.add('pointed');
    if (!this.#names.length) this.#form();
  }

  /** One click; answers whether it worked. */
  async become(name) {
    const host = byId('account');
    host.classList.add('busy');
    const failed = await this.#session.logInAs(name);
    host.classList.remove('busy');
    if (failed) this.#say(`Signing in as ${name} did not work: ${failed}`, 'error');
    return !failed;
  }

  #draw() {
    const { who } = this.#session;
    const focused = document.activeElement?.dataset?.account;
    const demo = this.#names.length > 0;
    const choices = this.#names.map((name) =>
      element('button', {
        type: 'button',
        class: 'choice',
        'data-account': name,
        'aria-pressed': String(who?.account === name),
        title: `Sign in as the demo school's ${name}`,
        text: name,
        on: { click: () => this.become(name) },
      }),
    );
    const ends = who?.expiresAt ? `, until ${new Date(who.expiresAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}` : '';
    byId('account').replaceChildren(
      ...[
        who
          ? element('span', { class: 'who', title: `Signed in as ${who.email}${ends}` }, element('span', { class: 'dot', 'aria-hidden': 'true' }), element('span', { class: 'unseen', text: 'Signed in as ' }), element('span', { class: 'who-email', text: who.email }), who.role && element('span', { class: 'role', text: who.role }))
          : demo && element('span', { class: 'who nobody', text: 'Sign in as' }),
        demo && element('span', { class: 'choices' }, choices),
        who && element('button', { type: 'button', class: 'quiet', text: 'Sign out', on: { click: () => this.#session.logOut() } }),
        !who && !demo && element('button', { type: 'button', class: 'quiet', text: 'Sign in', on: { click: () => this.#form() } }),
      ].filter(Boolean),
    );
    if (focused) document.querySelector(`[data-account="${CSS.escape(focused)}"]`)?.focus();
  }

  #form() {
    byId('sign-in-error').textContent = '';
    byId('sign-in-password').value = '';
    if (!byId('sign-in').open) byId('sign-in').showModal();
  }

  async #submit(event) {
    event.preventDefault();
    const failed = await this.#session.logIn(byId('sign-in-email').value, byId('sign-in-password').value);
    if (failed) byId('sign-in-error').textContent = failed;
    else byId('sign-in').close();
  }
}
