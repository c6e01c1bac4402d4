import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { type ClientRequest, get, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makeClient } from '../support/client/list.js';
import {
  escapeName,
  type ITestPackage,
  manifestOf,
  publishBody,
  publishByHand,
  tarballOf,
} from '../support/client/packages.js';
import { type IPackument, RegistryProbe } from '../support/client/probe.js';
import { run } from '../support/client/run.js';
import { spawnServer } from '../support/client/server.js';

const password = 'correct horse battery';
const big = 50 * 1024 * 1024;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Publish, install, 50 MB both ways and broken-off transfers on the fetch handler that `command` serves. */
export const runtimeSuite = (t: Test, title: string, command: string[]): void => {
  t.test(title, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'smartregistry-runtime-'));
    const data = join(folder, 'data');
    const server = await spawnServer({
      command,
      env: { ...process.env, RUNTIME_DATA: data, RUNTIME_PASSWORD: password, DENO_DIR: join(folder, 'deno') },
      cwd: folder,
      ready: /ready on (http:\/\/[\d.:]+)/,
    });
    t.teardown(async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    });
    const registry = `${server.match[1]}/npm/`;
    const token = await logIn(registry);
    const site = new Site(registry, token, server.pid, data);
    await t.test('publish and install with npm', (t) => clientStep(t, site));
    await t.test('a 50 MB tarball both ways', (t) => bigStep(t, site));
    await t.test('downloads that are broken off', (t) => abortedDownloads(t, site));
    await t.test('uploads that are broken off', (t) => abortedUploads(t, site));
    t.equal(server.child.exitCode, null, 'the server is still the one that was started');
  });
};

class Site {
  readonly probe: RegistryProbe;
  constructor(
    readonly registry: string,
    readonly token: string,
    private readonly pid: number,
    private readonly data: string,
  ) {
    this.probe = new RegistryProbe(registry, token);
  }

  /** Files of the store that the server holds open; nothing where the system does not tell. */
  async openFiles(): Promise<string[]> {
    const folder = `/proc/${this.pid}/fd`;
    const names = existsSync(folder) ? await readdir(folder) : [];
    const links = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => 'closed meanwhile')));
    return links.filter((link) => link.startsWith(this.data));
  }

  /** How many sockets it holds: connections that nobody uses any more must go. */
  async settled(): Promise<string[]> {
    for (let tries = 0; tries < 50 && (await this.openFiles()).length > 0; tries++) {
      await wait(100);
    }
    return this.openFiles();
  }

  async storedFiles(): Promise<string[]> {
    const all = await readdir(this.data, { recursive: true, withFileTypes: true });
    return all
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .sort();
  }
}

const logIn = async (registry: string): Promise<string> => {
  const answer = await fetch(`${registry}-/user/org.couchdb.user:admin`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ _id: 'org.couchdb.user:admin', name: 'admin', password, type: 'user', roles: [] }),
  });
  const { token, error } = (await answer.json()) as { token?: string; error?: string };
  if (!token) {
    throw new Error(`login: ${answer.status} ${error}`);
  }
  return token;
};

const clientStep = async (t: Test, site: Site): Promise<void> => {
  const small: ITestPackage = {
    name: '@run/small',
    version: '1.0.0',
    files: { 'index.js': "module.exports = 'small';\n" },
  };
  const client = await makeClient('npm-11');
  if (!client?.publish) {
    await publishByHand(site, small);
  } else {
    t.teardown(() => client.home.remove());
    await client.point(site);
    const source = await client.home.project('small', {
      'package.json': manifestOf(small),
      ...(small.files as object),
    });
    const published = await client.publish(source);
    t.equal(published.code, 0, 'npm publish', { clientOutput: published.output });
    const user = await client.home.project('user', { 'package.json': { dependencies: { '@run/small': '1.0.0' } } });
    const installed = await client.install(user);
    t.equal(installed.code, 0, 'npm install', { clientOutput: installed.output });
    const said = await run([process.execPath, '-p', "require('@run/small')"], { cwd: user, env: client.home.env });
    t.equal(said.stdout.trim(), 'small', 'what was installed works');
  }
  const { dist } = (await site.probe.packument('@run/small'))?.versions['1.0.0'] ?? {};
  t.same(await site.probe.tarball(dist?.tarball ?? ''), { status: 200, integrity: dist?.integrity }, 'the tarball');
  t.equal((await site.probe.get('@run%2fabsent')).status, 404, 'and what is not there is 404');
};

const bigPackage: ITestPackage = { name: 'big', version: '1.0.0' };

const bigStep = async (t: Test, site: Site): Promise<void> => {
  const tarball = await tarballOf({ ...bigPackage, files: { 'noise.bin': randomBytes(big) } }, 0);
  const answer = await fetch(`${site.registry}big`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${site.token}` },
    body: publishBody(bigPackage, tarball, site.registry),
  });
  t.ok(answer.ok, `published: ${answer.status} ${await answer.text()}`);
  const url = (await site.probe.packument('big'))?.versions['1.0.0']?.dist.tarball ?? '';
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  t.same(await site.probe.tarball(url), { status: 200, integrity }, 'and downloaded');
  t.same(await site.settled(), [], 'no file of the store is left open');
};

/** Takes a little, lets the rest wait in the server, and goes away. */
const abortedDownloads = async (t: Test, site: Site): Promise<void> => {
  const { json } = await site.probe.get(escapeName('big'));
  const url = (json as IPackument).versions['1.0.0']!.dist.tarball;
  let openMeanwhile = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      await new Promise<void>((resolve, reject) => {
        const asked: ClientRequest = get(url, { agent: false }, (answer) => {
          answer.once('data', async () => {
            answer.pause();
            await wait(300);
            openMeanwhile = Math.max(openMeanwhile, (await site.openFiles()).length);
            answer.destroy();
            resolve();
          });
          answer.on('error', () => {}); // our own destroy
        });
        asked.on('error', reject);
      });
    }),
  );
  if (existsSync('/proc/self/fd')) {
    t.ok(openMeanwhile > 0, `the files were open while the downloads waited (${openMeanwhile})`);
  }
  t.same(await site.settled(), [], 'and are closed when the clients are gone');
  t.equal(await site.probe.whoami(site.token), 'admin', 'the server goes on');
};

/** Sends the beginning of a publish and goes away. */
const abortedUploads = async (t: Test, site: Site): Promise<void> => {
  const about: ITestPackage = { name: 'never', version: '1.0.0' };
  const tarball = await tarballOf({ ...about, files: { 'noise.bin': randomBytes(8 * 1024 * 1024) } }, 0);
  const body = Buffer.from(publishBody(about, tarball, site.registry));
  const before = await site.storedFiles();
  await new Promise<void>((resolve) => {
    const sent = request(`${site.registry}never`, {
      method: 'PUT',
      agent: false,
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        authorization: `Bearer ${site.token}`,
      },
    });
    sent.on('error', () => resolve()); // our own destroy
    sent.write(body.subarray(0, body.length / 2), () => setTimeout(() => sent.destroy(), 300));
    sent.on('close', () => resolve());
  });
  for (let tries = 0; tries < 50 && (await site.storedFiles()).length > before.length; tries++) {
    await wait(100);
  }
  t.same(await site.storedFiles(), before, 'nothing of it is left in the store');
  t.same(await site.settled(), [], 'nor open');
  t.equal(await site.probe.packument('never'), null, 'nor published');
  await publishByHand(site, about);
  t.ok(await site.probe.packument('never'), 'and the next attempt works');
};
