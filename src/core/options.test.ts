import { describe, expect, test } from 'vitest';
import { memoryStore } from '../stores/memory.js';
import { SessionError } from './errors.js';
import { checkStore, engineOptionNames, resolveEngineOptions, takeOptions } from './options.js';

const refused = (run: () => unknown): SessionError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError);
    return error as SessionError;
  }
  throw new Error('was accepted');
};

describe('engine options', () => {
  test('have the documented defaults', () => {
    expect(resolveEngineOptions({})).toMatchObject({
      idleMs: 3_600_000,
      absoluteMs: 86_400_000,
      renewEveryMs: 0,
      renewGraceMs: 60_000,
      touchEveryMs: 60_000,
      maxDataBytes: 65_536,
      storeDeadlineMs: 2_000,
      keepEndedMs: 3_600_000,
      persistent: false,
      onConflict: 'merge',
      atomic: [],
    });
  });

  test.each([
    ['aal1', 14 * 86_400_000, 30 * 86_400_000],
    ['aal2', 3_600_000, 86_400_000],
    ['aal3', 900_000, 43_200_000],
  ] as const)('of preset %s are within NIST SP 800-63B-4, with renewal on', (preset, idleMs, absoluteMs) => {
    expect(resolveEngineOptions({ preset })).toMatchObject({ idleMs, absoluteMs, renewEveryMs: 900_000 });
    expect(resolveEngineOptions({ preset, idle: '5m', renewEvery: false })).toMatchObject({
      idleMs: 300_000,
      renewEveryMs: 0,
    });
  });

  test('touch no less often than ten times in an idle limit', () => {
    expect(resolveEngineOptions({ idle: '1m' }).touchEveryMs).toBe(6_000);
  });

  test.each([
    [{ idle: 900 }, 'idle', '900'],
    [{ idle: '2d' }, 'idle', '2d'],
    [{ absolute: 'never' }, 'absolute', 'never'],
    [{ absolute: '500d' }, 'absolute', '500d'],
    [{ preset: 'aal4' }, 'preset', 'aal4'],
    [{ renewEvery: true }, 'renewEvery', 'true'],
    [{ maxDataBytes: '64kb' }, 'maxDataBytes', '64kb'],
    [{ maxDataBytes: -1 }, 'maxDataBytes', '-1'],
    [{ persistent: 'yes' }, 'persistent', 'yes'],
    [{ identityFields: 'user' }, 'identityFields', 'user'],
    [{ atomic: [''] }, 'atomic', 'array'],
    [{ onConflict: 'last' }, 'onConflict', 'last'],
    [{ onEvent: {} }, 'onEvent', 'object'],
    [{ audience: '' }, 'audience', '""'],
    [{ clock: Date }, 'clock', 'function'],
    [{ keepEnded: '1s' }, 'keepEnded', '1s'],
    [{ storeDeadline: '5m' }, 'storeDeadline', '5m'],
  ])('%o is refused with the name of the option and what came', (options, name, came) => {
    const { code, message } = refused(() => resolveEngineOptions(options as never));
    expect(code).toBe('ERR_SESSION_OPTION');
    expect(message.startsWith(`${name}:`)).toBe(true);
    expect(message).toContain(came);
  });
});

describe('the object of options', () => {
  test('with an unknown name is refused, and the nearest known name is offered', () => {
    expect(refused(() => takeOptions({ idel: '1h' }, engineOptionNames, 'session()')).message).toMatch(
      /no option 'idel'.*Did you mean 'idle'\?/,
    );
    expect(refused(() => takeOptions({ xyzzyxyzzy: 1 }, engineOptionNames, 'session()')).message).not.toContain(
      'Did you mean',
    );
  });

  test('is copied without a prototype, so that a polluted one sets nothing', () => {
    const options = takeOptions<Record<string, unknown>>(
      { idle: '1h', absolute: undefined },
      engineOptionNames,
      'session()',
    );
    expect(Object.getPrototypeOf(options)).toBe(null);
    expect(Object.keys(options)).toEqual(['idle']);
  });

  test('of another type is refused', () => {
    for (const value of [null, 7, 'x', [], () => {}])
      expect(refused(() => takeOptions(value, [], 'session()')).code).toBe('ERR_SESSION_OPTION');
  });
});

test('a store is told by its methods, and what it lacks is named', () => {
  const store = memoryStore();
  expect(checkStore(store)).toBe(store);
  expect(refused(() => checkStore({ get() {}, set() {}, destroy() {} })).message).toMatch(
    /without create, read, update, touch, end, replace, name, networked/,
  );
  // A connection string has a password in it.
  expect(refused(() => checkStore('redis://user:hunter2@host')).message).not.toContain('hunter2');
});
