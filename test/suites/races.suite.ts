import t, { type Test } from 'tap';
import { type IRegistryConfig, SmartRegistry } from '../../ts/index.js';
import type { IProtocolDescription, TSend } from '../support/protocol/description.js';
import { sender } from '../support/protocol/world.js';
import { type IAnswer, temporaryFolder } from '../support/registry.js';
import { startS3Server } from '../support/store/s3-server.js';

/** uploads at a time */
const MANY = 20;
const numbers = Array.from({ length: MANY }, (_, index) => index + 1);

interface IReplicas {
  /** one of the two that write, in turn */
  at(turn: number): TSend;
  /** those two, and one that starts now */
  all(): Promise<TSend[]>;
}

type TStorage = () => Promise<IRegistryConfig['storage']>;

const replicasOn = async (
  t: Test,
  about: IProtocolDescription,
  storage: IRegistryConfig['storage'],
): Promise<IReplicas> => {
  const { credential = (token: string) => ({ authorization: `Bearer ${token}` }) } = about;
  const auth = {
    jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
    tokenStore: 'bucket' as const,
    users: [{ username: 'root', password: 'correct horse battery', scopes: ['*:*:*:*'] }],
  };
  const start = async (): Promise<SmartRegistry> => {
    const block = { [about.protocol]: { enabled: true, ...about.config } };
    const registry = new SmartRegistry({ storage, auth, logger: false, ...block });
    await registry.init();
    t.teardown(() => registry.destroy());
    return registry;
  };
  const two = [await start(), await start()] as const;
  const headers = credential(await two[0].getAuthManager().createToken('root', about.protocol));
  const senders = two.map((registry) => sender(registry, headers));
  return {
    at: (turn) => senders[turn % 2] as TSend,
    all: async () => [...senders, sender(await start(), headers)],
  };
};

const statuses = (answers: IAnswer[]): string => answers.map(({ status }) => status).join(' ');
const isDone = ({ status }: IAnswer): boolean => status < 300;

