/**
 * The `drop` of a plan that removes or replaces artifacts: the keys that the document named before and no longer names.
 * @param namedKeys the keys of all artifacts that a document names
 */
export const droppedKeys =
  <T>(namedKeys: (document: T) => string[]) =>
  (before: T | null, after: T | null): string[] => {
    const left = new Set(after ? namedKeys(after) : []);
    return (before ? namedKeys(before) : []).filter((key) => !left.has(key));
  };
