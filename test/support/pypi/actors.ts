import type { Test } from 'tap';
import { type IPart, multipart } from '../multipart.js';
import { Actor, basicOf, type IPeople, peopleOf, type TMoreConfig } from '../people.js';
import type { IAnswer } from '../registry.js';
import { hex, type IDistribution } from './distributions.js';

export { PASSWORD } from '../people.js';

export const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
export const PIP_ACCEPT = `${JSON_TYPE}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01`;

/** The fields of an upload without its file, as twine sends them. */
export const fieldsOf = ({ filetype, name, version, bytes }: IDistribution): Record<string, string> => ({
  ':action': 'file_upload',
  protocol_version: '1',
  metadata_version: '2.1',
  name,
  version,
  filetype,
  pyversion: filetype === 'sdist' ? 'source' : 'py3',
  sha256_digest: hex('sha256', bytes),
  md5_digest: hex('md5', bytes),
  blake2_256_digest: '0'.repeat(64),
});

/** The file of an upload. */
export const contentOf = ({ filename, bytes }: IDistribution): IPart => ({ name: 'content', value: bytes, filename });

export interface ISimpleFile {
  filename: string;
  url: string;
  hashes: { sha256: string };
  size: number;
  'upload-time': string;
  'requires-python'?: string;
  yanked: boolean | string;
  'core-metadata': boolean | { sha256: string };
  provenance?: string | null;
}

export interface ISimplePage {
  meta: { 'api-version': string };
  name: string;
  'project-status'?: { status: string; reason?: string };
  versions: string[];
  files: ISimpleFile[];
}

/** Somebody who talks to the PyPI registry, with a token or without. */
export class PypiActor extends Actor {
  protected readonly host = 'pypi.example.org';

  protected credential(token: string): string {
    return basicOf('__token__', token);
  }

  public json(method: string, path: string, body?: unknown): Promise<IAnswer> {
    return this.send(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
  }

  public post(parts: IPart[], path = '/pypi/'): Promise<IAnswer> {
    const { bytes, contentType } = multipart(parts);
    return this.send('POST', path, {
      headers: { 'content-type': contentType, 'content-length': String(bytes.byteLength) },
      body: bytes,
    });
  }

  /** @param changes replaces fields; `undefined` leaves one out */
  public upload(
    distribution: IDistribution,
    changes: Record<string, string | undefined> = {},
    path?: string,
  ): Promise<IAnswer> {
    const fields = Object.entries({ ...fieldsOf(distribution), ...changes }).flatMap(([name, value]): IPart[] =>
      value === undefined ? [] : [{ name, value }],
    );
    return this.post([...fields, contentOf(distribution)], path);
  }

  /** The page of a project as JSON. */
  public async page(project: string): Promise<ISimplePage> {
    const answer = await this.get(`/pypi/simple/${project}/`, { accept: JSON_TYPE });
    return answer.json() as unknown as ISimplePage;
  }
}

export type IPypiWorld = IPeople<PypiActor>;

/** A registry with PyPI in it, and people. */
export const pypiWorld = (t: Pick<Test, 'teardown'>, more: TMoreConfig = {}): Promise<IPypiWorld> =>
  peopleOf(
    t,
    {
      protocol: 'pypi',
      actor: PypiActor,
      token: (auth, userId, readonly) => auth.createPypiToken(userId, readonly),
      kept: /^pypi\/(packages|metadata)\//,
    },
    more,
  );
