import { createHash, randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { approveInBrowser } from '../support/client/approve.js';
import type { IWho } from '../support/client/base.js';
import { makeClient } from '../support/client/list.js';
import { manifestOf } from '../support/client/packages.js';
import { run } from '../support/client/run.js';
import { APPLICATION, type TStart } from '../support/embedding/hosts.js';
import { publishOf } from '../support/npm/packages.js';
import { pushableImage } from '../support/oci/images.js';
import { writeLayout } from '../support/oci/layout.js';
import { makeOciClient } from '../support/oci/list.js';
import { startRegistry } from '../support/registry.js';

/** An application with a registry in it, as its clients see it. */
export interface IEmbedding {
  origin: string;
  /** the path below which the registry is; `''` is the root */
  base: string;
  admin: IWho;
  /** the application hands over all paths, so that the registry is at the root too */
  isEverywhere?: boolean;
}

export const admin: IWho = { username: 'admin', password: 'correct horse battery' };

/** Starts an application of this kind with a registry in it. */
export const embedded = async (t: Test, start: TStart, base: string): Promise<IEmbedding> => {
  const registry = await startRegistry(t, {
    auth: { jwtSecret: 'a-secret-of-the-tests-that-is-long-enough', tokenStore: 'memory', users: [admin] },
    npm: { enabled: true },
    oci: { enabled: true },
  });
  const { port, stop } = await start(registry, base);
  t.teardown(stop);
  return { origin: `http://127.0.0.1:${port}`, base, admin };
};

const json = async (answer: Response): Promise<Record<string, never>> => (await answer.json()) as Record<string, never>;

/** What clients send, by hand: everything that depends on where the registry is. */
export const embeddingFlow = async (t: Test, { origin, base, admin, isEverywhere }: IEmbedding): Promise<void> => {
  const npm = `${origin}${base}/npm`;
  const about = await fetch(`${origin}/about`);
  t.same([about.status, await about.text()], [200, APPLICATION], 'another route of the application answers');
  if (base && !isEverywhere) t.not((await fetch(`${origin}/npm/-/ping`)).status, 200, 'the registry is nowhere else');

  // npm login in the browser
  const begun = await fetch(`${npm}/-/v1/login`, { method: 'POST', body: '{}' });
  const { loginUrl, doneUrl } = (await json(begun)) as Record<string, string>;
  t.match(loginUrl, `${npm}/-/v1/login/`);
  t.match(doneUrl, `${npm}/-/v1/done/`);
  await approveInBrowser(loginUrl!, { admin } as never);
  const { token } = await json(await fetch(doneUrl!));
  t.ok(token, 'the login page leads to a token');
  const authorization = `Bearer ${token}`;

  // larger than the limit of any body parser
  const document = await publishOf('@team/thing', '1.0.0', { files: { 'noise.bin': randomBytes(1_500_000) } });
  const published = await fetch(`${npm}/@team%2fthing`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(document),
  });
  t.equal(published.status, 201, 'npm publish');
  const packument = (await json(await fetch(`${npm}/@team%2fthing`))) as unknown as {
    versions: Record<string, { dist: { tarball: string; integrity: string } }>;
  };
  const { tarball, integrity } = packument.versions['1.0.0']!.dist;
  t.equal(tarball, `${npm}/@team/thing/-/thing-1.0.0.tgz`, 'the link to the tarball');
  const bytes = Buffer.from(await (await fetch(tarball)).arrayBuffer());
  t.equal(`sha512-${createHash('sha512').update(bytes).digest('base64')}`, integrity, 'and what is there');
  t.equal((await fetch(`${npm}/none`)).status, 404);

  // docker login and push; a container client cannot be told of a path, so below one they reach /oci/v2 by a proxy
  const oci = base ? `${origin}${base}/oci/v2` : `${origin}/v2`;
  const challenge = await fetch(`${oci}/`);
  t.equal(challenge.status, 401);
  const [, realm] = /realm="([^"]+)"/.exec(challenge.headers.get('www-authenticate') ?? '') ?? [];
  t.equal(realm, `${oci}/token`, 'the token endpoint');
  const basic = `Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString('base64')}`;
  const scope = 'repository:team/image:pull,push';
  const granted = await fetch(`${realm}?scope=${scope}`, { headers: { authorization: basic } });
  const bearer = { authorization: `Bearer ${(await json(granted)).token}` };
  t.equal((await fetch(`${oci}/`, { headers: bearer })).status, 200, 'docker login');
  const blob = randomBytes(300_000);
  const digest = `sha256:${createHash('sha256').update(blob).digest('hex')}`;
  const upload = await fetch(`${oci}/team/image/blobs/uploads/`, { method: 'POST', headers: bearer });
  const location = upload.headers.get('location') ?? '';
  t.ok(new URL(location, oci).href.startsWith(`${oci}/team/image/blobs/uploads/`), location);
  const put = await fetch(`${new URL(location, oci)}?digest=${digest}`, { method: 'PUT', headers: bearer, body: blob });
  t.equal(put.status, 201, 'push');
  const pulled = await fetch(new URL(put.headers.get('location') ?? '', oci), { headers: bearer });
  t.same(Buffer.from(await pulled.arrayBuffer()), blob, 'pull');
};

/** npm and Skopeo themselves. */
export const embeddingClients = async (t: Test, { origin, base, admin }: IEmbedding): Promise<void> => {
  await t.test('npm', async (t) => {
    const client = await makeClient('npm-11');
    if (!client) return t.comment('skipped: npm-11 is not installed');
    t.teardown(() => client.home.remove());
    await client.point({ registry: `${origin}${base}/npm/` });
    const login = await client.webLogin!((url) => approveInBrowser(url, { admin } as never));
    t.equal(login.code, 0, 'npm login', { output: login.output });
    const small = { name: '@team/small', version: '1.0.0' };
    const source = await client.home.project('small', {
      'package.json': manifestOf(small),
      'index.js': "module.exports = 'small';\n",
    });
    const published = await client.publish!(source);
    t.equal(published.code, 0, 'npm publish', { output: published.output });
    const user = await client.home.project('user', { 'package.json': { dependencies: { '@team/small': '1.0.0' } } });
    const installed = await client.install!(user);
    t.equal(installed.code, 0, 'npm install with an empty cache', { output: installed.output });
    const said = await run([process.execPath, '-p', "require('@team/small')"], { cwd: user, env: client.home.env });
    t.equal(said.stdout.trim(), 'small');
  });
  if (base) return;
  await t.test('Skopeo', async (t) => {
    const client = await makeOciClient('skopeo');
    if (!client) return t.comment('skipped: skopeo is not installed');
    t.teardown(() => client.home.remove());
    const { host } = new URL(origin);
    await client.prepare(host);
    const login = await client.login(host, admin);
    t.equal(login.code, 0, 'skopeo login', { output: login.output });
    const image = await pushableImage({ name: 'embedded', layerBytes: 200_000 });
    const folder = await writeLayout(client.home.path('work', 'layout'), image, 'v1');
    const pushed = await client.push({ folder, tag: 'v1' }, `${host}/team/skopeo:v1`);
    t.equal(pushed.code, 0, 'push', { output: pushed.output });
    const pulled = await client.pull(`${host}/team/skopeo:v1`, 'back');
    t.equal(pulled.code, 0, 'pull', { output: pulled.output });
    t.same(await client.pulledProblems('back', image, image.images[0]!, `${host}/team/skopeo:v1`), []);
  });
};
