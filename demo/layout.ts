/** What all pages of the demo have in common. They hold no script and no style of their own, so that the policy needs no exception. */
import { type Html, html } from './html.js';

export interface Page {
  readonly title: string;
  /** Which of the navigation's entries it is. */
  readonly here?: '/' | '/account' | '/devices' | '/login';
  /** Who is signed in; undefined is nobody, and a page without it does not know. */
  readonly owner?: string | undefined;
  readonly main: Html;
}

/** As text: Express would send an object as JSON. */
export function page(content: Page): string {
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
${owner === undefined ? undefined : html`<script src="/time-left.js" defer></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28">Holdfast demo</a>
<nav aria-label="Main"><ul>
${link('/', 'Home')}
${link('/account', 'Account')}
${owner === undefined ? undefined : link('/devices', 'Devices')}
${'owner' in content ? entry : undefined}
</ul></nav>
</header>
<main id="main" tabindex="-1">
${main}
</main>
<footer><p>Sessions by Holdfast. <a href="/api/session">This session as JSON</a></p></footer>
${owner === undefined ? undefined : timeLeftDialog}
</body>
</html>
`.toString();
}

/** Opened by time-left.js two minutes before the session ends (WCAG 2.2.1 asks for at least 20 seconds and one simple action). */
const timeLeftDialog = html`<dialog id="time-left" class="card" role="alertdialog" aria-labelledby="time-left-title" aria-describedby="time-left-text">
<h2 id="time-left-title">Are you still there?</h2>
<p id="time-left-text">You will be signed out in <strong data-time-left></strong>, because this session has not been used for a while.</p>
<p class="hidden" aria-live="assertive" data-time-left-said></p>
<div class="actions">
<form method="post" action="/session/stay"><button>Stay signed in</button></form>
<form method="post" action="/logout"><button class="quiet">Sign out now</button></form>
</div>
</dialog>`;

/** A line above a page's content: what has just happened. Read out by screen readers. */
export const notice = (text: string | undefined): Html | undefined =>
  text === undefined ? undefined : html`<p class="notice" role="status">${text}</p>`;

export function momentOf(at: Date | undefined): Html | undefined {
  if (at === undefined) return undefined;
  const iso = at.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
