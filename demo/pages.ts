/** The demo's pages. They hold no script and no style of their own, so that the Content-Security-Policy needs no exception. */
import type { SessionInfo } from 'holdfast';
import { type Html, html } from './html.js';

interface Page {
  readonly title: string;
  /** Which of the navigation's entries it is. */
  readonly here?: '/' | '/account' | '/login';
  /** Who is signed in; undefined is nobody, and a page without it does not know. */
  readonly owner?: string | undefined;
  readonly main: Html;
}

/** As text: Express would send an object as JSON. */
function page(content: Page): string {
  const { title, here, owner, main } = content;
  const link = (path: Page['here'], text: string) =>
    html`<li><a href="${path}"${path === here ? html` aria-current="page"` : undefined}>${text}</a></li>`;
  const signOut = html`<li><form method="post" action="/logout"><button class="quiet">Sign out</button></form></li>`;
  const entry = owner === undefined ? link('/login', 'Sign in') : signOut;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Holdfast demo</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28">Holdfast demo</a>
<nav aria-label="Main"><ul>
${link('/', 'Home')}
${link('/account', 'Account')}
${'owner' in content ? entry : undefined}
</ul></nav>
</header>
<main id="main" tabindex="-1">
${main}
</main>
<footer><p>Sessions by Holdfast. <a href="/api/session">This session as JSON</a></p></footer>
</body>
</html>
`.toString();
}

export function homePage({ id, owner, views }: { id: string; owner: string | undefined; views: number }): string {
  const status = owner === undefined ? html`Nobody is signed in.` : html`Signed in as <strong>${owner}</strong>.`;
  const main = html`
<h1>Hello${owner === undefined ? undefined : html`, ${owner}`}</h1>
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

export function signInPage({ next, username, failed }: { next: string; username?: string; failed?: boolean }): string {
  const fault = html`<p class="error" role="alert" id="fault">The user name or the password is wrong.</p>`;
  const invalid = failed ? html` aria-invalid="true" aria-describedby="fault"` : undefined;
  const main = html`
<h1>Sign in</h1>
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

export function accountPage({ info, id, views }: { info: SessionInfo; id: string; views: number }): string {
  const moments: [string, Date | undefined][] = [
    ['Signed in', info.authenticatedAt],
    ['Ends when unused', info.expiresAt],
    ['Ends in any case', info.endsAt],
  ];
  const main = html`
<h1>Your account</h1>
<section class="card" aria-label="Your session">
<p>Only people who are signed in see this page. No browser and no proxy keeps a copy of it.</p>
<dl>
<div><dt>User</dt><dd><strong>${info.owner}</strong></dd></div>
<div><dt>Session</dt><dd><code>${id}</code></dd></div>
<div><dt>Views</dt><dd>${views}</dd></div>
<div><dt>Assurance level</dt><dd>${info.aal} (${info.amr.join(', ')})</dd></div>
${moments.map(([name, at]) => html`<div><dt>${name}</dt><dd>${momentOf(at)}</dd></div>`)}
</dl>
<form method="post" action="/logout"><button>Sign out</button></form>
</section>`;
  return page({ title: 'Your account', here: '/account', owner: info.owner, main });
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

function momentOf(at: Date | undefined): Html | undefined {
  if (at === undefined) return undefined;
  const iso = at.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
