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
  const used = (account: string): number => [...(held.get(account)?.values() ?? [])].reduce((sum, one) => sum + one, 0);
  return { storageHooks, used, reserved };
};
