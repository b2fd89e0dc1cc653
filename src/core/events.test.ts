import { expect, test, vi } from 'vitest';
import { Events } from './events.js';

test('a listener that throws or rejects, with whatever, breaks nothing and is warned of', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  try {
    const events = new Events(() => 0);
    const heard: string[] = [];
    events.on(() => {
      throw Object.create(null);
    });
    events.on((async () => {
      throw new Error('the audit log is down');
    }) as () => void);
    events.on(({ type }) => heard.push(type));
    events.emit({ type: 'store-recovered', store: 'test' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual(['store-recovered']);
    expect(warn.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringContaining('no prototype'),
      expect.stringContaining('the audit log is down'),
    ]);
  } finally {
    warn.mockRestore();
  }
});
