import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(
  ['G6', /after the head is out throws/],
  ['G6', /each sign-in of a request makes a new token/],
  ['G6', /a changed credential makes a new token/],
);
await import('../guarantees/g03-no-fixation.test.js');
