/** Every error ends here: as a page for people, as JSON for programs, and with nothing of the inside in either. */
import type { ErrorRequestHandler, Request } from 'express';
import { SessionError } from 'holdfast';
import { errorPage } from './pages.js';

/** An error whose message is meant for the person who asked. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Said instead of a SessionError's own message, which is meant for the developer. */
const forPeople: Partial<Record<SessionError['code'], string>> = {
  ERR_SESSION_ENDED: 'Your session has ended. Please sign in again.',
  ERR_SESSION_SIGN_IN_REQUIRED: 'Please sign in first.',
  ERR_SESSION_BARRED: 'You were signed out everywhere meanwhile. Please sign in again.',
  ERR_SESSION_CROSS_SITE: 'This request came from a page of another site, so it was refused.',
  ERR_SESSION_STORE_UNAVAILABLE: 'Sessions can’t be reached at the moment. Please try again in a little while.',
  ERR_SESSION_COOKIE_WITHHELD:
    'Signing in does not work over this connection, because it can’t carry a session cookie.',
};

export const wantsJson = (req: Request): boolean => req.accepts(['html', 'json']) === 'json' || Boolean(req.is('json'));

export const answerError: ErrorRequestHandler = (error, req, res, next) => {
  // The answer is half out: Express cuts the connection, so that nobody takes the half for the whole.
  if (res.headersSent) return next(error);
  const status = statusOf(error);
  // holdfast has said once in the log why there is no cookie; again for each request would drown it.
  const told = error instanceof SessionError && error.code === 'ERR_SESSION_COOKIE_WITHHELD';
  if (status >= 500 && !told) console.error(error);

  const code = error instanceof SessionError ? error.code : undefined;
  const message = messageFor(error, status);
  // A SessionError says which option to change. Good to know while developing; nobody else's business later.
  const detail = code !== undefined && req.app.get('env') !== 'production' ? `${code}: ${error.message}` : undefined;
  res.status(status);
  if (wantsJson(req)) res.json({ error: { status, code, message, detail } });
  else res.send(errorPage({ status, message, detail }));
};

/** Other middleware, such as the body parsers, sets `status` as well. */
function statusOf(error: unknown): number {
  const { status } = Object(error) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

function messageFor(error: unknown, status: number): string {
  if (error instanceof HttpError) return error.message;
  const known = error instanceof SessionError ? forPeople[error.code] : undefined;
  return known ?? (status < 500 ? 'The request could not be understood.' : 'Something went wrong on our side.');
}
