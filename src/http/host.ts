/** A host and a port as they stand in a `Host` header. The host is in lower case; IPv6 keeps its brackets. */
export interface HostAndPort {
  readonly host: string;
  readonly port?: string;
}

const hostAndPort = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_.])?)(?::([0-9]{1,5}))?$/i;

/** Reads a `Host` header; undefined for anything but a plain host with an optional port. */
export function parseHost(header: string | undefined): HostAndPort | undefined {
  // Longer than any name that DNS can hold, brackets and port included.
  if (header === undefined || header.length > 262) return undefined;
  const match = hostAndPort.exec(header);
  const host = match?.[1]?.toLowerCase();
  if (host === undefined) return undefined;
  const port = match?.[2];
  return port === undefined ? { host } : { host, port };
}

/** Written out, as browsers and sockets write it: no short form (`127.1`), no octal, no sign. */
const loopback4 = /^127(?:\.(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])){3}$/;
const localName = /^(?:[a-z0-9_-]{1,63}\.)*localhost$/;

/**
 * Whether a host, as `parseHost` gives it, is this machine by its very name: `localhost`, a name under it,
 * 127.0.0.0/8 or `[::1]`. Nothing is resolved: a stranger's name that points to 127.0.0.1 (DNS rebinding) is not.
 */
export function isLoopbackHost(host: string): boolean {
  if (host.startsWith('[')) return isLoopbackAddress(host.slice(1, -1));
  return localName.test(host) || loopback4.test(host);
}

/** Whether a socket's address is this machine: 127.0.0.0/8, `::1`, or the former mapped into IPv6. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || loopback4.test(address.startsWith('::ffff:') ? address.slice(7) : address);
}

/**
 * The serialized origin (RFC 6454 6.2) under which a browser would have sent this request, such as
 * `https://app.example.com:8443`; undefined where the host is not well-formed.
 */
export function requestOrigin(encrypted: boolean, hostHeader: string | undefined): string | undefined {
  const parsed = parseHost(hostHeader);
  if (parsed === undefined) return undefined;
  const { host, port } = parsed;
  const scheme = encrypted ? 'https' : 'http';
  return port === undefined || port === (encrypted ? '443' : '80')
    ? `${scheme}://${host}`
    : `${scheme}://${host}:${port}`;
}
