/** Reads format 0x02, the tagged form: puts in place of every tag what it stands for. */
import { isRecord, MalformedData, maxDepth } from './codec-values.js';

/**
 * Turns what JSON.parse made of the tagged form into the data, in place. `depth` is 1 for the data itself.
 *
 * @throws MalformedData
 */
export function reviveMembers(value: Record<string, unknown>, depth: number): void {
  if (depth > maxDepth) throw new MalformedData('session data that is too deep');
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw new MalformedData('session data with a __proto__ key');
    const member = value[key];
    if (typeof member === 'object' && member !== null) value[key] = revive(member, depth);
  }
}

function revive(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return untag(value, depth + 1);
  if (isRecord(value)) reviveMembers(value, depth + 1);
  return value;
}

function untag(list: readonly unknown[], depth: number): unknown {
  const [tag, operand] = list;
  if (tag === 'a' || tag === 'm' || tag === 's') return untagContainer(tag, list, depth);
  if (list.length === 1) {
    if (tag === 'u') return undefined;
    if (tag === 'nan') return Number.NaN;
    if (tag === 'inf') return Number.POSITIVE_INFINITY;
    if (tag === '-inf') return Number.NEGATIVE_INFINITY;
  }
  if (list.length === 2) {
    if (tag === 'd' && operand === null) return new Date(Number.NaN);
    if (tag === 'd' && Number.isInteger(operand)) {
      const date = new Date(operand as number);
      if (!Number.isNaN(date.getTime())) return date;
    }
    if (typeof operand === 'string') {
      if (tag === 'i' && /^(0|-?[1-9a-f][0-9a-f]*)$/.test(operand)) return toBigInt(operand);
      if (tag === 'b' || tag === 'B') {
        const bytes = Buffer.from(operand, 'base64');
        if (bytes.toString('base64') === operand) return tag === 'B' ? bytes : new Uint8Array(bytes);
      }
    }
  }
  throw new MalformedData('session data with a wrong tag');
}

function untagContainer(tag: 'a' | 'm' | 's', list: readonly unknown[], depth: number): unknown {
  if (depth > maxDepth) throw new MalformedData('session data that is too deep');
  const members = new Array<unknown>(list.length - 1);
  for (let i = 0; i < members.length; i++) members[i] = revive(list[i + 1], depth);
  if (tag === 'a') return members;
  if (tag === 's') {
    const set = new Set(members);
    if (set.size === members.length) return set;
  } else if (members.length % 2 === 0) {
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < members.length; i += 2) map.set(members[i], members[i + 1]);
    if (map.size * 2 === members.length) return map;
  }
  throw new MalformedData('session data with a wrong tag');
}

function toBigInt(hex: string): bigint {
  try {
    return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
  } catch {
    throw new MalformedData('session data with a number beyond what the engine can hold');
  }
}
