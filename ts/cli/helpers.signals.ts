/** ms within which a repeated signal counts as one keystroke, which a package manager has passed on as well. */
const SAME_SIGNAL_MS = 100;

/** `first` resolves on the first SIGTERM or SIGINT; a second one ends the process at once. */
export const watchSignals = (): { first: Promise<string>; stop(): void } => {
  let since = 0;
  let resolve: (name: string) => void = () => undefined;
  const first = new Promise<string>((done) => {
    resolve = done;
  });
  const onSignal = (name: NodeJS.Signals, number: number) => {
    const now = Date.now();
    if (since > 0 && now - since > SAME_SIGNAL_MS) process.exit(128 + number);
    since ||= now;
    resolve(name);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return { first, stop: () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal) };
};
