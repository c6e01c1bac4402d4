import { gunzipSync } from 'node:zlib';
import type { OciRun } from '../support/oci/flow.js';
import { digestOf, pushableImage, pushableIndex } from '../support/oci/images.js';
import { watchingProxy } from '../support/oci/proxy.js';
import type { TOciServer } from '../support/oci/server.js';

const refusal = /40[13]|unauthori[sz]ed|denied|authentication required|invalid username|credential not found/i;

/** Nothing happens with a wrong password; the client is logged in afterwards. */
export const loginSteps = async (run: OciRun): Promise<void> => {
  const { client, host, flow, probe } = run;
  const { admin } = flow.server;
  await client.prepare(host);
  await run.step('wrong password refused', true, async (t) => {
    const repository = run.repository('wrong');
    const login = await client.login(host, { ...admin, password: 'wrong' });
    if (client.loginChecks) {
      run.fails(t, login, refusal);
    } else {
      run.succeeds(t, login);
    }
    const layout = await run.layout('wrong', await pushableImage({ name: 'wrong' }));
    run.fails(t, await client.push(layout, run.reference(repository, 'v1')), refusal);
    t.same(await probe.tags(repository), [], 'nothing has been pushed');
  });
  const { token } = flow.server;
  if (token) {
    await tokenSteps(run, token);
  }
  await run.step('login', true, async (t) => {
    run.succeeds(t, await client.login(host, admin));
  });
};

/** A token of the registry's stands in for the password; what it may not do, the client may not. */
const tokenSteps = async (run: OciRun, token: NonNullable<TOciServer['token']>): Promise<void> => {
  const { client, host, flow, probe } = run;
  const image = await pushableImage({ name: `${client.tool.name} by token` });
  const repository = run.repository('by-token');
  const layout = await run.layout('by-token', image);
  await run.step('login with a token', true, async (t) => {
    const password = await token({ protocol: 'oci' });
    run.succeeds(t, await client.login(host, { ...flow.server.admin, password }));
    run.succeeds(t, await client.push(layout, run.reference(repository, 'v1')));
    await run.holds(t, repository, 'v1', image);
  });
  await run.step('read-only token', true, async (t) => {
    const password = await token({ protocol: 'oci', readOnly: true });
    run.succeeds(t, await client.login(host, { ...flow.server.admin, password }));
    await probe.push(repository, 'v2', image);
    await run.pulls(t, run.reference(repository, 'v2'), 'by-token', image);
    run.fails(t, await client.push(layout, run.reference(repository, 'v3')), refusal);
    t.same(await probe.tags(repository), ['v1', 'v2'], 'nothing has been pushed');
  });
};

/** Images and indexes, up and down. */
export const imageSteps = async (run: OciRun): Promise<void> => {
  const { client, probe } = run;
  const name = client.tool.name;
  const image = await pushableImage({ name, layers: 3 });
  const repository = run.repository('image');
  await run.step('push', true, async (t) => {
    run.succeeds(t, await client.push(await run.layout('v1', image), run.reference(repository, 'v1')));
    await run.holds(t, repository, 'v1', image);
    t.same(await probe.tags(repository), ['v1'], 'the tag is the only one');
  });
  await run.step('pull', true, async (t) => {
    const pulled = run.repository('pulled');
    await probe.push(pulled, 'v1', image);
    await run.pulls(t, run.reference(pulled, 'v1'), 'by-tag', image);
    await run.pulls(t, run.reference(pulled, image.top.digest), 'by-digest', image);
  });
  await run.step('Docker’s format, up and down', client.pushDockerFormat, async (t) => {
    const reference = run.reference(run.repository('docker'), 'v1');
    run.succeeds(t, await client.pushDockerFormat!(await run.layout('docker', image), reference));
    const { bytes, headers } = await probe.manifest(run.repository('docker'), 'v1');
    const type = 'application/vnd.docker.distribution.manifest.v2+json';
    t.equal(headers.get('content-type'), type, 'the manifest is of Docker’s kind');
    t.match(JSON.parse(bytes.toString()), { schemaVersion: 2, mediaType: type });
    t.same(
      await probe.diffProblems(run.repository('docker'), 'v1', image.images[0]!.diffIds),
      [],
      'the files are ours',
    );
    run.succeeds(t, await client.pull(reference, 'docker'));
  });
  await run.step('build and push', client.buildAndPush, async (t) => {
    const text = `built by ${name} at ${Date.now()}\n`;
    const built = run.repository('built');
    const pushed = await client.buildAndPush!(run.reference(built, 'v1'), text);
    run.succeeds(t, pushed);
    const { bytes } = await probe.manifest(built, 'v1');
    t.match(pushed.stdout.trim(), new RegExp(`${digestOf(bytes)}$`), 'the registry holds what the client has made');
    const { layers } = JSON.parse(bytes.toString()) as { layers: { digest: string }[] };
    t.equal(layers.length, 1, 'with one layer');
    const layer = await probe.blob(built, layers[0]!.digest);
    t.equal(digestOf(layer.bytes), layers[0]!.digest, 'whose digest is right');
    t.ok(gunzipSync(layer.bytes).includes(text), 'and which holds the file');
  });
  const index = await pushableIndex({ name: `${name} index` });
  const indexed = run.repository('index');
  await run.step('index push', true, async (t) => {
    run.succeeds(t, await client.pushIndex(await run.layout('multi', index), run.reference(indexed, 'multi')));
    await run.holds(t, indexed, 'multi', index);
  });
  await run.step('index pull', true, async (t) => {
    await run.pulls(t, run.reference(indexed, 'multi'), 'multi', index);
  });
};

