import type { Test } from 'tap';
import { MatrixColumn } from '../client/matrix.js';
import { ClientSteps } from '../client/steps.js';
import type { ILayout, IOciCommands, OciClient } from './client.js';
import type { IImage, IPushable } from './images.js';
import { writeLayout } from './layout.js';
import { OciProbe } from './probe.js';
import type { TOciServer } from './server.js';

/** What is tried with the clients of container registries: the rows of their matrix in its order. */
export const ociCommandNames = [
  'wrong password refused',
  'login with a token',
  'read-only token',
  'login',
  'push',
  'pull',
  'Docker’s format, up and down',
  'build and push',
  'index push',
  'index pull',
  'list tags',
  'list repositories',
  'copy, blobs mounted',
  'attach',
  'discover',
  'pull what is attached',
  'chunks, broken off, resumed',
  'delete a tag',
  'delete by digest',
  'logout',
  'anonymous: public pull',
  'anonymous: private refused',
  'anonymous: push refused',
] as const;
export type TOciCommandName = (typeof ociCommandNames)[number];

export interface IOciFlow {
  /** How the matrix names what is tested. */
  label: string;
  server: TOciServer;
  /** False for a registry that wants a password for everything. */
  anonymous?: boolean;
}

/** One client on its way through the flow: what its parts share. */
export class OciRun extends ClientSteps<TOciCommandName> {
  readonly host: string;
  /** Sees the registry as the administrator. */
  readonly probe: OciProbe;

  constructor(
    t: Test,
    readonly client: OciClient & IOciCommands,
    readonly flow: IOciFlow,
  ) {
    super(t, new MatrixColumn(client.title, flow.label, ociCommandNames), [flow.server]);
    this.host = new URL(flow.server.origin).host;
    this.probe = new OciProbe(flow.server.origin, flow.server.admin);
  }

  /** A repository of this client's own; nobody reads what is not below `public/` without a password. */
  repository(name: string, area = 'team'): string {
    return `${area}/${this.client.tool.name}/${name}`;
  }

  reference(repository: string, tag: string, host = this.host): string {
    return `${host}/${repository}${tag.includes(':') ? '@' : ':'}${tag}`;
  }

  /** What is to be pushed, on disk. */
  async layout(name: string, what: IPushable): Promise<ILayout> {
    return { folder: await writeLayout(this.client.home.path('work', `layout-${name}`), what, name), tag: name };
  }

  /** The image that a client chooses on this machine. */
  platformOf({ images }: IPushable): IImage {
    const wanted = process.arch === 'x64' ? 'amd64' : process.arch;
    return images.find(({ architecture }) => architecture === wanted) ?? images[0]!;
  }

  /** The registry has exactly these bytes, or those that the client has made of them. */
  async holds(t: Test, repository: string, tag: string, what: IPushable): Promise<void> {
    const [image] = what.images as [IImage];
    if (!this.client.repacks) {
      t.same(await this.probe.problems(repository, tag, what), [], `${repository}:${tag} is what was pushed`);
    } else if (what.top === image.manifest) {
      t.same(
        await this.probe.diffProblems(repository, tag, image.diffIds),
        [],
        `${repository}:${tag} has the same files`,
      );
    } else {
      await this.holdsImages(t, repository, tag, what.images);
    }
  }

  /** An index whose images are these. */
  private async holdsImages(t: Test, repository: string, tag: string, images: IImage[]): Promise<void> {
    const index = await this.probe.manifest(repository, tag);
    t.equal(index.status, 200, `${repository}:${tag} is there`);
    const { manifests } = JSON.parse(index.bytes.toString()) as { manifests?: { digest: string }[] };
    t.same(
      manifests?.map(({ digest }) => digest).sort(),
      images.map(({ manifest }) => manifest.digest).sort(),
      'and names the images that were pushed',
    );
    for (const image of images) {
      const one = { top: image.manifest, images: [image] };
      t.same(await this.probe.problems(repository, image.manifest.digest, one), [], image.architecture);
    }
  }

  /** Pulls and compares what has arrived, byte by byte or by what the client's store says of it. */
  async pulls(t: Test, reference: string, name: string, what: IPushable): Promise<void> {
    const { client } = this;
    const isIndex = what.top !== what.images[0]!.manifest;
    this.succeeds(t, isIndex ? await client.pullIndex(reference, name) : await client.pull(reference, name));
    const problems = await client.pulledProblems(name, what, this.platformOf(what), reference);
    t.same(problems, [], `what was pulled from ${reference} is right`);
  }
}
