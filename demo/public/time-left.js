/**
 * Warns before the session ends, and offers to stay (WCAG 2.2.1); leaves the page when it has ended. Asks the server for
 * the time left: that does not count as use, and another tab may have been used meanwhile. Without this script the
 * session just ends.
 */
const warnMs = 120_000;
/** While the warning is shown: another tab, or the other side of the dialog, may have stayed or signed out. */
const lookAgainMs = 10_000;
/** What a screen reader is told while the seconds run: not each of them. */
const sayAtSeconds = [120, 60, 30, 20, 10];

const dialog = document.querySelector('#time-left');
const shown = dialog.querySelector('[data-time-left]');
const said = dialog.querySelector('[data-time-left-said]');

let endsAt = 0;
let looking;
let counting;
/** A form of this page is on its way, sign-out say: its answer decides where people go. */
let submitted = false;

const words = (seconds) => {
  const minutes = Math.floor(seconds / 60);
  const parts = [];
  if (minutes > 0) parts.push(minutes === 1 ? '1 minute' : `${minutes} minutes`);
  if (seconds % 60 > 0 || minutes === 0) parts.push(seconds % 60 === 1 ? '1 second' : `${seconds % 60} seconds`);
  return parts.join(' ');
};

function lookIn(delayMs) {
  clearTimeout(looking);
  looking = setTimeout(look, delayMs);
}

async function look() {
  let left;
  try {
    const answer = await fetch('/session/time-left', { cache: 'no-store' });
    left = await answer.json();
  } catch {
    // No network, or the server restarts: not a reason to send anybody away.
    return lookIn(lookAgainMs);
  }
  if (!left.signedIn) return leave();
  dialog.dataset.watched = 'yes';
  if (left.expiresInMs > warnMs) {
    close();
    return lookIn(left.expiresInMs - warnMs);
  }
  endsAt = Date.now() + left.expiresInMs;
  open();
  lookIn(Math.min(lookAgainMs, left.expiresInMs + 500));
}

function open() {
  if (!dialog.open) {
    dialog.showModal();
    counting = setInterval(count, 1_000);
  }
  count();
}

function close() {
  clearInterval(counting);
  if (dialog.open) dialog.close();
}

function count() {
  const seconds = Math.max(0, Math.ceil((endsAt - Date.now()) / 1_000));
  shown.textContent = words(seconds);
  if (sayAtSeconds.includes(seconds)) said.textContent = `${words(seconds)} left.`;
}

/** What is on the screen belongs to somebody who is not signed in any more. */
function leave() {
  if (submitted) return;
  location.replace(`/login?next=${encodeURIComponent(location.pathname)}`);
}

async function stay(event) {
  event?.preventDefault();
  try {
    await fetch('/session/stay', { method: 'POST', redirect: 'manual' });
  } finally {
    await look();
  }
}

dialog.querySelector('form[action="/session/stay"]').addEventListener('submit', stay);
// Escape means "go away": to stay is the harmless way to read that.
dialog.addEventListener('cancel', stay);
// Signed out elsewhere, or by an administrator: the server closes this with 4401, and the page goes at once.
const live = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live`);
live.addEventListener('close', ({ code }) => code === 4401 && look());

document.addEventListener('submit', ({ defaultPrevented }) => {
  submitted ||= !defaultPrevented;
});

// A page that comes back from the browser's memory, or from sleep, may be late.
addEventListener('pageshow', () => {
  submitted = false;
  look();
});
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && look());
