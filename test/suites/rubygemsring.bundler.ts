import { rm } from 'node:fs/promises';
import type { Test } from 'tap';
import { MatrixColumn } from '../support/client/matrix.js';
import type { IExchange } from '../support/client/proxy.js';
import { ClientSteps } from '../support/client/steps.js';
import { gemOf, type IGem, type IGemOptions } from '../support/rubygems/gems.js';
import { oldStore } from '../support/rubygems/ring/oldstore.js';
import { GemStation, type IGemServer, type TRuby } from '../support/rubygems/ring/station.js';

const COMMANDS = [
  'install',
  'nothing new: 304',
  'update after a push: the rest is appended',
  'a lost cache, a damaged cache',
  'outdated',
  'add',
  'lock-file install',
  'other bytes refused',
  'platforms',
  'prerelease',
  'yank',
  'unyank',
  'install --full-index',
  'cool-down',
  'private: no password',
  'private: bundle config',
  'private: URL',
  'private: a part is readable',
  'second source',
  'empty registry',
] as const;
type TCommand = (typeof COMMANDS)[number];

interface IRing {
  t: Test;
  station: GemStation;
  steps: ClientSteps<TCommand>;
  server: IGemServer;
}

/** Bundler with the compact index, against our command line. */
export const bundlerRing = async (t: Test, name: TRuby): Promise<void> => {
  const station = await GemStation.open(t, name);
  if (!station) return;
  const server = await station.serve();
  const title = `Bundler ${station.versions.bundle.join('.')}`;
  const column = new MatrixColumn<TCommand>(title, 'RubyGems, directory', COMMANDS);
  const ring = { t, station, server, steps: new ClientSteps<TCommand>(t, column, [server]) };
  await server.stock(
    leaf('1.0.0'),
    leaf('1.1.0'),
    gemOf('my-app', '2.0', { dependencies: [{ name: 'my_leaf', requirements: ['~> 1.0', '>= 1.0.0'] }] }),
    gemOf('native', '1.0'),
    gemOf('native', '1.0', { platform: 'java' }),
    gemOf('native', '1.0', { platform: 'x86_64-linux' }),
  );
  await incremental(ring);
  await projects(ring);
  await changing(ring);
  await patience(ring);
  await sources(ring);
  column.report((line) => t.comment(line));
};

const leaf = (version: string, options: IGemOptions = {}): IGem => gemOf('my_leaf', version, options);

/** The requests to a path below the source. */
const to = (wire: IExchange[], path: string): IExchange[] => wire.filter((one) => one.path === `/rubygems/${path}`);

const incremental = async ({ station, steps, server }: IRing): Promise<void> => {
  /** What Bundler keeps is what is served. */
  const isWhole = async (t: Test): Promise<void> => {
    for (const file of ['versions', 'info/my_leaf']) {
      t.equal(await station.cached(server, file), (await server.ask('GET', `/${file}`)).text, file);
    }
  };
  await station.project('main', `source "${server.source}"`, 'gem "my-app"');

  await steps.step('install', true, async (t) => {
    server.wire();
    steps.says(t, await station.bundle('main', ['install']), /Bundle complete/);
    t.same(await station.vendored('main'), ['my-app-2.0', 'my_leaf-1.1.0']);
    const lock = await station.text('main/Gemfile.lock');
    t.match(lock, /^ {4}my-app \(2\.0\)\n {6}my_leaf \(~> 1\.0, >= 1\.0\.0\)\n {4}my_leaf \(1\.1\.0\)$/m);
    const wire = server.wire();
    const [first] = to(wire, 'versions') as [IExchange];
    t.match(first, { status: 200, answered: { etag: /^"[0-9a-f]{32}"$/, 'repr-digest': /^sha-256=:.+:$/ } });
    t.equal(first.asked.range, undefined);
    t.same(to(wire, 'names'), []);
    t.same(
      wire.filter(({ path }) => /specs|quick|dependencies/.test(path)),
      [],
      'none of the older files is asked for',
    );
    await isWhole(t);
    const app = await station.bundle('main', ['exec', 'ruby', '-e', 'require "my-app"; p Loaded::VERSION']);
    steps.says(t, app, '"2.0"');
  });

  await steps.step('nothing new: 304', true, async (t) => {
    server.wire();
    steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
    const wire = server.wire();
    t.match(to(wire, 'versions'), [
      { status: 304, bytes: 0, asked: { range: /^bytes=\d+-$/, 'if-none-match': /^"[0-9a-f]{32}"$/ } },
    ]);
    t.equal(wire.length, 1, 'and nothing else');
  });

  await steps.step('update after a push: the rest is appended', true, async (t) => {
    await server.stock(leaf('1.2.0'));
    server.wire();
    steps.succeeds(t, await station.bundle('main', ['update']));
    t.same(await station.vendored('main'), ['my-app-2.0', 'my_leaf-1.1.0', 'my_leaf-1.2.0']);
    const wire = server.wire();
    for (const file of ['versions', 'info/my_leaf']) {
      const [first, ...others] = to(wire, file) as [IExchange];
      t.same(others, [], `${file} once`);
      const digests = { etag: /^"[0-9a-f]{32}"$/, 'repr-digest': /^sha-256=:.+:$/ };
      t.match(first, { status: 206, asked: { range: /^bytes=\d+-$/ }, answered: digests }, file);
      t.ok(first.bytes < 250, `${file}: ${first.bytes} bytes`);
    }
    t.same(to(wire, 'info/my-app'), [], 'what has not changed is not asked for');
    await isWhole(t);
  });

  await steps.step('a lost cache, a damaged cache', true, async (t) => {
    await station.home.clearCaches();
    steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
    await isWhole(t);
    // a file that only begins like the served one
    await station.damage(server, 'versions');
    await server.stock(leaf('1.2.1'));
    server.wire();
    steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
    t.equal(to(server.wire(), 'versions').at(-1)?.status, 200, 'the whole file is fetched again');
    t.match(await station.text('main/Gemfile.lock'), 'my_leaf (1.2.1)');
    await isWhole(t);
  });
};

