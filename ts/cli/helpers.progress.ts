/** ms between two updates of the line */
const REDRAW_MS = 100;
const ERASE_LINE = '\r\u001b[K';

export interface IProgressLine {
  /** Shows the text instead of the last one; does nothing if the output is no terminal. */
  show(text: string): void;
  /** Removes the line, so that other output begins in an empty one. */
  clear(): void;
}

/** One line of progress that is rewritten, on a terminal. */
export const progressLine = (output: { isTTY?: boolean; write(text: string): unknown }): IProgressLine => {
  let shownAt = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show: (text) => {
      if (!output.isTTY || performance.now() - shownAt < REDRAW_MS) return;
      shownAt = performance.now();
      isShown = true;
      output.write(ERASE_LINE + text);
    },
    clear: () => {
      if (!isShown) return;
      isShown = false;
      shownAt = Number.NEGATIVE_INFINITY;
      output.write(ERASE_LINE);
    },
  };
};
