import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import type { IStorageHookContext, IStorageHooks } from '../../ts/index.js';
import type { IProtocolDescription } from '../support/protocol/description.js';
import { protocolWorld } from '../support/protocol/world.js';
import { send } from '../support/registry.js';

const recorded = (allow: (context: IStorageHookContext) => boolean = () => true) => {
  const calls: { hook: string; context: IStorageHookContext }[] = [];
  const note = (hook: string) => async (context: IStorageHookContext) => {
    calls.push({ hook, context });
  };
  const ask = (hook: string) => async (context: IStorageHookContext) => {
    calls.push({ hook, context });
    return allow(context) ? { allowed: true } : { allowed: false, reason: 'the scanner found a worm' };
  };
  const storageHooks: IStorageHooks = {
    beforePut: ask('beforePut'),
    afterPut: note('afterPut'),
    beforeDelete: ask('beforeDelete'),
    afterDelete: note('afterDelete'),
    afterAbort: note('afterAbort'),
  };
  const of = (hook: string, kind = 'artifact') =>
    calls.filter((call) => call.hook === hook && call.context.metadata?.kind === kind).map(({ context }) => context);
  return { calls, storageHooks, of };
};

/** A body that breaks off, as one whose client is gone. */
async function* cutOff(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length >> 1);
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

