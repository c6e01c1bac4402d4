import type { Test } from 'tap';
import { type IPart, multipart } from '../multipart.js';
import { Actor, type IPeople, peopleOf, type TMoreConfig } from '../people.js';
import type { IAnswer } from '../registry.js';
import type { IGem } from './gems.js';

export { PASSWORD } from '../people.js';

/** A line of `/info/{gem}`. */
export interface IInfoLine {
  /** version, or version and platform */
  slug: string;
  dependencies: string[];
  requirements: Record<string, string>;
}

/** The lines of the text of `/info/{gem}`. */
export const infoLines = (text: string): IInfoLine[] =>
  text
    .split('\n')
    .slice(1, -1)
    .map((line) => {
      const [build = '', required = ''] = line.split('|');
      const [slug = '', dependencies = ''] = build.split(' ');
      const pairs = required.split(',').map((pair): [string, string] => {
        const colon = pair.indexOf(':');
        return [pair.slice(0, colon), pair.slice(colon + 1)];
      });
      return {
        slug,
        dependencies: dependencies === '' ? [] : dependencies.split(','),
        requirements: Object.fromEntries(pairs),
      };
    });

const FORM = 'application/x-www-form-urlencoded';

/** Somebody who talks to the registry as `gem` does, with a key or without. */
export class GemActor extends Actor {
  protected readonly host = 'gems.example.org';
  protected override readonly root = '/rubygems';

  protected credential(token: string): string {
    return token;
  }

  public form(method: string, path: string, fields: Record<string, string>): Promise<IAnswer> {
    const body = new URLSearchParams(fields).toString();
    return this.send(method, path, { headers: { 'content-type': FORM }, body });
  }

  /** `gem push` */
  public push({ bytes }: Pick<IGem, 'bytes'>): Promise<IAnswer> {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) };
    return this.send('POST', '/api/v1/gems', { headers, body: bytes });
  }

  /** `gem push --attestation` */
  public pushForm(parts: IPart[]): Promise<IAnswer> {
    const { bytes, contentType } = multipart(parts);
    return this.send('POST', '/api/v1/gems', { headers: { 'content-type': contentType }, body: bytes });
  }

  public yank(gem: string, version: string, platform?: string): Promise<IAnswer> {
    return this.form('DELETE', '/api/v1/gems/yank', { gem_name: gem, version, ...(platform && { platform }) });
  }

  public unyank(gem: string, version: string, platform?: string): Promise<IAnswer> {
    return this.form('PUT', '/api/v1/gems/unyank', { gem_name: gem, version, ...(platform && { platform }) });
  }

  public async info(gem: string): Promise<IInfoLine[]> {
    return infoLines((await this.get(`/info/${gem}`)).text);
  }
}

/** The file of a push in a form. */
export const gemPart = ({ filename, bytes }: Pick<IGem, 'filename' | 'bytes'>): IPart => ({
  name: 'gem',
  value: bytes,
  filename,
});

export type IGemWorld = IPeople<GemActor>;

/** A registry with RubyGems in it, and people. */
export const gemWorld = (t: Pick<Test, 'teardown'>, more: TMoreConfig = {}): Promise<IGemWorld> =>
  peopleOf(
    t,
    {
      protocol: 'rubygems',
      actor: GemActor,
      token: (auth, userId, readonly) => auth.createRubyGemsToken(userId, readonly),
      kept: /^rubygems\/(gems|info)\//,
    },
    more,
  );
