/** The headers of a response that has not begun: of node:http, of http2's compatibility layer, or behind the gate. */
export interface ResponseHead {
  getHeader(name: string): number | string | string[] | undefined;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  removeHeader(name: string): void;
}
