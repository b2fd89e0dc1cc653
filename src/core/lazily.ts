/**
 * What is loaded when it is first asked for, once. A failure is not kept: a file that was missing for a moment, as while
 * a release is put in another's place, must not fail that call until the process is restarted.
 */
export function lazily<Room>(load: () => Promise<Room>): () => Promise<Room> {
  let loading: Promise<Room> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}
