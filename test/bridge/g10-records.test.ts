import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /a damaged record in a list/]);
await import('../guarantees/g10-records.test.js');
