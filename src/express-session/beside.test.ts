import { describe, expect, it } from 'vitest';
import { Beside } from './beside.js';

describe('a value beside an object', () => {
  it('is found by that object alone, and the last one counts', () => {
    const beside = new Beside<number>();
    const [one, two] = [{}, {}];
    beside.set(one, 1);
    beside.set(one, 2);
    expect([beside.of(one), beside.of(two)]).toEqual([2, undefined]);
  });

  it('is no part of the object: not listed, copied or written as JSON, and its class stays', () => {
    class Session {}
    const session = new Session();
    new Beside<string>().set(session, 'secret');
    expect(Reflect.ownKeys(session)).toEqual([]);
    expect(JSON.stringify({ ...session })).toBe('{}');
    expect(session).toBeInstanceOf(Session);
  });

  it('of two kinds lies beside one object, each by itself', () => {
    const [numbers, words] = [new Beside<number>(), new Beside<string>()];
    const object = {};
    numbers.set(object, 1);
    expect(words.of(object)).toBeUndefined();
    words.set(object, 'a');
    expect([numbers.of(object), words.of(object)]).toEqual([1, 'a']);
  });

  it('lies beside frozen objects and proxies too, also where one was frozen afterwards', () => {
    const beside = new Beside<number>();
    const proxy = new Proxy({}, {});
    for (const object of [Object.freeze({}), proxy]) {
      beside.set(object, 1);
      expect(beside.of(object)).toBe(1);
    }
    const later = {};
    beside.set(later, 1);
    Object.freeze(later);
    beside.set(later, 2);
    expect(beside.of(later)).toBe(2);
  });
});
