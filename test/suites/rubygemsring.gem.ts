import { readdir, writeFile } from 'node:fs/promises';
import type { Test } from 'tap';
import { MatrixColumn } from '../support/client/matrix.js';
import { hasTerminal, type IRun } from '../support/client/run.js';
import { ClientSteps } from '../support/client/steps.js';
import { bundleOf, dataOf, gemOf } from '../support/rubygems/gems.js';
import { GemStation, type IGemServer, type TRuby } from '../support/rubygems/ring/station.js';

const COMMANDS = [
  'signin',
  'push',
  'push refused without a right',
  'push of a version that exists',
  'push of what is no gem',
  'push of platforms and a prerelease',
  'push --attestation',
  'install',
  'install --pre, --platform, --version',
  'list -r',
  'search, info -r',
  'specification -r',
  'fetch',
  'outdated, update',
  'yank',
  'yank --platform',
  'unyank',
  'owner',
  'private: nothing without a password',
  'private: password, token',
  'second source',
  'empty registry',
  'a gem that is not there',
  'import is what push is',
  'signout',
] as const;
type TCommand = (typeof COMMANDS)[number];

interface IRing {
  t: Test;
  station: GemStation;
  steps: ClientSteps<TCommand>;
  server: IGemServer;
}

/** Every command of `gem` that talks to a registry, against our command line. */
export const gemRing = async (t: Test, name: TRuby): Promise<void> => {
  const station = await GemStation.open(t, name);
  if (!station) return;
  const server = await station.serve();
  const column = new MatrixColumn<TCommand>(`gem ${station.versions.gem.join('.')}`, 'RubyGems, directory', COMMANDS);
  const ring = { t, station, server, steps: new ClientSteps<TCommand>(t, column, [server]) };
  await station.sources(server.source);
  await publishing(ring);
  await reading(ring);
  await changing(ring);
  await sources(ring);
  column.report((line) => t.comment(line));
};

/** `gem` with the key of a caller in the environment. */
const keyed = (station: GemStation, key: string, args: string[]): Promise<IRun> =>
  station.gem(args, { env: { GEM_HOST_API_KEY: key } });

const publishing = async ({ station, steps, server }: IRing): Promise<void> => {
  const host = ['--host', server.source];
  const push = (path: string, ...more: string[]) => station.gem(['push', path, ...host, ...more]);

  await steps.step('signin', hasTerminal(), async (t) => {
    const { username, password } = server.admin;
    const dialogue = (given: string) => [
      { when: /(Email|email): */, say: `${username}\n` },
      { when: /Password: */, say: `${given}\n` },
      { when: /API Key name \[.*\]: */, say: 'of the test\n' },
      // before 3.5 each scope is a question; later the usual ones are offered, which before 4 are for reading only
      ...Array.from({ length: 12 }, () => ({
        when: /.*\[yN\]/,
        say: async ([question]: RegExpExecArray) =>
          /exclusive/.test(question) || (/customise/.test(question) && station.isFrom('gem', 4)) ? 'n\n' : 'y\n',
      })),
    ];
    // before 3.4 `--host` is not enough: gem asks the default host for the user's profile
    const env = { RUBYGEMS_HOST: server.source };
    const signIn = (given: string) =>
      station.gem(['signin', ...host], { terminal: true, dialogue: dialogue(given), env });
    steps.fails(t, await signIn('wrong'), /The credentials are not valid|not valid/);
    steps.says(t, await signIn(password), /Signed in/);
  });

  await steps.step('push', true, async (t) => {
    for (const version of ['1.0.0', '1.1.0']) {
      const path = await station.build('my_lib', version, { lines: ['s.required_ruby_version = ">= 2.7"'] });
      steps.says(t, await push(path), new RegExp(`my_lib.*${version}`));
    }
    const path = await station.build('my-app', '2.0', {
      lines: ['s.add_dependency "my_lib", "~> 1.0", ">= 1.0.0"', 's.add_development_dependency "rake"'],
    });
    // a slash at the end of the host doubles the next one; and gem has no key for a host of this spelling
    const key = await server.token({ protocol: 'rubygems' });
    steps.says(t, await keyed(station, key, ['push', path, '--host', `${server.source}/`]), /my-app/);
  });

  await steps.step('push refused without a right', true, async (t) => {
    const path = await station.build('refused', '1.0');
    steps.fails(t, await keyed(station, 'wrong', ['push', path, ...host]), /not valid/);
    const key = await server.token({ protocol: 'rubygems', readOnly: true });
    steps.fails(t, await keyed(station, key, ['push', path, ...host]), /does not allow write/);
    t.equal((await server.ask('GET', '/info/refused')).status, 404, 'nothing is stored');
  });

  await steps.step('push of a version that exists', true, async (t) => {
    const again = await station.build('my-app', '2.0', { note: 'other' });
    steps.fails(t, await push(again), /my-app.*already|already.*my-app/i);
    const same = gemOf('same', '1.0');
    const path = await station.home.write(`work/${same.filename}`, same.bytes);
    for (const _ of ['new', 'again']) steps.says(t, await push(path), /same/);
  });

  await steps.step('push of what is no gem', true, async (t) => {
    // `gem` itself looks into the file first, so what is wrong is where it does not look
    const { bytes, filename } = gemOf('evil', '1.0', { data: dataOf({ '../evil.rb': '' }) });
    const path = await station.home.write(`work/${filename}`, bytes);
    steps.fails(t, await push(path), /data\.tar\.gz contains a path that leads out of its folder/);
    t.equal((await server.ask('GET', '/info/evil')).status, 404, 'nothing is stored');
  });

  await steps.step('push of platforms and a prerelease', true, async (t) => {
    for (const platform of [undefined, 'java', 'x86_64-linux', 'arm64-darwin']) {
      steps.succeeds(t, await push(await station.build('native', '1.0', { platform })));
    }
    steps.succeeds(t, await push(await station.build('my_lib', '2.0.0.rc1')));
    const { text } = await server.ask('GET', '/info/native');
    t.match(text, /^1\.0 .*\n1\.0-java .*\n1\.0-x86_64-linux .*\n1\.0-arm64-darwin /m);
  });

  await steps.step('push --attestation', station.isFrom('gem', 3, 6), async (t) => {
    const path = await station.build('attested', '1.0');
    const bundle = await station.home.write('work/bundle.json', JSON.stringify(bundleOf()));
    const broken = await station.home.write('work/broken.json', '{"mediaType": 1}');
    steps.fails(t, await push(path, '--attestation', broken), /attestation|bundle/i);
    t.equal((await server.ask('GET', '/info/attested')).status, 404, 'nothing is stored');
    steps.succeeds(t, await push(path, '--attestation', bundle));
    t.match((await server.ask('GET', '/info/attested')).text, /^1\.0 \|checksum:/m);
  });
};

