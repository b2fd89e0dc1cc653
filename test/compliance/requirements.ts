/**
 * What OWASP ASVS 5.0, NIST SP 800-63B-4 and the OWASP Web Security Testing Guide ask of sessions, and by what it is met:
 * `default` without doing anything, `call` by calling what the library has for it, `app` by the app itself.
 * docs/compliance.md has the same ids, in the same order.
 */
export interface Requirement {
  readonly id: string;
  readonly what: string;
  readonly by: 'default' | 'call' | 'app';
  /** Why no request can show it, where none can. */
  readonly unshown?: string;
}

const policy = 'a document';

export const requirements: readonly Requirement[] = [
  { id: 'ASVS-7.1.1', what: 'lifetimes are written down', by: 'default' },
  { id: 'ASVS-7.1.2', what: 'a limit of sessions per account', by: 'call' },
  { id: 'ASVS-7.1.3', what: 'federated lifetimes are written down', by: 'app', unshown: policy },
  { id: 'ASVS-7.2.1', what: 'tokens are checked by the server', by: 'default' },
  { id: 'ASVS-7.2.2', what: 'tokens are made for each session', by: 'default' },
  { id: 'ASVS-7.2.3', what: 'tokens are unique, random, 128 bits or more', by: 'default' },
  { id: 'ASVS-7.2.4', what: 'a new token at sign-in and re-authentication', by: 'default' },
  { id: 'ASVS-7.3.1', what: 'idle limit', by: 'default' },
  { id: 'ASVS-7.3.2', what: 'absolute limit', by: 'default' },
  { id: 'ASVS-7.4.1', what: 'sign-out ends the session on the server', by: 'default' },
  { id: 'ASVS-7.4.2', what: 'a closed account ends its sessions', by: 'call' },
  { id: 'ASVS-7.4.3', what: 'a changed password ends the others', by: 'call' },
  { id: 'ASVS-7.4.4', what: 'sign-out is in sight on every page', by: 'app' },
  { id: 'ASVS-7.4.5', what: 'administrators can end sessions', by: 'call' },
  { id: 'ASVS-7.5.1', what: 're-authentication before changes to the account', by: 'call' },
  { id: 'ASVS-7.5.2', what: 'people see their sessions and can end them', by: 'call' },
  { id: 'ASVS-7.5.3', what: 'one more factor for the most sensitive', by: 'call' },
  {
    id: 'ASVS-7.6.1',
    what: 'lifetimes of app and identity provider agree',
    by: 'app',
    unshown: 'needs an identity provider',
  },
  { id: 'ASVS-7.6.2', what: 'no session without the person', by: 'default' },
  { id: 'ASVS-3.3.1', what: 'Secure, and a prefix', by: 'default' },
  { id: 'ASVS-3.3.2', what: 'SameSite', by: 'default' },
  { id: 'ASVS-3.3.3', what: '__Host-', by: 'default' },
  { id: 'ASVS-3.3.4', what: 'HttpOnly, and the value nowhere else', by: 'default' },
  { id: 'ASVS-3.3.5', what: 'at most 4096 bytes', by: 'default' },
  { id: 'ASVS-3.5.1', what: 'requests from other origins are refused', by: 'default' },
  { id: 'ASVS-3.5.2', what: 'simple content types are no way around', by: 'default' },
  { id: 'ASVS-3.5.3', what: 'safe methods change nothing', by: 'app' },
  { id: 'ASVS-3.5.4', what: 'another app of the same store is another app', by: 'call' },
  { id: 'ASVS-4.4.1', what: 'WebSockets over TLS', by: 'default' },
  { id: 'ASVS-4.4.2', what: 'Origin is checked at the handshake', by: 'call' },
  { id: 'ASVS-4.4.3', what: 'WebSockets with tokens of the session', by: 'call' },
  { id: 'ASVS-4.4.4', what: 'the token of a WebSocket comes from the https session', by: 'call' },
  { id: 'NIST-5.1-minted', what: 'the secret is made at authentication', by: 'default' },
  { id: 'NIST-5.1-random', what: 'random, 64 bits or more', by: 'default' },
  { id: 'NIST-5.1-erased', what: 'invalid after sign-out', by: 'default' },
  { id: 'NIST-5.1-protected', what: 'over protected channels only', by: 'default' },
  { id: 'NIST-5.1-timeout', what: 'refused after the limits', by: 'default' },
  { id: 'NIST-5.1-restart', what: 'does not outlive the browser', by: 'default' },
  { id: 'NIST-5.1-aal', what: 'the session is no higher than its sign-in', by: 'default' },
  { id: 'NIST-5.1-csrf', what: 'posted content carries a verified session identifier', by: 'call' },
  { id: 'NIST-5.1-sign-out', what: 'signing out is easy', by: 'app' },
  { id: 'NIST-5.1.1', what: 'the cookie', by: 'default' },
  { id: 'NIST-5.2-limits', what: 'activity moves the idle limit only', by: 'default' },
  { id: 'NIST-5.2-reauthentication', what: 're-authentication starts both anew', by: 'call' },
  { id: 'NIST-5.2-warning', what: 'people can be warned', by: 'call' },
  { id: 'WSTG-SESS-01', what: 'session schema', by: 'default' },
  { id: 'WSTG-SESS-02', what: 'cookie attributes', by: 'default' },
  { id: 'WSTG-SESS-03', what: 'fixation', by: 'default' },
  { id: 'WSTG-SESS-04', what: 'exposed session variables', by: 'default' },
  { id: 'WSTG-SESS-05', what: 'cross-site request forgery', by: 'default' },
  { id: 'WSTG-SESS-06', what: 'sign-out', by: 'default' },
  { id: 'WSTG-SESS-07', what: 'timeout', by: 'default' },
  { id: 'WSTG-SESS-08', what: 'session puzzling', by: 'app' },
  { id: 'WSTG-SESS-09', what: 'hijacking', by: 'default' },
  { id: 'WSTG-SESS-10', what: 'JSON Web Tokens', by: 'default' },
  { id: 'WSTG-SESS-11', what: 'concurrent sessions', by: 'call' },
];
