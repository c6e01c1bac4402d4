import { noise } from '../support/noise.js';
import type { OciRun } from '../support/oci/flow.js';
import { digestOf, pushableImage } from '../support/oci/images.js';
import { watchingProxy } from '../support/oci/proxy.js';

/** Files that belong to an image without being part of it. */
export const artifactSteps = async (run: OciRun): Promise<void> => {
  const { client, probe } = run;
  const artifactType = 'application/vnd.example.sbom.v1+json';
  const image = await pushableImage({ name: `${client.tool.name} subject` });
  const repository = run.repository('subject');
  const reference = run.reference(repository, 'v1');
  const text = JSON.stringify({ about: image.top.digest });
  await probe.push(repository, 'v1', image);
  await run.step('attach', client.attach, async (t) => {
    const file = await client.home.write('work/sbom.json', text);
    run.succeeds(t, await client.attach!(reference, file, artifactType));
    const { bytes, headers } = await probe.request(
      `/v2/${repository}/referrers/${image.top.digest}?artifactType=${encodeURIComponent(artifactType)}`,
    );
    t.match(
      headers.get('content-type'),
      /^application\/vnd\.oci\.image\.index\.v1\+json/,
      'the referrers are an index',
    );
    const { manifests } = JSON.parse(bytes.toString()) as { manifests: { artifactType: string }[] };
    t.same(
      manifests.map((one) => one.artifactType),
      [artifactType],
      'of what was attached',
    );
    t.same(await probe.tags(repository), ['v1'], 'and no tag stands in for them');
  });
  await run.step('discover', client.discover, async (t) => {
    run.says(t, await client.discover!(reference), artifactType);
  });
  await run.step('pull what is attached', client.fetchAttached, async (t) => {
    const fetched = await client.fetchAttached!(reference, artifactType);
    run.succeeds(t, fetched);
    t.ok(fetched.stdout.includes(text), 'it is the file that was attached', { clientOutput: fetched.output });
  });
};

/** The line breaks in the middle of a chunk; the client asks how far it has come and goes on from there. */
export const chunkSteps = async (run: OciRun): Promise<void> => {
  const { client, flow, probe } = run;
  await run.step('chunks, broken off, resumed', client.pushChunks, async (t) => {
    const chunk = 6 * 1024 * 1024; // more than the least that a registry on S3 asks for
    const proxy = await watchingProxy(flow.server.origin, { breakUploadAfter: 1.5 * chunk });
    t.teardown(() => proxy.stop());
    await client.prepare(proxy.host);
    run.succeeds(t, await client.login(proxy.host, flow.server.admin));
    const bytes = noise(`${client.tool.name} chunks`, 3 * chunk + 1);
    const repository = run.repository('chunks');
    const pushed = await client.pushChunks!(`${proxy.host}/${repository}`, bytes, chunk);
    run.says(t, pushed, digestOf(bytes));
    const chunks = proxy.seen.filter(({ method }) => method === 'PATCH');
    t.ok(chunks.length >= 5, `${chunks.length} chunks were sent`);
    t.equal(chunks.filter(({ status }) => status === undefined).length, 1, 'one of them broke off');
    const blob = await probe.blob(repository, digestOf(bytes));
    t.equal(digestOf(blob.bytes), digestOf(bytes), 'the blob is whole');
    t.comment(proxy.seen.map(({ method, status }) => `${method} ${status ?? 'broken'}`).join(', '));
  });
};