const reading = async ({ station, steps }: IRing): Promise<void> => {
  /** Installs, and loads what was installed. */
  const install = async (t: Test, file: string, ...args: string[]): Promise<string> => {
    await station.home.clearCaches();
    steps.says(t, await station.gem(['install', '--remote', '--no-document', ...args]), /gems? installed/);
    const { code, output } = await station.run('ruby', ['-e', `gem "${args[0]}"; require "${file}"`]);
    t.equal(code, 0, output);
    return output.trim();
  };

  await steps.step('install', true, async (t) => {
    t.equal(await install(t, 'my-app', 'my-app'), 'my-app 2.0');
    const { output } = await station.run('ruby', ['-e', 'require "my_lib"']);
    t.equal(output.trim(), 'my_lib 1.1.0', 'the dependency in its newest version that is no prerelease');
  });

  await steps.step('install --pre, --platform, --version', true, async (t) => {
    t.equal(await install(t, 'native', 'native'), 'native 1.0 for x86_64-linux');
    t.equal(await install(t, 'my_lib', 'my_lib', '--version', '1.0.0'), 'my_lib 1.1.0', 'both are there');
    steps.says(t, await station.gem(['install', '-r', '--no-document', 'my_lib', '--pre']), /my_lib-2\.0\.0\.rc1/);
    const java = ['install', '-r', '--no-document', 'native', '--platform', 'java', '--install-dir', 'java'];
    steps.says(t, await station.gem(java), /native-1\.0-java/);
  });

  await steps.step('list -r', true, async (t) => {
    const list = (...more: string[]) => station.gem(['list', '-r', ...more]);
    const newest = await list();
    steps.says(t, newest, /^my_lib \(1\.1\.0\)$/m);
    t.match(newest.output, /^native \(1\.0 ruby arm64-darwin java x86_64-linux\)$/m);
    steps.says(t, await list('-a', 'my_lib'), /^my_lib \(1\.1\.0, 1\.0\.0\)$/m);
    steps.says(t, await list('--pre', 'my_lib'), /^my_lib \(2\.0\.0\.rc1, 1\.1\.0\)$|^my_lib \(2\.0\.0\.rc1\)$/m);
  });

  await steps.step('search, info -r', true, async (t) => {
    const found = await station.gem(['search', '^my']);
    steps.says(t, found, /^my-app \(2\.0\)$/m);
    t.notMatch(found.output, /native/);
    const info = await station.gem(['info', '-r', 'my-app']);
    steps.says(t, info, /Author: Ann/);
    t.match(info.output, /my-app of a test/);
  });

  await steps.step('specification -r', true, async (t) => {
    const spec = await station.gem(['specification', '-r', 'my-app']);
    steps.says(t, spec, /^name: my-app$/m);
    t.match(spec.output, /^homepage: https:\/\/example\.org$/m);
    const dependency = await station.gem(['dependency', '-r', 'my-app']);
    steps.says(t, dependency, /my_lib \(~> 1\.0, >= 1\.0\.0\)/);
    t.match(dependency.output, /rake \(>= 0, development\)/);
    const java = await station.gem(['specification', '-r', 'native', '--platform', 'java', 'platform']);
    steps.says(t, java, /java/);
  });

  await steps.step('fetch', true, async (t) => {
    steps.says(t, await station.gem(['fetch', 'my_lib', '-v', '1.0.0']), /Downloaded my_lib-1\.0\.0/);
    steps.says(t, await station.gem(['fetch', 'native', '--platform', 'java']), /Downloaded native-1\.0-java/);
    const files = await readdir(station.home.path('work'));
    t.ok(files.includes('my_lib-1.0.0.gem') && files.includes('native-1.0-java.gem'), files.join(' '));
  });

  await steps.step('outdated, update', true, async (t) => {
    steps.succeeds(t, await station.gem(['uninstall', 'my_lib', '--all', '--force', '-x']));
    await install(t, 'my_lib', 'my_lib', '--version', '1.0.0');
    steps.says(t, await station.gem(['outdated']), /^my_lib \(1\.0\.0 < 1\.1\.0\)$/m);
    steps.says(t, await station.gem(['update', '--no-document', 'my_lib']), /Gems updated: my_lib/);
    t.notMatch((await station.gem(['outdated'])).output, /my_lib/);
  });
};

