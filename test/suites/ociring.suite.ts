import t, { type Test } from 'tap';
import type { IOciCommands, OciClient } from '../support/oci/client.js';
import { type IOciFlow, OciRun } from '../support/oci/flow.js';
import { makeOciClient, type TOciClientName } from '../support/oci/list.js';
import { startDistribution, startOciServer } from '../support/oci/server.js';
import { artifactSteps, chunkSteps } from './ociflow.artifacts.js';
import { anonymousSteps, copySteps, deleteSteps, imageSteps, listSteps, loginSteps } from './ociflow.images.js';

/**
 * One flow for every client of container registries: each command that a client has is run as a user types it, and
 * what it claims is checked on the wire. A step that fails does not hide those after it.
 */
const ociFlow = async (t: Test, client: OciClient & IOciCommands, flow: IOciFlow): Promise<void> => {
  t.teardown(() => client.home.remove());
  const run = new OciRun(t, client, flow);
  await loginSteps(run);
  await imageSteps(run);
  await listSteps(run);
  await copySteps(run);
  await artifactSteps(run);
  await chunkSteps(run);
  await deleteSteps(run);
  await anonymousSteps(run);
  run.column.report((line) => t.comment(line));
};

/** The flow for these clients on a server of the caller's. */
export const ociFlows = (names: readonly TOciClientName[], flow: IOciFlow): void => {
  for (const name of names) {
    t.test(`${name}: ${flow.label}`, async (t) => {
      const client = await makeOciClient(name);
      if (client) {
        await ociFlow(t, client, flow);
      } else {
        t.pass('not run', { skip: `${name} is not installed` });
      }
    });
  }
};

/**
 * The flow on our command line with a directory. SMARTREGISTRY_OCI_PEER=1 takes the reference registry instead, which
 * tells a fault of the flow from one of ours.
 */
export const ociDirectoryRing = async (name: TOciClientName): Promise<void> => {
  const peer = process.env.SMARTREGISTRY_OCI_PEER ? await startDistribution() : null;
  const server = peer ?? (await startOciServer());
  t.teardown(() => server.stop());
  ociFlows([name], { label: peer ? 'distribution' : 'containers, directory', server, anonymous: !peer });
};
