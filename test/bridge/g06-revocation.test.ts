import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(
  ['G6', /revokeAll has resolved/],
  ['G6', /revokes all of a person/],
  ['G6', /before the person was revoked/],
  ['G6', /does not say that it ended/],
  ['G6', /in another process/],
);
await import('../guarantees/g06-revocation.test.js');
