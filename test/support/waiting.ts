const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turn by turn, until it is so: for what has to have happened before a test goes on. */
export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await turn();
};

/** So many turns that work on a store in memory has come as far as it can: for what must not have happened by then. */
export const manyTurns = async (): Promise<void> => {
  for (let count = 0; count < 200; count++) await turn();
};
