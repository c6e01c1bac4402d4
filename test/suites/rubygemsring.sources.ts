import { gemOf } from '../support/rubygems/gems.js';
import { oldStore } from '../support/rubygems/ring/oldstore.js';
import { type IBundlerRing, leaf, to } from './rubygemsring.steps.js';

/** Rules about the age of a version. */
export const patience = async ({ station, steps }: IBundlerRing): Promise<void> => {
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

/** Private sources, several sources, and one without a gem. */
export const sources = async ({ station, steps, server }: IBundlerRing): Promise<void> => {
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
