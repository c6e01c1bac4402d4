import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { IRun } from '../client/run.js';
import { ContainersClient, type ILayout, type IOciCommands } from './client.js';
import type { IImage, IPushable } from './images.js';

interface IInspected {
  id: string;
  digests: string[];
  diffIds: string[];
}

/** podman and buildah: images go through a store of their own, which keeps layers unpacked. */
abstract class StoringClient extends ContainersClient implements IOciCommands {
  override readonly repacks = true;

  protected abstract inspect(reference: string): Promise<IInspected | string>;

  /** Its store is given with each command: where it runs as root its configuration file is not always asked. */
  protected store(args: string[], input?: string): Promise<IRun> {
    const { home } = this;
    const folders = ['--root', home.path('cache', 'graph'), '--runroot', home.path('tmp', 'run')];
    return this.exec([...folders, '--storage-driver', 'vfs', ...args], { input });
  }

  /** The path becomes part of an image's name, where capitals are not allowed. */
  private layoutName(folder: string, tag: string): string {
    return `oci:${relative(this.home.path('work'), folder)}:${tag}`;
  }

  pushDockerFormat(from: ILayout, reference: string): Promise<IRun> {
    return this.push(from, reference, '--format', 'v2s2');
  }

  async push({ folder, tag }: ILayout, reference: string, ...options: string[]): Promise<IRun> {
    const taken = await this.store(['pull', '--quiet', this.layoutName(folder, tag)]);
    if (taken.code !== 0) {
      return taken;
    }
    const id = taken.stdout.trim().split('\n').at(-1)!;
    return this.store(['push', '--tls-verify=false', ...options, id, `docker://${reference}`]);
  }

  async pull(reference: string): Promise<IRun> {
    // Otherwise layers that are there already would not be asked for.
    await this.store(['rmi', '--all', '--force']);
    return this.store(['pull', '--tls-verify=false', reference]);
  }

  override async pulledProblems(
    _name: string,
    what: IPushable,
    platform: IImage,
    reference: string,
  ): Promise<string[]> {
    const found = await this.inspect(reference);
    if (typeof found === 'string') {
      return [found];
    }
    const wanted: [string, unknown, unknown][] = [
      ['image', `sha256:${found.id.replace('sha256:', '')}`, platform.config.digest],
      ['layers', found.diffIds.join(), platform.diffIds.join()],
    ];
    if (what.top === platform.manifest) {
      wanted.push(['manifest', found.digests.find((one) => one === what.top.digest), what.top.digest]);
    }
    return wanted.flatMap(([of, is, should]) => (is === should ? [] : [`${of} is ${is} instead of ${should}`]));
  }

  /** Pushing an image that came from another repository of the same registry. */
  async copy(from: string, to: string): Promise<IRun> {
    for (const args of [
      ['pull', '--tls-verify=false', from],
      ['tag', from, to],
    ]) {
      const made = await this.store(args);
      if (made.code !== 0) {
        return made;
      }
    }
    return this.store(['push', '--tls-verify=false', to]);
  }

  override async pushIndex({ folder, tag }: ILayout, reference: string): Promise<IRun> {
    const name = `list-${tag}`;
    for (const args of [
      ['create', name],
      ['add', '--all', name, this.layoutName(folder, tag)],
    ]) {
      const made = await this.store(['manifest', ...args]);
      if (made.code !== 0) {
        return made;
      }
    }
    return this.store(['manifest', 'push', '--tls-verify=false', '--all', name, `docker://${reference}`]);
  }

  async buildAndPush(reference: string, fileContent: string): Promise<IRun> {
    const folder = await this.home.project('built', {
      Containerfile: 'FROM scratch\nCOPY file /file\nLABEL of=test\n',
      file: fileContent,
    });
    const built = await this.store(['build', '--isolation', 'chroot', '--tag', reference, folder]);
    if (built.code !== 0) {
      return built;
    }
    const file = `${folder}/digest`;
    const pushed = await this.store(['push', '--tls-verify=false', '--digestfile', file, reference]);
    return pushed.code === 0 ? { ...pushed, stdout: await readFile(file, 'utf8') } : pushed;
  }
}

export class PodmanClient extends StoringClient {
  tags(repository: string): Promise<IRun> {
    return this.store(['search', '--tls-verify=false', '--list-tags', repository]);
  }

  repositories(host: string): Promise<IRun> {
    return this.store(['search', '--tls-verify=false', '--limit', '100', `${host}/`]);
  }

  protected async inspect(reference: string): Promise<IInspected | string> {
    const { code, stdout, output } = await this.store(['image', 'inspect', reference]);
    if (code !== 0) {
      return output;
    }
    const [about] = JSON.parse(stdout) as [
      { Id: string; Digest: string; RepoDigests: string[]; RootFS: { Layers: string[] } },
    ];
    const digests = [about.Digest, ...about.RepoDigests.map((one) => one.split('@')[1]!)];
    return { id: about.Id, digests, diffIds: about.RootFS.Layers };
  }
}

export class BuildahClient extends StoringClient {
  protected async inspect(reference: string): Promise<IInspected | string> {
    const { code, stdout, output } = await this.store(['inspect', '--type', 'image', reference]);
    if (code !== 0) {
      return output;
    }
    const about = JSON.parse(stdout) as {
      FromImageID: string;
      FromImageDigest: string;
      OCIv1: { rootfs: { diff_ids: string[] } };
    };
    return { id: about.FromImageID, digests: [about.FromImageDigest], diffIds: about.OCIv1.rootfs.diff_ids };
  }
}
