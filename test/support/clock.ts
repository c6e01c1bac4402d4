import type { SmartRegistry } from '../../ts/index.js';

/** Sets the registry's clock; the returned function moves it. */
export const clockOf = (registry: SmartRegistry, start = '2026-01-01T00:00:00.000Z'): ((ms: number) => void) => {
  let time = Date.parse(start);
  const { parts } = registry.getStorage() as unknown as { parts: { now: () => Date } };
  parts.now = () => new Date(time);
  return (ms) => {
    time += ms;
  };
};
