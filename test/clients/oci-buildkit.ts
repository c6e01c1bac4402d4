import { delimiter, dirname } from 'node:path';
import t, { type Test } from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { type IStation, openStation, startDaemon, writeDockerConfig } from '../support/oci/station.js';

/** BuildKit's daemon on folders of its own; `null`, and one skipped test, where it does not start. */
const startBuildkit = async (t: Test, station: IStation): Promise<string | null> => {
  const { home, host } = station;
  const address = `unix://${home.path('buildkit.sock')}`;
  const config = await home.write('buildkitd.toml', `[registry."${host}"]\nhttp = true\n`);
  const isStarted = await startDaemon(t, 'buildkitd', {
    command: [
      ...station.program('buildkitd'),
      ...['--addr', address, '--root', home.path('buildkit'), '--config', config],
      ...['--oci-worker-snapshotter', 'native', '--oci-worker-net', 'host', '--containerd-worker=false'],
    ],
    // runc comes along with Docker's engine
    env: {
      ...home.env,
      PATH: [
        `${dirname(station.program('dockerd')[0]!)}/../sbin`,
        dirname(station.program('docker')[0]!),
        process.env.PATH,
      ].join(delimiter),
    },
    cwd: home.path('work'),
    ready: /running server on/,
  });
  return isStarted ? address : null;
};

t.test(
  'BuildKit: builds, pushes, and keeps its cache in the registry, as a manifest and as an index of blobs',
  async (t) => {
    const station = await openStation(t, 'buildctl', 'buildkitd', 'docker', 'dockerd');
    const address = station && (await startBuildkit(t, station));
    if (!station || !address) return;
    const { home, host, server, probe } = station;
    const cwd = await home.project('image', {
      Dockerfile: 'FROM scratch AS one\nCOPY one.txt /\nFROM scratch\nCOPY --from=one /one.txt /\nCOPY two.txt /\n',
      'one.txt': 'one',
      'two.txt': 'two',
    });
    const buildctl = (...args: string[]) => station.run([...station.program('buildctl'), '--addr', address, ...args]);
    const build = (tag: string, ...args: string[]) =>
      buildctl(
        ...[
          'build',
          '--progress',
          'plain',
          '--frontend',
          'dockerfile.v0',
          '--local',
          `context=${cwd}`,
          '--local',
          `dockerfile=${cwd}`,
        ],
        ...['--output', `type=image,name=${host}/team/built:${tag},push=true`, ...args],
      );
    fails(t, await build('v1'), /401|authorization failed|insufficient_scope|denied/i);
    await writeDockerConfig(station, server.admin);
    const forms = {
      manifest: 'image-manifest=true,oci-mediatypes=true',
      index: 'image-manifest=false,oci-mediatypes=true',
      docker: 'image-manifest=false,oci-mediatypes=false',
    };
    for (const [form, options] of Object.entries(forms)) {
      const cache = `type=registry,ref=${host}/team/cache:${form}`;
      succeeds(t, await build(form, '--export-cache', `${cache},mode=max,${options}`));
      t.equal((await probe.manifest('team/built', form)).status, 200);
      const stored = JSON.parse((await probe.manifest('team/cache', form)).bytes.toString()) as {
        manifests?: object[];
      };
      t.equal(stored.manifests !== undefined, form !== 'manifest', `the cache of the form "${form}"`);
      succeeds(t, await buildctl('prune', '--all'));
      succeeds(t, await build(`${form}-again`, '--import-cache', cache), /CACHED/);
    }
  },
);