const changing = async ({ station, steps, server }: IRing): Promise<void> => {
  const host = ['--host', server.source];
  const yank = (...args: string[]) => station.gem(['yank', ...args, ...host]);
  const listed = async (name: string) => (await station.gem(['list', '-r', '-a', name])).output;

  await steps.step('yank', true, async (t) => {
    steps.says(t, await yank('my_lib', '-v', '1.1.0'), /my_lib/);
    t.match(await listed('my_lib'), /^my_lib \(1\.0\.0\)$/m);
    steps.fails(t, await station.gem(['install', '-r', 'my_lib', '-v', '1.1.0', '--install-dir', 'x']), /my_lib/);
    // `gem yank` prints every answer and ends with 0
    steps.says(t, await yank('my_lib', '-v', '9.9'), /my_lib has no|no version|not/i);
  });

  await steps.step('yank --platform', true, async (t) => {
    steps.succeeds(t, await yank('native', '-v', '1.0', '--platform', 'java'));
    t.match(await listed('native'), /^native \(1\.0 ruby arm64-darwin x86_64-linux\)$/m);
    steps.succeeds(t, await yank('native', '-v', '1.0'));
    t.match(await listed('native'), /^native \(1\.0 arm64-darwin x86_64-linux\)$/m, 'only the build for Ruby itself');
  });

  await steps.step('unyank', true, async (t) => {
    const unyank = (form: Record<string, string>) => server.ask('PUT', '/api/v1/gems/unyank', form);
    t.equal((await unyank({ gem_name: 'my_lib', version: '1.1.0' })).status, 200);
    t.equal((await unyank({ gem_name: 'native', version: '1.0', platform: 'java' })).status, 200);
    t.match(await listed('my_lib'), /^my_lib \(1\.1\.0, 1\.0\.0\)$/m);
    t.match(await listed('native'), /^native \(1\.0 arm64-darwin java x86_64-linux\)$/m);
  });

  await steps.step('owner', true, async (t) => {
    const added = await server.command('user', 'add', 'carl', '--email', 'carl@example.org');
    t.equal(added.code, 0, added.output);
    const owner = (...args: string[]) => station.gem(['owner', 'my_lib', ...args, ...host]);
    steps.says(t, await owner(), /Owners for gem: my_lib/);
    steps.says(
      t,
      await owner('--add', 'carl'),
      /carl may now push and yank versions of my_lib\nOwners .*\n- carl(?: \(owner\))?$/m,
    );
    steps.fails(t, await owner('--add', 'nobody'), /Adding nobody: There is no user nobody/);
    const removed = await owner('--remove', 'carl');
    steps.succeeds(t, removed);
    t.notMatch(removed.output, /^- carl/m);
  });
};

