import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(
  ['G6', /nothing that was given to it/],
  ['G6', /sessions of two people/],
  ['G6', /another app on the same store/],
);
await import('../guarantees/g07-stolen-store.test.js');
