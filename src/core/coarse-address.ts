/** Addresses as they are kept and shown: enough for a person to know the place again, too little to tell who shares it. */
import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network that an address is in: of IPv4 the first 24 bits (`192.0.2.0/24`), of IPv6 the first 48
 * (`2001:db8:1::/48`), which is one site. Undefined for anything that is not an address.
 */
export function coarseAddress(address: string): string | undefined {
  const plain = address.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain;
  if (isIPv4(mapped)) return `${mapped.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(plain)) return undefined;
  const site = groupsOf(plain).slice(0, 3);
  while (site.at(-1) === 0) site.pop();
  return `${site.map((group) => group.toString(16)).join(':')}::/48`;
}

/** The eight groups of an IPv6 address (RFC 4291 section 2.2). */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = words(head);
  if (tail === undefined) return before;
  const after = words(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function words(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((word) => {
    if (!word.includes('.')) return [Number.parseInt(word, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
