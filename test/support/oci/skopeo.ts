import type { IRun } from '../client/run.js';
import { ContainersClient, type ILayout, type IOciCommands } from './client.js';

export class SkopeoClient extends ContainersClient implements IOciCommands {
  push({ folder, tag }: ILayout, reference: string, ...options: string[]): Promise<IRun> {
    const args = ['copy', '--all', ...options, '--dest-tls-verify=false'];
    return this.exec([...args, `oci:${folder}:${tag}`, `docker://${reference}`]);
  }

  pushDockerFormat(from: ILayout, reference: string): Promise<IRun> {
    return this.push(from, reference, '--format', 'v2s2');
  }

  pull(reference: string, name: string): Promise<IRun> {
    return this.exec(['copy', '--all', '--src-tls-verify=false', `docker://${reference}`, `oci:${name}:pulled`]);
  }

  copy(from: string, to: string): Promise<IRun> {
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    return this.exec(['copy', '--all', ...plain, `docker://${from}`, `docker://${to}`]);
  }

  tags(repository: string): Promise<IRun> {
    return this.exec(['list-tags', '--tls-verify=false', `docker://${repository}`]);
  }

  /** Whether it is given a tag or a digest, it deletes what that names. */
  deleteDigest(reference: string): Promise<IRun> {
    return this.exec(['delete', '--tls-verify=false', `docker://${reference}`]);
  }
}
