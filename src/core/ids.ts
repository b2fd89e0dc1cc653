/**
 * The names that cross layer borders, as branded strings: the compiler refuses a token where an id
 * is meant, so that nothing secret can reach a store, a log or a list by a slip of the hand.
 */
declare const brand: unique symbol;

type Branded<Name extends string> = string & { readonly [brand]: Name };

/**
 * The public name of a session: 20 bytes as 27 characters of base64url. Safe to print, log and list;
 * worth nothing as a credential. It is also the key under which a store keeps the record.
 */
export type SessionId = Branded<'SessionId'>;

/** What the cookie carries: 69 bytes as 92 characters of base64url. Never stored, logged or listed. */
export type SessionToken = Branded<'SessionToken'>;

/** Names one state of a record: 8 random bytes, chosen by the writer, as 11 characters of base64url. */
export type Version = Branded<'Version'>;

/** A keyed hash of the owner, as 27 characters of base64url. It shows that two sessions share an owner, not who it is. */
export type OwnerHash = Branded<'OwnerHash'>;
