import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import type { IRegistryConfig } from '../../../ts/index.js';
import { CaseClock } from './clock.js';
import { ABSENT, History } from './history.js';
import type { IOpenStore, IProtocolModel } from './interfaces.js';
import { Replica } from './replica.js';

/** One case: a store of its own, some replicas on it, and what they were told. */
export class World {
  public readonly history = new History();
  public readonly clock = new CaseClock();
  public readonly violations: string[] = [];
  public readonly log: string[] = [];
  private readonly replicas: Replica[] = [];
  private stage = 'prepared';

  constructor(
    private readonly opened: IOpenStore,
    private readonly config: Partial<IRegistryConfig> | undefined,
    private readonly models: IProtocolModel[],
  ) {}

  /** Whether what is stored grows old with the clock of the case. */
  public get movesClock(): boolean {
    return this.opened.movesClock;
  }

  /** All that is there is old from now on. */
  public grow(): void {
    this.pass(A_DAY_LATER);
  }

  public pass(ms: number): void {
    if (this.movesClock) this.clock.advance(ms);
  }

  public note(by: string, level: string, message: string, fields?: unknown): void {
    this.log.push(`${this.stage}: ${by} ${level}: ${message} ${fields === undefined ? '' : JSON.stringify(fields)}`);
  }

  public violation(text: string): void {
    this.violations.push(`${this.stage}: ${text}`);
  }

  public enter(stage: string): void {
    this.stage = stage;
  }

  /** A replica that nothing happens to. */
  public async replica(name: string): Promise<Replica> {
    const replica = await Replica.start(name, this, await this.opened.direct(), this.config);
    this.replicas.push(replica);
    return replica;
  }

  public async faultyReplica(): Promise<Replica> {
    const { store, gate } = await this.opened.faulty();
    const replica = await Replica.start('A', this, store, this.config, gate);
    this.replicas.push(replica);
    return replica;
  }

  /** What holds at any moment, seen by this replica. */
  public async check(by: Replica): Promise<void> {
    for (const model of this.models) {
      for (const thing of this.history.things(`${model.protocol}:`)) {
        const seen = await model.observe(by, thing);
        if (this.history.allows(thing, seen)) continue;
        this.violation(`${by.name} sees ${thing} = ${seen}, allowed: ${this.history.allowed(thing).join(' or ')}`);
      }
      for (const text of await model.contradictions(by, this)) this.violation(`${by.name}: ${text}`);
    }
  }

  /** What holds after repair and sweeps. */
  public async checkSwept(by: Replica): Promise<void> {
    await this.check(by);
    const store = await this.opened.direct();
    for (const model of this.models) {
      for (const text of await model.lagging(by, this)) this.violation(`${by.name}: ${text}`);
      for (const key of await model.leftovers(this, store)) this.violation(`left over: ${key}`);
    }
  }

  /** What no document names may be gone now: the sweeps of these tests spare nothing for its youth. */
  public letUnnamedGo(): void {
    for (const model of this.models) {
      for (const thing of this.history.things(`${model.protocol}:`)) {
        if (model.mayBeSwept?.(thing, this)) this.history.begin({ [thing]: ABSENT }).unknown();
      }
    }
  }

  public async close(): Promise<void> {
    await Promise.all(
      this.replicas.map((replica) => {
        const stopped = replica.stop();
        // One that has ended waits for a store that it cannot reach any more. Its timers are gone, and with them all
        // that they held: the processes of the fault ring hold thousands of cases one after the other.
        return replica.isDead ? void stopped.catch(() => {}) : stopped;
      }),
    );
    await this.opened.close();
  }
}

/** ms; more than the 24 hours that sweeps spare what is young */
const A_DAY_LATER = 26 * 60 * 60 * 1000;

/** Repairs and sweeps as a replica does in its life, by the ages that are usual. */
export const sweepOnce = async ({ registry }: Replica, options: { olderThanMs?: number } = {}): Promise<void> => {
  await registry.getStorage().sweep(options);
  for (const protocol of registry.protocols()) {
    const served = registry.getRegistry(protocol);
    for (const { work } of served?.chores() ?? []) await work({ signal: new AbortController().signal });
    await served?.sweepOrphans(options);
  }
};

/** The same when everything has become old. */
export const sweepAll = async (by: Replica): Promise<void> => {
  by.world.grow();
  // where the time of the store cannot be moved: a second into the future, so that nothing is too young
  await sweepOnce(by, by.world.movesClock ? {} : { olderThanMs: -1000 });
};

export const allKeys = async (store: IObjectStore): Promise<string[]> => {
  const keys: string[] = [];
  for await (const item of store.list({ prefix: '' })) if ('key' in item) keys.push(item.key);
  return keys;
};
