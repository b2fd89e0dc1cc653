/** The demo's pages for everybody. */
import { html } from './html.js';
import { notice, page } from './layout.js';

interface HomeView {
  readonly id: string;
  readonly owner: string | undefined;
  readonly views: number;
  /** Why the person is not signed in any more. */
  readonly because: string | undefined;
}

export function homePage({ id, owner, views, because }: HomeView): string {
  const status = owner === undefined ? html`Nobody is signed in.` : html`Signed in as <strong>${owner}</strong>.`;
  const main = html`
<h1>Hello${owner === undefined ? undefined : html`, ${owner}`}</h1>
${notice(because)}
<section class="card" aria-label="This session">
<p class="count">Views: ${views}</p>
<p>That is how often this browser has opened this page. The count is kept in the session: it outlives a restart of the server, and signing in.</p>
<dl>
<div><dt>Who</dt><dd>${status}</dd></div>
<div><dt>Session</dt><dd><code>${id}</code></dd></div>
</dl>
${owner === undefined ? html`<p><a class="button" href="/login">Sign in</a></p>` : html`<p><a class="button" href="/account">Your account</a></p>`}
</section>`;
  return page({ title: 'Home', here: '/', owner, main });
}

interface SignInView {
  readonly next: string;
  readonly username?: string;
  readonly failed?: boolean;
  /** Why the person has to sign in again. */
  readonly because?: string | undefined;
}

export function signInPage({ next, username, failed, because }: SignInView): string {
  const fault = html`<p class="error" role="alert" id="fault">The user name or the password is wrong.</p>`;
  const invalid = failed ? html` aria-invalid="true" aria-describedby="fault"` : undefined;
  const main = html`
<h1>Sign in</h1>
${failed ? undefined : notice(because)}
<form class="card" method="post" action="/login">
${failed ? fault : undefined}
<p><label for="username">User name</label>
<input id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus${invalid}></p>
<p><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${invalid}></p>
<p><button>Sign in</button></p>
<input type="hidden" name="next" value="${next}">
</form>`;
  return page({ title: failed ? 'Sign in failed' : 'Sign in', here: '/login', owner: undefined, main });
}

export function errorPage({
  status,
  message,
  detail,
}: {
  status: number;
  message: string;
  detail: string | undefined;
}): string {
  const main = html`
<h1>${message}</h1>
<section class="card" aria-label="Details">
<p>Error ${status}</p>
${detail === undefined ? undefined : html`<p class="detail"><code>${detail}</code></p>`}
<p>${status === 401 ? html`<a class="button" href="/login">Sign in</a>` : html`<a class="button" href="/">Home</a>`}</p>
</section>`;
  return page({ title: `Error ${status}`, main });
}
