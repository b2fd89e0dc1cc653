import { vi } from 'vitest';
import { lossyIn } from './lossy.js';

vi.mock('../support/stores.js', () => import('./lossy.js'));
lossyIn(['G6', /, stranger\) .*: (?:reject|hang)$/]);
await import('../guarantees/g05-no-false-success.test.js');
