/** A call as a value, so that the same one can be made on a store and on the model; and what can be seen of a state. */
import type { OwnerHash, SessionId } from '../../core/ids.js';
import { isOwnerIndexed, type MaybePromise, type OwnerIndexed, type SessionStore } from '../../core/store.js';
import { plain } from './law.js';

type Methods = Pick<SessionStore, 'create' | 'update' | 'touch' | 'end' | 'replace'> & Pick<OwnerIndexed, 'endByOwner'>;

export type Call = {
  [Name in keyof Methods]: { readonly method: Name; readonly args: Parameters<Methods[Name]> };
}[keyof Methods];

export function perform(store: object, { method, args }: Call): MaybePromise<unknown> {
  return Reflect.apply(Reflect.get(store, method), store, args);
}

export interface Watched {
  readonly ids: readonly SessionId[];
  readonly owners?: readonly OwnerHash[];
}

/** All that can be read of these ids and owners. */
export async function observe(store: SessionStore, { ids, owners = [] }: Watched): Promise<unknown> {
  const records: unknown[] = [];
  for (const id of ids) records.push(await store.read(id));
  const lists: unknown[] = [];
  if (isOwnerIndexed(store)) for (const owner of owners) lists.push(await store.listByOwner(owner));
  return plain({ records, lists });
}

/** Answers whose order means nothing are put in one. */
export function answerOf({ method }: Call, answer: unknown): unknown {
  return method === 'endByOwner' && Array.isArray(answer) ? [...answer].sort() : plain(answer);
}

/** For the message of a failure: what was called, without the bytes. */
export function spell({ method, args }: Call): string {
  const short = (_: string, value: unknown) =>
    value instanceof Uint8Array ||
    (typeof value === 'object' && value !== null && Reflect.get(value, 'type') === 'Buffer')
      ? '(bytes)'
      : value;
  return `${method}(${args.map((argument) => JSON.stringify(argument, short)).join(', ')})`;
}
