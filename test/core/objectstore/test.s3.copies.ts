import t from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { ofKind } from '../../support/expect.js';
import { startS3Server, type TS3Kind } from '../../support/store/s3-server.js';
import { type ISmallRequest, startSmallServer } from '../../support/store/s3-small-server.js';

const MIB = 1024 ** 2;
const isCopy = ({ method, headers }: ISmallRequest): boolean =>
  method === 'PUT' && headers['x-amz-copy-source'] !== undefined;

for (const copyConditions of [true, false]) {
  const title = copyConditions ? 'compares the source of a copy' : 'copies whatever is there';
  t.test(`a server that ${title}`, async (t) => {
    const server = await startSmallServer({ conditions: true, multipart: true, copyConditions });
    const store = new S3ObjectStore(server.config);
    t.teardown(async () => {
      await store.destroy();
      await server.stop();
    });
    await store.init();
    t.same([...server.objects.keys()], [], 'the look at what it honours leaves nothing');
    const parts = ['a', 'b'];
    const etags: string[] = [];
    for (const part of parts) etags.push((await store.put(part, Buffer.alloc(6 * MIB, part))).etag);
    const sizes = [6 * MIB, 6 * MIB];

    server.seen.length = 0;
    await store.compose('joined', parts, { sizes, etags });
    t.equal(server.objects.get('joined')?.bytes.length, 12 * MIB);
    const looks = server.seen.filter(({ method, key }) => method === 'HEAD' && parts.includes(key)).length;
    t.equal(looks, copyConditions ? 0 : 2, 'looks at the sources after they were copied');

    // a single source of a server that compares is copied by CopyObject, for which test/suites has a real server
    for (const names of copyConditions ? [parts] : [parts, ['b']]) {
      const options = { sizes: sizes.slice(0, names.length), etags: etags.slice(-names.length) };
      server.objects.set('b', { bytes: Buffer.alloc(6 * MIB, 'b'), headers: {} });
      // another object comes to lie there when the join has begun
      server.intercept((request) => {
        if (isCopy(request)) server.objects.set('b', { bytes: Buffer.alloc(6 * MIB, 'x'), headers: {} });
        return undefined;
      });
      await t.rejects(store.compose('other', names, options), ofKind('notFound'), `${names.length} sources`);
      t.notOk(server.objects.has('other'), 'nothing is made of it');
    }
  });
}

for (const kind of ['versitygw', 'minio'] as TS3Kind[]) {
  const server = await startS3Server(kind);
  t.teardown(async () => server?.stop());
  t.test(`${kind} compares the sources of copies`, { skip: server ? false : `no ${kind} here` }, async (t) => {
    const store = new S3ObjectStore(server!.config);
    t.teardown(() => store.destroy());
    await store.init();
    t.equal(store.conditionalCopies, true);
  });
}
