import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /does not let a revoked sign-in through/]);
await import('../guarantees/g08-clocks.test.js');