const projects = async ({ station, steps, server }: IRing): Promise<void> => {
  const source = `source "${server.source}"`;
  await steps.step('outdated', true, async (t) => {
    await station.project('old', source, 'gem "my_leaf", "1.0.0"');
    steps.succeeds(t, await station.bundle('old', ['install']));
    await station.project('old', source, 'gem "my_leaf"');
    steps.fails(t, await station.bundle('old', ['outdated']), /my_leaf.*1\.0\.0.*1\.2\.1|newest 1\.2\.1, installed 1\.0\.0/);
    steps.succeeds(t, await station.bundle('old', ['update', 'my_leaf']));
    steps.says(t, await station.bundle('old', ['outdated']), /up.to.date/);
  });

  await steps.step('add', true, async (t) => {
    steps.succeeds(t, await station.bundle('old', ['add', 'my-app', '--version', '~> 2.0']));
    t.match(await station.text('old/Gemfile'), /gem "my-app", "~> 2\.0"/);
    t.ok((await station.vendored('old')).includes('my-app-2.0'));
    const absent = await station.bundle('old', ['add', 'absent']);
    steps.fails(t, absent, /Could not find gem 'absent'/);
  });

  await steps.step('lock-file install', true, async (t) => {
    await rm(station.home.path('work', 'main', 'vendor'), { recursive: true });
    await station.home.clearCaches();
    const frozen = { env: { BUNDLE_FROZEN: 'true' } };
    steps.succeeds(t, await station.bundle('main', ['install'], frozen));
    t.same(await station.vendored('main'), ['my-app-2.0', 'my_leaf-1.2.1']);
  });

  await steps.step('other bytes refused', station.isFrom('bundle', 2, 6), async (t) => {
    await station.project('checked', source, 'gem "my_leaf"');
    steps.succeeds(t, await station.bundle('checked', ['lock', '--add-checksums']));
    const lock = await station.text('checked/Gemfile.lock');
    t.match(lock, `my_leaf (1.2.1) sha256=${leaf('1.2.1').sha256}`);
    steps.succeeds(t, await station.bundle('checked', ['install']));
    await rm(station.home.path('work', 'checked', 'vendor'), { recursive: true });
    await station.home.clearCaches();
    const forged = lock.replace(leaf('1.2.1').sha256, '0'.repeat(64));
    await station.home.write('work/checked/Gemfile.lock', forged);
    steps.fails(t, await station.bundle('checked', ['install']), /mismatched checksums|checksum/);
  });

  await steps.step('platforms', true, async (t) => {
    await station.project('platforms', source, 'gem "native"');
    steps.succeeds(t, await station.bundle('platforms', ['install']));
    t.same(await station.vendored('platforms'), ['native-1.0-x86_64-linux']);
    steps.succeeds(t, await station.bundle('platforms', ['lock', '--add-platform', 'java', 'ruby']));
    const lock = await station.text('platforms/Gemfile.lock');
    for (const one of ['native (1.0)', 'native (1.0-java)', 'native (1.0-x86_64-linux)']) t.match(lock, one);
  });

  await steps.step('prerelease', true, async (t) => {
    await server.stock(leaf('3.0.0.rc1'), gemOf('dashed', '1.0.0-rc.1'));
    await station.project('pre', source, 'gem "my_leaf", ">= 3.0.0.a"', 'gem "dashed", "1.0.0.pre.rc.1"');
    steps.succeeds(t, await station.bundle('pre', ['install']));
    t.same(await station.vendored('pre'), ['dashed-1.0.0.pre.rc.1', 'my_leaf-3.0.0.rc1']);
    steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
    t.match(await station.text('main/Gemfile.lock'), 'my_leaf (1.2.1)', 'who does not ask for it does not get it');
  });
};

