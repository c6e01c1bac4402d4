import { createHash } from 'node:crypto';
import t from 'tap';
import { toReadableStream } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError, type TErrorKind } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { ContentStore } from '../../../ts/core/storage/content/classes.contentstore.js';
import { OutcomeUnknownError } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { AskedHooks } from '../../../ts/core/storage/hooks/classes.askedhooks.js';
import type { IStorageHookContext, IStorageHooks } from '../../../ts/core/storage/hooks/interfaces.hooks.js';
import { VerifiedBody } from '../../../ts/core/storage/uploads/classes.verifiedbody.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const kind = (expected: TErrorKind) => ({ kind: expected }) as unknown as Error;
const folders = { bytes: 'c/bytes', guards: 'c/guards', links: 'c/links' };
const BIG = Buffer.alloc(400 * 1024, 'big ');
const hex = createHash('sha256').update(BIG).digest('hex');
const digest = { algorithm: 'sha256', hex, text: `sha256:${hex}` } as const;
const KEY = `c/bytes/sha256/${hex}`;

/** A content store whose hooks write down what they hear, and refuse what `refuses` says. */
const listening = () => {
  const told: string[] = [];
  const ids = new Set<string>();
  const control: { refuses?: (hook: string, context: IStorageHookContext) => boolean } = {};
  const names = ['beforePut', 'afterPut', 'beforeDelete', 'afterDelete', 'afterAbort'] as const;
  const listen = (hook: string) => async (context: IStorageHookContext) => {
    const { operation, phase, key, askedKey, metadata, operationId } = context;
    const where = key === askedKey ? key : `${key} for ${askedKey}`;
    const what = hook === 'afterAbort' ? `${hook} ${operation}` : hook;
    told.push(`${what}${phase ? ` ${phase}` : ''} ${metadata?.size} ${where}`.replaceAll(hex, 'HEX'));
    ids.add(operationId);
    return { allowed: !control.refuses?.(hook, context) };
  };
  const hooks = Object.fromEntries(names.map((name) => [name, listen(name)])) as unknown as IStorageHooks;
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const content = new ContentStore(new RegistryStorage(store, { hooks }), folders, 'a/b');
  const put = (owner: string, sent: Uint8Array = BIG, size?: number) =>
    content.put(
      owner,
      digest,
      new VerifiedBody(toReadableStream(sent), { algorithm: 'sha256', hex, size, limit: 1e7 }),
    );
  const heard = () => {
    const operations = ids.size;
    ids.clear();
    return { operations, told: told.splice(0) };
  };
  return { inner, store, content, put, heard, control };
};

const SIZE = BIG.byteLength;
const START = 'beforePut start undefined c/bytes/sha256/HEX';
const COMMIT = `beforePut commit ${SIZE} c/bytes/sha256/HEX`;
const STORED = `afterPut commit ${SIZE} c/bytes/sha256/HEX`;

t.test('of a large push: allowed to begin, allowed, and one outcome', async (t) => {
  const { put, heard, content, control } = listening();
  await put('a');
  t.same(heard(), { operations: 1, told: [START, COMMIT, STORED] });
  await put('a', BIG, SIZE);
  t.same(
    heard(),
    {
      operations: 1,
      told: [START.replace('undefined', `${SIZE}`), COMMIT, `afterAbort put commit ${SIZE} c/bytes/sha256/HEX`],
    },
    'the owner had it',
  );
  await put('b');
  t.same(heard().told, [START, COMMIT, STORED], 'for another owner it is new');
  await t.rejects(put('c', BIG.subarray(1)), kind('digestMismatch'));
  t.same(heard().told, [START, 'afterAbort put start undefined c/bytes/sha256/HEX'], 'other bytes are no push');
  control.refuses = (hook, { phase }) => hook === 'beforePut' && phase === 'commit';
  await t.rejects(put('c'), kind('forbidden'));
  t.same(heard().told, [START, COMMIT, 'afterAbort put start undefined c/bytes/sha256/HEX']);
  t.equal(await content.has('c', digest), false);
});

t.test('a push whose outcome is unknown is told neither as done nor as aborted', async (t) => {
  const { put, heard, store, content } = listening();
  store.after = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith('c/links/')) throw new RegistryError('outcomeUnknown', 'lost');
  };
  store.before = ({ verb, key }) => {
    if (verb === 'put' && key.startsWith('c/links/') && store.count('put', 'c/links/') > 1) {
      throw new RegistryError('outcomeUnknown', 'lost');
    }
  };
  await t.rejects(put('a'), kind('outcomeUnknown'));
  t.same(heard().told, [START, COMMIT]);
  t.equal(await content.has('a', digest), true, 'it may have been done');
});

t.test('a mount and the end of it', async (t) => {
  const { put, heard, content, control, store, inner } = listening();
  const link = 'c/links/sha256/HEX';
  await put('a');
  heard();
  t.equal(await content.mount('b', digest), true);
  const asked = `beforePut commit ${SIZE} ${link}/b`;
  t.same(heard(), { operations: 1, told: [asked, `afterPut commit ${SIZE} ${link}/b`] });
  t.equal(await content.mount('b', digest), true);
  t.same(heard().told, [asked, `afterAbort put commit ${SIZE} ${link}/b`], 'what it had is not counted twice');
  control.refuses = () => true;
  await t.rejects(content.mount('c', digest), kind('forbidden'));
  await t.rejects(content.unlink('b', digest), kind('forbidden'));
  t.same(heard().told, [`beforePut commit ${SIZE} ${link}/c`, `beforeDelete ${SIZE} ${link}/b`]);
  t.same(await content.links.owners(digest, 10), ['a', 'b']);
  control.refuses = undefined;
  store.before = ({ verb }) => {
    if (verb === 'delete') throw new RegistryError('unavailable', 'down');
  };
  await t.rejects(content.unlink('b', digest), kind('unavailable'));
  t.same(heard().told, [`beforeDelete ${SIZE} ${link}/b`, `afterAbort delete ${SIZE} ${link}/b`]);
  store.before = undefined;
  await content.unlink('b', digest);
  t.same(heard().told, [`beforeDelete ${SIZE} ${link}/b`, `afterDelete ${SIZE} ${link}/b`]);
  t.ok(inner.objects.has(KEY));
});

t.test('what is done of a write stays told as done, whatever becomes of the rest', async (t) => {
  const failures: [unknown, string[]][] = [
    [new RegistryError('forbidden', 'no'), ['afterPut a', 'afterAbort b put', 'afterAbort c delete', 'afterPut d']],
    [new RegistryError('outcomeUnknown', 'lost'), ['afterPut a', 'afterPut d']],
    [new OutcomeUnknownError(new Error('lost')), ['afterPut a', 'afterPut d']],
  ];
  for (const [failure, expected] of failures) {
    const told: string[] = [];
    const hooks = new AskedHooks({
      ask: async () => {},
      tell: async (name, { key, operation }) => void told.push(`${name} ${key}${operation ? ` ${operation}` : ''}`),
    });
    const work = hooks.abortOnFailure(async () => {
      for (const key of ['a', 'b']) await hooks.ask('beforePut', { key });
      await hooks.ask('beforeDelete', { key: 'c' });
      await hooks.ask('beforePut', { key: 'd' });
      for (const key of ['a', 'b', 'd']) hooks.note(key, true);
      hooks.note('b', false);
      throw failure;
    });
    await t.rejects(work, failure as Error);
    t.same(told, expected);
    await hooks.abort();
    await hooks.tell();
    t.same(told, expected, 'once');
  }
});
