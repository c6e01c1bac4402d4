import t from 'tap';
import { type Actor, ociWorld } from '../support/oci/actors.js';
import { type IImage, image, index } from '../support/oci/samples.js';
import { ANY_AGE, problemsOf } from '../support/oci/stored.js';
import { temporaryFolder } from '../support/registry.js';

/** two minutes for `.ci/run`; a few seconds tell of coarse mistakes */
const DURATION_MS = Number(process.env.SMARTREGISTRY_LOOP_SECONDS ?? 4) * 1000;

/** What a client does with the blobs of an image before it pushes the manifest. */
const bring = async (actor: Actor, name: string, { config, layers }: IImage, from: string): Promise<void> => {
  for (const blob of [config, ...layers]) {
    if (Math.random() < 0.3 && (await actor.head(`/${name}/blobs/${blob.digest}`)).status === 200) continue;
    const { status, headers } = await actor.send('POST', `/${name}/blobs/uploads/?mount=${blob.digest}&from=${from}`);
    if (status === 202) await actor.finish(headers.Location as string, blob.digest, blob.bytes);
  }
};

/** Everything that was acknowledged can be pulled. */
const isWhole = async (actor: Actor, name: string, reference: string): Promise<string | undefined> => {
  const got = await actor.get(`/${name}/manifests/${reference}`);
  if (got.status !== 200) return `${name}:${reference} is ${got.status}`;
  const {
    config,
    layers,
    manifests = [],
  } = JSON.parse(got.text) as {
    config?: { digest: string };
    layers?: { digest: string }[];
    manifests?: { digest: string }[];
  };
  for (const { digest } of manifests) {
    const problem = await isWhole(actor, name, digest);
    if (problem) return problem;
  }
  for (const { digest } of [...(config ? [config] : []), ...(layers ?? [])]) {
    const { status } = await actor.get(`/${name}/blobs/${digest}`);
    if (status !== 200) return `${name}:${reference} lacks ${digest}: ${status}`;
  }
  return undefined;
};

t.test(
  'pushes, mounts and deletes on two replicas beside a collector without a grace period',
  {
    timeout: DURATION_MS + 120_000,
  },
  async (t) => {
    const oci = { untaggedManifests: { deleteAfterMs: 0 } };
    const storage = { directory: await temporaryFolder(t) };
    const { admin, another } = await ociWorld(t, { storage, oci });
    const replicas = [admin, (await another()).admin];
    const collector = (await another()).registry;
    const until = performance.now() + DURATION_MS;
    const counts = { pushed: 0, refused: 0, deleted: 0, collections: 0, freed: 0 };
    const images = ['x', 'y', 'z'].map((text) => image(text));

    /** Each client has tags of its own, so that it knows what must be there. */
    const client = async (number: number): Promise<void> => {
      const name = `r${number % 2}`;
      const other = `r${(number + 1) % 2}`;
      for (let round = 0; performance.now() < until; round++) {
        const actor = replicas[(number + round) % 2] as Actor;
        const pushed = images[Math.floor(Math.random() * images.length)] as IImage;
        const tag = `t${number}`;
        await bring(actor, name, pushed, other);
        let { status } = await actor.pushManifest(name, tag, pushed);
        if (status === 201 && round % 3 === 0) {
          ({ status } = await actor.pushManifest(name, tag, index([pushed], { annotations: { number: `${number}` } })));
        }
        if (![201, 400, 503].includes(status)) t.fail(`a push is ${status}`);
        counts[status === 201 ? 'pushed' : 'refused']++;
        if (status !== 201) continue;
        for (const seen of replicas) {
          const problem = await isWhole(seen, name, tag);
          if (problem) t.fail(problem);
        }
        if (round % 2 === 0) continue;
        const deleted = await actor.delete(`/${name}/manifests/${tag}`);
        if (deleted.status !== 202) t.fail(`a delete is ${deleted.status} ${deleted.text}`);
        counts.deleted++;
      }
    };
    const collect = async (): Promise<void> => {
      while (performance.now() < until) {
        const [report] = await collector.collectGarbage({ graceMs: 0 });
        counts.collections++;
        counts.freed += report?.bytes ?? 0;
      }
    };
    await Promise.all([client(0), client(1), client(2), client(3), collect(), collect()]);
    t.comment(JSON.stringify(counts));
    for (const [what, count] of Object.entries(counts)) if (what !== 'refused') t.ok(count > 0, `${what}: ${count}`);
    t.same(await problemsOf(collector.getStorage()), []);

    for (const name of ['r0', 'r1'])
      for (const tag of (await admin.tags(name).catch(() => undefined)) ?? [])
        await admin.delete(`/${name}/manifests/${tag}`);
    await collector.collectGarbage(ANY_AGE);
    const left: string[] = [];
    for await (const item of collector.getStorage().store.list({ prefix: 'oci/' })) {
      if ('key' in item && /^oci\/(blobs|links|manifests)\//.test(item.key)) left.push(item.key);
    }
    t.same(left, [], 'deleting all images frees all of their space');
  },
);
