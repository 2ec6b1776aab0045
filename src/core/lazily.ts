/** Making something when it is first needed. @module */

/** Gives what the first call made, to every call. */
export const lazily = <T>(make: () => T): () => T => {
  let made: T | undefined;
  return () => made ??= make();
};
