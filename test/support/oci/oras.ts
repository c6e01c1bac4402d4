import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { IWho } from '../client/base.js';
import type { IRun } from '../client/run.js';
import { type ILayout, type IOciCommands, OciClient } from './client.js';

interface IDiscovered {
  referrers?: { reference: string }[];
}

export class OrasClient extends OciClient implements IOciCommands {
  login(host: string, { username, password }: IWho): Promise<IRun> {
    const args = ['login', '--plain-http', '--username', username, '--password-stdin', host];
    return this.exec(args, { input: password });
  }

  logout(host: string): Promise<IRun> {
    return this.exec(['logout', host]);
  }

  push({ folder, tag }: ILayout, reference: string): Promise<IRun> {
    return this.exec(['cp', '--no-tty', '--from-oci-layout', `${folder}:${tag}`, '--to-plain-http', reference]);
  }

  pull(reference: string, name: string): Promise<IRun> {
    return this.exec(['cp', '--no-tty', '--from-plain-http', reference, '--to-oci-layout', `${name}:pulled`]);
  }

  copy(from: string, to: string): Promise<IRun> {
    return this.exec(['cp', '--no-tty', '--from-plain-http', '--to-plain-http', from, to]);
  }

  tags(repository: string): Promise<IRun> {
    return this.exec(['repo', 'tags', '--plain-http', repository]);
  }

  repositories(host: string): Promise<IRun> {
    return this.exec(['repo', 'ls', '--plain-http', host]);
  }

  /** Whether it is given a tag or a digest, it deletes what that names. */
  deleteDigest(reference: string): Promise<IRun> {
    return this.exec(['manifest', 'delete', '--plain-http', '--force', reference]);
  }

  attach(reference: string, file: string, artifactType: string): Promise<IRun> {
    const args = ['attach', '--no-tty', '--plain-http', '--artifact-type', artifactType, reference];
    return this.exec([...args, `${basename(file)}:application/json`], { cwd: dirname(file) });
  }

  discover(reference: string): Promise<IRun> {
    return this.exec(['discover', '--plain-http', '--format', 'json', reference]);
  }

  /** It pulls attached files as what they are, so their reference comes first. */
  async fetchAttached(reference: string, artifactType: string): Promise<IRun> {
    const args = ['discover', '--plain-http', '--format', 'json', '--artifact-type', artifactType, reference];
    const found = await this.exec(args);
    const attached = found.code === 0 && (JSON.parse(found.stdout) as IDiscovered).referrers?.[0]?.reference;
    if (!attached) {
      return { ...found, code: 1, output: `nothing is attached: ${found.output}` };
    }
    const folder = this.home.path('work', 'attached');
    const pulled = await this.exec(['pull', '--no-tty', '--plain-http', '--output', folder, attached]);
    const file = / (\S+\.json)$/m.exec(pulled.stdout)?.[1];
    return file ? { ...pulled, stdout: await readFile(`${folder}/${file}`, 'utf8') } : pulled;
  }
}
