import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { openStation, pushedImage, writeDockerConfig } from '../support/oci/station.js';

t.test('ko: builds a Go program on a base image of the registry, pushes image, index and SBOM', async (t) => {
  const station = await openStation(t, 'ko');
  if (!station) return;
  const { home, host, server, probe } = station;
  await pushedImage(station, 'team/base', 'latest');
  const cwd = await home.project('hello', {
    'go.mod': 'module example.org/hello\n\ngo 1.20\n',
    'main.go': 'package main\n\nfunc main() { println("hello") }\n',
  });
  const goPath = process.env.PATH ?? '';
  const build = (tag: string) =>
    station.run([...station.program('ko'), 'build', '--insecure-registry', '--bare', '--tags', tag, '.'], {
      cwd,
      env: {
        PATH: `${goPath}:${home.env.PATH}`,
        KO_DOCKER_REPO: `${host}/team/hello`,
        KO_DEFAULTBASEIMAGE: `${host}/team/base:latest`,
        GOCACHE: process.env.GOCACHE ?? `${process.env.HOME}/.cache/go-build`,
        GOFLAGS: '-buildvcs=false',
        GOTOOLCHAIN: 'local',
      },
    });
  fails(t, await build('v1'), /401|UNAUTHORIZED/i);
  await writeDockerConfig(station, server.admin);
  const built = await build('v1');
  succeeds(t, built, /team\/hello/);
  const digest = /@(sha256:[0-9a-f]{64})\s*$/.exec(built.stdout)?.[1];
  t.ok(digest, 'it prints the digest');
  t.equal((await probe.manifest('team/hello', 'v1')).headers.get('docker-content-digest'), digest);
  succeeds(t, await build('v2'));
  t.match(await probe.tags('team/hello'), [/^sha256-[0-9a-f]{64}\.sbom$/, 'v1', 'v2']);
});
