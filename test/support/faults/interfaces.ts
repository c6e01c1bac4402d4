import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import type { IRegistryConfig } from '../../../ts/index.js';
import type { Replica } from './replica.js';
import type { World } from './world.js';

/** One call of the store as it was seen. */
export interface ISeenCall {
  /** counted from 1 */
  at: number;
  /** verb and key */
  what: string;
  isWrite: boolean;
}

/** When a call that got lost on its way arrives after all. */
export type TArrival =
  /** after the next call of the same process: between its look and its second attempt */
  | 'nextCall'
  | 'answered'
  /** after the client has sent the same request again */
  | 'repeated'
  /** after other replicas went on working: hours later */
  | 'others'
  /** after the sweeps */
  | 'swept';

/** What becomes of one call. */
export interface IFault {
  /** column of the table */
  name: string;
  applied: 'now' | 'never' | TArrival;
  /** applied now, and once more at this moment: a proxy on the way repeated it */
  twice?: TArrival;
  /** `never`: the process has ended, and none of its later calls is made. `403` holds for every repetition as well. */
  answer: 'given' | 'lost' | '503' | '403' | 'never';
  /** other replicas write at this moment: before the call is applied, or before it is answered */
  others?: 'before' | 'after';
  /** Later reads of the same key fail until the request is answered; this many of them still succeed. */
  looks?: number;
  /** of calls that only read there is nothing to lose but the answer */
  writesOnly?: boolean;
  /** all interferers at once, each on a replica of its own */
  together?: boolean;
}

/** Where one call of a replica can be given a fate. */
export interface IFaultGate {
  readonly calls: ISeenCall[];
  readonly isDead: boolean;
  /** resolves when the process has ended, if it does */
  readonly died: Promise<void>;
  /** @param at number of the call, counted from 1 since the gate was made */
  arm(at: number, fault: IFault, interfere: () => Promise<void>): void;
  disarm(): void;
  /** What was held back arrives now. */
  release(): Promise<void>;
}

export interface IBackend {
  name: string;
  /** cases at once */
  lanes: number;
  /** A new and empty store. */
  open(lane: number): Promise<IOpenStore>;
  close?(): Promise<void>;
}

export interface IOpenStore {
  /** whether the times of its objects are those of the clock of the case */
  movesClock: boolean;
  /** where it is one */
  folder?: string;
  /** as another replica sees it */
  direct(): Promise<IObjectStore>;
  /** as the replica sees it that things happen to */
  faulty(): Promise<{ store: IObjectStore; gate: IFaultGate }>;
  close(): Promise<void>;
}

/** One thing that a client does, in one or several requests. The protocols to come add theirs to the list. */
export interface IFaultOperation {
  name: string;
  protocol: string;
  config?: Partial<IRegistryConfig>;
  /** what is there before */
  prepare(by: Replica, world: World): Promise<unknown>;
  /** Answers the status of the last request; ends at the first that is not successful. */
  run(by: Replica): Promise<number>;
  /** what other replicas write meanwhile */
  interfere: Record<string, (by: Replica) => Promise<unknown>>;
  /** what they do before a late call arrives; default: all of `interfere` */
  afterwards?(by: Replica): Promise<unknown>;
  /** what the same request may be answered once more, beside success: the protocol's "exists", or "not found" */
  again?: number[];
  /** what the first request may be answered where others write meanwhile */
  refusals?: number[];
  /** deletes what has no reason to be there: a blob that no manifest names may go in any case */
  collects?: boolean;
}

/** How a protocol's state is looked at. */
export interface IProtocolModel {
  protocol: string;
  /** The value of the thing as a client sees it now: `absent`, or `broken …`. */
  observe(by: Replica, thing: string): Promise<string>;
  /** What is listed and cannot be had; each a sentence. */
  contradictions(by: Replica, world: World): Promise<string[]>;
  /** The same of what may lag behind until it is repaired. */
  lagging(by: Replica, world: World): Promise<string[]>;
  /** Whether a sweep that spares nothing may take it: a blob that no manifest names yet. */
  mayBeSwept?(thing: string, world: World): boolean;
  /** Keys that nothing accounts for. */
  leftovers(world: World, store: IObjectStore): Promise<string[]>;
}
