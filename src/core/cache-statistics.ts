/** What `sessions.cacheStatistics()` answers. Counts are of this process, since its start. */
export interface CacheStatistics {
  /** `off`: by option, or because the store does not push changes. `lapsed`: on, and the store is asked until its link answers. */
  readonly state: 'off' | 'held' | 'lapsed';
  /** Opened sessions in memory now, and about how many bytes they take. */
  readonly sessions: number;
  readonly bytes: number;
  /** Safe requests that were answered from memory. */
  readonly hits: number;
  /** Safe requests with a token that were not, by why. */
  readonly asked: {
    /** The session was not in memory under this token. */
    readonly unknown: number;
    /** It was, and a notice or a write had come, or no read on the link had confirmed it yet. */
    readonly unconfirmed: number;
    /** The browser had just changed the session, here or elsewhere. */
    readonly tagged: number;
    /** By what is in memory the session is over. */
    readonly expired: number;
    /** The link had not answered lately. */
    readonly lapsed: number;
  };
  /** Safe requests that shared a read of the store with another. */
  readonly joined: number;
  /** Notices heard, and reads that one overtook. */
  readonly notices: number;
  readonly overtaken: number;
}
