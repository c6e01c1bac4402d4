import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { IClientCommands, TestClient } from '../helpers/client-base.js';
import type { TCommandName } from '../helpers/client-matrix.js';
import { MatrixColumn } from '../helpers/client-matrix.js';
import { type ITestPackage, manifestOf, publishByHand } from '../helpers/client-packages.js';
import { RegistryProbe } from '../helpers/client-probe.js';
import { type IRun, run } from '../helpers/client-run.js';
import type { IServer } from '../helpers/client-server.js';

type TClient = TestClient & IClientCommands;

export interface IClientFlow {
  /** How the matrix names what is tested: `directory`, `s3`, … */
  label: string;
  server: IServer;
  /** Another process on the same store; what the client reads and what is checked comes from it. */
  reader?: IServer;
  /** A registry that lets nobody read without a token and answers audits. */
  guarded?: IServer;
  /** Plays the person in the browser; without it the web login is left out. */
  approve?: (url: string, server: IServer) => Promise<void>;
  /** Publish, read, install and unpublish only. */
  short?: boolean;
}

/**
 * One flow for every client: each command that a client has is run as a user types it, and what it claims is checked
 * on the wire. Returns when all steps have run; a step that fails does not hide those after it.
 */
export const clientFlow = async (t: Test, client: TClient, flow: IClientFlow): Promise<void> => {
  const flowRun = new FlowRun(t, client, flow);
  t.teardown(async () => {
    await client.home.remove();
  });
  await flowRun.prepare();
  if (!flow.short) {
    await flowRun.identity();
  }
  await flowRun.publishing();
  await flowRun.changing();
  if (!flow.short) {
    await flowRun.looking();
    await flowRun.tokens();
  }
  await flowRun.installing();
  if (flow.guarded) {
    await flowRun.guarded(flow.guarded);
  }
  await flowRun.unpublishing();
  flowRun.column.report((line) => t.comment(line));
};

class FlowRun {
  readonly column: MatrixColumn;
  private readonly id: string;
  private readonly leaf: string;
  private readonly top: string;
  private readonly reader: IServer;
  private probe!: RegistryProbe;
  private token!: string;

  constructor(
    private readonly t: Test,
    private readonly client: TClient,
    private readonly flow: IClientFlow,
  ) {
    this.column = new MatrixColumn(client.title, flow.label);
    this.id = client.tool.name;
    this.leaf = `@flow/${this.id}-leaf`;
    this.top = `flow-${this.id}-top`;
    this.reader = flow.reader ?? flow.server;
  }

  async prepare(): Promise<void> {
    this.token = await this.flow.server.token();
    this.probe = new RegistryProbe(this.reader.registry, this.token);
  }

  // --- who am I -----------------------------------------------------------------------------------------------------

  async identity(): Promise<void> {
    const { client, flow, probe } = this;
    const { admin } = flow.server;
    await client.point({ registry: flow.server.registry });
    await this.step('login', client.login, async (t) => {
      this.succeeds(t, await client.login!(admin));
      await this.keptToken(t);
    });
    await this.step('whoami', client.whoami, async (t) => {
      if (!client.login) {
        await client.point({ registry: flow.server.registry, token: this.token });
      }
      this.says(t, await client.whoami!(), admin.username);
    });
    await this.step('logout', client.logout, async (t) => {
      const token = await client.storedToken();
      this.succeeds(t, await client.logout!());
      t.equal(await client.storedToken(), undefined, 'the client has forgotten its token');
      if (token && this.revokesOnLogout()) {
        t.equal(await probe.whoami(token), null, 'and the registry no longer takes it');
      }
    });
    if (flow.approve) {
      await this.step('login (web)', client.webLogin, async (t) => {
        await client.point({ registry: flow.server.registry });
        const { approve } = flow;
        this.succeeds(t, await client.webLogin!((url) => approve!(url, flow.server)));
        await this.keptToken(t);
      });
    }
    await client.point({ registry: flow.server.registry, token: this.token });
    await this.step('ping', client.ping, async (t) => {
      this.succeeds(t, await client.ping!());
    });
  }

  /** berry only takes the token out of its configuration. */
  private revokesOnLogout(): boolean {
    return this.id !== 'yarn-4';
  }

