/** The pages of people who are signed in. */
import type { SessionInfo, SessionSummary } from 'holdfast';
import { type Html, html } from './html.js';
import { momentOf, notice, page } from './layout.js';

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
<div class="actions">
<a class="button" href="/devices">Your devices</a>
<a class="button quiet" href="/password">Change password</a>
<form method="post" action="/account/close"><button class="quiet danger">Close account</button></form>
</div>
</section>`;
  return page({ title: 'Your account', here: '/account', owner: info.owner, main });
}

export interface DevicesView {
  readonly owner: string | undefined;
  readonly devices: readonly SessionSummary[];
  /** What has just happened. */
  readonly told: string | undefined;
}

export function devicesPage({ owner, devices, told }: DevicesView): string {
  const others = devices.filter(({ current }) => !current).length;
  // The one in front of the person first, then what was used last.
  const inOrder = [...devices].sort(
    (a, b) => Number(b.current) - Number(a.current) || b.lastSeenAt.getTime() - a.lastSeenAt.getTime(),
  );
  const main = html`
<h1>My devices</h1>
${notice(told)}
<p>Where you are signed in. Is one of them not yours? Sign it out, and <a href="/password">change your password</a>.</p>
<ul class="devices">
${inOrder.map(deviceItem)}
</ul>
${
  others === 0
    ? html`<p>You are signed in nowhere else.</p>`
    : html`<form method="post" action="/devices/sign-out-others"><button>Sign out the other ${others === 1 ? 'device' : `${others} devices`}</button></form>`
}`;
  return page({ title: 'My devices', here: '/devices', owner, main });
}

function deviceItem(device: SessionSummary): Html {
  const { id, current, lastSeenAt, createdAt, address } = device;
  const name = nameOf(device);
  const here = html`<span class="badge">This device</span>`;
  const signOut = html`<form method="post" action="/devices/sign-out">
<input type="hidden" name="id" value="${id}">
<button class="quiet" aria-label="Sign out ${name}, signed in ${createdAt.toISOString().slice(0, 16).replace('T', ' ')}">Sign out</button>
</form>`;
  return html`<li class="card device">
<div>
<h2>${name} ${current ? here : undefined}</h2>
<dl>
<div><dt>Signed in</dt><dd>${momentOf(createdAt)}</dd></div>
<div><dt>Last seen</dt><dd>${current ? 'now' : momentOf(lastSeenAt)}</dd></div>
<div><dt>Network</dt><dd><code>${address ?? 'unknown'}</code></dd></div>
</dl>
</div>
${current ? undefined : signOut}
</li>`;
}

const nameOf = ({ device, userAgent }: SessionSummary): string =>
  device ?? (userAgent === undefined ? 'Unknown device' : userAgent.split(' ', 1)[0]) ?? 'Unknown device';

interface FormView {
  readonly owner: string | undefined;
  readonly fault?: string | undefined;
}

/** Step-up: the person proves again that it is them before something that could lock them out. */
export function confirmPage({ owner, fault, next }: FormView & { readonly next: string }): string {
  const main = html`
<h1>Confirm that it is you</h1>
<form class="card" method="post" action="/confirm">
${faultOf(fault)}
<p>You are signed in as <strong>${owner}</strong>. For what you are about to do, please give your password again.</p>
<p><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus${invalid(fault)}></p>
<p><button>Confirm</button></p>
<input type="hidden" name="username" value="${owner}" autocomplete="username">
<input type="hidden" name="next" value="${next}">
</form>`;
  return page({ title: 'Confirm that it is you', owner, main });
}

export function passwordPage({ owner, fault }: FormView): string {
  const main = html`
<h1>Change password</h1>
<form class="card" method="post" action="/password">
${faultOf(fault)}
<p>All your other devices are signed out then.</p>
<p><label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="8" aria-describedby="rule" required autofocus${fault === undefined ? undefined : html` aria-invalid="true"`}>
<small id="rule">At least 8 characters. Longer is better; nothing else is asked of it.</small></p>
<p><label for="again">New password, again</label>
<input id="again" name="again" type="password" autocomplete="new-password" minlength="8" required${invalid(fault)}></p>
<p><button>Change password</button></p>
</form>`;
  return page({ title: 'Change password', owner, main });
}

const faultOf = (fault: string | undefined): Html | undefined =>
  fault === undefined ? undefined : html`<p class="error" role="alert" id="fault">${fault}</p>`;

const invalid = (fault: string | undefined): Html | undefined =>
  fault === undefined ? undefined : html` aria-invalid="true" aria-describedby="fault"`;
