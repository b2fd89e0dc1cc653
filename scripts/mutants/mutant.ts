/** What a mutant is: the edit that takes one mechanism out, and the tests that must notice. */
export interface Mutant {
  readonly guarantee: string;
  /** The mechanism that is gone, in a few words. */
  readonly what: string;
  readonly file: string;
  /** Stands exactly once in the file: when the source moves on, the mutant has to move with it. */
  readonly find: string;
  readonly replace: string;
  /** Further edits of the same file, where one mechanism stands behind another that would cover for it. */
  readonly also?: readonly { readonly find: string; readonly replace: string }[];
  readonly tests: readonly string[];
}

export const guaranteeTest = (name: string): string => `test/guarantees/${name}.test.ts`;