  private async keptToken(t: Test): Promise<void> {
    if (this.id === 'yarn-1') {
      // It asks for the password at the first command that writes, and gives the token back after it.
      const folder = await this.packageFolder({ name: 'flow-yarn-1-asked', version: '1.0.0' });
      this.succeeds(t, await this.client.publish!(folder));
      t.ok(await this.probe.packument('flow-yarn-1-asked'), 'name and password were good for a publish');
      return;
    }
    const token = await this.client.storedToken();
    t.ok(token, 'the client has kept a token');
    t.equal(await this.probe.whoami(token ?? ''), this.flow.server.admin.username, 'which is the user’s');
  }

  // --- publish ------------------------------------------------------------------------------------------------------

  async publishing(): Promise<void> {
    const { client, flow, leaf, top, probe } = this;
    await client.point({ registry: flow.server.registry, token: this.token });
    const packages: ITestPackage[] = [
      { name: leaf, version: '1.0.0', files: { 'index.js': "module.exports = '1.0.0';\n" } },
      {
        name: leaf,
        version: '1.1.0',
        files: { 'index.js': "module.exports = '1.1.0';\n", 'readme.md': `# ${leaf}\n` },
      },
      {
        name: top,
        version: '1.0.0',
        dependencies: { [leaf]: '^1.0.0' },
        files: { 'index.js': `module.exports = { top: '1.0.0', leaf: require('${leaf}') };\n` },
      },
    ];
    const folders: string[] = [];
    for (const about of packages) {
      folders.push(await this.packageFolder(about));
      if (!client.publish) {
        await publishByHand({ registry: flow.server.registry, token: this.token }, about);
      }
    }
    await this.step('publish @scope', client.publish, async (t) => {
      this.succeeds(t, await client.publish!(folders[0]!));
      this.succeeds(t, await client.publish!(folders[1]!));
      await this.holds(t, leaf, ['1.0.0', '1.1.0']);
    });
    await this.step('publish', client.publish, async (t) => {
      this.succeeds(t, await client.publish!(folders[2]!));
      await this.holds(t, top, ['1.0.0']);
    });
    await this.step('republish refused', client.publish, async (t) => {
      const before = await probe.packument(leaf);
      await client.home.write(join('work', 'leaf-again', 'extra.js'), 'other bytes');
      const folder = await this.packageFolder({ ...packages[1]!, folder: 'leaf-again' });
      this.fails(t, await client.publish!(folder), /40[39]|previously published|already/i);
      t.same(await probe.packument(leaf), before, 'and nothing has changed');
    });
  }

  private async packageFolder(about: ITestPackage & { folder?: string }): Promise<string> {
    const name = about.folder ?? `${about.name.replace(/[@/]/g, '')}-${about.version}`;
    return this.client.home.project(name, {
      'package.json': manifestOf(about),
      'index.js': `module.exports = '${about.version}';\n`,
      ...(about.files as Record<string, string>),
    });
  }

  /** The package has exactly these versions, the last one is `latest`, and each can be downloaded as promised. */
  private async holds(t: Test, name: string, versions: string[]): Promise<void> {
    const packument = await this.probe.packument(name);
    t.same(Object.keys(packument?.versions ?? {}).sort(), versions, `${name} has ${versions.join(', ')}`);
    t.equal(packument?.['dist-tags'].latest, versions.at(-1), 'latest is the last one');
    for (const { dist } of Object.values(packument?.versions ?? {})) {
      t.ok(dist.tarball.startsWith(this.reader.registry), `${dist.tarball} is on the server that was asked`);
      t.same(await this.probe.tarball(dist.tarball), { status: 200, integrity: dist.integrity }, 'its bytes are right');
    }
  }

  // --- change -------------------------------------------------------------------------------------------------------

