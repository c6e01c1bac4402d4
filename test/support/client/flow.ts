import { join } from 'node:path';
import type { Test } from 'tap';
import type { IClientCommands, TestClient } from './base.js';
import { commandNames, MatrixColumn, type TCommandName } from './matrix.js';
import { type ITestPackage, manifestOf } from './packages.js';
import { RegistryProbe } from './probe.js';
import { run } from './run.js';
import type { IServer } from './server.js';
import { ClientSteps } from './steps.js';

export interface IClientFlow {
  /** How the matrix names what is tested: `directory`, `S3`, … */
  label: string;
  server: IServer;
  /** Another process on the same store; what the client reads and what is checked comes from it. */
  reader?: IServer;
  /** A registry that lets nobody read without a token and answers audits. */
  guarded?: IServer;
  /** Plays the person in the browser; without it the web login is left out. */
  approve?: (url: string, server: IServer) => Promise<void>;
  /** Publish, change, install and unpublish only. */
  short?: boolean;
}

/** One client on its way through the flow: what its parts share. */
export class FlowRun extends ClientSteps<TCommandName> {
  readonly id: string;
  /** A scoped package that the client publishes in two versions, … */
  readonly leaf: string;
  /** … and one that depends on it. */
  readonly top: string;
  readonly server: IServer;
  readonly reader: IServer;

  private constructor(
    t: Test,
    readonly client: TestClient & IClientCommands,
    readonly flow: IClientFlow,
    /** The administrator's. */
    readonly token: string,
    readonly probe: RegistryProbe,
  ) {
    super(t, new MatrixColumn(client.title, flow.label, commandNames), [flow.server, flow.reader, flow.guarded]);
    this.id = client.tool.name;
    this.leaf = `@flow/${this.id}-leaf`;
    this.top = `flow-${this.id}-top`;
    this.server = flow.server;
    this.reader = flow.reader ?? flow.server;
  }

  static async start(t: Test, client: TestClient & IClientCommands, flow: IClientFlow): Promise<FlowRun> {
    const token = await flow.server.token();
    return new FlowRun(t, client, flow, token, new RegistryProbe((flow.reader ?? flow.server).registry, token));
  }

  get writing(): { registry: string; token: string } {
    return { registry: this.server.registry, token: this.token };
  }

  /** A folder that can be published. */
  async packageFolder(about: ITestPackage & { folder?: string }): Promise<string> {
    const name = about.folder ?? `${about.name.replace(/[@/]/g, '')}-${about.version}`;
    return this.client.home.project(name, {
      'package.json': manifestOf(about),
      'index.js': `module.exports = '${about.version}';\n`,
      ...(about.files as Record<string, string>),
    });
  }

  /** A folder that depends on these packages. */
  consumer(name: string, dependencies: Record<string, string>): Promise<string> {
    return this.client.home.project(name, {
      'package.json': { name, version: '1.0.0', private: true, license: 'MIT', dependencies },
    });
  }

  /** The package has exactly these versions, the last one is `latest`, and each can be downloaded as promised. */
  async holds(t: Test, name: string, versions: string[]): Promise<void> {
    const packument = await this.probe.packument(name);
    t.same(Object.keys(packument?.versions ?? {}).sort(), versions, `${name} has ${versions.join(', ')}`);
    t.equal(packument?.['dist-tags'].latest, versions.at(-1), 'latest is the last one');
    for (const { dist } of Object.values(packument?.versions ?? {})) {
      t.ok(dist.tarball.startsWith(this.reader.registry), `${dist.tarball} is on the server that was asked`);
      t.same(await this.probe.tarball(dist.tarball), { status: 200, integrity: dist.integrity }, 'its bytes are right');
    }
  }

  /** Asks Node itself: whatever the layout of node_modules, the package and its dependency load or do not. */
  async works(t: Test, folder: string, expected: boolean): Promise<void> {
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

  /** The packages of the flow as they are published. */
  get packages(): [ITestPackage, ITestPackage, ITestPackage] {
    const { leaf, top } = this;
    return [
      { name: leaf, version: '1.0.0', files: { 'index.js': "module.exports = '1.0.0';\n" } },
      { name: leaf, version: '1.1.0', files: { 'index.js': "module.exports = '1.1.0';\n", 'readme.md': '# leaf\n' } },
      {
        name: top,
        version: '1.0.0',
        dependencies: { [leaf]: '^1.0.0' },
        files: { 'index.js': `module.exports = { top: '1.0.0', leaf: require('${leaf}') };\n` },
      },
    ];
  }

  /** Puts other bytes beside a package's files, so that what is published next is not what was published before. */
  async otherBytes(folder: string): Promise<void> {
    await this.client.home.write(join('work', folder, 'extra.js'), 'other bytes');
  }
}