/** Races of uploads through two processes on one store: nothing that was acknowledged is lost, and one of two wins. */
const raceOn = (t: Test, about: IProtocolDescription, storage: TStorage): void => {
  const { existsStatus, names } = about;
  const [name] = names;
  const one = about.version(1);

  /** Each version that is listed can be had, with the bytes that were uploaded. */
  const intact = async (t: Test, send: TSend, of: string, fillerOf: (version: string) => string): Promise<string[]> => {
    const versions = about.versionsIn(await send({ method: 'GET', path: about.metadata(of) }));
    for (const version of versions) {
      const filler = fillerOf(version);
      const { status, bytes } = await send({ method: 'GET', path: about.artifact(of, version, filler) });
      t.equal(status, 200, `${of} ${version} is listed`);
      t.ok(bytes.equals(await about.artifactOf(of, version, filler)), `the bytes of ${of} ${version}`);
    }
    return versions.sort();
  };

  t.test(`${MANY} versions of one package`, async (t) => {
    const replicas = await replicasOn(t, about, await storage());
    const requests = await Promise.all(numbers.map((n) => about.publish(name, about.version(n))));
    const answers = await Promise.all(requests.map((request, turn) => replicas.at(turn)(request)));
    t.ok(answers.every(isDone), statuses(answers));
    for (const send of await replicas.all()) {
      t.same(await intact(t, send, name, () => ''), numbers.map(about.version).sort());
      for (const { path, names: named } of about.listings) t.ok(named(await send({ method: 'GET', path }), name), path);
    }
  });

  t.test(`${MANY} uploads of one version, with different bytes`, async (t) => {
    const replicas = await replicasOn(t, about, await storage());
    const requests = await Promise.all(numbers.map((n) => about.publish(name, one, `filler ${n}`)));
    const answers = await Promise.all(requests.map((request, turn) => replicas.at(turn)(request)));
    const winners = answers.flatMap((answer, index) => (isDone(answer) ? [index + 1] : []));
    t.equal(winners.length, 1, `one winner: ${statuses(answers)}`);
    t.ok(
      answers.every((answer) => isDone(answer) || answer.status === existsStatus),
      `the others are told that it exists: ${statuses(answers)}`,
    );
    for (const send of await replicas.all()) t.same(await intact(t, send, name, () => `filler ${winners[0]}`), [one]);
  });

  t.test(`${MANY} uploads of one version, with the same bytes`, async (t) => {
    const replicas = await replicasOn(t, about, await storage());
    const request = await about.publish(name, one);
    const answers = await Promise.all(numbers.map((turn) => replicas.at(turn)(request)));
    t.ok(answers.some(isDone), statuses(answers));
    t.ok(
      answers.every((answer) => isDone(answer) || answer.status === existsStatus),
      statuses(answers),
    );
    for (const send of await replicas.all()) t.same(await intact(t, send, name, () => ''), [one]);
  });

  t.test(`${MANY} packages`, async (t) => {
    const replicas = await replicasOn(t, about, await storage());
    const packages = numbers.map((n) => `${name}${n}`);
    const requests = await Promise.all(packages.map((each) => about.publish(each, one)));
    const answers = await Promise.all(requests.map((request, turn) => replicas.at(turn)(request)));
    t.ok(answers.every(isDone), statuses(answers));
    for (const send of await replicas.all()) {
      for (const each of packages) t.same(await intact(t, send, each, () => ''), [one]);
      for (const { path, names: named } of about.listings) {
        const listed = await send({ method: 'GET', path });
        t.same(
          packages.filter((each) => !named(listed, each)),
          [],
          `${path} names all of them`,
        );
      }
    }
  });

  const { rivals } = about;
  if (rivals) {
    t.test(`${MANY} times two packages of which only one may exist`, async (t) => {
      const replicas = await replicasOn(t, about, await storage());
      const pairs = await Promise.all(numbers.map((n) => rivals(n)));
      const uploads = pairs.flatMap((pair, at) => pair.map(({ upload }, side) => ({ upload, turn: at + side })));
      const answers = await Promise.all(uploads.map(({ upload, turn }) => replicas.at(turn)(upload)));
      for (const send of await replicas.all()) {
        for (const [at, pair] of pairs.entries()) {
          const told = pair.map((_, side) => answers[2 * at + side] as IAnswer);
          t.same(told.map(isDone).filter(Boolean), [true], `one of pair ${at + 1}: ${statuses(told)}`);
          for (const [side, { path }] of pair.entries()) {
            const isThere = (await send({ method: 'GET', path })).status === 200;
            t.equal(isThere, isDone(told[side] as IAnswer), path);
            t.ok(isThere || told[side]?.status === existsStatus, statuses(told));
          }
        }
      }
    });
  }

  const { remove } = about;
  if (!remove) return;
  t.test('uploads while a version is removed', async (t) => {
    const replicas = await replicasOn(t, about, await storage());
    t.ok(isDone(await replicas.at(0)(await about.publish(name, one))));
    const others = numbers.slice(1, 10);
    const requests = await Promise.all(others.map((n) => about.publish(name, about.version(n))));
    const removing = remove(replicas.at(1), name, one);
    const answers = await Promise.all(requests.map((request, turn) => replicas.at(turn)(request)));
    const { status, text } = await removing;
    t.ok(status < 500, `${status} ${text}`);
    t.ok(answers.every(isDone), statuses(answers));
    const seen = [];
    for (const send of await replicas.all()) seen.push((await intact(t, send, name, () => '')).join(' '));
    t.equal(new Set(seen).size, 1, `all replicas see the same: ${seen.join(' | ')}`);
  });
};

/** The races on both drivers; S3 is skipped, with the reason, where no server is installed. */
export const raceSuite = (about: IProtocolDescription): void => {
  t.test(`${about.protocol}: races on a directory`, async (t) => {
    raceOn(t, about, async () => ({ directory: await temporaryFolder(t) }));
  });
  t.test(`${about.protocol}: races on S3`, async (t) => {
    const server = await startS3Server();
    if (!server) {
      t.pass('not run', { skip: 'no S3 server is installed' });
      return;
    }
    t.teardown(() => server.stop());
    let buckets = 0;
    raceOn(t, about, async () => ({ ...server.config, bucketName: `${server.config.bucketName}-${buckets++}` }));
  });
};
