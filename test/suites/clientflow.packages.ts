import type { FlowRun } from '../support/client/flow.js';
import { publishByHand } from '../support/client/packages.js';

/** Publish; a client that has no such command finds its packages published by another hand. */
export const publishSteps = async (run: FlowRun): Promise<void> => {
  const { client, leaf, top, probe, packages } = run;
  await client.point(run.writing);
  const folders: string[] = [];
  for (const about of packages) {
    folders.push(await run.packageFolder(about));
    if (!client.publish) {
      await publishByHand(run.writing, about);
    }
  }
  await run.step('publish @scope', client.publish, async (t) => {
    run.succeeds(t, await client.publish!(folders[0]!));
    run.succeeds(t, await client.publish!(folders[1]!));
    await run.holds(t, leaf, ['1.0.0', '1.1.0']);
  });
  await run.step('publish', client.publish, async (t) => {
    run.succeeds(t, await client.publish!(folders[2]!));
    await run.holds(t, top, ['1.0.0']);
  });
  await run.step('republish refused', client.publish, async (t) => {
    const before = await probe.packument(leaf);
    const folder = await run.packageFolder({ ...packages[1], folder: 'again' });
    await run.otherBytes('again');
    run.fails(t, await client.publish!(folder), /40[39]|previously published|already/i);
    t.same(await probe.packument(leaf), before, 'and nothing has changed');
  });
};

/** Deprecate and dist-tags. */
export const changeSteps = async (run: FlowRun): Promise<void> => {
  const { client, leaf, probe } = run;
  await run.step('deprecate', client.deprecate, async (t) => {
    run.succeeds(t, await client.deprecate!(`${leaf}@1.0.0`, 'an old one'));
    const versions = (await probe.packument(leaf))?.versions;
    t.equal(versions?.['1.0.0']?.deprecated, 'an old one', 'the version is deprecated');
    t.notOk(versions?.['1.1.0']?.deprecated, 'and no other');
  });
  await run.step('undeprecate', client.undeprecate, async (t) => {
    run.succeeds(t, await client.undeprecate!(`${leaf}@1.0.0`));
    t.notOk((await probe.packument(leaf))?.versions['1.0.0']?.deprecated, 'it no longer is');
  });
  const tags = async (): Promise<unknown> => (await probe.packument(leaf))?.['dist-tags'];
  await run.step('dist-tag add', client.distTagAdd, async (t) => {
    run.succeeds(t, await client.distTagAdd!(`${leaf}@1.0.0`, 'beta'));
    t.same(await tags(), { latest: '1.1.0', beta: '1.0.0' }, 'the tag is there');
  });
  await run.step('dist-tag ls', client.distTagList, async (t) => {
    run.says(t, await client.distTagList!(leaf), /beta\W+1\.0\.0/);
  });
  await run.step('dist-tag rm', client.distTagRemove, async (t) => {
    run.succeeds(t, await client.distTagRemove!(leaf, 'beta'));
    t.same(await tags(), { latest: '1.1.0' }, 'the tag is gone');
  });
};

/** Commands that only look. */
export const lookSteps = async (run: FlowRun): Promise<void> => {
  const { client, leaf, top, server } = run;
  await run.step('search', client.search, async (t) => {
    run.says(t, await client.search!(top), top);
  });
  await run.step('view', client.view, async (t) => {
    run.says(t, await client.view!(leaf), '1.1.0');
  });
  await run.step('owner ls', client.owners, async (t) => {
    run.says(t, await client.owners!(leaf), server.admin.username);
  });
  await run.step('access get status', client.accessStatus, async (t) => {
    run.says(t, await client.accessStatus!(leaf), /public/);
  });
};

/** A version, then the last of a package. */
export const unpublishSteps = async (run: FlowRun): Promise<void> => {
  const { client, leaf, top, probe } = run;
  await client.point(run.writing);
  await run.step('unpublish a version', client.unpublish, async (t) => {
    const gone = (await probe.packument(leaf))?.versions['1.1.0']?.dist.tarball ?? '';
    run.succeeds(t, await client.unpublish!(`${leaf}@1.1.0`));
    await run.holds(t, leaf, ['1.0.0']);
    t.equal((await probe.get(gone)).status, 404, 'its tarball is gone');
  });
  await run.step('unpublish a package', client.unpublish, async (t) => {
    run.succeeds(t, await client.unpublish!(top));
    t.equal(await probe.packument(top), null, 'it is gone');
  });
};