/** Hooks, refusals and bodies that stop: all that concerns writing. */
export const protocolWriting = (t: Test, about: IProtocolDescription): void => {
  const { protocol, names } = about;
  const [name] = names;
  const one = about.version(1);
  const two = about.version(2);

  t.test(`${protocol}: hooks of an upload`, async (t) => {
    const hooks = recorded();
    const world = await protocolWorld(t, about, { storageHooks: hooks.storageHooks });
    t.ok((await world.publish(name, one)).status < 300);
    const asked = hooks.of('beforePut').filter(({ phase }) => phase !== 'start');
    const told = hooks.of('afterPut');
    const { length } = await about.artifactOf(name, one);
    t.ok(
      asked.some(({ metadata }) => metadata?.size === length),
      `a scanner sees the artifact of ${length} bytes`,
    );
    const about1 = (contexts: IStorageHookContext[]) =>
      contexts.map(({ metadata }) => [metadata?.packageName, metadata?.version]);
    for (const pair of [...about1(asked), ...about1(told)]) t.same(pair, [name, one]);
    const keys = (contexts: IStorageHookContext[]) => contexts.map(({ key }) => key).sort();
    t.same(keys(told), [...new Set(keys(told))], 'once for each artifact');
    t.same(keys(told), keys(asked), 'for each that was allowed');
    for (const { actor, protocol: of } of [...asked, ...told])
      t.match({ actor, of }, { actor: { userId: 'root' }, of: protocol });
    t.same(hooks.of('afterAbort'), []);
    hooks.calls.length = 0;
    const again = await world.publish(name, one, 'other bytes');
    t.equal(again.status, about.existsStatus);
    t.ok(about.isError(again), again.text);
    t.same(hooks.of('afterPut'), [], 'nothing is told of an upload that was refused');
    const open = (hook: string) => hooks.of(hook).map(({ operationId }) => operationId);
    t.same(
      [...new Set(open('beforePut'))].sort(),
      [...new Set(open('afterAbort'))].sort(),
      'what was allowed is aborted',
    );
    t.same(
      (await world.get(about.artifact(name, one))).bytes,
      await about.artifactOf(name, one),
      'the first bytes stay',
    );
  });

  t.test(`${protocol}: what a hook refuses is not stored`, async (t) => {
    let isRefusing = true;
    const hooks = recorded(() => !isRefusing);
    const world = await protocolWorld(t, about, { storageHooks: hooks.storageHooks });
    const before = await world.stored();
    const refused = await world.publish(name, one);
    t.equal(refused.status, 403, refused.text);
    t.match(refused.text, /the scanner found a worm/, 'the reason reaches the user');
    t.ok(about.isError(refused), refused.text);
    t.same(await world.stored(), before);
    t.equal((await world.get(about.metadata(name))).status, 404);
    t.same(hooks.of('afterPut'), []);
    isRefusing = false;
    t.ok((await world.publish(name, one)).status < 300, 'it works when the hook allows it');
    isRefusing = true;
    const second = await world.publish(name, two);
    t.equal(second.status, 403);
    t.same(about.versionsIn(await world.get(about.metadata(name))), [one], 'another version is refused as well');
    const { remove } = about;
    if (!remove) return;
    hooks.calls.length = 0;
    t.equal((await remove(world.admin, name, one)).status, 403, 'a delete, too');
    t.equal((await world.get(about.artifact(name, one))).status, 200, 'nothing is gone');
    t.ok(hooks.calls.some(({ hook }) => hook === 'beforeDelete'));
    isRefusing = false;
    hooks.calls.length = 0;
    const removed = await remove(world.admin, name, one);
    t.ok(removed.status < 300, `${removed.status} ${removed.text}`);
    t.equal((await world.get(about.artifact(name, one))).status, 404);
    const told = hooks.of('afterDelete').map(({ key }) => key);
    t.ok(told.length > 0, 'an application is told of the artifact that is gone');
    t.same(told, [...new Set(told)], 'once for each');
    const gone = hooks.of('afterDelete')[0];
    t.equal(gone?.metadata?.packageName, name);
  });

  t.test(`${protocol}: a body that stops half-way leaves nothing`, async (t) => {
    const world = await protocolWorld(t, about);
    const { method, path, headers, body = '' } = await about.publish(name, one);
    const bytes = Buffer.from(body as string);
    const credential = about.credential ?? ((token: string) => ({ authorization: `Bearer ${token}` }));
    const admin = { host: 'packages.example.org', ...headers, ...credential(await world.tokenOf({})) };
    const length = { 'content-length': String(bytes.length) };
    const before = await world.stored();
    for (const [what, more] of [
      ['the client is gone', { headers: { ...admin, ...length }, body: cutOff(bytes) }],
      [
        'it is shorter than announced',
        { headers: { ...admin, ...length }, body: bytes.subarray(0, bytes.length >> 1) },
      ],
      ['it is cut, and nothing was announced', { headers: admin, body: bytes.subarray(0, bytes.length >> 1) }],
      ['it ends one byte early', { headers: admin, body: bytes.subarray(0, -1) }],
      ['it is empty', { headers: admin, body: Buffer.alloc(0) }],
      ['there is none', { headers: admin }],
    ] as const) {
      const answer = await send(world.registry, method, path, more);
      t.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
      t.ok(about.isError(answer), `${what}: ${answer.text.slice(0, 200)}`);
      t.same(await world.stored(), before, what);
    }
    t.equal((await world.get(about.metadata(name))).status, 404);
    t.ok((await world.publish(name, one)).status < 300, 'and the upload works afterwards');
  });

  t.test(`${protocol}: a coded body is decoded, or refused in the form of the protocol`, async (t) => {
    const world = await protocolWorld(t, about);
    const { method, path, headers, body = '' } = await about.publish(name, one);
    const bytes = Buffer.from(body as string);
    const sendAs = (coding: string, coded: Buffer) => {
      const sent = { 'content-encoding': coding, 'content-length': String(coded.length) };
      return world.admin({ method, path, headers: { ...headers, ...sent }, body: coded });
    };
    const before = await world.stored();
    for (const [coding, coded] of [
      ['br', brotliCompressSync(bytes)],
      ['deflate', deflateSync(bytes)],
      ['gzip, gzip', gzipSync(gzipSync(bytes))],
      ['aws-chunked', bytes],
    ] as const) {
      const refused = await sendAs(coding, coded);
      t.equal(refused.status, 415, `${coding}: ${refused.text.slice(0, 200)}`);
      t.ok(about.isError(refused), refused.text.slice(0, 200));
      t.ok(refused.text.includes(`Content-Encoding ${coding} is not supported, gzip is`), refused.text.slice(0, 200));
      t.same(await world.stored(), before, coding);
    }
    const half = gzipSync(bytes);
    const broken = await sendAs('gzip', half.subarray(0, half.length >> 1));
    t.equal(broken.status, 400, `cut off: ${broken.text.slice(0, 200)}`);
    t.same(await world.stored(), before, 'cut off');
    const packed = await sendAs('gzip', half);
    t.ok(packed.status < 300, `gzip: ${packed.status} ${packed.text.slice(0, 200)}`);
    t.same((await world.get(about.artifact(name, one))).bytes, await about.artifactOf(name, one));
  });

  t.test(`${protocol}: the artifact comes down as it went up, and is listed`, async (t) => {
    const world = await protocolWorld(t, about);
    for (const version of [one, two]) t.ok((await world.publish(name, version, version)).status < 300);
    t.same(about.versionsIn(await world.get(about.metadata(name))).sort(), [one, two].sort());
    for (const version of [one, two]) {
      const served = await world.get(about.artifact(name, version, version));
      t.same(served.bytes, await about.artifactOf(name, version, version));
    }
    for (const { path, names: named } of about.listings) t.ok(named(await world.get(path), name), path);
    t.equal((await world.get(about.artifact(name, about.version(3)))).status, 404);
    t.equal((await world.get(about.metadata(names[3]))).status, 404);
  });
};
