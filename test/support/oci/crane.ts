import type { IWho } from '../client/base.js';
import type { IRun } from '../client/run.js';
import { type ILayout, type IOciCommands, OciClient } from './client.js';

export class CraneClient extends OciClient implements IOciCommands {
  override readonly loginChecks = false;

  login(host: string, { username, password }: IWho): Promise<IRun> {
    return this.exec(['auth', 'login', '--username', username, '--password-stdin', host], { input: password });
  }

  logout(host: string): Promise<IRun> {
    return this.exec(['auth', 'logout', host]);
  }

  push({ folder }: ILayout, reference: string): Promise<IRun> {
    return this.exec(['push', folder, reference]);
  }

  pull(reference: string, name: string): Promise<IRun> {
    return this.exec(['pull', '--format', 'oci', reference, name]);
  }

  copy(from: string, to: string): Promise<IRun> {
    return this.exec(['copy', from, to]);
  }

  tags(repository: string): Promise<IRun> {
    return this.exec(['ls', repository]);
  }

  repositories(host: string): Promise<IRun> {
    return this.exec(['catalog', host]);
  }

  deleteTag(reference: string): Promise<IRun> {
    return this.exec(['delete', reference]);
  }

  deleteDigest(reference: string): Promise<IRun> {
    return this.exec(['delete', reference]);
  }
}