/** What is there. */
export const listSteps = async (run: OciRun): Promise<void> => {
  const { client, probe } = run;
  const image = await pushableImage({ name: 'listed' });
  const repository = run.repository('listed');
  for (const tag of ['one', 'two', '__proto__']) {
    await probe.push(repository, tag, image);
  }
  await run.step('list tags', client.tags, async (t) => {
    const listed = await client.tags!(`${run.host}/${repository}`);
    run.says(t, listed, /\bone\b/);
    t.match(listed.stdout, /\btwo\b/);
    t.match(listed.stdout, /__proto__/);
  });
  await run.step('list repositories', client.repositories, async (t) => {
    run.says(t, await client.repositories!(run.host), repository);
  });
};

/** Blobs that the registry has are not sent again, whichever repository they came to. */
export const copySteps = async (run: OciRun): Promise<void> => {
  const { client, flow } = run;
  await run.step('copy, blobs mounted', true, async (t) => {
    const proxy = await watchingProxy(flow.server.origin);
    t.teardown(() => proxy.stop());
    await client.prepare(proxy.host);
    run.succeeds(t, await client.login(proxy.host, flow.server.admin));
    const image = await pushableImage({ name: `${client.tool.name} copied` });
    const [from, to] = [run.repository('copy-from'), run.repository('copy-to')];
    const source = run.reference(from, 'v1', proxy.host);
    run.succeeds(t, await client.push(await run.layout('copied', image), source));
    proxy.seen.length = 0;
    run.succeeds(t, await client.copy(source, run.reference(to, 'v1', proxy.host)));
    await run.holds(t, to, 'v1', image);
    const mounts = proxy.seen.filter(({ method, url }) => method === 'POST' && url.includes('mount='));
    // how many is for the client: skopeo remembers where a blob is, and now and then forgets one of two it pushed at once
    t.ok(mounts.length > 0, `the client asks for ${mounts.length} mounts`);
    t.same(
      mounts.filter(({ status }) => status !== 201),
      [],
      'and is granted each of them',
    );
    run.succeeds(t, await client.logout(proxy.host));
  });
};

/** A tag, and what it names. */
export const deleteSteps = async (run: OciRun): Promise<void> => {
  const { client, probe } = run;
  const image = await pushableImage({ name: `${client.tool.name} deleted` });
  const repository = run.repository('deleted');
  await probe.push(repository, 'keep', image);
  await probe.push(repository, 'drop', image);
  await run.step('delete a tag', client.deleteTag, async (t) => {
    run.succeeds(t, await client.deleteTag!(run.reference(repository, 'drop')));
    t.same(await probe.tags(repository), ['keep'], 'the tag is gone, the other is not');
    await run.holds(t, repository, 'keep', image);
  });
  await run.step('delete by digest', client.deleteDigest, async (t) => {
    run.succeeds(t, await client.deleteDigest!(run.reference(repository, image.top.digest)));
    t.equal((await probe.manifest(repository, image.top.digest)).status, 404, 'the image is gone');
    t.equal((await probe.manifest(repository, 'keep')).status, 404, 'and the tag that named it');
    t.same(await probe.tags(repository), [], 'no tag is listed');
  });
};

/** What anybody may do, and what not. */
export const anonymousSteps = async (run: OciRun): Promise<void> => {
  const { client, probe, host } = run;
  const image = await pushableImage({ name: `${client.tool.name} public` });
  const [open, closed] = [run.repository('image', 'public'), run.repository('image', 'private')];
  await probe.push(open, 'v1', image);
  await probe.push(closed, 'v1', image);
  await run.step('logout', true, async (t) => {
    run.succeeds(t, await client.logout(host));
  });
  await run.step('anonymous: private refused', true, async (t) => {
    run.fails(t, await client.pull(run.reference(closed, 'v1'), 'private'), refusal);
  });
  await run.step('anonymous: push refused', true, async (t) => {
    const layout = await run.layout('strange', await pushableImage({ name: 'strange' }));
    run.fails(t, await client.push(layout, run.reference(open, 'strange')), refusal);
    t.same(await probe.tags(open), ['v1'], 'nothing has been pushed');
  });
  if (run.flow.anonymous ?? true) {
    await run.step('anonymous: public pull', true, async (t) => {
      await run.pulls(t, run.reference(open, 'v1'), 'public', image);
    });
  }
};
