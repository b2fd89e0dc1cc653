/**
 * A package that only the benchmarks have, installed in bench/ alone. Its types are not there when the repository is
 * type-checked, so each configuration says which few of its functions it calls.
 */
export async function peer<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