  async changing(): Promise<void> {
    const { client, leaf, probe } = this;
    await this.step('deprecate', client.deprecate, async (t) => {
      this.succeeds(t, await client.deprecate!(`${leaf}@1.0.0`, 'an old one'));
      t.equal((await probe.packument(leaf))?.versions['1.0.0']?.deprecated, 'an old one');
      t.notOk((await probe.packument(leaf))?.versions['1.1.0']?.deprecated, 'only the version that was meant');
    });
    await this.step('undeprecate', client.undeprecate, async (t) => {
      this.succeeds(t, await client.undeprecate!(`${leaf}@1.0.0`));
      t.notOk((await probe.packument(leaf))?.versions['1.0.0']?.deprecated);
    });
    await this.step('dist-tag add', client.distTagAdd, async (t) => {
      this.succeeds(t, await client.distTagAdd!(`${leaf}@1.0.0`, 'beta'));
      t.same((await probe.packument(leaf))?.['dist-tags'], { latest: '1.1.0', beta: '1.0.0' });
    });
    await this.step('dist-tag ls', client.distTagList, async (t) => {
      this.says(t, await client.distTagList!(leaf), /beta\W+1\.0\.0/);
    });
    await this.step('dist-tag rm', client.distTagRemove, async (t) => {
      this.succeeds(t, await client.distTagRemove!(leaf, 'beta'));
      t.same((await probe.packument(leaf))?.['dist-tags'], { latest: '1.1.0' });
    });
  }

  // --- look ---------------------------------------------------------------------------------------------------------

  async looking(): Promise<void> {
    const { client, leaf, top, flow } = this;
    await this.step('search', client.search, async (t) => {
      this.says(t, await client.search!(top), top);
    });
    await this.step('view', client.view, async (t) => {
      this.says(t, await client.view!(leaf), '1.1.0');
    });
    await this.step('owner ls', client.owners, async (t) => {
      this.says(t, await client.owners!(leaf), flow.server.admin.username);
    });
    await this.step('access get status', client.accessStatus, async (t) => {
      this.says(t, await client.accessStatus!(leaf), /public/);
    });
  }

  async tokens(): Promise<void> {
    const { client, flow, probe } = this;
    await this.step('token list', client.tokenList, async (t) => {
      const known = await probe.tokens();
      t.ok(known.length > 0, 'the registry lists tokens');
      this.says(t, await client.tokenList!(), known[0]!.token.slice(0, 4));
    });
    let created: { key: string } | undefined;
    await this.step('token create', client.tokenCreate, async (t) => {
      const before = new Set((await probe.tokens()).map((one) => one.key));
      const made = await client.tokenCreate!(flow.server.admin);
      this.succeeds(t, made);
      const fresh = (await probe.tokens()).filter((one) => !before.has(one.key));
      t.equal(fresh.length, 1, 'there is one token more');
      t.equal(fresh[0]?.readonly, true, 'a read-only one, as asked');
      const words = made.output.match(/[\w+/=-]{20,}/g) ?? [];
      const users = await Promise.all(words.map((word) => probe.whoami(word)));
      t.ok(users.includes(flow.server.admin.username), 'what the client printed is a token of the user');
      created = fresh[0];
    });
    await this.step('token revoke', client.tokenRevoke, async (t) => {
      t.ok(created, 'there is a token to revoke');
      this.succeeds(t, await client.tokenRevoke!(created?.key ?? 'none'));
      t.notOk(
        (await probe.tokens()).some((one) => one.key === created?.key),
        'it is no longer listed',
      );
    });
  }

  // --- install ------------------------------------------------------------------------------------------------------

  async installing(): Promise<void> {
    const { client, reader, top } = this;
    await client.point({ registry: reader.registry, token: this.token });
    const folder = await this.consumer('consumer', { [top]: '^1.0.0' });
    await this.step('install', client.install, async (t) => {
      this.succeeds(t, await client.install(folder));
      await this.works(t, folder, true);
    });
    const lock = join(folder, client.lockFile);
    await this.step('lock-file install', client.installLocked, async (t) => {
      const before = await readFile(lock, 'utf8');
      await client.forgetInstalled(folder);
      await this.works(t, folder, false);
      this.succeeds(t, await client.installLocked(folder));
      await this.works(t, folder, true);
      t.equal(await readFile(lock, 'utf8'), before, 'the lock file is as it was');
    });
    if (!this.flow.short) {
      await this.step('audit', client.audit, async (t) => {
        // No upstream is configured, so nobody knows of advisories, and saying "none" would be a lie.
        const result = await client.audit!(folder);
        this.fails(t, result, /audit|404|registry/i);
      });
    }
    await this.step('other bytes refused', client.installLocked, async (t) => {
      await client.forgetInstalled(folder);
      await client.falsifyLock(folder);
      this.fails(t, await client.installLocked(folder), /integrity|checksum|tarball|hash/i);
      await this.works(t, folder, false);
    });
  }

