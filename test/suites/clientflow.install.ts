import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FlowRun } from '../support/client/flow.js';
import { publishByHand } from '../support/client/packages.js';
import { RegistryProbe } from '../support/client/probe.js';
import { withoutWebLogin } from '../support/client/proxy.js';
import type { IServer } from '../support/client/server.js';

/** Install, install from the lock file, and refuse what the lock file does not promise. */
export const installSteps = async (run: FlowRun): Promise<void> => {
  const { client, reader, top } = run;
  await client.point({ registry: reader.registry, token: run.token });
  const folder = await run.consumer('consumer', { [top]: '^1.0.0' });
  await run.step('install', client.install, async (t) => {
    run.succeeds(t, await client.install(folder));
    await run.works(t, folder, true);
  });
  const lock = join(folder, client.lockFile);
  await run.step('lock-file install', client.installLocked, async (t) => {
    const before = await readFile(lock, 'utf8');
    await client.forgetInstalled(folder);
    await run.works(t, folder, false);
    run.succeeds(t, await client.installLocked(folder));
    await run.works(t, folder, true);
    t.equal(await readFile(lock, 'utf8'), before, 'the lock file is as it was');
  });
  if (!run.flow.short) {
    await run.step('audit', client.audit, async (t) => {
      // No upstream is configured, so nobody knows of advisories, and saying "none" would be a lie.
      run.fails(t, await client.audit!(folder), /audit|404|registry/i);
    });
  }
  await run.step('audit signatures', client.auditSignatures, async (t) => {
    run.says(t, await client.auditSignatures!(folder), /2 packages have verified registry signatures/);
  });
  await run.step('other bytes refused', client.installLocked, async (t) => {
    await client.forgetInstalled(folder);
    await client.falsifyLock(folder);
    run.fails(t, await client.installLocked(folder), /integrity|checksum|tarball|hash/i);
    await run.works(t, folder, false);
  });
};

/** A registry that shows nothing to strangers, takes new accounts and answers audits. */
export const guardedSteps = async (run: FlowRun, server: IServer): Promise<void> => {
  const { client, top, packages } = run;
  const token = await server.token();
  for (const about of packages) {
    await publishByHand({ registry: server.registry, token }, about);
  }
  const folder = await run.consumer('guarded', { [top]: '1.0.0' });
  await client.home.clearCaches();
  await run.step('private: no token', client.install, async (t) => {
    await client.point({ registry: server.registry });
    run.fails(t, await client.install(folder), /40[134]|auth|login|logged/i);
    await run.works(t, folder, false);
  });
  await run.step('private: token', client.install, async (t) => {
    await client.point({ registry: server.registry, token });
    if (run.id === 'yarn-1') {
      // It sends its token only for scoped names unless it is told to.
      const path = client.home.path('home', '.npmrc');
      await client.home.write('home/.npmrc', `${await readFile(path, 'utf8')}always-auth=true\n`);
    }
    run.succeeds(t, await client.install(folder));
    await run.works(t, folder, true);
  });
  const who = { username: `new-${run.id}`, password: 'a password of my own' };
  let made: string | undefined;
  await run.step('adduser', client.adduser, async (t) => {
    const plain = await withoutWebLogin(server.registry);
    t.teardown(() => plain.stop());
    await client.point({ registry: plain.registry });
    run.succeeds(t, await client.adduser!(who));
    made = await client.storedToken();
    t.ok(made, 'the client has kept a token');
    t.equal(await new RegistryProbe(server.registry).whoami(made ?? ''), who.username, 'of the new account');
  });
  await run.step('profile set password', client.setPassword, async (t) => {
    await client.point({ registry: server.registry, token: made });
    const password = 'another password of my own';
    run.fails(t, await client.setPassword!('not my password', password), /The old password is wrong/);
    run.succeeds(t, await client.setPassword!(who.password, password));
    run.fails(t, await client.setPassword!(who.password, 'x'), /The old password is wrong/);
  });
  await client.point({ registry: server.registry, token });
  await run.step('audit, answered', client.audit, async (t) => {
    run.succeeds(t, await client.audit!(folder));
  });
};
