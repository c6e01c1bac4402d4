import { sleep } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { arrivalOf } from './faulty-store.js';
import type { IBackend, IFault, IFaultOperation, IProtocolModel, ISeenCall } from './interfaces.js';
import { type Replica, ReplicaDied } from './replica.js';
import { sweepAll, World } from './world.js';

/** What becomes of a call, one at a time. The names are the columns of the table. */
export const FAULTS: IFault[] = [
  { name: 'answer lost', applied: 'now', answer: 'lost' },
  { name: 'answer lost, others write', applied: 'now', answer: 'lost', others: 'after', writesOnly: true },
  { name: 'the same, no look', applied: 'now', answer: 'lost', others: 'after', writesOnly: true, looks: 0 },
  { name: 'the same, one look', applied: 'now', answer: 'lost', others: 'after', writesOnly: true, looks: 1 },
  // a driver looks twice before it says that somebody else was first
  { name: 'the same, two looks', applied: 'now', answer: 'lost', others: 'after', writesOnly: true, looks: 2 },
  { name: 'call lost', applied: 'never', answer: 'lost', writesOnly: true },
  { name: 'call lost, others write', applied: 'never', answer: 'lost', others: 'after', writesOnly: true },
  { name: 'late: before a look', applied: 'nextCall', answer: 'lost', writesOnly: true },
  { name: 'late: answered', applied: 'answered', answer: 'lost', writesOnly: true },
  { name: 'late: sent again', applied: 'repeated', answer: 'lost', writesOnly: true },
  { name: 'late: others wrote', applied: 'others', answer: 'lost', writesOnly: true },
  { name: 'late: swept', applied: 'swept', answer: 'lost', writesOnly: true },
  { name: 'twice: at once', applied: 'now', answer: 'given', twice: 'nextCall', writesOnly: true },
  { name: 'twice: others wrote', applied: 'now', answer: 'given', twice: 'others', writesOnly: true },
  { name: 'others write before', applied: 'now', answer: 'given', others: 'before' },
  { name: 'others write after', applied: 'now', answer: 'given', others: 'after', writesOnly: true },
  { name: 'two others write', applied: 'now', answer: 'given', others: 'before', together: true },
  { name: '503', applied: 'never', answer: '503' },
  { name: '403', applied: 'never', answer: '403' },
  { name: 'ends before', applied: 'never', answer: 'never' },
  { name: 'ends after', applied: 'now', answer: 'never', writesOnly: true },
];

/** A mark that somebody else waits for may be held by the very call that waits for them. */
const OTHERS_MS = 250;
const CASE_MS = 120_000;
/** The late answer of section 1 of the issue, */
const LATE_MS = 40_000;
/** and hours. */
const HOURS_MS = 5 * 60 * 60 * 1000;

export interface ICase {
  operation: IFaultOperation;
  fault: IFault;
  call: ISeenCall;
  interferer?: string;
}

export interface IOutcome extends Partial<ICase> {
  /** of the first request; `ended` where its process did */
  status: number | 'ended' | 'hung';
  again: number;
  violations: string[];
  log: string[];
}

/** Ids differ in every run, so what is shown of a key leaves them out. */
export const shown = (text: string): string => text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}');

export const describe = ({ operation, fault, call, interferer }: ICase): string =>
  `${operation.name}, call ${call.at} (${shown(call.what)}), ${fault.name}${interferer ? ` [${interferer}]` : ''}`;

const isFine = (status: number, more: number[] = []): boolean =>
  (status >= 200 && status < 300) || more.includes(status);

/** The calls that the operation makes when nothing happens to it. */
export const record = async (
  backend: IBackend,
  lane: number,
  operation: IFaultOperation,
  models: IProtocolModel[],
): Promise<{ calls: ISeenCall[]; violations: string[] }> => {
  const world = new World(await backend.open(lane), operation.config, models);
  return world.clock.run(async () => {
    const other = await world.replica('B');
    await operation.prepare(other, world);
    world.grow();
    const victim = await world.faultyReplica();
    const before = victim.gate?.calls.length ?? 0;
    const status = await operation.run(victim);
    if (!isFine(status)) world.violation(`without any fault it is answered ${status}`);
    const calls = victim.gate?.calls.slice(before).map((call) => ({ ...call, at: call.at - before })) ?? [];
    await world.check(other);
    await sweepAll(other);
    world.letUnnamedGo();
    await world.checkSwept(other);
    await world.close();
    return { calls, violations: world.violations };
  });
};

