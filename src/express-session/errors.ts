/** The refusals that only sessions of express-session meet. */
import { SessionError } from '../core/errors.js';

export function ownerFixed(had: boolean): SessionError {
  const how = had ? "another owner's" : 'stored without an owner';
  return new SessionError(
    'ERR_SESSION_OWNER_FIXED',
    `The session's data names an owner, but its id was ${how} before. Nothing was stored. ` +
      'Call req.session.regenerate() when somebody signs in, and write the identity in its callback.',
  );
}

export function conflictRefused(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    'Another request changed this session meanwhile, and onConflict is "error". Nothing was stored.',
    { outcome: 'not-applied' },
  );
}

export function refusedCreation(result: string): SessionError {
  if (result === 'barred') {
    return new SessionError(
      'ERR_SESSION_BARRED',
      "This sign-in began before the person's sessions were revoked, so it does not count. Check the credentials again.",
    );
  }
  return new SessionError('ERR_SESSION_CONFLICT', `A new session could not be created (${result}).`);
}
