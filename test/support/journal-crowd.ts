import type { Test } from 'tap';
import type { IObjectStore } from '../../ts/index.js';
import { changesIn, type IJournal, JournalReplica, journalKey } from './journal.js';

/** Random numbers from a seed, so that a failure can be repeated. */
const randomOf = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

interface ICrowd {
  seed: number;
  /** another driver on the same store */
  open(): Promise<IObjectStore>;
  turns: number;
}

/**
 * Three replicas publish, read, rebuild and repair at once. Afterwards each change is in the log once and in the order
 * of its package, on all replicas; and no replica has ever seen a file that shrank or changed.
 */
export const crowd = async (t: Test, { seed, open, turns }: ICrowd): Promise<void> => {
  const random = randomOf(seed);
  const replicas: JournalReplica[] = [];
  for (let count = 0; count < 3; count++) replicas.push(new JournalReplica(await open()));
  const names = new Set<string>();
  const plan = Array.from({ length: turns }, () => [random(3), random(100), random(6)] as const);
  const work = async (replica: JournalReplica, index: number): Promise<void> => {
    const seen = new Map<string, string>();
    let count = 0;
    for (const [who, what, which] of plan) {
      if (who !== index) continue;
      const name = `p${which}`;
      if (what < 70) {
        names.add(name);
        await replica.publish(name, `${index}-${++count}-${'x'.repeat(400)}`);
      } else if (what < 95) {
        const { bytes, generation } = await replica.log.current();
        const text = bytes.toString();
        if (!text.startsWith(seen.get(generation) ?? '')) t.fail(`a file shrank or changed (seed ${seed})`);
        seen.set(generation, text);
      } else if (what < 98) await replica.log.rebuild();
      else await replica.log.follow(name);
    }
  };
  await Promise.all(replicas.map(work));
  await Promise.all(replicas.map((replica) => replica.settled()));
  const last = new JournalReplica(await open());
  const lines = await last.lines();
  for (const replica of replicas) t.same(await replica.lines(), lines);
  const changes = changesIn(lines);
  for (const name of names) {
    const document = await last.storage.read<IJournal>(journalKey(name));
    t.same(changes.get(name), document?.value.changes, `seed ${seed}, ${name}`);
  }
};
