import type { IWho } from '../client/base.js';
import type { IRun } from '../client/run.js';
import { type ILayout, type IOciCommands, OciClient } from './client.js';

export class RegctlClient extends OciClient implements IOciCommands {
  override async prepare(host: string): Promise<void> {
    await this.settings(host, '--tls', 'disabled');
  }

  private async settings(host: string, ...args: string[]): Promise<void> {
    const set = await this.exec(['registry', 'set', '--skip-check', ...args, host]);
    if (set.code !== 0) {
      throw new Error(`${set.command}: ${set.output}`);
    }
  }

  login(host: string, { username, password }: IWho): Promise<IRun> {
    return this.exec(['registry', 'login', '--user', username, '--pass-stdin', host], { input: password });
  }

  logout(host: string): Promise<IRun> {
    return this.exec(['registry', 'logout', host]);
  }

  push({ folder, tag }: ILayout, reference: string): Promise<IRun> {
    return this.exec(['image', 'copy', `ocidir://${folder}:${tag}`, reference]);
  }

  pull(reference: string, name: string): Promise<IRun> {
    return this.exec(['image', 'copy', reference, `ocidir://${name}:pulled`]);
  }

  copy(from: string, to: string): Promise<IRun> {
    return this.exec(['image', 'copy', from, to]);
  }

  tags(repository: string): Promise<IRun> {
    return this.exec(['tag', 'ls', repository]);
  }

  repositories(host: string): Promise<IRun> {
    return this.exec(['repo', 'ls', host]);
  }

  deleteTag(reference: string): Promise<IRun> {
    return this.exec(['tag', 'delete', reference]);
  }

  deleteDigest(reference: string): Promise<IRun> {
    return this.exec(['manifest', 'delete', reference]);
  }

  attach(reference: string, file: string, artifactType: string): Promise<IRun> {
    const what = ['--file', file, '--file-media-type', 'application/json', '--file-title', '--strip-dirs'];
    return this.exec(['artifact', 'put', '--artifact-type', artifactType, '--subject', reference, ...what]);
  }

  discover(reference: string): Promise<IRun> {
    return this.exec(['artifact', 'list', '--format', '{{jsonPretty .}}', reference]);
  }

  fetchAttached(reference: string, artifactType: string): Promise<IRun> {
    return this.exec(['artifact', 'get', '--subject', reference, '--filter-artifact-type', artifactType]);
  }

  async pushChunks(repository: string, bytes: Uint8Array, chunk: number): Promise<IRun> {
    await this.settings(repository.split('/')[0]!, '--blob-chunk', `${chunk}`, '--blob-max', `${chunk}`);
    return this.exec(['blob', 'put', repository], { input: bytes });
  }
}
