/** Stores count in seconds, and round: their expiry must not come before the deadline in the record. */
const slackMs = 1_000;
/** The last moment of a Date. */
const farthest = 8_640_000_000_000_000;

/** As much of express-session's cookie as stores read of it to know when a session is over; no browser gets to see it. */
export class BridgedCookie {
  readonly expires: Date;
  readonly originalMaxAge: number;
  readonly httpOnly = true;
  readonly path = '/';

  constructor(until: number) {
    const expires = Math.min(until + slackMs, farthest);
    this.expires = new Date(expires);
    // session-file-store takes 0 for absent.
    this.originalMaxAge = Math.max(1, expires - Date.now());
  }

  /** memorystore asks for it. */
  get maxAge(): number {
    return this.expires.getTime() - Date.now();
  }
}
