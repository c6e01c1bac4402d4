import type { Test } from 'tap';
import { MatrixColumn } from '../support/client/matrix.js';
import { ClientSteps } from '../support/client/steps.js';
import { type IMavenServer, MavenStation } from '../support/maven/ring/station.js';
import type { TToolName } from '../support/tools.js';
import { deploySteps } from './mavenring.deploy.js';
import { privateSteps } from './mavenring.private.js';
import { useSteps } from './mavenring.use.js';

/** What is tried with each Maven, in the order of the matrix. */
export const MAVEN_COMMANDS = [
  'deploy a release',
  'the same bytes again',
  'redeploy refused',
  'deploy refused without a right',
  'a release, checksumPolicy fail',
  'deploy a SNAPSHOT twice',
  'the newest SNAPSHOT',
  'version range',
  'deploy-file with a signature',
  'parallel modules (-T)',
  'several deploys at once',
  'BOM and parent',
  'plugin by prefix',
  'private: no credentials',
  'private: settings.xml server',
  'second repository behind ours',
  'import of the local repository',
] as const;
export type TMavenCommand = (typeof MAVEN_COMMANDS)[number];

/** One Maven with two registries, of which the second one shows nothing without credentials. */
export interface IMavenRing {
  steps: ClientSteps<TMavenCommand>;
  station: MavenStation;
  server: IMavenServer;
  guarded: IMavenServer;
  /** Runs Maven in a folder below `work`, as a user that may do everything unless other settings are named. */
  mvn(folder: string, args: string[], settings?: string): ReturnType<MavenStation['maven']>;
  /** `-DaltDeploymentRepository`, with the id that the settings have credentials for. */
  to: string;
}

/** One flow for every Maven: each command as a user types it, against our command line. */
export const mavenRing = async (t: Test, name: TToolName, label: string): Promise<void> => {
  const station = await MavenStation.open(t, name, 'maven-warm');
  if (!station) return;
  const server = await station.serve();
  const guarded = await station.serve({ isPrivate: true });
  const { admin, url } = server;
  const ours = { id: 'ours', url, username: admin.username, password: await server.token({ protocol: 'maven' }) };
  const settings = await station.settings('ours', [ours], ['com.example.ring']);
  const column = new MatrixColumn<TMavenCommand>(label, 'Maven, directory', MAVEN_COMMANDS);
  const ring: IMavenRing = {
    steps: new ClientSteps(t, column, [server, guarded]),
    station,
    server,
    guarded,
    mvn: (folder, args, own = settings) => station.maven(name, folder, own, args),
    to: `-DaltDeploymentRepository=ours::${url}`,
  };
  await deploySteps(ring, name);
  await useSteps(ring);
  await privateSteps(ring);
  column.report((line) => t.comment(line));
};
