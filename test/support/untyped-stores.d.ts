declare module 'connect-pg-simple' {
  // biome-ignore lint/style/noDefaultExport: so it is written
  export default function connect(
    session: unknown,
  ): new (
    options: object,
  ) => import('express-session').Store & { close(): Promise<void> };
}
