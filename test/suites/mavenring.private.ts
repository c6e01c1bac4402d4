import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { dependency, GROUP_PATH, library } from '../support/maven/ring/projects.js';
import type { IMavenRing } from './mavenring.suite.js';
import { app } from './mavenring.use.js';

/** What takes credentials, and what lies in two repositories. */
export const privateSteps = async ({ steps, station, server, guarded, mvn }: IMavenRing): Promise<void> => {
  const { home } = station;
  const { url, admin } = guarded;
  const login = (password: string) => ({ id: 'guarded', url, username: admin.username, password });
  const to = `-DaltDeploymentRepository=guarded::${url}`;

  await steps.step('private: no credentials', true, async (t) => {
    await station.forget();
    const nobody = await station.settings('nobody', [{ id: 'guarded', url }]);
    await home.project('secret', library('secret', '1.0'));
    steps.fails(t, await mvn('secret', ['-q', 'deploy', to], nobody), /401/);
    await home.project('guest', app('guest', ['secret'], dependency('secret', '1.0')));
    // what the build above has put into the local repository
    await station.forget();
    steps.fails(t, await mvn('guest', ['-q', 'compile'], nobody), /401|Unauthorized/i);
  });

  await steps.step('private: settings.xml server', true, async (t) => {
    const owner = await station.settings('owner', [login(admin.password)]);
    steps.succeeds(t, await mvn('secret', ['-q', 'deploy', to], owner));
    await home.project('secret-moving', library('secret-moving', '1.0-SNAPSHOT'));
    steps.succeeds(t, await mvn('secret-moving', ['-q', 'deploy', to], owner));
    await station.forget();
    const reader = await station.settings('guarded-reader', [
      login(await guarded.token({ protocol: 'maven', readOnly: true })),
    ]);
    const both = dependency('secret', '1.0') + dependency('secret-moving', '1.0-SNAPSHOT');
    await home.project('guest', app('guest', ['secret', 'secret-moving'], both));
    steps.succeeds(t, await mvn('guest', ['-q', 'compile'], reader));
  });

  await steps.step('second repository behind ours', true, async (t) => {
    await station.forget();
    // a token for one artifact: everything else is not there for it, so that Maven asks the next repository
    const scope = 'maven:artifact:com.example.ring:secret:read';
    const first = login(await guarded.token({ protocol: 'maven', readOnly: true, scope }));
    const two = await station.settings('two', [first, { id: 'behind', url: server.url }]);
    const both = dependency('secret', '1.0') + dependency('lib', '1.1') + dependency('moving', '2.0-SNAPSHOT');
    await home.project('mixed', app('mixed', ['secret', 'lib', 'moving'], both));
    steps.succeeds(t, await mvn('mixed', ['-q', 'compile'], two));
    t.ok(await station.local(`${GROUP_PATH}/secret/1.0/secret-1.0.jar`));
    t.ok(await station.local(`${GROUP_PATH}/lib/1.1/lib-1.1.jar`));
    t.match(
      guarded.printed(),
      /GET \/maven\/com\/example\/ring\/lib\/1\.1\/lib-1\.1\.pom.*404|lib-1\.1\.pom status=404/,
    );
  });

  await steps.step('import of the local repository', true, async (t) => {
    // only ours: the repository has Maven's own plugins as well
    const folder = home.path('local-repository');
    await cp(join(station.repository, GROUP_PATH), join(folder, GROUP_PATH), { recursive: true });
    const imported = await guarded.command('import', folder, '--protocol', 'maven');
    steps.says(t, imported, /imported/);
    const path = `${GROUP_PATH}/lib/1.1/lib-1.1.jar`;
    t.equal((await guarded.get(path)).sha1, (await server.get(path)).sha1);
    t.same(await guarded.versions(`${GROUP_PATH}/lib`), ['1.1']);
  });
};
