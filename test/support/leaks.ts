/**
 * Finds a secret in whatever came out, however it was written down: as bytes, hex, base64 and base64url at each
 * alignment (inside other text that was encoded as a whole), and as Node prints and serializes arrays of bytes.
 */

/** Named secrets: text or bytes that must not be found. */
export type Secrets = Readonly<Record<string, string | Uint8Array>>;

export function spellings(secret: string | Uint8Array): string[] {
  const bytes = Buffer.from(secret as string);
  const hex = bytes.toString('hex');
  const decimal = [...bytes];
  return [
    bytes.toString('latin1'),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((before) => [base64At(bytes, before, 'base64'), base64At(bytes, before, 'base64url')]),
    (hex.match(/../g) ?? []).join(' '),
    decimal.join(','),
    decimal.join(', '),
    encodeURIComponent(bytes.toString('latin1')),
  ];
}

/** The characters that depend on `bytes` alone when `before` other bytes stand in front of them. */
function base64At(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding);
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

/** The names of the secrets that `haystack` contains in any spelling. */
export function leaksIn(haystack: string | Uint8Array, secrets: Secrets): string[] {
  // Latin-1 keeps each byte as one character, so one search does for text and for bytes.
  const text = Buffer.from(haystack as string).toString('latin1');
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const bytes = Buffer.from(secret as string);
    if (bytes.length < 6) throw new RangeError(`${name} is too short to be told from chance`);
    return spellings(secret).some((spelling) => text.includes(spelling)) ? [name] : [];
  });
}