const changing = async ({ station, steps, server }: IRing): Promise<void> => {
  const form = { gem_name: 'my_leaf', version: '1.2.1' };

  await steps.step('yank', true, async (t) => {
    t.equal((await server.ask('DELETE', '/api/v1/gems/yank', form)).status, 200);
    server.wire();
    steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
    t.match(await station.text('main/Gemfile.lock'), 'my_leaf (1.2.0)');
    const [versions] = to(server.wire(), 'versions') as [IExchange];
    t.equal(versions.status, 206, 'a yank is appended as well');
    t.match(await station.cached(server, 'versions'), /^my_leaf -1\.2\.1 [0-9a-f]{32}$/m);
    t.equal(await station.cached(server, 'info/my_leaf'), (await server.ask('GET', '/info/my_leaf')).text);
  });

  await steps.step('unyank', true, async (t) => {
    t.equal((await server.ask('PUT', '/api/v1/gems/unyank', form)).status, 200);
    steps.succeeds(t, await station.bundle('main', ['update']));
    t.match(await station.text('main/Gemfile.lock'), 'my_leaf (1.2.1)');
    t.ok((await station.vendored('main')).includes('my_leaf-1.2.1'));
  });

  await steps.step('install --full-index', true, async (t) => {
    await station.project('full', `source "${server.source}"`, 'gem "my-app"', 'gem "native"');
    server.wire();
    steps.succeeds(t, await station.bundle('full', ['install', '--full-index']));
    t.same(await station.vendored('full'), ['my-app-2.0', 'my_leaf-1.2.1', 'native-1.0-x86_64-linux']);
    const wire = server.wire();
    for (const file of ['specs.4.8.gz', 'prerelease_specs.4.8.gz', 'quick/Marshal.4.8/my-app-2.0.gemspec.rz']) {
      t.match(to(wire, file), [{ status: 200 }], file);
    }
    t.same(to(wire, 'versions'), []);
  });
};

const patience = async ({ station, steps }: IRing): Promise<void> => {
  await steps.step('cool-down', station.isFrom('bundle', 4, 0, 13), async (t) => {
    const data = station.home.path('servers', 'old');
    await oldStore(data, { daysAgo: 30 }, [leaf('1.0.0'), leaf('1.1.0')]);
    const server = await station.serve({ data });
    await server.stock(leaf('1.2.0'));
    await station.project('patient', `source "${server.source}", cooldown: 7`, 'gem "my_leaf"');
    steps.succeeds(t, await station.bundle('patient', ['lock']));
    t.match(await station.text('patient/Gemfile.lock'), 'my_leaf (1.1.0)');
    await station.project('hasty', `source "${server.source}"`, 'gem "my_leaf"');
    steps.succeeds(t, await station.bundle('hasty', ['lock']));
    t.match(await station.text('hasty/Gemfile.lock'), 'my_leaf (1.2.0)');
    await station.project('strict', `source "${server.source}", cooldown: 60`, 'gem "my_leaf"');
    steps.fails(t, await station.bundle('strict', ['lock']), /cool-?down/i);
  });
};

