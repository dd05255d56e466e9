// Who is signed in, and how does one sign in? One click for each demo account, or a form where there are none.

import { useRef, useState, useSyncExternalStore } from 'react';

/** The signed-in account ({token, email, role, account, expiresAt} or null), drawn anew whenever it changes. */
export function useWho(session) {
  return useSyncExternalStore(
    (changed) => {
      session.addEventListener('change', changed);
      return () => session.removeEventListener('change', changed);
    },
    () => session.who,
  );
}

export function Account({ session, demo }) {
  const who = useWho(session);
  const [failed, setFailed] = useState(null);
  const [busy, setBusy] = useState(null);
  const names = Object.keys(demo?.accounts ?? {});

  async function become(name) {
    setBusy(name);
    const failure = await session.logInAs(name);
    setBusy(null);
    setFailed(failure && `Signing in as ${name} did not work: ${failure}`);
  }

  const until = who?.expiresAt && new Date(who.expiresAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <div className="account" role="group" aria-label="Account">
      {failed && <span className="account-failed" role="alert">{failed}</span>}
      {who ? (
        <span className="who" title={`Signed in as ${who.email}${until ? `, until ${until}` : ''}`}>
          <span className="dot" aria-hidden="true" />
          <span className="who-email">{who.email}</span>
          {who.role && <span className="role">{who.role}</span>}
        </span>
      ) : (
        demo && <span className="who nobody">Sign in as</span>
      )}
      {demo && (
        <span className="choices">
          {names.map((name) => (
            <button
              key={name}
              type="button"
              className="choice"
              aria-pressed={who?.account === name}
              aria-busy={busy === name}
              title={`Sign in as the demo school's ${name}`}
              onClick={() => become(name)}
            >
              {name}
            </button>
          ))}
        </span>
      )}
      {who && <button type="button" className="quiet" onClick={() => session.logOut()}>Sign out</button>}
      {!who && !demo && <SignIn session={session} />}
    </div>
  );
}

function SignIn({ session }) {
  const dialog = useRef(null);
  const [failed, setFailed] = useState('');

  async function submit(event) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    setFailed((await session.logIn(given.get('email'), given.get('password'))) ?? '');
  }

  return (
    <>
      <button type="button" className="quiet" onClick={() => dialog.current.showModal()}>Sign in</button>
      <dialog className="sign-in" ref={dialog} aria-labelledby="sign-in-title">
        <form onSubmit={submit}>
          <h2 id="sign-in-title">Sign in</h2>
          <label>E-mail<input name="email" type="email" autoComplete="username" required /></label>
          <label>Password<input name="password" type="password" autoComplete="current-password" required /></label>
          <p className="sign-in-error" role="alert">{failed}</p>
          <div className="sign-in-buttons">
            <button type="button" className="quiet" onClick={() => dialog.current.close()}>Cancel</button>
            <button type="submit" className="strong">Sign in</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
