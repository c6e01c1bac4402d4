import t from 'tap';
import type { IStorageHookContext, IStorageHooks } from '../../ts/index.js';
import { composerWorld } from '../support/composer/actors.js';

const PUSHES = 20;

/** Hooks that write down what they hear, by write and key. */
const listening = () => {
  const heard = new Map<string, string[]>();
  const note =
    (hook: string) =>
    async ({ operationId, askedKey, operation }: IStorageHookContext) => {
      const subject = `${operationId} ${operation} ${askedKey}`;
      heard.set(subject, [...(heard.get(subject) ?? []), hook]);
      return { allowed: true };
    };
  const names = ['beforePut', 'afterPut', 'beforeDelete', 'afterDelete', 'afterAbort'] as const;
  return { heard, hooks: Object.fromEntries(names.map((name) => [name, note(name)])) as unknown as IStorageHooks };
};

// only the last ten zips are kept, so from the eleventh push on each of them deletes one that another push replaced
for (const isHeard of [false, true]) {
  t.test(`twenty pushes of one branch at once all arrive, ${isHeard ? 'with' : 'without'} hooks`, async (t) => {
    const { heard, hooks } = listening();
    const { writer } = await composerWorld(t, isHeard ? { storageHooks: hooks } : {});
    const pushes = Array.from({ length: PUSHES }, (_, push) =>
      writer.publish('acme/lib', 'dev-main', { extra: { push } }),
    );
    const statuses = (await Promise.all(pushes)).map(({ status }) => status);
    t.same([...new Set(statuses)], [201]);
    t.equal((await writer.versions('acme/lib', true)).length, 1);
    for (const [subject, calls] of heard) {
      t.equal(calls.filter((hook) => hook.startsWith('after')).length, 1, `${subject}: ${calls}`);
    }
    const deletes = [...heard].filter(([, calls]) => calls.includes('afterDelete'));
    if (isHeard) t.equal(deletes.length, PUSHES - 11, 'each deleted once');
  });
}