const sources = async ({ station, steps, server }: IRing): Promise<void> => {
  const hidden = await station.serve({ readable: [] });
  await hidden.stock(gemOf('secret', '1.0', { dependencies: [{ name: 'leaf' }] }), gemOf('leaf', '1.0'));
  let folders = 0;
  const install = async (gem: string, ...from: string[]): Promise<IRun> => {
    await station.home.clearCaches();
    const where = ['--install-dir', `installed-${++folders}`, '--clear-sources'];
    return station.gem(['install', '-r', '--no-document', gem, ...where, ...from.flatMap((url) => ['--source', url])]);
  };

  await steps.step('private: nothing without a password', true, async (t) => {
    steps.fails(t, await install('secret', hidden.source), /401|not valid|Unauthorized|[Cc]ould not find/);
    steps.fails(
      t,
      await install('secret', hidden.withLogin('admin', 'wrong')),
      /401|not valid|Unauthorized|[Cc]ould not find/,
    );
    t.notMatch((await station.gem(['list', '-r', '--clear-sources', '-s', hidden.source])).output, /secret/);
  });

  await steps.step('private: password, token', true, async (t) => {
    const token = await hidden.token({ protocol: 'rubygems', readOnly: true });
    for (const source of [hidden.withLogin(), hidden.withLogin('token', token)]) {
      steps.says(t, await install('secret', source), /2 gems installed/);
      steps.says(t, await station.gem(['list', '-r', '--clear-sources', '-s', source]), /^secret \(1\.0\)$/m);
      await station.home.clearCaches();
    }
  });

  await steps.step('second source', true, async (t) => {
    await hidden.stock(gemOf('crossing', '1.0', { dependencies: [{ name: 'my_lib' }] }));
    const both = [server.source, hidden.withLogin()];
    steps.says(t, await install('crossing', ...both), /2 gems installed/);
    steps.says(t, await install('crossing', ...both.reverse()), /2 gems installed/);
    // a source that shows nothing does not hide what the other has
    steps.says(t, await install('my-app', hidden.source, server.source), /2 gems installed/);
  });

  await steps.step('empty registry', true, async (t) => {
    const empty = await station.serve();
    for (const more of [[], ['-a'], ['--pre']]) {
      const list = await station.gem(['list', '-r', ...more, '--clear-sources', '-s', empty.source]);
      steps.succeeds(t, list);
      t.notMatch(list.output, /\(\d/);
    }
    steps.fails(t, await install('my_lib', empty.source), /Could not find a valid gem 'my_lib'/);
    steps.says(t, await install('my_lib', empty.source, server.source), /1 gem installed/);
  });

  await steps.step('a gem that is not there', true, async (t) => {
    steps.fails(t, await install('my_lip', server.source), /Could not find a valid gem 'my_lip'/);
    steps.fails(t, await install('my_lib:7.7', server.source), /Could not find a valid gem 'my_lib'/);
  });

  await steps.step('import is what push is', true, async (t) => {
    const folder = station.home.path('home', 'gems-to-import');
    for (const file of ['my_lib-1.0.0.gem', 'native-1.0-java.gem']) {
      const bytes = await (await fetch(`${server.source}/gems/${file}`)).arrayBuffer();
      await station.home.write(`home/gems-to-import/${file}`, new Uint8Array(bytes));
    }
    await writeFile(`${folder}/readme.txt`, 'no gem');
    steps.says(t, await hidden.command('import', folder), /2 imported, 0 already there, 0 failed/);
    steps.says(t, await hidden.command('import', folder), /0 imported, 2 already there, 0 failed/);
    const lineOf = async (of: IGemServer, info: string, slug: string): Promise<string | undefined> =>
      (await of.ask('GET', `/info/${info}`)).text
        .split('\n')
        .find((line) => line.startsWith(`${slug} `))
        ?.replace(/created_at:\S+/, '');
    for (const [info, slug] of [
      ['my_lib', '1.0.0'],
      ['native', '1.0-java'],
    ] as const) {
      t.equal(await lineOf(hidden, info, slug), await lineOf(server, info, slug), slug);
    }
  });

  await steps.step('signout', hasTerminal(), async (t) => {
    steps.succeeds(t, await station.gem(['signout']));
    const path = await station.build('later', '1.0');
    // without a key `gem push` asks, and there is nobody to answer
    const pushed = await station.gem(['push', path, '--host', server.source]);
    t.not(pushed.code, 0, pushed.output);
  });
};
