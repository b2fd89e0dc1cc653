/** Why a session is over, in words for the person whose it was. */

const sentences: Readonly<Record<string, string>> = {
  'signed-out': 'You have signed out.',
  destroyed: 'You have signed out.',
  replaced: 'You have signed in again on this device.',
  revoked: 'You were signed out from another device or by an administrator.',
  evicted: 'You were signed out because you signed in on too many other devices.',
  'credential-changed': 'You were signed out because your password or another way to sign in was changed.',
  'token-reuse':
    'You were signed out because your session may have been copied. If that surprises you, change your password.',
  expired: 'Your session has expired.',
};

/**
 * A sentence for `info.endedReason`: undefined where there is none, so that a page can leave it out.
 *
 * @param reason What `info.endedReason` says.
 * @param own Sentences of the app's own, by reason, for its own reasons or in another language; they come first.
 */
export function endedMessage(
  reason: string | undefined,
  own: Readonly<Record<string, string | undefined>> = {},
): string | undefined {
  if (reason === undefined) return undefined;
  if (Object.hasOwn(own, reason)) return own[reason];
  return Object.hasOwn(sentences, reason) ? sentences[reason] : 'You have been signed out.';
}