/** All cases of an operation whose calls are known. */
export const enumerate = (operation: IFaultOperation, calls: ISeenCall[], faults: IFault[]): ICase[] => {
  const others = Object.keys(operation.interfere);
  return faults.flatMap((fault) => {
    const hit = calls.filter(({ isWrite }) => isWrite || !fault.writesOnly);
    const by = fault.others && !fault.together ? others : [undefined];
    if (fault.others && others.length === 0) return [];
    return hit.flatMap((call) => by.map((interferer) => ({ operation, fault, call, interferer })));
  });
};

const runCase = async (
  world: World,
  { operation, fault, call, interferer }: ICase,
): Promise<Omit<IOutcome, 'violations' | 'log'>> => {
  const other = await world.replica('B');
  await operation.prepare(other, world);
  world.grow();
  const victim = await world.faultyReplica();
  const third = fault.together ? await world.replica('C') : undefined;
  const gate = victim.gate!;
  const meddling: Promise<unknown>[] = [];
  const interfere = async (): Promise<void> => {
    const names = interferer === undefined ? Object.keys(operation.interfere) : [interferer];
    const all = names.map((name, at) => operation.interfere[name]!(at % 2 && third ? third : other));
    meddling.push(...all);
    await Promise.race([Promise.all(all), sleep(OTHERS_MS)]);
  };
  const late = async (moment: string): Promise<void> => {
    if (arrivalOf(fault) !== moment) return;
    world.pass(moment === 'answered' ? LATE_MS : HOURS_MS);
    await gate.release();
  };

  world.enter('during');
  gate.arm(gate.calls.length + call.at, fault, interfere);
  const running = operation.run(victim).catch((error: unknown) => {
    if (error instanceof ReplicaDied) return 'ended' as const;
    throw error;
  });
  // nobody waits for what a process that has ended is still trying to do
  let status: number | 'ended' = await Promise.race([running, gate.died.then(() => 'ended' as const)]);
  if (fault.answer === 'never') status = 'ended';
  await Promise.all(meddling);
  gate.disarm();
  const { refusals = [], again = [] } = operation;
  if (status !== 'ended' && !isFine(status, [503, ...(fault.others ? refusals : [])])) {
    world.violation(`it is answered ${status}`);
  }
  await late('nextCall');
  await late('answered');
  const fresh = await world.replica('C');
  if (operation.collects) world.letUnnamedGo();
  world.enter('answered');
  await world.check(fresh);

  const repeating: Replica = victim.isDead ? await world.replica('A2') : victim;
  const repeated = await operation.run(repeating);
  if (!isFine(repeated, again)) world.violation(`the same request again is answered ${repeated}`);
  await late('repeated');
  if (operation.collects) world.letUnnamedGo();
  world.enter('sent again');
  await world.check(fresh);
  await world.check(repeating);

  if (arrivalOf(fault) === 'others') {
    world.enter('others');
    if (operation.afterwards) await operation.afterwards(other);
    else for (const work of Object.values(operation.interfere)) await work(other);
    await late('others');
    if (operation.collects) world.letUnnamedGo();
    await world.check(fresh);
  }

  world.enter('swept');
  await sweepAll(fresh);
  await late('swept');
  if (arrivalOf(fault) === 'swept') await sweepAll(fresh);
  world.letUnnamedGo();
  await world.checkSwept(fresh);
  return { status, again: repeated };
};

/** One case from an empty store to the sweeps. */
export const runOne = async (
  backend: IBackend,
  lane: number,
  one: ICase,
  models: IProtocolModel[],
): Promise<IOutcome> => {
  const world = new World(await backend.open(lane), one.operation.config, models);
  return world.clock.run(async () => {
    let timer: NodeJS.Timeout | undefined;
    const isLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CASE_MS);
    });
    const ended = await Promise.race([
      runCase(world, one).catch((error: unknown) => {
        world.violation(`the case ended with ${error instanceof Error ? error.stack : String(error)}`);
        return { status: 503, again: 0 } as const;
      }),
      isLate.then(() => {
        world.violation(`it does not end within ${CASE_MS / 1000} s`);
        return { status: 'hung', again: 0 } as const;
      }),
    ]);
    clearTimeout(timer);
    await world.close();
    return { ...one, ...ended, violations: world.violations, log: world.log };
  });
};
