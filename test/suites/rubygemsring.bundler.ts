import { rm } from 'node:fs/promises';
import type { Test } from 'tap';
import { MatrixColumn } from '../support/client/matrix.js';
import type { IExchange } from '../support/client/proxy.js';
import { ClientSteps } from '../support/client/steps.js';
import { gemOf } from '../support/rubygems/gems.js';
import { GemStation, type TRuby } from '../support/rubygems/ring/station.js';
import { patience, sources } from './rubygemsring.sources.js';
import { BUNDLER_COMMANDS, type IBundlerRing, leaf, type TBundlerCommand, to } from './rubygemsring.steps.js';

/** Bundler with the compact index, against our command line. */
export const bundlerRing = async (t: Test, name: TRuby): Promise<void> => {
  const station = await GemStation.open(t, name);
  if (!station) return;
  const server = await station.serve();
  const title = `Bundler ${station.versions.bundle.join('.')}`;
  const column = new MatrixColumn<TBundlerCommand>(title, 'RubyGems, directory', BUNDLER_COMMANDS);
  const ring = { t, station, server, steps: new ClientSteps<TBundlerCommand>(t, column, [server]) };
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

const incremental = async ({ station, steps, server }: IBundlerRing): Promise<void> => {
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

  await steps.step('another replica', true, async (t) => {
    const other = await station.serve({ data: server.data });
    for (const [pushed, asked, version] of [
      [server, other, '1.2.2'],
      [other, server, '1.2.3'],
    ] as const) {
      await pushed.stock(leaf(version));
      server.leadTo(asked);
      server.wire();
      steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
      t.match(to(server.wire(), 'versions'), [{ status: 206 }], 'what one has appended, the other continues');
      t.match(await station.text('main/Gemfile.lock'), `my_leaf (${version})`);
      await isWhole(t);
    }
    for (const version of ['1.2.2', '1.2.3']) {
      t.equal((await server.ask('DELETE', '/api/v1/gems/yank', { gem_name: 'my_leaf', version })).status, 200);
    }
    await station.forgetLock('main');
    steps.succeeds(t, await station.bundle('main', ['lock']));
  });
};

const projects = async ({ station, steps, server }: IBundlerRing): Promise<void> => {
  const source = `source "${server.source}"`;
  await steps.step('outdated', true, async (t) => {
    await station.project('old', source, 'gem "my_leaf", "1.0.0"');
    steps.succeeds(t, await station.bundle('old', ['install']));
    await station.project('old', source, 'gem "my_leaf"');
    steps.fails(
      t,
      await station.bundle('old', ['outdated']),
      /my_leaf.*1\.0\.0.*1\.2\.1|newest 1\.2\.1, installed 1\.0\.0/,
    );
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
    t.match(await station.vendored('pre'), [/^dashed-1\.0\.0[.-]/, 'my_leaf-3.0.0.rc1']);
    steps.succeeds(t, await station.bundle('main', ['lock', '--update']));
    t.match(await station.text('main/Gemfile.lock'), 'my_leaf (1.2.1)', 'who does not ask for it does not get it');
  });
};

const changing = async ({ station, steps, server }: IBundlerRing): Promise<void> => {
  const form = { gem_name: 'my_leaf', version: '1.2.1' };
  // nothing is installed in it: what is installed counts for Bundler as if the source had it
  await station.project('locked', `source "${server.source}"`, 'gem "my-app"');
  const isLocked = async (t: Test, version: string): Promise<void> => {
    // with a lock file, older ones look for a version that is not below the locked one
    await station.forgetLock('locked');
    steps.succeeds(t, await station.bundle('locked', ['lock']));
    t.match(await station.text('locked/Gemfile.lock'), `my_leaf (${version})`);
  };

  await steps.step('yank', true, async (t) => {
    await isLocked(t, '1.2.1');
    t.equal((await server.ask('DELETE', '/api/v1/gems/yank', form)).status, 200);
    server.wire();
    await isLocked(t, '1.2.0');
    t.match(to(server.wire(), 'versions'), [{ status: 206 }], 'a yank is appended as well');
    t.match(await station.cached(server, 'versions'), /^my_leaf -1\.2\.1 [0-9a-f]{32}$/m);
    t.equal(await station.cached(server, 'info/my_leaf'), (await server.ask('GET', '/info/my_leaf')).text);
  });

  await steps.step('unyank', true, async (t) => {
    t.equal((await server.ask('PUT', '/api/v1/gems/unyank', form)).status, 200);
    await isLocked(t, '1.2.1');
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
    // 2.3 looks whether there is a compact index, and does not use it
    if (station.isFrom('bundle', 2, 6)) t.same(to(wire, 'versions'), []);
    t.same(to(wire, 'info/my-app'), []);
  });
};