const sources = async ({ station, steps, server }: IRing): Promise<void> => {
  const hidden = await station.serve({ readable: [] });
  const part = await station.serve({ readable: ['open-*'] });
  const secret = gemOf('secret', '1.0', { dependencies: [{ name: 'open-leaf' }] });
  for (const one of [hidden, part]) await one.stock(gemOf('open-leaf', '1.0'), secret);
  const lines = (from: string, ...gems: string[]) => [`source "${from}"`, ...gems.map((gem) => `gem "${gem}"`)];

  await steps.step('private: no password', true, async (t) => {
    await station.project('outsider', ...lines(hidden.source, 'secret'));
    const refused = /Authentication is required|Could not find gem 'secret'/;
    steps.fails(t, await station.bundle('outsider', ['install']), refused);
    await station.project('wrong', ...lines(hidden.withLogin('admin', 'wrong'), 'secret'));
    steps.fails(t, await station.bundle('wrong', ['install']), /Bad username or password|Could not find gem 'secret'/);
  });

  await steps.step('private: bundle config', true, async (t) => {
    const token = await hidden.token({ protocol: 'rubygems', readOnly: true });
    const { username, password } = hidden.admin;
    for (const login of [`${username}:${encodeURIComponent(password)}`, `token:${token}`]) {
      const project = `configured-${login.slice(0, 5)}`;
      await station.home.clearCaches();
      await station.project(project, ...lines(hidden.source, 'secret'));
      const set = ['config', 'set', '--local', `${hidden.source}/`, login];
      steps.succeeds(t, await station.bundle(project, set));
      steps.succeeds(t, await station.bundle(project, ['install']));
      t.same(await station.vendored(project), ['open-leaf-1.0', 'secret-1.0']);
      const lock = await station.text(`${project}/Gemfile.lock`);
      t.notMatch(lock, login.slice(6), 'the lock file has no password');
    }
  });

  await steps.step('private: URL', true, async (t) => {
    await station.home.clearCaches();
    await station.project('in-url', ...lines(hidden.withLogin(), 'secret'));
    steps.succeeds(t, await station.bundle('in-url', ['install']));
    hidden.wire();
    await hidden.stock(gemOf('open-leaf', '1.1'));
    steps.succeeds(t, await station.bundle('in-url', ['update']));
    t.equal(to(hidden.wire(), 'versions').at(-1)?.status, 206, 'who may read everything gets what is new');
    t.ok((await station.vendored('in-url')).includes('open-leaf-1.1'));
  });

  await steps.step('private: a part is readable', true, async (t) => {
    await station.project('part', ...lines(part.source, 'open-leaf'));
    steps.succeeds(t, await station.bundle('part', ['install']));
    t.notMatch(await station.cached(part, 'versions'), /secret/);
    await part.stock(gemOf('open-leaf', '1.1'), gemOf('secret', '1.1'));
    part.wire();
    steps.succeeds(t, await station.bundle('part', ['update']));
    t.match(to(part.wire(), 'versions').at(-1), { status: 200 }, 'a filtered file is sent whole');
    t.notMatch(await station.cached(part, 'versions'), /secret/);
    t.same(await station.vendored('part'), ['open-leaf-1.0', 'open-leaf-1.1']);
    await station.project('part-secret', ...lines(part.source, 'secret'));
    steps.fails(t, await station.bundle('part-secret', ['install']), /Could not find gem 'secret'/);
  });

  await steps.step('second source', true, async (t) => {
    const block = [`source "${hidden.withLogin()}" do`, '  gem "secret"', 'end'];
    await station.project('two', ...lines(server.source, 'my-app'), ...block);
    steps.succeeds(t, await station.bundle('two', ['install']));
    t.same(await station.vendored('two'), ['my-app-2.0', 'my_leaf-1.2.1', 'open-leaf-1.1', 'secret-1.0']);
  });

  await steps.step('empty registry', true, async (t) => {
    const empty = await station.serve();
    await station.project('nothing', ...lines(empty.source, 'my-app'));
    steps.fails(t, await station.bundle('nothing', ['install']), /Could not find gem 'my-app'/);
    const wire = empty.wire();
    t.same(
      wire.filter(({ status }) => status >= 400).map(({ path, status }) => `${status} ${path}`),
      [],
      'nothing that Bundler looks at is missing',
    );
    const block = [`source "${server.source}" do`, '  gem "my-app"', 'end'];
    await station.project('beside', `source "${empty.source}"`, ...block);
    steps.succeeds(t, await station.bundle('beside', ['install']));
    t.same(await station.vendored('beside'), ['my-app-2.0', 'my_leaf-1.2.1']);
  });
};
