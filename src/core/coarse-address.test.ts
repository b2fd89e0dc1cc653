import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coarseAddress } from './coarse-address.js';

test.each([
  ['192.0.2.77', '192.0.2.0/24'],
  ['::ffff:192.0.2.77', '192.0.2.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:db8::1', '2001:db8::/48'],
  ['2001::1', '2001::/48'],
  ['fe80::1%eth0', 'fe80::/48'],
  ['::1', '::/48'],
  ['0:0:7::', '0:0:7::/48'],
  ['64:ff9b::192.0.2.1', '64:ff9b::/48'],
])('%s is shown as %s', (address, shown) => expect(coarseAddress(address)).toBe(shown));

test.each(['', 'unknown', '192.0.2', '192.0.2.0/24', '_hidden', 'localhost'])("'%s' is no address", (text) =>
  expect(coarseAddress(text)).toBeUndefined(),
);

test('what is shown is an address of the same network, and two hosts of one network can not be told apart', () => {
  const [byte, group] = [fc.nat(255), fc.nat(0xffff)];
  fc.assert(
    fc.property(fc.tuple(byte, byte, byte), byte, byte, (network, a, b) => {
      const shown = coarseAddress([...network, a].join('.'));
      expect(shown).toBe(coarseAddress([...network, b].join('.')));
      expect(shown).toBe(`${network.join('.')}.0/24`);
    }),
  );
  const hex = (groups: readonly number[]) => groups.map((value) => value.toString(16)).join(':');
  const rest = fc.array(group, { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(fc.tuple(group, group, group), rest, rest, (site, a, b) => {
      const shown = coarseAddress(hex([...site, ...a])) ?? '';
      expect(shown).toBe(coarseAddress(hex([...site, ...b])));
      const [address = '', bits] = shown.split('/');
      expect([isIP(address), bits]).toEqual([6, '48']);
      expect(new URL(`http://[${address}]`).hostname).toBe(new URL(`http://[${hex(site)}::]`).hostname);
    }),
  );
});
