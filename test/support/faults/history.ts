/** What a request is about to make true: the name of a thing -> its value. */
export type TEffects = Record<string, string>;

/** The thing is not there. */
export const ABSENT = 'absent';
/** The thing is there; which of its values does not matter. */
export const PRESENT = 'present';
/** Any value, and none, is right. */
export const ANY = '*';

interface IEvent {
  thing: string;
  value: string;
  from: number;
  /** infinite while the request is under way, and for one that nobody will answer */
  to: number;
  isAcknowledged: boolean;
}

export interface IRecording {
  acknowledged(): void;
  /** refused: nothing of it was or will be done */
  refused(): void;
  /** nobody knows whether it was done */
  unknown(): void;
}

/**
 * Each thing is a register: requests of several replicas write to it, some of them acknowledged, some with unknown
 * outcome. What it may hold afterwards is what any request wrote that no later acknowledged request followed.
 */
export class History {
  private readonly events: IEvent[] = [];
  private tick = 0;

  public begin(effects: TEffects): IRecording {
    const from = ++this.tick;
    const own = Object.entries(effects).map(([thing, value]) => ({
      thing,
      value,
      from,
      to: Number.POSITIVE_INFINITY,
      isAcknowledged: false,
    }));
    this.events.push(...own);
    const end = (isAcknowledged: boolean): void => {
      const to = ++this.tick;
      for (const event of own) Object.assign(event, { to, isAcknowledged });
    };
    return {
      acknowledged: () => end(true),
      unknown: () => end(false),
      refused: () => {
        for (const event of own) this.events.splice(this.events.indexOf(event), 1);
      },
    };
  }

  /** The moment before a request, for `observed`. */
  public get now(): number {
    return this.tick;
  }

  /**
   * An observation that binds like an acknowledged write, as a refusal because the thing is there already.
   * @param since the moment before the request: it was made at any time between then and now, and what others wrote
   *   meanwhile may have come after it
   */
  public observed(effects: TEffects, since: number): void {
    const to = ++this.tick;
    for (const [thing, value] of Object.entries(effects)) {
      this.events.push({ thing, value, from: since + 1, to, isAcknowledged: true });
    }
  }

  public things(prefix: string): string[] {
    return [...new Set(this.events.map(({ thing }) => thing))].filter((thing) => thing.startsWith(prefix));
  }

  public allowed(thing: string): string[] {
    const events = this.events.filter((event) => event.thing === thing);
    const acknowledged = events.filter(({ isAcknowledged }) => isAcknowledged);
    const left = events.filter((event) => !acknowledged.some(({ from }) => from > event.to));
    const values = left.map(({ value }) => value);
    // until something is acknowledged about it, it may not be there
    return [...new Set(acknowledged.length > 0 ? values : [ABSENT, ...values])];
  }

  public allows(thing: string, seen: string): boolean {
    const allowed = this.allowed(thing);
    if (allowed.includes(ANY) || allowed.includes(seen)) return true;
    return allowed.includes(PRESENT) && seen !== ABSENT && !seen.startsWith('broken');
  }

  /** Values of one thing that were acknowledged although another one of them was, and nothing took it away between. */
  public doubles(thing: string): string[] {
    const events = this.events.filter((event) => event.thing === thing);
    if (events.some(({ value }) => value === ABSENT || value === ANY)) return [];
    const values = new Set(
      events.filter(({ isAcknowledged, value }) => isAcknowledged && value !== PRESENT).map(({ value }) => value),
    );
    return values.size > 1 ? [...values] : [];
  }
}
