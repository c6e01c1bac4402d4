import t from 'tap';
import { raceSuite } from '../suites/races.suite.js';
import { CargoActor, cargoWorld, publishes } from '../support/cargo/actors.js';
import { crateFile, sha256 } from '../support/cargo/crates.js';
import { cargoDescription } from '../support/cargo/description.js';
import { temporaryFolder } from '../support/registry.js';

raceSuite(cargoDescription);

/** Two processes on one store, as far as the store can tell. */
const twoReplicas = async (t: Parameters<typeof cargoWorld>[0]) => {
  const storage = { directory: await temporaryFolder(t) };
  const auth = { tokenStore: 'bucket' as const };
  const first = await cargoWorld(t, { storage, auth });
  const second = await cargoWorld(t, { storage, auth });
  return { first: first.writer, second: new CargoActor(second.registry, first.writer.token), anon: second.anon };
};

t.test('of crates with similar names that two replicas publish at once, one exists', async (t) => {
  const { first, second, anon } = await twoReplicas(t);
  for (let round = 0; round < 10; round++) {
    const [one, two] = [`foo-bar${round}`, `foo_bar${round}`];
    const answers = await Promise.all([first.publish(one, '1.0.0'), second.publish(two, '1.0.0')]);
    t.same(answers.map(({ status }) => status).sort(), [200, 409]);
    const winner = answers[0]?.status === 200 ? one : two;
    const loser = winner === one ? two : one;
    t.equal((await anon.get(`/fo/${winner.slice(2, 4)}/${winner}`)).status, 200);
    t.equal((await anon.get(`/fo/${loser.slice(2, 4)}/${loser}`)).status, 404);
    t.equal((await anon.download(loser, '1.0.0')).status, 404);
  }
});

t.test('of versions that differ only in build metadata, one exists', async (t) => {
  const { first, second, anon } = await twoReplicas(t);
  for (let round = 0; round < 5; round++) {
    const name = `twin${round}`;
    const answers = await Promise.all([first.publish(name, '1.0.0+a'), second.publish(name, '1.0.0+b')]);
    t.same(answers.map(({ status }) => status).sort(), [200, 409]);
    t.equal((await anon.index(`/tw/in/${name}`)).length, 1);
  }
});

t.test(
  '20 versions of one crate at once from two replicas: all are there, and the winner of each is whole',
  async (t) => {
    const { first, second, anon } = await twoReplicas(t);
    const versions = Array.from({ length: 20 }, (_, at) => `1.${at}.0`);
    const crates = new Map<string, Buffer[]>();
    for (const version of versions) {
      const of = (filler: string) => crateFile('busy', version, { files: { filler } });
      crates.set(version, [await of('one'), await of('two')]);
    }
    const answers = await Promise.all(
      versions.flatMap((version) =>
        [first, second].map(async (actor, at) => {
          const crate = crates.get(version)?.[at] as Buffer;
          return { version, crate, status: (await actor.publish('busy', version, { crate })).status };
        }),
      ),
    );
    const lines = new Map((await anon.index('/bu/sy/busy')).map((line) => [line.vers, line]));
    t.equal(lines.size, 20);
    for (const version of versions) {
      const both = answers.filter((answer) => answer.version === version);
      t.same(both.map(({ status }) => status).sort(), [200, 409]);
      const winner = both.find(({ status }) => status === 200)?.crate as Buffer;
      t.equal(lines.get(version)?.cksum, sha256(winner));
      t.same((await anon.download('busy', version)).bytes, winner);
    }
  },
);

t.test('yanks and publishes at once change nothing of each other', async (t) => {
  const { first, second, anon } = await twoReplicas(t);
  const versions = Array.from({ length: 8 }, (_, at) => `1.${at}.0`);
  for (const version of versions) await publishes(t, first, 'busy', version);
  const work = versions.flatMap((version, at) => [first.yank('busy', version), second.publish('busy', `2.${at}.0`)]);
  for (const { status } of await Promise.all(work)) t.equal(status, 200);
  const lines = await anon.index('/bu/sy/busy');
  t.same(
    lines
      .filter(({ yanked }) => yanked)
      .map(({ vers }) => vers)
      .sort(),
    versions,
  );
  t.equal(lines.length, 16);
});
