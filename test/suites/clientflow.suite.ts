import type { Test } from 'tap';
import type { IClientCommands, TestClient } from '../support/client/base.js';
import { FlowRun, type IClientFlow } from '../support/client/flow.js';
import { accountSteps, tokenSteps } from './clientflow.account.js';
import { guardedSteps, installSteps } from './clientflow.install.js';
import { changeSteps, lookSteps, publishSteps, unpublishSteps } from './clientflow.packages.js';

/**
 * One flow for every client: each command that a client has is run as a user types it, and what it claims is checked
 * on the wire. Returns when all steps have run; a step that fails does not hide those after it.
 */
export const clientFlow = async (t: Test, client: TestClient & IClientCommands, flow: IClientFlow): Promise<void> => {
  t.teardown(() => client.home.remove());
  const run = await FlowRun.start(t, client, flow);
  if (!flow.short) {
    await accountSteps(run);
  }
  await publishSteps(run);
  await changeSteps(run);
  if (!flow.short) {
    await lookSteps(run);
    await tokenSteps(run);
  }
  await installSteps(run);
  if (flow.guarded) {
    await guardedSteps(run, flow.guarded);
  }
  await unpublishSteps(run);
  run.column.report((line) => t.comment(line));
};