  private consumer(name: string, dependencies: Record<string, string>): Promise<string> {
    return this.client.home.project(name, {
      'package.json': { name, version: '1.0.0', private: true, license: 'MIT', dependencies },
    });
  }

  /** Asks Node itself: whatever the layout of node_modules, the package and its dependency load or do not. */
  private async works(t: Test, folder: string, expected: boolean): Promise<void> {
    const said = await run([process.execPath, '-p', `JSON.stringify(require('${this.top}'))`], {
      cwd: folder,
      env: this.client.home.env,
    });
    if (expected) {
      t.equal(said.stdout.trim(), '{"top":"1.0.0","leaf":"1.1.0"}', `the installed package works ${said.stderr}`);
    } else {
      t.match(said.stderr, /Cannot find module/, 'nothing is installed');
    }
  }

  // --- private ------------------------------------------------------------------------------------------------------

  async guarded(server: IServer): Promise<void> {
    const { client, top, leaf } = this;
    const token = await server.token();
    const leafFiles = { 'index.js': "module.exports = '1.1.0';\n" };
    const topFiles = { 'index.js': `module.exports = { top: '1.0.0', leaf: require('${leaf}') };\n` };
    await publishByHand({ registry: server.registry, token }, { name: leaf, version: '1.1.0', files: leafFiles });
    await publishByHand(
      { registry: server.registry, token },
      { name: top, version: '1.0.0', dependencies: { [leaf]: '1.1.0' }, files: topFiles },
    );
    const folder = await this.consumer('guarded', { [top]: '1.0.0' });
    await client.home.clearCaches();
    await this.step('private: no token', client.install, async (t) => {
      await client.point({ registry: server.registry });
      this.fails(t, await client.install(folder), /40[134]|auth|login|logged/i);
      await this.works(t, folder, false);
    });
    await this.step('private: token', client.install, async (t) => {
      await client.point({ registry: server.registry, token });
      await this.alwaysAuth();
      this.succeeds(t, await client.install(folder));
      await this.works(t, folder, true);
    });
    await this.step('audit, answered', client.audit, async (t) => {
      this.succeeds(t, await client.audit!(folder));
    });
  }

  /** yarn 1 sends its token only for scoped names unless it is told to. */
  private async alwaysAuth(): Promise<void> {
    if (this.id === 'yarn-1') {
      const path = this.client.home.path('home', '.npmrc');
      await this.client.home.write('home/.npmrc', `${await readFile(path, 'utf8')}always-auth=true\n`);
    }
  }

  // --- unpublish ----------------------------------------------------------------------------------------------------

  async unpublishing(): Promise<void> {
    const { client, flow, leaf, top, probe } = this;
    await client.point({ registry: flow.server.registry, token: this.token });
    await this.step('unpublish a version', client.unpublish, async (t) => {
      const gone = (await probe.packument(leaf))?.versions['1.1.0']?.dist.tarball ?? '';
      this.succeeds(t, await client.unpublish!(`${leaf}@1.1.0`));
      await this.holds(t, leaf, ['1.0.0']);
      t.equal((await probe.get(gone)).status, 404, 'its tarball is gone');
    });
    await this.step('unpublish a package', client.unpublish, async (t) => {
      this.succeeds(t, await client.unpublish!(top));
      t.equal(await probe.packument(top), null, 'it is gone');
    });
  }

  // --- steps --------------------------------------------------------------------------------------------------------

  private async step(command: TCommandName, offered: unknown, body: (t: Test) => Promise<void>): Promise<void> {
    if (!offered) {
      this.column.set(command, 'not offered');
      return;
    }
    await this.t.test(command, async (t) => {
      this.column.set(command, 'FAIL');
      await body(t);
      this.column.set(command, t.passing() ? 'pass' : 'FAIL');
    });
  }

  private succeeds(t: Test, result: IRun): void {
    t.equal(result.code, 0, result.command, { clientOutput: result.output });
  }

  private says(t: Test, result: IRun, words: string | RegExp): void {
    this.succeeds(t, result);
    t.match(result.output, words, `it prints ${words}`);
  }

  private fails(t: Test, result: IRun, words: RegExp): void {
    t.ok(result.code, `${result.command} fails`, { clientOutput: result.output });
    t.match(result.output, words, `and says why (${words})`);
  }
}
