import t from 'tap';
import { DirectoryObjectStore } from '../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { RegistryError } from '../../ts/index.js';
import { npmWorld } from '../support/npm/actors.js';
import { bytesOf, publishOf } from '../support/npm/packages.js';
import { temporaryFolder } from '../support/registry.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const DOCUMENT = 'npm/packages/a/index.json';

/**
 * Two processes on one store. The connection of the first breaks at its next write of the package's document, and
 * `meanwhile` happens before that process can look.
 */
const twoProcesses = async (t: Parameters<typeof npmWorld>[0]) => {
  const inner = new DirectoryObjectStore(await temporaryFolder(t));
  const faulty = new FaultObjectStore(inner);
  const auth = { tokenStore: 'bucket' as const };
  const one = await npmWorld(t, { storage: { objectStore: faulty }, auth, logger: SILENT });
  const two = await npmWorld(t, { storage: { objectStore: inner }, auth });
  const breakNext = (when: 'before' | 'after', meanwhile: () => Promise<void>) => {
    faulty[when] = async ({ verb, key }) => {
      if (verb !== 'put' || key !== DOCUMENT) return;
      faulty[when] = undefined;
      await meanwhile();
      throw new RegistryError('unavailable', 'The connection was lost');
    };
  };
  return {
    one,
    two,
    /** the write is done, its answer is lost */
    loseNext: (meanwhile: () => Promise<void>) => breakNext('after', meanwhile),
    /** the write is not done, which the process cannot know */
    failNext: (meanwhile: () => Promise<void>) => breakNext('before', meanwhile),
  };
};

/** More writes than the object's metadata remembers, so that only the document can tell. */
const manyWrites = async ({ two }: Awaited<ReturnType<typeof twoProcesses>>, version: string) => {
  for (let count = 0; count < 12; count++) {
    const { status } = await two.writer.put(`/-/package/a/dist-tags/tag-${count}`, `"${version}"`);
    if (status !== 200) throw new Error(`the other process: ${status}`);
  }
};

t.test('a publish whose answer is lost succeeded, however often others have written since', async (t) => {
  const world = await twoProcesses(t);
  const { one, two, loseNext } = world;
  for (const [version, meanwhile] of [
    ['1.0.0', async () => {}],
    ['1.1.0', () => manyWrites(world, '1.1.0')],
  ] as const) {
    const document = await publishOf('a', version);
    loseNext(meanwhile);
    const answer = await one.writer.put('/a', document);
    t.equal(answer.status, 201, `${version}: ${answer.text}`);
    t.ok((await two.anon.get(`/a/-/a-${version}.tgz`)).bytes.equals(bytesOf(document)));
  }
});

t.test('an unpublish whose answer is lost succeeded, however often others have written since', async (t) => {
  const world = await twoProcesses(t);
  const { one, two, loseNext } = world;
  for (const version of ['1.0.0', '1.1.0', '1.2.0', '1.3.0']) await one.writer.publish('a', version);
  for (const [version, meanwhile] of [
    ['1.2.0', async () => {}],
    ['1.3.0', () => manyWrites(world, '1.0.0')],
  ] as const) {
    const { _rev } = await one.admin.packument('a');
    loseNext(meanwhile);
    const answer = await one.admin.delete(`/a/-/a-${version}.tgz/-rev/${_rev}`);
    t.equal(answer.status, 200, `${version}: ${answer.text}`);
    t.equal((await two.anon.get(`/a/${version}`)).status, 404);
    t.equal((await two.anon.get(`/a/-/a-${version}.tgz`)).status, 404);
  }
  t.same(Object.keys((await two.anon.packument('a')).versions), ['1.0.0', '1.1.0']);
});

t.test('an unpublish that did not happen does not claim what somebody else did', async (t) => {
  const world = await twoProcesses(t);
  const { one, two, failNext } = world;
  for (const version of ['1.0.0', '1.1.0']) await one.writer.publish('a', version);
  const { _rev } = await one.admin.packument('a');
  failNext(async () => {
    t.equal((await two.admin.delete(`/a/-/a-1.1.0.tgz/-rev/${_rev}`)).status, 200);
    await manyWrites(world, '1.0.0');
  });
  t.equal((await one.admin.delete(`/a/-/a-1.1.0.tgz/-rev/${_rev}`)).status, 503);
});

t.test('a publish that did not happen does not claim what somebody else did', async (t) => {
  const world = await twoProcesses(t);
  const { one, two, failNext } = world;
  const theirs = await publishOf('a', '1.0.0', { files: { 'package/x': 'theirs' } });
  failNext(async () => {
    t.equal((await two.writer.put('/a', theirs)).status, 201);
    await manyWrites(world, '1.0.0');
  });
  t.equal((await one.writer.publish('a', '1.0.0')).status, 503);
  t.ok((await one.anon.get('/a/-/a-1.0.0.tgz')).bytes.equals(bytesOf(theirs)));
});
