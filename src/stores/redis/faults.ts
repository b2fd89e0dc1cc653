/** What a server refuses, as our errors. Everything else is passed on as the client gave it. */
import { SessionError } from '../../core/errors.js';
import { unknownForm } from './layout.js';

/** Of a command, and of a script as Redis and Valkey put it. */
const movingSlot = /TRYAGAIN|access a non local key/;

/** A command met a slot of a cluster that is half here and half on another server, and has changed nothing. */
export const isMoving = (error: unknown): boolean => error instanceof Error && movingSlot.test(error.message);

export function faultOf(error: unknown): unknown {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('OOM command not allowed')) {
    return new SessionError(
      'ERR_SESSION_STORE_FULL',
      'redisStore: the server has reached its maxmemory and refuses to store more. Raise maxmemory, or shorten how long sessions may idle.',
      { cause: error, outcome: 'not-applied' },
    );
  }
  if (message.includes('holdfast-unknown-form')) return unknownForm(error);
  if (isMoving(error)) {
    return new SessionError(
      'ERR_SESSION_STORE_UNAVAILABLE',
      'redisStore: the cluster is just moving the slot of this owner, and part of it is on another server. Try again once it has moved.',
      { cause: error, outcome: 'not-applied' },
    );
  }
  if (message.includes('CROSSSLOT')) {
    return new SessionError(
      'ERR_SESSION_STORE_UNAVAILABLE',
      "redisStore: the server is one of a cluster, and keys of one command lie in different slots. Pass a cluster client (createCluster of node-redis, Cluster of ioredis); the id of an owner's session begins as the owner's hash does.",
      { cause: error, outcome: 'not-applied' },
    );
  }
  return error;
}
