import type { Test } from 'tap';
import type { FlowRun } from '../support/client/flow.js';
import { withoutWebLogin } from '../support/client/proxy.js';

/** Log in, ask who one is, log out; the client ends up with the administrator's token in its configuration. */
export const accountSteps = async (run: FlowRun): Promise<void> => {
  const { client, server, probe, flow } = run;
  const plain = await withoutWebLogin(server.registry);
  run.t.teardown(() => plain.stop());
  await client.point({ registry: plain.registry });
  await run.step('login', client.login, async (t) => {
    if (run.id !== 'yarn-1') {
      const wrong = await client.login!({ ...server.admin, password: 'wrong' });
      run.fails(t, wrong, /401|incorrect|invalid|unauthori[sz]ed|wrong|password/i);
      t.equal(await client.storedToken(), undefined, 'a wrong password brings no token');
    }
    run.succeeds(t, await client.login!(server.admin));
    await keptToken(t, run);
  });
  await run.step('whoami', client.whoami, async (t) => {
    if (!client.login) {
      await client.point(run.writing);
    }
    run.says(t, await client.whoami!(), server.admin.username);
  });
  await run.step('logout', client.logout, async (t) => {
    const token = await client.storedToken();
    run.succeeds(t, await client.logout!());
    t.equal(await client.storedToken(), undefined, 'the client has forgotten its token');
    // berry only takes it out of its configuration; yarn 1 has given it back at the end of the publish
    if (token && run.id !== 'yarn-4') {
      t.equal(await probe.whoami(token), null, 'and the registry no longer takes it');
    }
  });
  const { approve } = flow;
  if (approve) {
    await run.step('login (web)', client.webLogin, async (t) => {
      await client.point({ registry: server.registry });
      run.succeeds(t, await client.webLogin!((url) => approve(url, server)));
      await keptToken(t, run);
    });
  }
  await client.point(run.writing);
  await run.step('ping', client.ping, async (t) => {
    run.succeeds(t, await client.ping!());
  });
};

const keptToken = async (t: Test, run: FlowRun): Promise<void> => {
  if (run.id === 'yarn-1') {
    // It asks for the password at the first command that writes, and gives the token back after it.
    const folder = await run.packageFolder({ name: 'flow-yarn-1-asked', version: '1.0.0' });
    run.succeeds(t, await run.client.publish!(folder));
    t.ok(await run.probe.packument('flow-yarn-1-asked'), 'name and password were good for a publish');
    return;
  }
  const token = await run.client.storedToken();
  t.ok(token, 'the client has kept a token');
  t.equal(await run.probe.whoami(token ?? ''), run.server.admin.username, 'which is the user’s');
};

/** `token list | create | revoke`. */
export const tokenSteps = async (run: FlowRun): Promise<void> => {
  const { client, server, probe } = run;
  await run.step('token list', client.tokenList, async (t) => {
    const known = await probe.tokens();
    t.ok(known.length > 0, 'the registry lists tokens');
    run.says(t, await client.tokenList!(), known[0]!.token.slice(0, 4));
  });
  let created: { key: string; secret?: string } | undefined;
  await run.step('token create', client.tokenCreate, async (t) => {
    const before = new Set((await probe.tokens()).map((one) => one.key));
    const made = await client.tokenCreate!(server.admin);
    run.succeeds(t, made);
    const fresh = (await probe.tokens()).filter((one) => !before.has(one.key));
    t.equal(fresh.length, 1, 'there is one token more');
    t.equal(fresh[0]?.readonly, true, 'a read-only one, as asked');
    let secret: string | undefined;
    for (const word of made.output.match(/[\w+/=-]{20,}/g) ?? []) {
      secret ??= (await probe.whoami(word)) === server.admin.username ? word : undefined;
    }
    t.ok(secret, 'what the client printed is a token of the user');
    t.equal(await probe.tryToTag(run.leaf, '1.0.0', secret ?? ''), 403, 'which really cannot write');
    created = fresh[0] && { key: fresh[0].key, secret };
  });
  await run.step('token revoke', client.tokenRevoke, async (t) => {
    t.ok(created, 'there is a token to revoke');
    run.succeeds(t, await client.tokenRevoke!(created?.key ?? 'none'));
    t.notOk(
      (await probe.tokens()).some((one) => one.key === created?.key),
      'it is no longer listed',
    );
    t.equal(await probe.whoami(created?.secret ?? ''), null, 'and no longer good for anything');
  });
};
