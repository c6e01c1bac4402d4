/** Counts the turns of the event loop while something runs: what holds the loop leaves others none. */
export const countTurns = async (work: () => Promise<unknown>): Promise<number> => {
  let turns = 0;
  let goesOn = true;
  const next = (): void => {
    turns++;
    // a timer, because immediates that are set together all run in one turn
    if (goesOn) setTimeout(next, 0);
  };
  setTimeout(next, 0);
  await work();
  goesOn = false;
  return turns;
};

/** Holds the event loop for longer than one slice of work may. */
export const holdLoop = (ms = 8): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

/** How many texts that hold `part` are parsed as JSON while `work` runs. */
export const countParses = async (part: string, work: () => Promise<unknown>): Promise<number> => {
  const { parse } = JSON;
  let count = 0;
  JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
    if (text.includes(part)) count++;
    return parse(text, reviver);
  };
  try {
    await work();
  } finally {
    JSON.parse = parse;
  }
  return count;
};
