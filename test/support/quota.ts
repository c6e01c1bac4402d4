import type { IStorageHookContext, IStorageHooks } from '../../ts/index.js';

/** The quota of the readme: what each account has, and what it is about to have. */
export const quotaOf = (limit: number) => {
  const held = new Map<string, Map<string, number>>();
  const reserved = new Map<string, { account: string; size: number }>();

  // `@team/x` of npm and `team/x` of OCI belong to their first part, whichever caller writes or deletes them
  const accountOf = ({ metadata }: IStorageHookContext) => metadata?.packageName?.split('/')[0] ?? '';
  // the bytes of a blob lie at one key for all repositories, and each that has it pays for it
  const artifactOf = ({ protocol, key, metadata }: IStorageHookContext) =>
    protocol === 'oci' ? `${metadata?.packageName}@${metadata?.digest}` : key;
  // one write may put several artifacts; a large one is asked about twice, at its start and before its commit
  const writeOf = ({ operationId, askedKey }: IStorageHookContext) => `${operationId} ${askedKey}`;

  const storageHooks: IStorageHooks = {
    async beforePut(context) {
      const { kind, size = 0 } = context.metadata ?? {};
      if (kind !== 'artifact') return { allowed: true };
      const account = accountOf(context);
      let total = size;
      for (const bytes of held.get(account)?.values() ?? []) total += bytes;
      for (const [write, other] of reserved) {
        if (write !== writeOf(context) && other.account === account) total += other.size;
      }
      if (total > limit) return { allowed: false, reason: 'Storage quota exceeded' };
      reserved.set(writeOf(context), { account, size });
      return { allowed: true };
    },
    async afterPut(context) {
      if (context.metadata?.kind !== 'artifact') return;
      reserved.delete(writeOf(context));
      const artifacts = held.get(accountOf(context)) ?? new Map<string, number>();
      held.set(accountOf(context), artifacts.set(artifactOf(context), context.metadata.size ?? 0));
    },
    async afterDelete(context) {
      held.get(accountOf(context))?.delete(artifactOf(context));
    },
    // what beforePut had allowed was not written
    async afterAbort(context) {
      reserved.delete(writeOf(context));
    },
  };
  // not in the readme: of each write, what was allowed and what was told of it in the end
  const outcomes = new Map<string, string[]>();
  const noted = (context: IStorageHookContext): string[] => {
    const write = `${context.operation} ${writeOf(context)}`;
    const told = outcomes.get(write) ?? [];
    outcomes.set(write, told);
    return told;
  };
  const { beforePut, afterPut, afterDelete, afterAbort } = storageHooks;
  const watched: IStorageHooks = {
    async beforePut(context) {
      const verdict = await beforePut!(context);
      if (verdict.allowed) noted(context);
      return verdict;
    },
    async beforeDelete(context) {
      noted(context);
      return { allowed: true };
    },
    async afterPut(context) {
      noted(context).push('afterPut');
      await afterPut!(context);
    },
    async afterDelete(context) {
      noted(context).push('afterDelete');
      await afterDelete!(context);
    },
    async afterAbort(context) {
      noted(context).push('afterAbort');
      await afterAbort!(context);
    },
  };
  /** writes of which not exactly one outcome was told */
  const untold = (): string[] =>
    [...outcomes].filter(([, told]) => told.length !== 1).map(([write, told]) => `${write}: ${told.join(' ')}`);
  const used = (account: string): number => [...(held.get(account)?.values() ?? [])].reduce((sum, one) => sum + one, 0);
  return { storageHooks: watched, used, reserved, untold };
};
