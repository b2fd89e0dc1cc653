/**
 * The stores' servers, as the harness found them and told this process in the variables that also name them for tests.
 * (The search itself looks beside its own source file, which a bundle does not have.)
 */
export function programAt(variable: 'REDIS_SERVER_PATH' | 'POSTGRES_PATH' | 'MONGOD_PATH'): string {
  const path = process.env[variable];
  if (path === undefined || path === '') {
    throw new Error(`the program that ${variable} names was not found; npm run services puts it in place.`);
  }
  return path;
}
