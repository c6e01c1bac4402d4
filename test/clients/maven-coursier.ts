import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { GROUP } from '../support/maven/ring/projects.js';
import { MavenStation } from '../support/maven/ring/station.js';
import { stockRepository } from '../support/maven/ring/stock.js';

t.test('coursier fetches', { timeout: 300_000 }, async (t) => {
  const station = await MavenStation.open(t, 'coursier');
  if (!station) return;
  const server = await station.serve();
  const guarded = await station.serve({ isPrivate: true });
  await stockRepository(server);
  await stockRepository(guarded);
  const [lib] = station.program('coursier') as [string];
  const jars = (await readdir(lib)).filter((file) => file.endsWith('.jar')).map((file) => join(lib, file));
  let caches = 0;
  const fetching = (args: string[], from = server.url, env: Record<string, string> = {}) =>
    station.run(
      ['java', '-cp', jars.join(':'), 'coursier.cli.Coursier', 'fetch', '--no-default', '-r', from, ...args],
      { env: { COURSIER_CACHE: station.home.path('cache', `coursier-${++caches}`), ...env } },
    );

  await t.test('a version, with what it depends on', async (t) => {
    const fetched = await fetching([`${GROUP}:top:1.0`]);
    succeeds(t, fetched, /top-1\.0\.jar/);
    t.match(fetched.output, /leaf-1\.2\.jar/, 'in the range of its POM');
  });
  await t.test('newest release, ranges and SNAPSHOT', async (t) => {
    succeeds(t, await fetching([`${GROUP}:leaf:latest.release`]), /leaf-2\.0\.jar/);
    succeeds(t, await fetching([`${GROUP}:leaf:[1.0,1.2)`]), /leaf-1\.1\.jar/);
    succeeds(t, await fetching([`${GROUP}:leaf:1.+`]), /leaf-1\.2\.jar/);
    succeeds(
      t,
      await fetching([`${GROUP}:moving:1.0-SNAPSHOT`]),
      /moving-1\.0-20260101\.120002-2\.jar|moving-1\.0-SNAPSHOT\.jar/,
    );
  });
  await t.test('a classifier', async (t) => {
    succeeds(t, await fetching([`${GROUP}:leaf:2.0`, '--sources']), /leaf-2\.0-sources\.jar/);
  });
  await t.test('what is absent', async (t) => {
    fails(t, await fetching([`${GROUP}:leaf:9.9`]), /not found/);
    fails(t, await fetching([`${GROUP}:none:1.0`]), /not found/);
  });
  await t.test('credentials are bound to the realm `maven`', async (t) => {
    fails(t, await fetching([`${GROUP}:leaf:2.0`], guarded.url), /unauthorized|401/i);
    const token = await guarded.token({ protocol: 'maven', readOnly: true });
    const credentials = (realm: string) => ({ COURSIER_CREDENTIALS: `127.0.0.1(${realm}) admin:${token}` });
    succeeds(t, await fetching([`${GROUP}:leaf:2.0`], guarded.url, credentials('maven')), /leaf-2\.0\.jar/);
    fails(t, await fetching([`${GROUP}:leaf:2.0`], guarded.url, credentials('another')), /unauthorized|401/i);
  });
});
